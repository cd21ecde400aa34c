// Starts and awaits the thread that reads landing files to their last byte.
import { Worker } from "node:worker_threads";
import { lakeError } from "../../common/errors.ts";
import type { VerifiedFile } from "./verify-file.ts";

export interface Verification {
  /** What was found, by local path. Rejects with `compute/landing-unreadable` when a file cannot be read. */
  readonly done: Promise<ReadonlyMap<string, VerifiedFile>>;
  stop(): Promise<void>;
}

/** Begins at once; the files are read one after another, so that one thread's worth of time is used. */
export function verifyFiles(paths: readonly string[]): Verification {
  if (paths.length === 0) return { done: Promise.resolve(new Map()), stop: () => Promise.resolve() };
  const worker = new Worker(new URL("./verify-worker.js", import.meta.url));
  const done = new Promise<ReadonlyMap<string, VerifiedFile>>((resolve, reject) => {
    worker.on("message", (message: { verified?: readonly VerifiedFile[]; failure?: string }) => {
      if (message.verified) resolve(new Map(message.verified.map((file) => [file.path, file])));
      else reject(lakeError("compute/landing-unreadable", { message: message.failure ?? "unknown" }));
    });
    worker.on("error", (error) =>
      reject(lakeError("compute/landing-unreadable", { message: error.message }, { cause: error })),
    );
    worker.on("exit", () => reject(lakeError("compute/interrupted", {})));
  });
  // Whoever awaits sees the rejection; nobody awaits when the query itself failed first.
  done.catch(() => undefined);
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
  worker.postMessage(paths);
  return {
    done,
    stop: async () => {
      await worker.terminate();
    },
  };
}
