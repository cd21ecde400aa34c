// What runs leave in `<warehouse>/_lake/<target>/runs/`, each file named `<run id>.<what>`, while they are at work
// and when they end badly: who they are, which tables they hold, what they staged.
import { hostname } from "node:os";
import { isLakeError } from "../../common/errors.ts";
import { parseJson, printJson } from "../../common/json.ts";
import { bigintKeys } from "../../iceberg/metadata.ts";
import type { FileInfo, Storage } from "../../storage/storage.ts";

/** Who a run is and what it holds: `run.json`, there from before the first file is staged until the run ends. */
export interface RunRecord {
  readonly version: 2;
  readonly runId: string;
  readonly command: string;
  readonly pid: number;
  readonly host: string;
  readonly startedMs: number;
  /** The tables that it builds: nobody else may build one of them meanwhile. */
  readonly tables: readonly RecordedTable[];
}

export interface RecordedTable {
  /** `namespace.name`. */
  readonly table: string;
  readonly location: string;
  /** The last sequence number before the run (a small one is read as a number); null where there was no table. */
  readonly sequence: bigint | number | null;
}

/** The files of one run, as a listing shows them. */
export interface RunFiles {
  readonly runId: string;
  /** What follows the run's id and a dot → file. */
  readonly files: ReadonlyMap<string, FileInfo>;
}

export const recordNames = {
  run: "run.json",
  /** Written anew while the run is at work. */
  lease: "lease.json",
  /** In place of `run.json` once the run has ended badly and knows what it leaves. */
  failed: "failed.json",
  /** Who has the last word on what a run staged: written once, by whoever is first. */
  decided: "decided.json",
} as const;

/** All tests have passed and tables move one after another: from here on only forward (rule 8). */
export function publishingName(count: number): string {
  return `publishing-${count}.json`;
}

export function isPublishing(name: string): boolean {
  return /^publishing-\d+\.json$/.test(name);
}

/** After this long without a sign of life another run may take its tables. */
export const leaseMs = 120_000;

/** So old, what a failed run staged goes with the next `lake staged --clean`. */
export const stagedExpiryMs = 24 * 3_600_000;

export function runsFolder(lakeFolder: string): string {
  return `${lakeFolder}/runs`;
}

export function recordPath(lakeFolder: string, runId: string, name: string): string {
  return `${runsFolder(lakeFolder)}/${runId}.${name}`;
}

/** One listing of all runs of the target that left something. */
export async function listRuns(storage: Storage, lakeFolder: string): Promise<Map<string, RunFiles>> {
  const prefix = `${runsFolder(lakeFolder)}/`;
  const found = new Map<string, { runId: string; files: Map<string, FileInfo> }>();
  for await (const file of storage.list(runsFolder(lakeFolder))) {
    const [, runId, what] = /^([A-Za-z0-9-]+)\.(.+)$/.exec(file.path.slice(prefix.length)) ?? [];
    if (runId === undefined || what === undefined) continue;
    let run = found.get(runId);
    if (run === undefined) found.set(runId, (run = { runId, files: new Map() }));
    run.files.set(what, file);
  }
  return found;
}

/** The last sign of life by the storage's clock: null where the run does not claim to be at work. */
export function lastSeenMs({ files }: RunFiles): number | null {
  const run = files.get(recordNames.run);
  if (run === undefined || files.has(recordNames.failed)) return null;
  return Math.max(run.modifiedMs, files.get(recordNames.lease)?.modifiedMs ?? 0);
}

/** Null where it is gone meanwhile, or is not whole (somebody's editor): then it holds nothing. */
export async function readRecord<T>(storage: Storage, path: string): Promise<T | null> {
  try {
    const text = new TextDecoder().decode(await storage.read(path));
    return parseJson(text, { bigintKeys }) as unknown as T;
  } catch (error) {
    if (isLakeError(error, "storage/not-found") || isLakeError(error, "common/malformed-json")) return null;
    throw error;
  }
}

export function encodeRecord(value: unknown): Uint8Array {
  return new TextEncoder().encode(`${printJson(value, { indent: 2 })}\n`);
}

/** Runs of this very process that are at work: a record may outlive its run where nothing can be written any more. */
export const atWork = new Set<string>();

/** Whether the run is certainly gone: it ran on this machine, and there is no process of its number. */
export function isGone({ pid, host, runId }: Pick<RunRecord, "pid" | "host" | "runId">): boolean {
  if (host !== hostname()) return false;
  if (pid === process.pid) return !atWork.has(runId);
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}
