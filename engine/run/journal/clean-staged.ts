// Deleting what was staged and will not be published, where it is certain that nobody needs it.
import type { CatalogTable, TableIdentifier } from "../../catalog/catalog.ts";
import { tableName } from "../../catalog/catalog.ts";
import { folderKey, pathKey } from "../../iceberg/path-key.ts";
import { ownFolders, reachableFiles } from "../../iceberg/reachable-files.ts";
import type { StagedRecord } from "../../iceberg/staged-record.ts";
import { loadTables } from "../../iceberg/transaction.ts";
import type { TableMetadata } from "../../iceberg/types.ts";
import { summaryKeys } from "../../plan/table-state.ts";
import { lakeFolder } from "../names.ts";
import type { Session } from "../session.ts";

/** Files that were written for one table by a run that is over. */
export interface StagedFiles {
  readonly identifier: TableIdentifier;
  readonly location: string;
  /** The table's last sequence number before the run; null where there was no table. */
  readonly sequence: bigint | null;
  /** Data files, manifests, metadata files. */
  readonly paths: readonly string[];
  readonly ledger: readonly string[];
}

export interface Deletable {
  readonly table: string;
  readonly paths: readonly string[];
  /** Why nothing of it goes. */
  readonly kept: string | null;
}

export function stagedFilesOf(record: StagedRecord): StagedFiles {
  const snapshot = record.updates.find((update) => update.action === "add-snapshot")?.snapshot;
  const ledger = record.summary[summaryKeys.ledger];
  return {
    identifier: record.identifier,
    location: record.location,
    sequence: record.base === null ? null : (snapshot?.["sequence-number"] ?? 1n) - 1n,
    paths: record.paths,
    ledger: ledger === undefined ? [] : [ledger],
  };
}

/**
 * Which of the files can go: those in the table's own folders that no snapshot needs. `certain`: the run itself knew
 * that nothing of it was published. Otherwise a commit may have come and expired, and a clone may stand on its
 * files; a commit leaves its sequence number, so where each one since the run's base still has its snapshot, no
 * other snapshot ever was.
 */
export async function deletableFiles(
  session: Session,
  staged: readonly StagedFiles[],
  certain: boolean,
): Promise<Deletable[]> {
  const [catalog, storage] = await Promise.all([session.catalog(), session.storage()]);
  const identifiers = staged.map(({ identifier }) => identifier);
  const current = await loadTables({ catalog, storage, identifiers });
  const found: Deletable[] = [];
  for (const files of staged) {
    const name = tableName(files.identifier);
    const table = current.get(name) ?? null;
    const kept = certain ? null : (whyUnproven(files, table) ?? (await whyOnceThere(session, files, table)));
    found.push({ table: name, kept, paths: kept === null ? await unneeded(session, files, table) : [] });
  }
  return found;
}

function whyUnproven({ sequence }: StagedFiles, table: CatalogTable | null): string | null {
  if (table === null) return sequence === null ? null : "the table is gone";
  return hasAllSince(table.metadata, sequence ?? 0n)
    ? null
    : "snapshots that would prove it unused have expired";
}

/** A table that was published and dropped since may be restored. */
async function whyOnceThere(
  session: Session,
  { identifier }: StagedFiles,
  table: CatalogTable | null,
): Promise<string | null> {
  if (table !== null) return null;
  const storage = await session.storage();
  const dropped = await storage.stat(`${lakeFolder(session.profile)}/dropped/${tableName(identifier)}.json`);
  return dropped === null ? null : "the table was dropped, and can be restored while its files remain";
}

function hasAllSince(metadata: TableMetadata, sequence: bigint): boolean {
  const numbers = new Set(metadata.snapshots.map((snapshot) => snapshot["sequence-number"]));
  for (let number = sequence + 1n; number <= metadata["last-sequence-number"]; number += 1n)
    if (!numbers.has(number)) return false;
  return true;
}

/** What lies outside the table's folders was taken over (a clone's shared data), not written. */
async function unneeded(
  session: Session,
  { location, paths, ledger }: StagedFiles,
  table: CatalogTable | null,
): Promise<string[]> {
  const storage = await session.storage();
  const needed =
    table === null
      ? new Set<string>()
      : await reachableFiles(storage, table.metadata, table.metadataLocation);
  const folders = [folderKey(location), ...(table === null ? [] : ownFolders(table.metadata))];
  const own = paths.filter((path) => {
    const key = pathKey(path);
    return folders.some((folder) => key.startsWith(folder)) && !needed.has(key);
  });
  return [...own, ...ledger.filter((segment) => table === null || !namesLedger(table.metadata, segment))];
}

function namesLedger(metadata: TableMetadata, segment: string): boolean {
  return (
    metadata.properties[summaryKeys.ledger] === segment ||
    metadata.snapshots.some(({ summary }) => summary[summaryKeys.ledger] === segment)
  );
}
