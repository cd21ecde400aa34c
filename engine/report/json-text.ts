/** JSON for programs: integers that a double cannot hold become text instead of another number. */
export function toJsonText(value: unknown, indent?: number): string {
  try {
    // Without a function to ask for every value a large manifest takes a quarter of the time.
    return JSON.stringify(value, null, indent);
  } catch {
    return JSON.stringify(
      value,
      (_key, item: unknown) => (typeof item === "bigint" ? plainInteger(item) : item),
      indent,
    );
  }
}

function plainInteger(value: bigint): number | string {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}
