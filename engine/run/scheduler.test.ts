import fc from "fast-check";
import { expect, test } from "vitest";
import { runJobs } from "./scheduler.ts";
import type { Job } from "./scheduler.ts";

function job(id: string, after: readonly string[], log: string[], fails = false): Job<string> {
  return {
    id,
    after,
    run: async () => {
      await Promise.resolve();
      log.push(id);
      return fails ? "error" : "success";
    },
    skip: (because) => `skipped ${because}`,
  };
}

const isOk = (_id: string, result: string): boolean => result === "success";

test("a failure skips all that come after it, and nothing else", async () => {
  const log: string[] = [];
  const jobs = [job("a", [], log, true), job("b", ["a"], log), job("c", ["b"], log), job("d", [], log)];
  const results = await runJobs({ jobs, concurrency: 2, ok: isOk, stop: () => false });
  expect(Object.fromEntries(results)).toEqual({ a: "error", b: "skipped a", c: "skipped a", d: "success" });
  expect(log.sort()).toEqual(["a", "d"]);
});

test("any acyclic graph runs each job once, after those it comes after", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(fc.nat(19), { maxLength: 3 }), { minLength: 1, maxLength: 20 }),
      fc.integer({ min: 1, max: 5 }),
      async (edges, concurrency) => {
        const log: string[] = [];
        const after = edges.map((list, index) => list.filter((to) => to < index).map(String));
        const jobs = after.map((list, index) => job(String(index), list, log)).reverse();
        await runJobs({ jobs, concurrency, ok: isOk, stop: () => false });
        expect(log.length).toBe(edges.length);
        for (const [index, list] of after.entries())
          for (const before of list) expect(log.indexOf(before)).toBeLessThan(log.indexOf(String(index)));
      },
    ),
    { numRuns: 100 },
  );
});

test("of the jobs that are ready the first given starts first, and never more than allowed at once", async () => {
  const started: string[] = [];
  let running = 0;
  const jobs = ["c", "a", "e", "b", "d"].map((id): Job<string> => ({
    id,
    after: id === "a" ? ["e"] : [],
    run: async () => {
      started.push(id);
      running += 1;
      await new Promise((resolve) => setImmediate(resolve));
      expect(running).toBeLessThanOrEqual(2);
      running -= 1;
      return "success";
    },
    skip: () => "skipped",
  }));
  await runJobs({ jobs, concurrency: 2, ok: isOk, stop: () => false });
  expect(started).toEqual(["c", "e", "b", "a", "d"]);
});

test("after a stop no job starts, and all that waited are skipped in their order", async () => {
  const log: string[] = [];
  let stopped = false;
  const first = { ...job("a", [], log), run: async () => ((stopped = true), Promise.resolve("success")) };
  const jobs = [first, job("b", ["a"], log), job("c", [], log), job("d", ["c"], log)];
  const results = await runJobs({ jobs, concurrency: 1, ok: isOk, stop: () => stopped });
  expect([...results]).toEqual([
    ["a", "success"],
    ["b", "skipped "],
    ["c", "skipped "],
    ["d", "skipped "],
  ]);
  expect(log).toEqual([]);
});

test("what a job throws ends the run", async () => {
  const crash = { ...job("b", ["a"], []), run: () => Promise.reject(new Error("a bug")) };
  const jobs = [job("a", [], []), crash, job("c", ["b"], [])];
  await expect(runJobs({ jobs, concurrency: 2, ok: isOk, stop: () => false })).rejects.toThrow("a bug");
});

test("twenty thousand jobs in a chain take a moment", { timeout: 20_000 }, async () => {
  const jobs = Array.from({ length: 20_000 }, (_, index): Job<string> => ({
    id: String(index),
    after: index === 0 ? [] : [String(index - 1)],
    run: () => Promise.resolve(index === 9000 ? "error" : "success"),
    skip: (because) => `skipped ${because}`,
  })).reverse();
  const results = await runJobs({ jobs, concurrency: 4, ok: isOk, stop: () => false });
  expect([results.size, results.get("8999"), results.get("19999")]).toEqual([
    20_000,
    "success",
    "skipped 9000",
  ]);
});

test("steps that wait for each other are a bug that shows itself", async () => {
  const log: string[] = [];
  const jobs = [job("a", ["b"], log), job("b", ["a"], log)];
  await expect(runJobs({ jobs, concurrency: 2, ok: isOk, stop: () => false })).rejects.toThrow(
    /wait for each other/,
  );
});
