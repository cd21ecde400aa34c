// Small files that never change, kept in memory for one command: an append reads the manifests of the table
// that it plans on, and those that it has just written, again and again.
import type { Storage } from "./storage.ts";

/** Names that engines make unique: what stands under one is written once. */
const immutable =
  /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}[^/]*\.(?:avro|metadata\.json)$/;
const largestBytes = 1024 * 1024;
const defaultMaxBytes = 32 * 1024 * 1024;

/** `storage`, which is asked once for each metadata file of a table. Worth it where each question is a request. */
export function rememberFiles(storage: Storage, maxBytes: number = defaultMaxBytes): Storage {
  const known = new Map<string, Uint8Array>();
  let bytesKnown = 0;
  const remember = (path: string, bytes: Uint8Array): void => {
    if (!immutable.test(path) || bytes.length > largestBytes || known.has(path)) return;
    // Callers may go on to use what they gave and got.
    known.set(path, bytes.slice());
    bytesKnown += bytes.length;
    for (const [oldest, old] of known) {
      if (bytesKnown <= maxBytes) return;
      known.delete(oldest);
      bytesKnown -= old.length;
    }
  };
  const forget = (paths: readonly string[]): void => {
    for (const path of paths) {
      bytesKnown -= known.get(path)?.length ?? 0;
      known.delete(path);
    }
  };
  return {
    ...storage,
    async read(path) {
      const kept = known.get(path);
      if (kept) return kept.slice();
      const bytes = await storage.read(path);
      remember(path, bytes);
      return bytes;
    },
    async write(path, bytes) {
      forget([path]);
      await storage.write(path, bytes);
      remember(path, bytes);
    },
    async writeIfAbsent(path, bytes) {
      await storage.writeIfAbsent(path, bytes);
      remember(path, bytes);
    },
    async putFiles(files, options) {
      forget(files.map(({ path }) => path));
      await storage.putFiles(files, options);
    },
    async delete(paths) {
      forget(paths);
      await storage.delete(paths);
    },
  };
}
