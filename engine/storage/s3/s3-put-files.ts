import { open, unlink, type FileHandle } from "node:fs/promises";
import { lakeError } from "../../common/errors.ts";
import { mapLimited } from "../../common/limit.ts";
import type { PutFile, PutOptions } from "../storage.ts";
import type { S3Connection } from "./s3-client.ts";
import { s3Error } from "./s3-errors.ts";
import { upload, type UploadSource } from "./s3-upload.ts";

/** Each holds one request's bytes in memory, or four parts: 512 MB at the very most, 16 MB as a rule. */
const filesAtOnce = 16;

/** Uploads finished local files and takes each away once its object stands. */
export async function putObjects(
  s3: S3Connection,
  files: readonly PutFile[],
  { ifAbsent = false, onFile }: PutOptions,
): Promise<void> {
  await mapLimited(files, filesAtOnce, async (file) => {
    const { localPath, path } = file;
    const handle = await opened(localPath);
    try {
      await upload(s3, { path, source: await fileSource(handle, localPath), ifAbsent });
    } finally {
      await handle.close();
    }
    await unlink(localPath).catch(() => undefined);
    onFile?.(file);
  });
}

async function opened(localPath: string): Promise<FileHandle> {
  try {
    return await open(localPath, "r");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") {
      throw lakeError("storage/not-found", { path: localPath }, { cause: error });
    }
    throw s3Error("read", localPath, error);
  }
}

async function fileSource(handle: FileHandle, localPath: string): Promise<UploadSource> {
  const { size } = await handle.stat();
  return {
    sizeBytes: size,
    async read(offset, length) {
      const bytes = new Uint8Array(length);
      let filled = 0;
      while (filled < length) {
        const { bytesRead } = await handle.read(bytes, filled, length - filled, offset + filled);
        if (bytesRead === 0) {
          const problem = "it became shorter while it was uploaded";
          throw lakeError("storage/failed", { action: "read", path: localPath, problem });
        }
        filled += bytesRead;
      }
      return bytes;
    },
  };
}
