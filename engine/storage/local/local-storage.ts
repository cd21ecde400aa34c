import type { Stats } from "node:fs";
import { open, readFile, stat, unlink } from "node:fs/promises";
import { mapLimited } from "../../common/limit.ts";
import { isLakeError, lakeError } from "../../common/errors.ts";
import type { FileInfo, PutFile, PutOptions, Storage } from "../storage.ts";
import { listFiles } from "./list-files.ts";
import { hasCode, storageError } from "./local-errors.ts";
import { localPathOf } from "./local-path.ts";
import { moveFile, moveFileIfAbsent, writeFileIfAbsent, writeFileWhole } from "./write-file.ts";

const chunkBytes = 1024 * 1024;
/** The thread pool of Node has four threads; more files at once would only wait in it. */
const filesAtOnce = 16;

/**
 * Files of this machine: `file:///folder/name` or `/folder/name`, taken literally (see `local-path.ts`).
 * `list` of a missing folder is empty; `stat` of a folder is null, as on an object store.
 */
export function openLocalStorage(): Storage {
  return {
    schemes: ["file"],
    read: (path) => doing("read", path, (local) => readFile(local)),
    readRange: (path, offset, length) => doing("read", path, (local) => readPart(local, offset, length)),
    readStream,
    write: (path, bytes) => doing("write", path, (local) => writeFileWhole(local, bytes)),
    writeIfAbsent,
    putFiles,
    delete: async (paths) => {
      await mapLimited(paths, filesAtOnce, (path) => doing("delete", path, deleteFile));
    },
    list,
    stat: statFile,
    localPath: localPathOf,
  };
}

async function doing<T>(action: string, path: string, act: (local: string) => Promise<T>): Promise<T> {
  const local = localPathOf(path);
  try {
    return await act(local);
  } catch (error) {
    throw isLakeError(error) ? error : storageError(action, path, error);
  }
}

/** Fewer bytes come back where the file ends before `offset + length`. */
async function readPart(local: string, offset: number, length: number): Promise<Uint8Array> {
  const file = await open(local, "r");
  try {
    const size = (await file.stat()).size;
    const wanted = Math.max(0, Math.min(length, size - offset));
    const bytes = new Uint8Array(wanted);
    let filled = 0;
    while (filled < wanted) {
      const { bytesRead } = await file.read(bytes, filled, wanted - filled, offset + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return bytes.subarray(0, filled);
  } finally {
    await file.close();
  }
}

async function* readStream(path: string): AsyncGenerator<Uint8Array> {
  const file = await doing("read", path, (local) => open(local, "r"));
  try {
    for (;;) {
      // A fresh buffer each time: the reader may keep what it was given.
      const buffer = new Uint8Array(chunkBytes);
      const { bytesRead } = await doing("read", path, () => file.read(buffer, 0, chunkBytes));
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

async function writeIfAbsent(path: string, bytes: Uint8Array): Promise<void> {
  await doing("write", path, async (local) => {
    try {
      await writeFileIfAbsent(local, bytes);
    } catch (error) {
      if (hasCode(error, "EEXIST")) throw lakeError("storage/exists", { path }, { cause: error });
      throw error;
    }
  });
}

async function putFiles(files: readonly PutFile[], options: PutOptions = {}): Promise<void> {
  const move = options.ifAbsent === true ? moveFileIfAbsent : moveFile;
  await mapLimited(files, filesAtOnce, async (file) => {
    await doing("write", file.path, async (local) => {
      // Looked at first, so that a failure that follows can only be the target's.
      await stat(file.localPath).catch((error: unknown) => {
        throw storageError("read", file.localPath, error);
      });
      try {
        await move(file.localPath, local);
      } catch (error) {
        if (hasCode(error, "EEXIST"))
          throw lakeError("storage/exists", { path: file.path }, { cause: error });
        throw error;
      }
    });
    options.onFile?.(file);
  });
}

async function deleteFile(local: string): Promise<void> {
  try {
    await unlink(local);
  } catch (error) {
    if (!hasCode(error, "ENOENT", "ENOTDIR")) throw error;
  }
}

async function statFile(path: string): Promise<FileInfo | null> {
  const stats = await doing("look at", path, async (local): Promise<Stats | null> => {
    try {
      return await stat(local);
    } catch (error) {
      if (hasCode(error, "ENOENT", "ENOTDIR")) return null;
      throw error;
    }
  });
  if (stats === null || !stats.isFile()) return null;
  return { path, sizeBytes: stats.size, modifiedMs: stats.mtimeMs };
}

async function* list(prefix: string): AsyncGenerator<FileInfo> {
  const local = localPathOf(prefix);
  const spelled = prefix.endsWith("/") ? prefix.slice(0, -1) : prefix;
  const files = listFiles(local);
  try {
    for (;;) {
      const next = await doing("list", prefix, () => files.next());
      if (next.done === true) return;
      const { relativePath, sizeBytes, modifiedMs } = next.value;
      yield { path: `${spelled}/${relativePath}`, sizeBytes, modifiedMs };
    }
  } finally {
    await files.return(undefined);
  }
}
