// Leftovers of runs that failed or were killed, removed once they are old enough and nobody can need them.
import { lakeError } from "../common/errors.ts";
import type { TableIdentifier } from "../catalog/catalog.ts";
import { tableName } from "../catalog/catalog.ts";
import { folderKey, pathKey } from "../iceberg/path-key.ts";
import { loadTables } from "../iceberg/transaction.ts";
import { deletableFiles, stagedFilesOf } from "../run/journal/clean-staged.ts";
import type { Deletable, StagedFiles } from "../run/journal/clean-staged.ts";
import { failuresNamespace, lakeFolder, tableLocation } from "../run/names.ts";
import { decide, removeRecords } from "../run/journal/retry-run.ts";
import { recordNames, recordPath } from "../run/journal/run-records.ts";
import type { RunRecord } from "../run/journal/run-records.ts";
import type { Session } from "../run/session.ts";
import { stagedRuns } from "./staged-runs.ts";
import type { StagedRun } from "./staged-runs.ts";

const hourMs = 3_600_000;
/** Other engines' orphan removal takes files of this age: nobody may count on older ones (rule 6). */
export const staleAfterMs = 72 * hourMs;

export interface CleanedRun {
  readonly run: StagedRun;
  readonly files: number;
  readonly sizeBytes: number;
  /** Why some, or all, of it stays. */
  readonly kept: readonly string[];
}

export interface CleanOptions {
  readonly session: Session;
  /** Only this one, whatever its age. */
  readonly runId?: string;
  readonly olderThanMs: number;
  readonly dryRun: boolean;
}

/**
 * Spares runs at work, unfinished publishings, and every file that a snapshot needs or that cannot be proven
 * unused. Errors: `upkeep/staged-age`, `run/unknown-run`.
 */
export async function cleanStagedRuns(options: CleanOptions): Promise<CleanedRun[]> {
  const { session, runId, olderThanMs } = options;
  if (olderThanMs < hourMs || olderThanMs >= staleAfterMs)
    throw lakeError("upkeep/staged-age", { hours: olderThanMs / hourMs });
  const runs = await stagedRuns(session, runId);
  if (runId !== undefined && runs.length === 0) throw lakeError("run/unknown-run", { runId });
  const cleaned: CleanedRun[] = [];
  for (const run of runs) {
    const isOld = session.now() - run.startedMs >= olderThanMs;
    if (isOld || runId !== undefined) cleaned.push(await cleanRun(options, run));
  }
  return cleaned;
}

async function cleanRun({ session, dryRun }: CleanOptions, run: StagedRun): Promise<CleanedRun> {
  const nothing = (kept: string): CleanedRun => ({ run, files: 0, sizeBytes: 0, kept: [kept] });
  if (run.state === "at work") return nothing("it is at work");
  if (run.state === "publishing") return nothing("its publishing is not finished: lake recover");
  const [storage, folder] = [await session.storage(), lakeFolder(session.profile)];
  const decided = (await storage.stat(recordPath(folder, run.runId, recordNames.decided))) !== null;
  // From here on nobody takes over what is being removed; a run that only seemed dead finds it out.
  if (!dryRun) await decide({ storage, folder, runId: run.runId, what: "clean", by: "lake clean" });
  const certain = run.failed?.certain === true && !decided;
  const staged = run.failed === null ? await killedFiles(session, run) : run.failed.tables.map(stagedFilesOf);
  const found = await deletableFiles(session, staged, certain);
  const paths = new Set(found.flatMap((table) => table.paths));
  const keys = new Set([...paths].map(pathKey));
  const present = run.files.filter(({ path }) => keys.has(pathKey(path)));
  if (!dryRun) {
    await storage.delete([...paths]);
    await removeRecords(storage, folder, run.runId);
  }
  const sizeBytes = present.reduce((sum, file) => sum + file.sizeBytes, 0);
  return { run, files: present.length, sizeBytes, kept: found.flatMap(whyKept) };
}

function whyKept({ table, kept }: Deletable): string[] {
  return kept === null ? [] : [`${table}: ${kept}`];
}

/** What carries the run's id in its name, by the table whose folder it lies in. */
async function killedFiles(session: Session, run: StagedRun): Promise<StagedFiles[]> {
  const { record, files } = run;
  if (record === null) return [];
  const tables = [...record.tables.map(recordedTable), ...(await failureTables(session, run))];
  return tables.map(({ identifier, location, sequence }) => {
    const ledgers = `${lakeFolder(session.profile)}/ledger/${tableName(identifier)}`;
    const below = (folder: string): string[] =>
      files.flatMap(({ path }) => (pathKey(path).startsWith(folderKey(folder)) ? [path] : []));
    return { identifier, location, sequence, paths: below(location), ledger: below(ledgers) };
  });
}

function recordedTable({ table, location, sequence }: RunRecord["tables"][number]): {
  identifier: TableIdentifier;
  location: string;
  sequence: bigint | null;
} {
  const [namespace = "", name = ""] = table.split(".");
  return { identifier: { namespace, name }, location, sequence: sequence === null ? null : BigInt(sequence) };
}

/** Failing rows are stored outside the run's own tables, and may be cut off like these. */
async function failureTables(
  session: Session,
  { files }: StagedRun,
): Promise<Omit<StagedFiles, "paths" | "ledger">[]> {
  const { profile } = session;
  const namespace = failuresNamespace(profile);
  const folder = folderKey(tableLocation({ namespace, name: "" }, profile));
  const names = files.flatMap(({ path }) => {
    const key = pathKey(path);
    return key.startsWith(folder) ? (key.slice(folder.length).split("/")[0] ?? []) : [];
  });
  const identifiers = [...new Set(names)].map((name) => ({ namespace, name }));
  const [catalog, storage] = await Promise.all([session.catalog(), session.storage()]);
  const tables = await loadTables({ catalog, storage, identifiers });
  return identifiers.map((identifier) => {
    const metadata = tables.get(tableName(identifier))?.metadata;
    // Each run replaces the rows of the one before, and nobody builds on them.
    const sequence = metadata?.["last-sequence-number"] ?? null;
    return { identifier, location: tableLocation(identifier, profile), sequence };
  });
}
