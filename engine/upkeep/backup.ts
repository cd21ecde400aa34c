// Backups: a table's state of one moment, under a name that carries the time.
import { tableName } from "../catalog/catalog.ts";
import type { CatalogTable, TableIdentifier } from "../catalog/catalog.ts";
import { lakeError } from "../common/errors.ts";
import { newMetadataLocation, serialiseTableMetadata } from "../iceberg/metadata.ts";
import { loadTable } from "../iceberg/transaction.ts";
import { ledgerFolder } from "../run/landing/ledger-of-model.ts";
import { tableLocation } from "../run/names.ts";
import type { Session } from "../run/session.ts";
import { copyTable } from "./copy-table.ts";
import type { CopiedTable } from "./copy-table.ts";

export interface BackupReport {
  readonly table: TableIdentifier;
  /** What `lake restore --from` takes: a folder, or the name of a table. */
  readonly backup: string;
  readonly snapshotId: bigint | null;
  readonly copiedFiles: number;
  readonly copiedBytes: number;
  /** Files that an earlier backup had brought there. */
  readonly presentFiles: number;
}

export interface BackupOptions {
  readonly session: Session;
  readonly identifier: TableIdentifier;
  /** A folder of any store; null for a table of the catalog beside the original. */
  readonly to: string | null;
  readonly dryRun: boolean;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Copies the newest snapshot. In a folder, data files of several backups of one table are shared, so that each after
 * the first costs what changed. The metadata file is written last: without it, there is no backup.
 * Errors: `catalog/table-not-found`, `catalog/table-exists`, `upkeep/nothing-to-copy`, those of copying.
 */
export async function backupTable(options: BackupOptions): Promise<BackupReport> {
  const { session, identifier, to, dryRun } = options;
  const [catalog, storage] = await Promise.all([session.catalog(), session.storage()]);
  const source = await loadTable({ catalog, storage, identifier });
  if (source === null) throw lakeError("catalog/table-not-found", { table: tableName(identifier) });
  const name = `${identifier.name}_backup_${stamp(session)}`;
  const asTable = { namespace: identifier.namespace, name };
  const folder = to?.replace(/(?<=[^/:])\/+$/, "") ?? "";
  const location =
    to === null ? tableLocation(asTable, session.profile) : `${folder}/${identifier.namespace}.${name}`;
  const report = {
    table: identifier,
    backup: to === null ? tableName(asTable) : location,
    snapshotId: source.metadata["current-snapshot-id"],
  };
  if (dryRun) return { ...report, copiedFiles: 0, copiedBytes: 0, presentFiles: 0 };
  const copied = await copyTable({
    session,
    source,
    location,
    dataFolder: to === null ? `${location}/data` : `${folder}/${tableName(identifier)}_data`,
    ledgerFolder: to === null ? ledgerFolder(session, tableName(asTable)) : `${location}/ledger`,
    signal: options.signal,
    ...(options.onProgress !== undefined && { onProgress: options.onProgress }),
  });
  await register(session, copied, to === null ? asTable : null);
  const { copiedFiles, copiedBytes, presentFiles } = copied;
  return { ...report, copiedFiles, copiedBytes, presentFiles };
}

/** Writes the metadata file, and names it in the catalog where the copy is to be a table. */
export async function register(
  session: Session,
  { metadata }: CopiedTable,
  identifier: TableIdentifier | null,
): Promise<CatalogTable | null> {
  const [catalog, storage] = await Promise.all([session.catalog(), session.storage()]);
  const metadataLocation = newMetadataLocation(metadata, null);
  await storage.writeIfAbsent(metadataLocation, serialiseTableMetadata(metadata));
  if (identifier === null) return null;
  await catalog.commit([
    {
      identifier,
      baseMetadataLocation: null,
      newMetadataLocation: metadataLocation,
      newMetadata: metadata,
      baseMetadata: null,
    },
  ]);
  return { identifier, metadataLocation, metadata };
}

/** `20250731_235959` in the project's time zone. */
function stamp(session: Session): string {
  const { timezone } = session.graph.project.settings;
  const text = new Intl.DateTimeFormat("sv-SE", {
    timeZone: timezone,
    dateStyle: "short",
    timeStyle: "medium",
  }).format(session.now());
  return text.replaceAll(/[-:]/g, "").replace(" ", "_");
}
