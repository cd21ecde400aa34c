// What runs that ended badly, or are at work, have lying in the folders of tables.
import { mapLimited } from "../common/limit.ts";
import { parseTableMetadata } from "../iceberg/metadata.ts";
import { headSnapshot, summaryKeys } from "../plan/table-state.ts";
import { readFailedRun } from "../run/journal/failed-run.ts";
import type { FailedRun } from "../run/journal/failed-run.ts";
import { failuresNamespace, lakeFolder } from "../run/names.ts";
import {
  isGone,
  isPublishing,
  lastSeenMs,
  leaseMs,
  listRuns,
  readRecord,
  recordNames,
  recordPath,
} from "../run/journal/run-records.ts";
import type { RunFiles, RunRecord } from "../run/journal/run-records.ts";
import type { Session } from "../run/session.ts";
import type { FileInfo, Storage } from "../storage/storage.ts";

export interface StagedRun {
  readonly runId: string;
  /** `publishing`: cut off in the middle of it; the next command that writes the target goes on. */
  readonly state: "at work" | "failed" | "killed" | "publishing";
  readonly command: string;
  readonly startedMs: number;
  readonly tables: readonly string[];
  readonly files: readonly FileInfo[];
  readonly failed: FailedRun | null;
  readonly record: RunRecord | null;
}

/** All of the target, oldest first; with `runId` only that one. */
export async function stagedRuns(session: Session, runId?: string): Promise<StagedRun[]> {
  const [storage, folder] = [await session.storage(), lakeFolder(session.profile)];
  const runs = [...(await listRuns(storage, folder)).values()];
  const wanted = runs.filter((run) => runId === undefined || run.runId === runId);
  const found = await mapLimited(wanted, 4, (run) => stagedRun(session, run));
  return found.filter((run) => run !== null).toSorted((a, b) => a.startedMs - b.startedMs);
}

async function stagedRun(session: Session, run: RunFiles): Promise<StagedRun | null> {
  const [storage, folder] = [await session.storage(), lakeFolder(session.profile)];
  const { runId, files } = run;
  const isPublished = [...files.keys()].some(isPublishing);
  if (files.has(recordNames.failed)) {
    const failed = await readFailedRun(storage, folder, runId);
    const paths = failed.tables.flatMap((table) => table.paths);
    const found = await mapLimited(paths, 16, (path) => storage.stat(path));
    const { command, startedMs } = failed;
    return {
      runId,
      state: isPublished ? "publishing" : "failed",
      command,
      startedMs,
      tables: failed.tables.map(({ table }) => table),
      files: found.filter((file) => file !== null),
      failed,
      record: null,
    };
  }
  const record = await readRecord<RunRecord>(storage, recordPath(folder, runId, recordNames.run));
  if (record === null && !isPublished) return null;
  return {
    runId,
    state:
      record !== null && isAtWork(session, run, record) ? "at work" : isPublished ? "publishing" : "killed",
    command: record?.command ?? "",
    startedMs: record?.startedMs ?? [...files.values()][0]?.modifiedMs ?? 0,
    tables: record?.tables.map(({ table }) => table) ?? [],
    files: record === null ? [] : await filesByName(session, record, lastSeenMs(run) ?? 0),
    failed: null,
    record,
  };
}

function isAtWork(session: Session, run: RunFiles, record: RunRecord): boolean {
  return session.now() - (lastSeenMs(run) ?? 0) < leaseMs && !isGone(record);
}

/**
 * A killed run has no list of what it wrote: its files carry its id in their names. Metadata files do not: of those
 * that came in its time, their newest snapshot tells.
 */
async function filesByName(
  session: Session,
  { runId, tables, startedMs }: RunRecord,
  seenMs: number,
): Promise<FileInfo[]> {
  const { profile } = session;
  const storage = await session.storage();
  const failures = `${profile.warehouse.replace(/\/+$/, "")}/${failuresNamespace(profile)}.db`;
  const ledgers = tables.map(({ table }) => `${lakeFolder(profile)}/ledger/${table}`);
  const folders = new Set([...tables.map(({ location }) => location), failures, ...ledgers]);
  const found = await mapLimited([...folders], 4, async (folder) => {
    const ours: FileInfo[] = [];
    for await (const file of storage.list(folder)) {
      const name = file.path.slice(file.path.lastIndexOf("/") + 1);
      const isInTime = file.modifiedMs >= startedMs - leaseMs && file.modifiedMs <= seenMs + leaseMs;
      if (name.includes(runId)) ours.push(file);
      else if (isInTime && name.endsWith(".metadata.json") && (await isMadeBy(storage, file.path, runId)))
        ours.push(file);
    }
    return ours;
  });
  return found.flat();
}

async function isMadeBy(storage: Storage, path: string, runId: string): Promise<boolean> {
  try {
    const head = headSnapshot(parseTableMetadata(await storage.read(path), path));
    return head?.summary[summaryKeys.runId] === runId;
  } catch {
    // Not ours to judge, and not ours to delete.
    return false;
  }
}
