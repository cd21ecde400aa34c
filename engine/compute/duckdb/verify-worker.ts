// The thread beside the engine: verifies the files it is sent, one after another.
import { parentPort } from "node:worker_threads";
import { verifyFile, type VerifiedFile } from "./verify-file.ts";

parentPort?.on("message", (paths: readonly string[]) => {
  void (async () => {
    const verified: VerifiedFile[] = [];
    for (const path of paths) verified.push(await verifyFile(path));
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    parentPort?.postMessage({ verified });
  })().catch((error: unknown) => {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    parentPort?.postMessage({ failure: error instanceof Error ? error.message : String(error) });
  });
});
