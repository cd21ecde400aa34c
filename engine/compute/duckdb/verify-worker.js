// The thread beside the engine: verifies the files it is sent, one after another. Plain JavaScript, because a
// thread keeps no compiled code until it has asked for it: as TypeScript it would be translated anew each time.
import module from "node:module";
import { parentPort } from "node:worker_threads";

module.enableCompileCache?.();
const { verifyFile } = await import("./verify-file.ts");

parentPort?.on("message", async (/** @type {readonly string[]} */ paths) => {
  try {
    const verified = [];
    for (const path of paths) verified.push(await verifyFile(path));
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    parentPort?.postMessage({ verified });
  } catch (error) {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    parentPort?.postMessage({ failure: error instanceof Error ? error.message : String(error) });
  }
});
