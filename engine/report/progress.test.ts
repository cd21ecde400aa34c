import { describe, expect, test, vi } from "vitest";
import type { RunEvent } from "../run/types.ts";
import { createProgress, type ProgressOptions } from "./progress.ts";
import { createStyle } from "./style.ts";
import { runResult, tableResult, testResult } from "./test-fixtures.ts";

const step = { reason: "new", after: [] };
const events: readonly RunEvent[] = [
  {
    kind: "run-started",
    runId: "run-1",
    threads: 2,
    plan: {
      command: "build",
      target: "dev",
      steps: [
        { ...step, uniqueId: "model.shop.orders", resourceType: "model", action: "build" },
        { ...step, uniqueId: "test.shop.not_null_orders_one.abc123", resourceType: "test", action: "test" },
      ],
    },
  },
  { kind: "node-started", uniqueId: "model.shop.orders", index: 1, total: 2, reason: "11 new landing files" },
  { kind: "node-progress", uniqueId: "model.shop.orders", rows: 420_000, fraction: 0.42 },
  { kind: "node-finished", result: tableResult("orders"), index: 1, total: 2 },
  { kind: "node-finished", result: testResult(), index: 2, total: 2 },
  { kind: "warning", message: "one file is old" },
  { kind: "published", tables: [{ namespace: "shop", name: "orders" }], elapsedMs: 20 },
  { kind: "run-finished", result: runResult([tableResult("orders"), testResult()]) },
];

function play(options: Partial<ProgressOptions>, shown: readonly RunEvent[] = events): string {
  let text = "";
  const progress = createProgress({
    write: (part) => {
      text += part;
    },
    format: "text",
    isLive: false,
    quiet: false,
    style: createStyle(false),
    now: () => 1_000,
    width: () => 80,
    ...options,
  });
  for (const event of shown) progress.onEvent(event);
  progress.close();
  return text;
}

describe("progress of a run", () => {
  test("piped: one plain line for each finished step and notice", () => {
    expect(play({})).toBe(
      [
        "lake build: 1 model, 1 test (target dev, 2 threads)",
        "1 of 2  built    orders  created with 1,000,001 rows  [4.2 s]",
        "2 of 2  pass     not_null_orders_one  [0.1 s]",
        "warning: one file is old",
        "published 1 table  [20 ms]\n",
      ]
        .join("\n")
        .replace("table  [", "table ["),
    );
  });

  test("quiet: warnings and failures only", () => {
    const failed: RunEvent = {
      kind: "node-finished",
      result: testResult({ status: "fail", message: "3 failing rows" }),
      index: 2,
      total: 2,
    };
    expect(play({ quiet: true }, [...events, failed])).toBe(
      "warning: one file is old\n2 of 2  FAIL     not_null_orders_one  3 failing rows  [0.1 s]\n",
    );
  });

  test("JSON: every line is one object with time, level and event; large ids are text", () => {
    const lines = play({ format: "json" })
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.map((line) => line["event"])).toEqual(events.map((event) => event.kind));
    expect(lines.every((line) => line["time"] === "1970-01-01T00:00:01.000Z")).toBe(true);
    expect(lines[3]).toMatchObject({
      level: "info",
      rows_added: 1_000_001,
      snapshot_id: "4810234567890123456",
    });
  });

  test("on a terminal: running steps are redrawn, passing tests only counted, the cursor comes back", () => {
    vi.useFakeTimers();
    try {
      let text = "";
      const progress = createProgress({
        write: (part) => {
          text += part;
        },
        format: "text",
        isLive: true,
        quiet: false,
        style: createStyle(false),
        now: () => Date.now(),
        width: () => 60,
      });
      for (const event of events.slice(0, 3)) progress.onEvent(event);
      vi.advanceTimersByTime(100);
      expect(text).toContain("orders  420,000 rows  42 %");
      for (const event of events.slice(3)) progress.onEvent(event);
      expect(text).toContain("1 of 2  built    orders");
      expect(text).not.toContain("pass     not_null_orders_one");
      expect(text).toContain("2 of 2 done, 1 test passed");
      expect(text.endsWith("\u001B[?25h")).toBe(true);
      const before = text;
      vi.advanceTimersByTime(1_000);
      expect(text).toBe(before);
    } finally {
      vi.useRealTimers();
    }
  });
});
