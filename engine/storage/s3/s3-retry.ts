/** The wait before an attempt after so many failures: doubling, at most 5 s, and no two writers alike. */
export function backOff(failures: number): Promise<void> {
  const longest = Math.min(5000, 50 * 2 ** failures);
  return new Promise((resolve) => setTimeout(resolve, longest * (0.5 + Math.random() / 2)));
}
