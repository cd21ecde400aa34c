// Walking a tree of any size with a bounded number of entries in memory.
import type { Stats } from "node:fs";
import { lstat, opendir, realpath, stat } from "node:fs/promises";
import { join, sep } from "node:path";
import { hasCode } from "./local-errors.ts";
import { isTemporaryName } from "./write-file.ts";

export interface ListedFile {
  /** Below the root, parts joined by `/`. */
  readonly relativePath: string;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
}

/** Entries whose size is asked for at once; also what is read ahead of the consumer. */
const batchSize = 256;

/**
 * Every file below a folder, at most a few hundred entries (and the names of folders still to be read) in
 * memory. A missing folder is empty. Unfinished files of `write-file.ts` are left out. A symbolic link
 * to a file inside the tree counts as a file; links to folders (they can go in circles) and links that
 * lead outside are left out. What vanishes while walking is left out.
 */
export async function* listFiles(root: string): AsyncGenerator<ListedFile> {
  const realRoot = await realpath(root).catch((error: unknown) => {
    if (hasCode(error, "ENOENT")) return null;
    throw error;
  });
  if (realRoot === null) return;
  const folders = [""];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    let batch: string[] = [];
    for await (const entry of entriesOf(join(root, folder), folder === "")) {
      const relativePath = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) folders.push(relativePath);
      else if (!isTemporaryName(entry.name)) batch.push(relativePath);
      if (batch.length < batchSize) continue;
      yield* await describe(root, realRoot, batch);
      batch = [];
    }
    yield* await describe(root, realRoot, batch);
  }
}

async function* entriesOf(folder: string, isRoot: boolean): AsyncGenerator<Entry> {
  try {
    yield* await opendir(folder, { bufferSize: batchSize });
  } catch (error) {
    if (!hasCode(error, "ENOENT") && (isRoot || !hasCode(error, "ENOTDIR"))) throw error;
  }
}

interface Entry {
  readonly name: string;
  isDirectory(): boolean;
}

async function describe(root: string, realRoot: string, paths: readonly string[]): Promise<ListedFile[]> {
  const described = await Promise.all(
    paths.map(async (relativePath): Promise<ListedFile | null> => {
      const stats = await fileStats(join(root, relativePath), realRoot);
      if (stats === null) return null;
      return { relativePath, sizeBytes: stats.size, modifiedMs: stats.mtimeMs };
    }),
  );
  return described.filter((file) => file !== null);
}

async function fileStats(path: string, realRoot: string): Promise<Stats | null> {
  try {
    const own = await lstat(path);
    if (own.isFile()) return own;
    if (!own.isSymbolicLink()) return null;
    const target = await realpath(path);
    if (!target.startsWith(realRoot.endsWith(sep) ? realRoot : realRoot + sep)) return null;
    const stats = await stat(path);
    return stats.isFile() ? stats : null;
  } catch (error) {
    if (!hasCode(error, "ENOENT", "ENOTDIR", "ELOOP")) throw error;
    // Node shows bytes that are not UTF-8 as U+FFFD, and such a file cannot be opened by that name:
    // leaving it out would lose its rows silently.
    if (!path.includes("\u{fffd}")) return null;
    throw Object.assign(new Error(`the name of ${path} is not valid UTF-8; rename the file`), {
      code: "EILSEQ",
    });
  }
}
