import { expect, test } from "vitest";
import { limit, mapLimited } from "./limit.ts";

const tick = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1));

test("no more than the limit run at once, all run, in the order of the calls", async () => {
  const run = limit(3);
  let running = 0;
  let most = 0;
  const begun: number[] = [];
  const results = await Promise.all(
    Array.from({ length: 20 }, (_, number) =>
      run(async () => {
        begun.push(number);
        running += 1;
        most = Math.max(most, running);
        await tick();
        running -= 1;
        return number * 2;
      }),
    ),
  );
  expect(most).toBe(3);
  expect(begun).toEqual(Array.from({ length: 20 }, (_, number) => number));
  expect(results).toEqual(begun.map((number) => number * 2));
});

test("a failure frees its place", async () => {
  const run = limit(1);
  await expect(run(() => Promise.reject(new Error("no")))).rejects.toThrow("no");
  expect(await run(() => Promise.resolve("yes"))).toBe("yes");
});

test("mapLimited keeps the order of the items and begins nothing after a failure", async () => {
  expect(await mapLimited([3, 1, 2], 2, async (item, index) => `${index}:${item}`)).toEqual([
    "0:3",
    "1:1",
    "2:2",
  ]);
  expect(await mapLimited([], 2, () => Promise.resolve(1))).toEqual([]);
  const begun: number[] = [];
  const ended: number[] = [];
  const failing = mapLimited([0, 1, 2, 3, 4, 5], 2, async (item) => {
    begun.push(item);
    await tick();
    if (item === 0) throw new Error("first");
    await tick();
    ended.push(item);
  });
  await expect(failing).rejects.toThrow("first");
  expect(begun).toEqual([0, 1]);
  expect(ended).toEqual([1]);
});

test("a limit that is no whole number above 0 is refused", async () => {
  expect(() => limit(0)).toThrow(RangeError);
  await expect(mapLimited([1], 1.5, () => Promise.resolve(1))).rejects.toThrow(RangeError);
});
