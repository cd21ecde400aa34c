import type { Stats } from "node:fs";
import { open, stat, unlink, type FileHandle } from "node:fs/promises";
import { lakeError } from "../../common/errors.ts";
import { mapLimited } from "../../common/limit.ts";
import type { PutFile, PutOptions } from "../storage.ts";
import type { S3Connection } from "./s3-client.ts";
import { s3Error } from "./s3-errors.ts";
import { upload, type UploadSource } from "./s3-upload.ts";

/** Small files wait for answers, large ones for the line; each takes its bytes into memory, or four parts. */
const smallBytes = 4 * 1024 * 1024;
const smallAtOnce = 16;
const largeAtOnce = 3;

/** Uploads finished local files and takes each away once its object stands. */
export async function putObjects(
  s3: S3Connection,
  files: readonly PutFile[],
  { ifAbsent = false, onFile }: PutOptions,
): Promise<void> {
  const sized = await mapLimited(files, smallAtOnce, async (file) => ({
    file,
    sizeBytes: (await localStats(file.localPath)).size,
  }));
  const put = async ({ file }: { readonly file: PutFile }): Promise<void> => {
    await putObject(s3, file, ifAbsent);
    onFile?.(file);
  };
  await mapLimited(
    sized.filter(({ sizeBytes }) => sizeBytes > smallBytes),
    largeAtOnce,
    put,
  );
  await mapLimited(
    sized.filter(({ sizeBytes }) => sizeBytes <= smallBytes),
    smallAtOnce,
    put,
  );
}

async function putObject(s3: S3Connection, { localPath, path }: PutFile, ifAbsent: boolean): Promise<void> {
  const handle = await reading(localPath, () => open(localPath, "r"));
  try {
    await upload(s3, { path, source: await fileSource(handle, localPath), ifAbsent });
  } finally {
    await handle.close();
  }
  await unlink(localPath).catch(() => undefined);
}

const localStats = (localPath: string): Promise<Stats> => reading(localPath, () => stat(localPath));

async function reading<T>(localPath: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
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
