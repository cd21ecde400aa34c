// Files from one place to another, through a temporary folder: stores do not know each other.
import { createWriteStream } from "node:fs";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { lakeError } from "../common/errors.ts";
import { mapLimited } from "../common/limit.ts";
import type { Storage } from "../storage/storage.ts";

export interface CopyFile {
  readonly from: string;
  readonly to: string;
  /** As the manifest says: a copy of another length is none. */
  readonly sizeBytes: number;
}

/** So many files lie in the temporary folder at a time. */
const concurrency = 4;

/** Errors: `storage/*`, and `upkeep/short-copy` for a file that is not as long as it should be. */
export async function copyFiles(options: {
  readonly storage: Storage;
  readonly files: readonly CopyFile[];
  readonly signal?: AbortSignal | undefined;
  readonly onFile?: () => void;
}): Promise<void> {
  const { storage, files, signal } = options;
  const folder = await mkdtemp(join(tmpdir(), "lake-copy-"));
  try {
    await mapLimited(files, concurrency, async ({ from, to, sizeBytes }, index) => {
      signal?.throwIfAborted();
      const localPath = join(folder, String(index));
      await pipeline(Readable.from(storage.readStream(from)), createWriteStream(localPath));
      const { size } = await stat(localPath);
      if (size !== sizeBytes)
        throw lakeError("upkeep/short-copy", { path: from, expected: sizeBytes, found: size });
      await storage.putFiles([{ localPath, path: to }]);
      options.onFile?.();
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
