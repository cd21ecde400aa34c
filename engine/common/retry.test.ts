import { expect, test } from "vitest";
import { lakeError } from "./errors.ts";
import { retry } from "./retry.ts";

const quick = { attempts: 4, firstDelayMs: 1, maxDelayMs: 4 };
const passing = (): Error =>
  lakeError("storage/failed", { action: "write", path: "/a", problem: "busy" }, { retryable: true });
const lasting = (): Error => lakeError("storage/failed", { action: "write", path: "/a", problem: "full" });

test("a failure that may pass is tried again until it does", async () => {
  const result = await retry(quick, async (attempt) => {
    if (attempt < 3) throw passing();
    return attempt;
  });
  expect(result).toBe(3);
});

test("a lasting failure is thrown at once, a passing one after the last attempt", async () => {
  for (const [error, expected] of [
    [lasting(), 1],
    [passing(), 4],
    [new Error("bug"), 1],
  ] as const) {
    let attempts = 0;
    await expect(
      retry(quick, async () => {
        attempts += 1;
        throw error;
      }),
    ).rejects.toBe(error);
    expect(attempts).toBe(expected);
  }
});

test("the caller says what may be tried again", async () => {
  let attempts = 0;
  const options = { ...quick, retryable: (error: unknown) => error instanceof RangeError };
  await expect(
    retry(options, async () => {
      attempts += 1;
      throw attempts === 1 ? new RangeError() : new TypeError("final");
    }),
  ).rejects.toThrow("final");
  expect(attempts).toBe(2);
});

test("a signal ends the waiting with its reason", async () => {
  const stop = new AbortController();
  const waiting = retry(
    { attempts: 9, firstDelayMs: 60_000, maxDelayMs: 60_000, signal: stop.signal },
    async () => {
      throw passing();
    },
  );
  setTimeout(() => stop.abort(new Error("stopped")), 5);
  await expect(waiting).rejects.toThrow("stopped");
});
