import { describe, expect, test } from "vitest";
import {
  batchesText,
  clockText,
  eachBatch,
  intervalsJson,
  mergeIntervals,
  parseClock,
  parseIntervals,
  wallClock,
  wholeBatches,
  withinInterval,
  withoutIntervals,
} from "./batches.ts";
import type { BatchSize, Interval } from "./batches.ts";

const at = (text: string): number => parseClock(text) ?? Number.NaN;
const between = (start: string, end: string): Interval => ({ start: at(start), end: at(end) });
const texts = (intervals: readonly Interval[]): string[] =>
  intervals.map(({ start, end }) => `${clockText(start)} ${clockText(end)}`);

test.each<[BatchSize, string, string]>([
  ["hour", "2024-02-28 23:00:00", "2024-02-29 02:00:00"],
  ["day", "2024-02-28 00:00:00", "2024-03-01 00:00:00"],
  ["month", "2024-02-01 00:00:00", "2024-03-01 00:00:00"],
  ["year", "2024-01-01 00:00:00", "2025-01-01 00:00:00"],
])("a time span is widened to whole batches: %s", (size, start, end) => {
  expect(texts([wholeBatches(between("2024-02-28 23:10", "2024-02-29 01:30"), size)])).toEqual([
    `${start} ${end}`,
  ]);
});

test("batches are calendar units", () => {
  expect(texts(eachBatch([between("2024-01-01", "2024-03-01")], "month"))).toEqual([
    "2024-01-01 00:00:00 2024-02-01 00:00:00",
    "2024-02-01 00:00:00 2024-03-01 00:00:00",
  ]);
  expect(eachBatch([between("2024-02-01", "2024-03-01")], "day")).toHaveLength(29);
});

test("intervals are joined, cut and left out", () => {
  const built = mergeIntervals([
    between("2025-07-05", "2025-07-07"),
    between("2025-07-01", "2025-07-03"),
    between("2025-07-03", "2025-07-04"),
    between("2025-07-09", "2025-07-09"),
  ]);
  expect(texts(built)).toEqual([
    "2025-07-01 00:00:00 2025-07-04 00:00:00",
    "2025-07-05 00:00:00 2025-07-07 00:00:00",
  ]);
  expect(texts(withoutIntervals(between("2025-06-30", "2025-07-08"), built))).toEqual([
    "2025-06-30 00:00:00 2025-07-01 00:00:00",
    "2025-07-04 00:00:00 2025-07-05 00:00:00",
    "2025-07-07 00:00:00 2025-07-08 00:00:00",
  ]);
  expect(withoutIntervals(between("2025-07-01", "2025-07-04"), built)).toEqual([]);
  expect(texts(withinInterval(built, between("2025-07-02", "2025-07-06")))).toEqual([
    "2025-07-02 00:00:00 2025-07-04 00:00:00",
    "2025-07-05 00:00:00 2025-07-06 00:00:00",
  ]);
  expect(batchesText(built, "day")).toBe("5 batches (2025-07-01 to 2025-07-03, 2025-07-05 to 2025-07-06)");
  expect(batchesText([between("2025-07-01", "2025-07-02")], "day")).toBe("1 batch (2025-07-01)");
  expect(batchesText([between("2025-07-01 10:00", "2025-07-01 12:00")], "hour")).toBe(
    "2 batches (2025-07-01 10:00 to 2025-07-01 11:00)",
  );
  expect(parseIntervals(intervalsJson(built))).toEqual(built);
});

test("a damaged record is none", () => {
  for (const text of [undefined, "", "no json", "{}", '[["x", "y"]]', "[1]"])
    expect(parseIntervals(text)).toEqual([]);
});

describe("clocks", () => {
  test("show the time of the zone, also where an hour comes twice", () => {
    const shown = (instant: string, zone: string): string => clockText(wallClock(Date.parse(instant), zone));
    expect(shown("2025-06-30T15:00:00Z", "Asia/Seoul")).toBe("2025-07-01 00:00:00");
    expect(shown("2025-10-26T00:30:00Z", "Europe/Berlin")).toBe("2025-10-26 02:30:00");
    expect(shown("2025-10-26T01:30:00Z", "Europe/Berlin")).toBe("2025-10-26 02:30:00");
  });

  test("only times that there are, are read", () => {
    for (const text of ["2025-02-30", "2025-13-01", "2025-07-01 25:00", "1 July", "2025-7-1"])
      expect(parseClock(text)).toBeNull();
    expect(at("2025-07-01T10:05:06.123")).toBe(Date.UTC(2025, 6, 1, 10, 5, 6));
  });
});
