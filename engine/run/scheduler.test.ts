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

test("steps that wait for each other are a bug that shows itself", async () => {
  const log: string[] = [];
  const jobs = [job("a", ["b"], log), job("b", ["a"], log)];
  await expect(runJobs({ jobs, concurrency: 2, ok: isOk, stop: () => false })).rejects.toThrow(
    /wait for each other/,
  );
});
