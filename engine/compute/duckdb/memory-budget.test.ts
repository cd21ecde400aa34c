import fc from "fast-check";
import { expect, test } from "vitest";
import { MemoryBudget } from "./memory-budget.ts";

test("writes at work never hold more than there is, each gets its turn, and one that fails gives its share back", async () => {
  const writes = fc.array(fc.record({ bytes: fc.integer({ min: 0, max: 200 }), fails: fc.boolean() }), {
    maxLength: 12,
  });
  await fc.assert(
    fc.asyncProperty(writes, fc.scheduler(), async (all, scheduler) => {
      const budget = new MemoryBudget(100);
      let held = 0;
      const ended = all.map(({ bytes, fails }) =>
        budget.with(bytes, async () => {
          held += Math.min(bytes, 100);
          expect(held).toBeLessThanOrEqual(100);
          await scheduler.schedule(Promise.resolve());
          held -= Math.min(bytes, 100);
          if (fails) throw new Error("this one fails");
          return "done";
        }),
      );
      const settled = Promise.allSettled(ended);
      await scheduler.waitFor(settled);
      expect((await settled).map(({ status }) => status === "rejected")).toEqual(
        all.map(({ fails }) => fails),
      );
      // All of it is free again.
      expect(await budget.with(100, () => Promise.resolve("free"))).toBe("free");
    }),
  );
});
