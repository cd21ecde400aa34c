// Two multisets of rows → what differs, as people read it.
import { stableStringify } from "../../common/hash.ts";
import { parseJson } from "../../common/json.ts";
import type { Column } from "../../compute/compute.ts";
import type { RowDiff } from "../types.ts";

type Row = readonly unknown[];

const mostRows = 20;
/** Pairing compares each row with each: beyond this it is left out. */
const mostComparisons = 200_000;

/** Null when both hold the same rows, each as often; order does not count. */
export function diffRows(options: {
  readonly columns: readonly Column[];
  readonly expected: readonly Row[];
  readonly actual: readonly Row[];
}): { readonly diff: RowDiff; readonly differing: number } | null {
  const { columns } = options;
  const actual = options.actual.map((row) => keysOf(row, columns));
  const expected = options.expected.map((row) => keysOf(row, columns));
  const added = without(actual, expected);
  const missing = without(expected, actual);
  if (added.length === 0 && missing.length === 0) return null;
  const { changed, onlyAdded, onlyMissing } = pair(added, missing);
  const rows: RowDiff["rows"][number][] = [
    ...changed.map(([before, after]) => ({
      kind: "changed" as const,
      cells: before.map((key, index) => changedCell(key, after[index] as string)),
    })),
    ...onlyMissing.map((row) => ({ kind: "missing" as const, cells: row.map(shown) })),
    ...onlyAdded.map((row) => ({ kind: "added" as const, cells: row.map(shown) })),
  ];
  return {
    differing: rows.length,
    diff: {
      columns: columns.map(({ name }) => name),
      rows: rows.slice(0, mostRows),
      more: Math.max(0, rows.length - mostRows),
    },
  };
}

/** One text for each cell, equal for equal values of one type. */
function keysOf(row: Row, columns: readonly Column[]): readonly string[] {
  return row.map((value, index) => {
    const isJson = columns[index]?.type === "JSON" && typeof value === "string";
    return JSON.stringify(isJson ? canonicalJson(value) : value);
  });
}

/** Layout and order of keys are no part of a JSON value. */
function canonicalJson(text: string): string {
  try {
    return stableStringify(parseJson(text));
  } catch {
    return text;
  }
}

function without(
  rows: readonly (readonly string[])[],
  others: readonly (readonly string[])[],
): (readonly string[])[] {
  const counts = new Map<string, number>();
  for (const row of others) counts.set(row.join(), (counts.get(row.join()) ?? 0) + 1);
  return rows.filter((row) => {
    const left = counts.get(row.join()) ?? 0;
    if (left > 0) counts.set(row.join(), left - 1);
    return left === 0;
  });
}

/** A row with the first cell, which people make the key, or half of all cells as expected is most likely that
 *  row, changed. */
function pair(
  added: readonly (readonly string[])[],
  missing: readonly (readonly string[])[],
): {
  readonly changed: readonly (readonly [readonly string[], readonly string[]])[];
  readonly onlyAdded: readonly (readonly string[])[];
  readonly onlyMissing: readonly (readonly string[])[];
} {
  const width = missing[0]?.length ?? 0;
  if (added.length * missing.length * width > mostComparisons)
    return { changed: [], onlyAdded: added, onlyMissing: missing };
  const open = new Set(added);
  const changed: (readonly [readonly string[], readonly string[]])[] = [];
  const onlyMissing = missing.filter((before) => {
    const best = bestMatch(before, open);
    if (best === null) return true;
    open.delete(best);
    changed.push([before, best]);
    return false;
  });
  return { changed, onlyAdded: [...open], onlyMissing };
}

function bestMatch(row: readonly string[], open: ReadonlySet<readonly string[]>): readonly string[] | null {
  let best: readonly string[] | null = null;
  let most = 0;
  for (const other of open) {
    const same = row.filter((key, index) => key === other[index]).length;
    const likeness = same + (row[0] === other[0] ? row.length / 2 : 0);
    if (likeness < Math.max(1, row.length / 2) || likeness <= most) continue;
    most = likeness;
    best = other;
  }
  return best;
}

function changedCell(before: string, after: string): string {
  return before === after ? shown(before) : `${shown(before)} → ${shown(after)}`;
}

/** Text without quotes, unless it could be taken for something else. */
function shown(key: string): string {
  const value: unknown = JSON.parse(key);
  if (typeof value !== "string") return key;
  return value === "" || value === "null" || value.trim() !== value || /[\n\t]/.test(value) ? key : value;
}
