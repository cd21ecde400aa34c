// Batches of event time: calendar units in the project's time zone. Instants become wall-clock time first, so that
// every row is in exactly one batch, on days of 23 and 25 hours, too.

export const batchSizes = ["hour", "day", "month", "year"] as const;
export type BatchSize = (typeof batchSizes)[number];

/** From `start` on and before `end`: wall-clock time in milliseconds, counted as if it were UTC. */
export interface Interval {
  readonly start: number;
  readonly end: number;
}

export function batchStart(at: number, size: BatchSize): number {
  const date = new Date(at);
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
  if (size === "hour") return Math.floor(at / 3_600_000) * 3_600_000;
  if (size === "day") return Math.floor(at / 86_400_000) * 86_400_000;
  return size === "month" ? Date.UTC(year, month) : Date.UTC(year, 0);
}

/** The start of the batch that many after the one that begins at `start`; before it when negative. */
export function nextBatch(start: number, size: BatchSize, count = 1): number {
  const date = new Date(start);
  if (size === "hour") return start + count * 3_600_000;
  if (size === "day") return start + count * 86_400_000;
  const months = size === "month" ? count : 12 * count;
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + months);
}

/** The whole batches that the interval touches. */
export function wholeBatches({ start, end }: Interval, size: BatchSize): Interval {
  const last = batchStart(end, size);
  return { start: batchStart(start, size), end: last === end ? end : nextBatch(last, size) };
}

export function eachBatch(intervals: readonly Interval[], size: BatchSize): readonly Interval[] {
  return intervals.flatMap(({ start, end }) => {
    const batches: Interval[] = [];
    for (let at = start; at < end;) {
      const next = nextBatch(at, size);
      batches.push({ start: at, end: next });
      at = next;
    }
    return batches;
  });
}

/** In order, apart from each other, none of them empty. */
export function mergeIntervals(intervals: readonly Interval[]): readonly Interval[] {
  const merged: Interval[] = [];
  for (const { start, end } of intervals.toSorted((a, b) => a.start - b.start)) {
    const last = merged.at(-1);
    if (start >= end) continue;
    if (last === undefined || start > last.end) merged.push({ start, end });
    else merged[merged.length - 1] = { start: last.start, end: Math.max(last.end, end) };
  }
  return merged;
}

/** What of `from` is in none of `taken`, which is merged. */
export function withoutIntervals(from: Interval, taken: readonly Interval[]): readonly Interval[] {
  const left: Interval[] = [];
  let { start } = from;
  for (const one of taken) {
    if (one.end <= start || one.start >= from.end) continue;
    if (one.start > start) left.push({ start, end: one.start });
    start = one.end;
  }
  return start < from.end ? [...left, { start, end: from.end }] : left;
}

export function withinInterval(
  intervals: readonly Interval[],
  { start, end }: Interval,
): readonly Interval[] {
  return intervals
    .map((one) => ({ start: Math.max(one.start, start), end: Math.min(one.end, end) }))
    .filter((one) => one.start < one.end);
}

/** `2025-07-01`, `2025-07-01 10:00`, with seconds or a `T`; null for anything else. */
export function parseClock(text: string): number | null {
  const match = /^\s*(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.\d+)?)?)?\s*$/.exec(text);
  if (match === null) return null;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match
    .slice(1)
    .map((part) => Number(part ?? 0));
  const at = Date.UTC(year, month - 1, day, hour, minute, second);
  const same = clockText(at) === `${match[1]}-${match[2]}-${match[3]} ${clockPart(hour, minute, second)}`;
  return same ? at : null;
}

function clockPart(...parts: readonly number[]): string {
  return parts.map((part) => String(part).padStart(2, "0")).join(":");
}

/** `2025-07-01 10:00:00`. */
export function clockText(at: number): string {
  return new Date(at).toISOString().slice(0, 19).replace("T", " ");
}

/** What clocks in the zone show at an instant. */
export function wallClock(instantMs: number, timeZone: string): number {
  const parts = new Intl.DateTimeFormat("en-US", {
    timeZone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  }).formatToParts(instantMs);
  const part = (type: Intl.DateTimeFormatPartTypes): number =>
    Number(parts.find((candidate) => candidate.type === type)?.value);
  return Date.UTC(part("year"), part("month") - 1, part("day"), part("hour"), part("minute"), part("second"));
}

const shownLength: Readonly<Record<BatchSize, number>> = { year: 4, month: 7, day: 10, hour: 16 };

/** `3 batches (2025-07-01 to 2025-07-03)`: the first and the last batch, by their starts. */
export function batchesText(intervals: readonly Interval[], size: BatchSize): string {
  const count = eachBatch(intervals, size).length;
  const shown = intervals.map((interval) => intervalText(interval, size));
  const list = shown.length > 3 ? [...shown.slice(0, 2), "…", ...shown.slice(-1)] : shown;
  return `${count} ${count === 1 ? "batch" : "batches"} (${list.join(", ")})`;
}

export function intervalText({ start, end }: Interval, size: BatchSize): string {
  const text = (at: number): string => clockText(at).slice(0, shownLength[size]);
  const last = nextBatch(batchStart(end - 1, size), size, 0);
  return last <= start ? text(start) : `${text(start)} to ${text(last)}`;
}

/** As the snapshot's summary holds them. */
export function intervalsJson(intervals: readonly Interval[]): string {
  return JSON.stringify(intervals.map(({ start, end }) => [clockText(start), clockText(end)]));
}

/** Nothing for what is not such a text: then nothing counts as built. */
export function parseIntervals(text: string | undefined): readonly Interval[] {
  let value: unknown;
  try {
    value = JSON.parse(text ?? "[]");
  } catch {
    return [];
  }
  if (!Array.isArray(value)) return [];
  return mergeIntervals(
    value.flatMap((pair: unknown) => {
      const [from, to] = Array.isArray(pair) ? (pair as unknown[]) : [];
      const start = typeof from === "string" ? parseClock(from) : null;
      const end = typeof to === "string" ? parseClock(to) : null;
      return start === null || end === null ? [] : [{ start, end }];
    }),
  );
}
