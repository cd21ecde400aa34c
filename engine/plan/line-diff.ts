// Two texts, line by line: what went, what came, and a little of what stayed around it.

export interface DiffLine {
  /** `@` stands for lines that stayed and are left out; its text is the place where the next ones begin. */
  readonly kind: " " | "+" | "-" | "@";
  readonly text: string;
}

/** Lines that stayed, shown around a change. */
const contextLines = 2;
/** Beyond this many cells the middle is shown as replaced: nobody reads such a difference line by line. */
const largestTable = 4_000_000;

/** What changed, with a little around it; empty when the texts differ in nothing but blanks at the ends of lines. */
export function diffLines(before: string, after: string): readonly DiffLine[] {
  return withContext(alignLines(before, after));
}

/** Every line of both texts. */
export function alignLines(before: string, after: string): readonly DiffLine[] {
  const old = linesOf(before);
  const now = linesOf(after);
  let start = 0;
  while (start < old.length && start < now.length && old[start] === now[start]) start++;
  let end = 0;
  const most = Math.min(old.length, now.length) - start;
  while (end < most && old[old.length - 1 - end] === now[now.length - 1 - end]) end++;
  const middle = longestCommon(old.slice(start, old.length - end), now.slice(start, now.length - end));
  const kept = (lines: readonly string[]): DiffLine[] => lines.map((text) => ({ kind: " ", text }));
  return [...kept(now.slice(0, start)), ...middle, ...kept(now.slice(now.length - end))];
}

function linesOf(text: string): string[] {
  const lines = text.split(/\r\n|[\n\r]/).map((line) => line.trimEnd());
  while (lines.at(-1) === "") lines.pop();
  return lines;
}

/** As few lines as possible go and come; what goes stands before what comes. */
function longestCommon(old: readonly string[], now: readonly string[]): DiffLine[] {
  const gone: DiffLine[] = old.map((text) => ({ kind: "-", text }));
  const come: DiffLine[] = now.map((text) => ({ kind: "+", text }));
  const width = now.length + 1;
  if (old.length === 0 || now.length === 0 || (old.length + 1) * width > largestTable)
    return [...gone, ...come];
  // Cell (i, j): how many lines old[i..] and now[j..] have in common.
  const common = new Uint32Array((old.length + 1) * width);
  const at = (i: number, j: number): number => common[i * width + j] as number;
  for (let i = old.length - 1; i >= 0; i--) {
    for (let j = now.length - 1; j >= 0; j--) {
      common[i * width + j] = old[i] === now[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const lines: DiffLine[] = [];
  let [i, j] = [0, 0];
  while (i < old.length && j < now.length) {
    if (old[i] === now[j]) {
      lines.push({ kind: " ", text: now[j] as string });
      [i, j] = [i + 1, j + 1];
    } else if (at(i + 1, j) >= at(i, j + 1)) lines.push(gone[i++] as DiffLine);
    else lines.push(come[j++] as DiffLine);
  }
  return [...lines, ...gone.slice(i), ...come.slice(j)];
}

function withContext(lines: readonly DiffLine[]): DiffLine[] {
  const near = new Set<number>();
  for (const [index, { kind }] of lines.entries()) {
    if (kind === " ") continue;
    for (let one = index - contextLines; one <= index + contextLines; one++) near.add(one);
  }
  const shown: DiffLine[] = [];
  let line = 0;
  for (const [index, one] of lines.entries()) {
    if (one.kind !== "-") line++;
    if (!near.has(index)) continue;
    const place = one.kind === "-" ? line + 1 : line;
    if (!near.has(index - 1) && index > 0) shown.push({ kind: "@", text: `line ${place}` });
    shown.push(one);
  }
  return shown;
}
