// Downloads that several tests need, made once per version of what they are made from.
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const cache = fileURLToPath(new URL("../../node_modules/.cache", import.meta.url));

export interface CachedFolder {
  readonly name: string;
  /** What its content follows from: another text, another folder. */
  readonly madeFrom: readonly string[];
  /** Fills the folder, which is there and empty. Once it has its final name it is not moved again. */
  build(folder: string): Promise<void>;
}

function folderOf({ name, madeFrom }: CachedFolder): string {
  const wanted = createHash("sha256");
  for (const text of madeFrom) wanted.update(text);
  return join(cache, `${name}-${wanted.digest("hex").slice(0, 16)}`);
}

export function isCached(wish: CachedFolder): boolean {
  return existsSync(folderOf(wish));
}

/** The folder, built where it is not there yet: whole or not at all, by one process while others wait. */
export async function cachedFolder(wish: CachedFolder): Promise<string> {
  const folder = folderOf(wish);
  if (existsSync(folder)) return folder;
  await mkdir(cache, { recursive: true });
  await alone(`${folder}.building`, async () => {
    if (existsSync(folder)) return;
    const unfinished = `${folder}.unfinished`;
    await rm(unfinished, { recursive: true, force: true });
    await mkdir(unfinished);
    await wish.build(unfinished);
    await rename(unfinished, folder);
  });
  return folder;
}

/** One that was killed leaves its lock behind, which others take away after this time. */
const longestBuildMs = 600_000;

async function alone(lock: string, act: () => Promise<void>): Promise<void> {
  for (;;) {
    try {
      await mkdir(lock);
      break;
    } catch {
      const held = await stat(lock).catch(() => null);
      if (held !== null && Date.now() - held.mtimeMs > longestBuildMs) await rm(lock, { recursive: true });
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
  try {
    await act();
  } finally {
    await rm(lock, { recursive: true });
  }
}
