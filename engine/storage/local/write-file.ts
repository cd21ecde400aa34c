// Writing so that a file is there as a whole or not at all: into a temporary file beside it, flushed,
// then renamed (or linked, where the path must be free).
//
// What is flushed, and why: the catalog's database flushes its commit, so all that a commit names must be
// on the disk before it; otherwise a power cut leaves a table that points at empty files. So every file is
// flushed, and its folder too (a rename lasts only when the folder is flushed). Flushes of one folder that
// are asked for while one is under way share the next one: many small files cost few flushes of the folder.
import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { copyFile, link, mkdir, open, rename, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { hasCode } from "./local-errors.ts";

const temporaryName = /^\.lake-[0-9a-f]{16}\.tmp$/;

/** Whether a name is one that this module gives to unfinished files. */
export function isTemporaryName(name: string): boolean {
  return temporaryName.test(name);
}

/** Creates or replaces. Missing folders are made. */
export async function writeFileWhole(path: string, bytes: Uint8Array): Promise<void> {
  await viaTemporary(path, (temporary) => writeFlushed(temporary, bytes), rename);
  await flushFolder(dirname(path));
}

/** Fails with EEXIST if the path is taken: of several racers `link` lets exactly one win. */
export async function writeFileIfAbsent(path: string, bytes: Uint8Array): Promise<void> {
  await viaTemporary(path, (temporary) => writeFlushed(temporary, bytes), linkTemporary);
  await flushFolder(dirname(path));
}

/** How a finished temporary file gets its name. */
type Place = (temporary: string, path: string) => Promise<void>;

async function linkTemporary(temporary: string, target: string): Promise<void> {
  await link(temporary, target);
  // The file is there now: a failure to tidy up must not look like a lost race.
  await unlink(temporary).catch(() => undefined);
}

/** Moves a finished file to its path, by copying where that is another file system. */
export async function moveFile(from: string, to: string): Promise<void> {
  await flushFile(from);
  if (from !== to) {
    try {
      await inFolder(to, () => rename(from, to));
    } catch (error) {
      if (!hasCode(error, "EXDEV")) throw error;
      await copyAcross(from, to);
    }
  }
  await flushFolder(dirname(to));
}

/** As `moveFile`; fails with EEXIST if the path is taken: of several racers exactly one wins. */
export async function moveFileIfAbsent(from: string, to: string): Promise<void> {
  await flushFile(from);
  try {
    await inFolder(to, () => link(from, to));
  } catch (error) {
    if (!hasCode(error, "EXDEV")) throw error;
    await copyAcross(from, to, linkTemporary);
    return;
  }
  await flushFolder(dirname(to));
  await unlink(from);
}

/** The slow way of `moveFile`; the source goes last. */
export async function copyAcross(from: string, to: string, place: Place = rename): Promise<void> {
  const copy = async (temporary: string): Promise<void> => {
    await copyFile(from, temporary, constants.COPYFILE_EXCL);
    await flushFile(temporary);
  };
  await viaTemporary(to, copy, place);
  await flushFolder(dirname(to));
  await unlink(from);
}

async function viaTemporary(
  path: string,
  fill: (temporary: string) => Promise<void>,
  place: Place,
): Promise<void> {
  const temporary = join(dirname(path), `.lake-${randomBytes(8).toString("hex")}.tmp`);
  await inFolder(path, async () => {
    try {
      await fill(temporary);
      await place(temporary, path);
    } catch (error) {
      await unlink(temporary).catch(() => undefined);
      throw error;
    }
  });
}

/** Most folders exist already, so they are made only after the first failure. */
async function inFolder(path: string, act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (error) {
    if (!hasCode(error, "ENOENT")) throw error;
    const first = await mkdir(dirname(path), { recursive: true });
    await act();
    // A new folder lasts when the one that it stands in is flushed. Where another writer made it in the
    // meantime, its own flush may still be to come.
    const folder = dirname(path);
    await flushFoldersAbove(folder, dirname(first ?? folder));
  }
}

async function flushFoldersAbove(folder: string, highest: string): Promise<void> {
  for (let above = dirname(folder); above.length >= highest.length; above = dirname(above)) {
    await flushFolder(above);
    if (above === dirname(above)) return;
  }
}

async function writeFlushed(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, "wx");
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function flushFile(path: string): Promise<void> {
  const file = await open(path, "r");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

interface Flushes {
  readonly current: Promise<void>;
  next: Promise<void> | undefined;
}
const flushing = new Map<string, Flushes>();

function flushFolder(folder: string): Promise<void> {
  const running = flushing.get(folder);
  if (running === undefined) return beginFlush(folder);
  // The one under way may have begun before our rename; the one after it has not.
  const begin = (): Promise<void> => beginFlush(folder);
  running.next ??= running.current.then(begin, begin);
  return running.next;
}

function beginFlush(folder: string): Promise<void> {
  const current = flushFile(folder).catch((error: unknown) => {
    // Some network and FUSE file systems do not flush folders; they have no more lasting way to offer.
    if (!hasCode(error, "EINVAL", "ENOTSUP", "EISDIR", "EPERM", "EACCES")) throw error;
  });
  const flushes: Flushes = { current, next: undefined };
  flushing.set(folder, flushes);
  const forget = (): void => {
    if (flushing.get(folder) === flushes && flushes.next === undefined) flushing.delete(folder);
  };
  current.then(forget, forget);
  return current;
}
