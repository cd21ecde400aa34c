// The engine's own folder for spilled data and staging: one per process, gone when it closes. One that was
// killed cannot tidy up; the next one on the same machine does it.
import { randomUUID } from "node:crypto";
import { mkdir, readdir, rm } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { lakeError } from "../../common/errors.ts";

/** Names the machine: containers that share a folder know nothing of each other's processes. */
const prefix = `lake-duckdb-${hostname()}-`;

/** Errors: `compute/no-temp-directory`. */
export async function makeScratch(tempDirectory: string): Promise<string> {
  const path = join(tempDirectory, `${prefix}${process.pid}-${randomUUID().slice(0, 8)}`);
  try {
    // Spilled rows are nobody else's to read.
    await mkdir(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    const hint = "set temp_directory under `compute:` of the target to a folder that can be written to";
    throw lakeError(
      "compute/no-temp-directory",
      { path, reason: (error as Error).message },
      { hint, cause: error },
    );
  }
  await removeLeftovers(tempDirectory);
  return path;
}

async function removeLeftovers(tempDirectory: string): Promise<void> {
  for (const name of await readdir(tempDirectory).catch(() => [])) {
    if (!name.startsWith(prefix)) continue;
    const owner = /^(\d+)-[0-9a-f]{8}$/.exec(name.slice(prefix.length))?.[1];
    if (owner === undefined || isAlive(Number(owner))) continue;
    // What belongs to somebody else stays.
    await rm(join(tempDirectory, name), { recursive: true, force: true }).catch(() => undefined);
  }
}

function isAlive(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}
