// Intervals of wall-clock time as conditions: exact in SQL, and wide enough for leaving out files.
import type { Predicate } from "../../iceberg/predicate.ts";
import type { NestedField } from "../../iceberg/types.ts";
import { clockText, wallClock } from "../../plan/batches.ts";
import type { Interval } from "../../plan/batches.ts";

/** `time` is an expression of wall-clock time. */
export function inIntervals(time: string, intervals: readonly Interval[]): string {
  const parts = intervals.map(
    ({ start, end }) =>
      `(${time} >= timestamp '${clockText(start)}' and ${time} < timestamp '${clockText(end)}')`,
  );
  return parts.length === 0 ? "false" : parts.join(" or ");
}

/** Clocks are changed by less than this. */
const marginMs = 3 * 3_600_000;

/** True of every row in the intervals, of some others, too; null for a type that says nothing. */
export function eventTimeFilter(
  { name, type }: NestedField,
  intervals: readonly Interval[],
  timeZone: string,
): Predicate | null {
  const bound = boundOf(type, timeZone);
  if (bound === null) return null;
  if (intervals.length === 0) return { kind: "false" };
  const terms = intervals.map(({ start, end }): Predicate => ({
    kind: "and",
    terms: [
      { kind: "compare", column: [name], operator: ">=", value: bound(start, -1) },
      { kind: "compare", column: [name], operator: "<=", value: bound(end, 1) },
    ],
  }));
  return { kind: "or", terms };
}

type Bound = (wallMs: number, direction: 1 | -1) => number | bigint;

function boundOf(type: NestedField["type"], timeZone: string): Bound | null {
  switch (type) {
    case "date":
      return (wallMs) => Math.floor(wallMs / 86_400_000);
    case "timestamp":
      return (wallMs) => BigInt(wallMs) * 1000n;
    case "timestamptz":
      return (wallMs, direction) => {
        const offset = wallClock(wallMs, timeZone) - wallMs;
        return BigInt(wallMs - offset + direction * marginMs) * 1000n;
      };
    default:
      return null;
  }
}
