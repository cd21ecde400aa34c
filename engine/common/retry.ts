// Trying again after failures that pass by themselves. What may be tried again is the caller's to say:
// a commit whose outcome is unknown, for one, may not.
import { isLakeError } from "./errors.ts";

export interface RetryOptions {
  /** How often in all, the first time included. */
  readonly attempts: number;
  /** The wait before the second attempt; it doubles from one to the next. */
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
  /** By default: a `LakeError` that says so itself. */
  readonly retryable?: (error: unknown) => boolean;
  /** Ends the waiting with its reason; the attempt under way is not interrupted. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Calls `fn` (with the attempt's number, from 1) until it succeeds, fails for good, or the attempts are
 * used up; throws the last failure. Each wait is drawn between half and all of its length, so that
 * writers who collided once do not collide again.
 */
export async function retry<T>(options: RetryOptions, fn: (attempt: number) => Promise<T>): Promise<T> {
  const retryable = options.retryable ?? ((error: unknown) => isLakeError(error) && error.retryable);
  for (let attempt = 1; ; attempt += 1) {
    options.signal?.throwIfAborted();
    try {
      return await fn(attempt);
    } catch (error) {
      if (attempt >= options.attempts || !retryable(error)) throw error;
    }
    const longest = Math.min(options.maxDelayMs, options.firstDelayMs * 2 ** (attempt - 1));
    await pause(longest * (0.5 + Math.random() / 2), options.signal);
  }
}

function pause(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, delayMs);
    signal?.addEventListener("abort", stop, { once: true });
  });
}
