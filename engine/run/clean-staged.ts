// Deleting what was staged and will not be published, where it is certain that nobody needs it.
import type { CatalogTable } from "../catalog/catalog.ts";
import { tableName } from "../catalog/catalog.ts";
import { pathKey, folderKey } from "../iceberg/path-key.ts";
import { reachableFiles } from "../iceberg/reachable-files.ts";
import { commitIdKey } from "../iceberg/stage-change.ts";
import type { StagedRecord } from "../iceberg/staged-record.ts";
import { loadTables } from "../iceberg/transaction.ts";
import type { TableMetadata } from "../iceberg/types.ts";
import { summaryKeys } from "../plan/table-state.ts";
import type { Session } from "./session.ts";

export interface StagedFiles {
  readonly table: string;
  readonly location: string;
  /** Data files, manifests, ledger segments: those that nobody needs. */
  readonly deletable: readonly string[];
  /** Why the rest stays, if some does. */
  readonly kept: string | null;
}

/** Which of the records' files can go. `certain`: the run itself knew that none of its changes was published. */
export async function deletableFiles(
  session: Session,
  records: readonly StagedRecord[],
  certain: boolean,
): Promise<StagedFiles[]> {
  const [catalog, storage] = await Promise.all([session.catalog(), session.storage()]);
  const identifiers = records.map(({ identifier }) => identifier);
  const current = await loadTables({ catalog, storage, identifiers });
  const found: StagedFiles[] = [];
  for (const record of records) {
    const table = current.get(tableName(record.identifier)) ?? null;
    const kept = certain ? whyPublished(record, table) : whyUnproven(record, table);
    const { location, identifier } = record;
    const deletable = kept === null ? await unneeded(session, record, table) : [];
    found.push({ table: tableName(identifier), location, deletable, kept });
  }
  return found;
}

function whyPublished({ commitId }: StagedRecord, table: CatalogTable | null): string | null {
  const published = table?.metadata.snapshots.some(({ summary }) => summary[commitIdKey] === commitId);
  return published === true ? "it was published" : null;
}

/**
 * A commit leaves its sequence number: where every number since the change's base still has its snapshot, and none
 * of them is this change, it was never published. Where some have expired, nobody can tell.
 */
function whyUnproven(record: StagedRecord, table: CatalogTable | null): string | null {
  const published = whyPublished(record, table);
  if (published !== null) return published;
  if (table === null) return record.base === null ? null : "its table is gone";
  if (table.metadataLocation === record.base) return null;
  const snapshot = record.updates.find((update) => update.action === "add-snapshot")?.snapshot;
  const first = snapshot?.["sequence-number"] ?? 1n;
  return hasAllSince(table.metadata, first) ? null : "snapshots that could prove it unpublished have expired";
}

/** Whether the table still has a snapshot for every sequence number from `first` on. */
export function hasAllSince(metadata: TableMetadata, first: bigint): boolean {
  const numbers = new Set(metadata.snapshots.map((snapshot) => snapshot["sequence-number"]));
  for (let number = first; number <= metadata["last-sequence-number"]; number += 1n)
    if (!numbers.has(number)) return false;
  return true;
}

/** Only files in the table's own folder: what lies elsewhere was taken over, not written. */
async function unneeded(
  session: Session,
  record: StagedRecord,
  table: CatalogTable | null,
): Promise<string[]> {
  const storage = await session.storage();
  const needed =
    table === null
      ? new Set<string>()
      : await reachableFiles(storage, table.metadata, table.metadataLocation);
  const folder = folderKey(record.location);
  const own = record.paths.filter((path) => {
    const key = pathKey(path);
    return key.startsWith(folder) && !needed.has(key);
  });
  const ledger = record.summary[summaryKeys.ledger];
  return ledger === undefined || (table !== null && namesLedger(table.metadata, ledger))
    ? own
    : [...own, ledger];
}

export function namesLedger(metadata: TableMetadata, segment: string): boolean {
  return (
    metadata.properties["lake.ledger"] === segment ||
    metadata.snapshots.some(({ summary }) => summary[summaryKeys.ledger] === segment)
  );
}
