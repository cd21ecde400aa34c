import { expect, test } from "vitest";
import { parseInstant } from "./instant.ts";

const iso = (text: string, timeZone = "UTC"): string | null => {
  const milliseconds = parseInstant(text, timeZone);
  return milliseconds === null ? null : new Date(milliseconds).toISOString();
};

test("dates and times are read in the given zone, offsets win", () => {
  expect(iso("2026-01-31", "Asia/Seoul")).toBe("2026-01-30T15:00:00.000Z");
  expect(iso("2026-01-31 09:30", "Asia/Seoul")).toBe("2026-01-31T00:30:00.000Z");
  expect(iso("2026-01-31T09:30:15.2509", "UTC")).toBe("2026-01-31T09:30:15.250Z");
  expect(iso("2026-01-31 09:30:15 +09:00", "UTC")).toBe("2026-01-31T00:30:15.000Z");
  expect(iso("2026-01-31T09:30:15-0330", "Asia/Seoul")).toBe("2026-01-31T13:00:15.000Z");
  expect(iso("2026-01-31 09:30:15z", "Asia/Seoul")).toBe("2026-01-31T09:30:15.000Z");
});

test("a wall clock that is shown twice means the earlier moment, one that is never shown the later", () => {
  expect(iso("2026-10-25 02:30", "Europe/Berlin")).toBe("2026-10-25T00:30:00.000Z");
  expect(iso("2026-10-25 03:30", "Europe/Berlin")).toBe("2026-10-25T02:30:00.000Z");
  expect(iso("2026-03-29 02:30", "Europe/Berlin")).toBe("2026-03-29T00:30:00.000Z");
  expect(iso("2026-07-01 12:00", "America/New_York")).toBe("2026-07-01T16:00:00.000Z");
});

test.each(["", "yesterday", "2026-13-01", "2026-02-30", "2026-01-31 24:00", "20260131", "2026-01-31 9:30"])(
  "%j is no instant",
  (text) => {
    expect(parseInstant(text, "UTC")).toBeNull();
  },
);
