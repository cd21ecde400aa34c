import type { Location } from "../common/errors.ts";

/** Offsets ↔ lines and columns of one text; lines end where Handlebars' lexer ends them (`\r\n`, `\n`, `\r`). */
export interface LineTable {
  readonly file: string;
  /** Number of the text's first line in the file. */
  readonly firstLine: number;
  readonly starts: readonly number[];
}

export function lineTable(options: { file: string; text: string; firstLine: number }): LineTable {
  const starts = [0];
  const { text } = options;
  const hasReturns = text.includes("\r");
  let at = -1;
  if (!hasReturns) {
    while ((at = text.indexOf("\n", at + 1)) !== -1) starts.push(at + 1);
  } else {
    for (const match of text.matchAll(/\r\n?|\n/g)) starts.push(match.index + match[0].length);
  }
  return { file: options.file, firstLine: options.firstLine, starts };
}

/** Offset of a line (from 1, within the text) and column (from 0), as Handlebars counts them. */
export function offsetAt(table: LineTable, line: number, column: number): number {
  return (table.starts[line - 1] ?? 0) + column;
}

export function locationAt(table: LineTable, offset: number): Location {
  const index = lastNotAfter(table.starts, offset);
  return {
    file: table.file,
    line: table.firstLine + index,
    column: offset - (table.starts[index] ?? 0) + 1,
  };
}

/** Index of the last number that is not greater than `wanted`, 0 if all are. */
export function lastNotAfter(sorted: readonly number[], wanted: number): number {
  let low = 0;
  let high = sorted.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((sorted[middle] ?? 0) <= wanted) low = middle;
    else high = middle - 1;
  }
  return low;
}
