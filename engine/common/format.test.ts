import { describe, expect, test } from "vitest";
import {
  formatAge,
  formatCount,
  formatDuration,
  formatInstant,
  formatQuantity,
  formatSize,
} from "./format.ts";

describe("figures for people", () => {
  test("counts are grouped by thousands, also negative and beyond 53 bits", () => {
    expect([0, 999, 1000, 1_000_001, -1234].map(formatCount)).toEqual([
      "0",
      "999",
      "1,000",
      "1,000,001",
      "-1,234",
    ]);
    expect(formatCount(9_223_372_036_854_775_807n)).toBe("9,223,372,036,854,775,807");
  });

  test("a quantity agrees with its number", () => {
    expect(formatQuantity(1, "table")).toBe("1 table");
    expect(formatQuantity(0n, "table")).toBe("0 tables");
    expect(formatQuantity(2, "query", "queries")).toBe("2 queries");
  });

  test("sizes are decimal and never show 1000.0 of a unit", () => {
    expect([0, 512, 999, 1000, 999_949, 999_950, 46_900_000].map(formatSize)).toEqual([
      "0 bytes",
      "512 bytes",
      "999 bytes",
      "1.0 KB",
      "999.9 KB",
      "1.0 MB",
      "46.9 MB",
    ]);
  });

  test("durations change unit before they are rounded up to one", () => {
    expect([0, 99, 100, 4_200, 59_949, 59_960, 185_000, 7_440_000].map(formatDuration)).toEqual([
      "0 ms",
      "99 ms",
      "0.1 s",
      "4.2 s",
      "59.9 s",
      "1 min 00 s",
      "3 min 05 s",
      "2 h 04 min",
    ]);
  });

  test("instants carry the offset of their zone", () => {
    expect(formatInstant(Date.UTC(2025, 6, 31, 14, 59, 59), "Asia/Seoul")).toBe("2025-07-31 23:59:59 +09:00");
    expect(formatInstant(0, "UTC")).toBe("1970-01-01 00:00:00 +00:00");
  });

  test("ages use the largest unit that fits", () => {
    expect([1_000, 59_999, 60_000, 7_200_000, 172_800_000].map(formatAge)).toEqual([
      "1 second",
      "59 seconds",
      "1 minute",
      "2 hours",
      "2 days",
    ]);
  });
});
