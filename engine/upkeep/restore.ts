// A table comes back: from a backup, or from its own folder after it was dropped.
import { tableName } from "../catalog/catalog.ts";
import type { CatalogTable, TableIdentifier } from "../catalog/catalog.ts";
import { lakeError } from "../common/errors.ts";
import { mapLimited } from "../common/limit.ts";
import { parseTableMetadata } from "../iceberg/metadata.ts";
import { forEachLiveFile, manifestsOf } from "../iceberg/reachable-files.ts";
import { loadTable } from "../iceberg/transaction.ts";
import { headSnapshot } from "../plan/table-state.ts";
import { ledgerFolder } from "../run/landing/ledger-of-model.ts";
import { isTableName, tableLocation } from "../run/names.ts";
import { ensureNamespace } from "../run/publishing/publish.ts";
import { quarantineOf } from "../run/writing/quarantine.ts";
import type { Session } from "../run/session.ts";
import type { Storage } from "../storage/storage.ts";
import { register } from "./backup.ts";
import { copyTable } from "./copy-table.ts";
import { forgetDrop, readDrop } from "./drop-records.ts";
import { findDropped } from "./find-dropped.ts";

export interface RestoreReport {
  readonly table: TableIdentifier;
  readonly from: string;
  readonly snapshotId: bigint | null;
  readonly rows: number;
  readonly copiedFiles: number;
}

export interface RestoreOptions {
  readonly session: Session;
  readonly identifier: TableIdentifier;
  /** A backup's folder, or the name of a table (`namespace.table`); null: what lies in the table's own folder. */
  readonly from: string | null;
  /** The name that it was dropped under, where it comes back under another. */
  readonly origin?: TableIdentifier;
  /** The metadata file to restore from its own folder; otherwise the one that it was dropped with, or the newest. */
  readonly metadata?: string | undefined;
  readonly dryRun: boolean;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: (done: number, total: number) => void;
}

const concurrency = 16;

/**
 * Never over a table that stands. Every file is looked for before anything is registered. Errors:
 * `catalog/table-exists`, `upkeep/no-backup`, `upkeep/files-gone`, those of `findDropped` and of copying.
 */
export async function restoreTable(options: RestoreOptions): Promise<RestoreReport> {
  const { session, identifier, dryRun } = options;
  const [catalog, storage] = await Promise.all([session.catalog(), session.storage()]);
  if ((await loadTable({ catalog, storage, identifier })) !== null) {
    throw lakeError(
      "catalog/table-exists",
      { table: tableName(identifier) },
      { hint: "restore it under another name with --as, or drop the table first" },
    );
  }
  const { origin = identifier } = options;
  const location = tableLocation(options.from === null ? origin : identifier, session.profile);
  if (options.from === null) await refuseShared(session, identifier, origin);
  const found = await findSource(options, location);
  await checkFiles(storage, found);
  const head = headSnapshot(found.metadata);
  const report = {
    table: identifier,
    from: options.from ?? location,
    snapshotId: head?.["snapshot-id"] ?? null,
    rows: Number(head?.summary["total-records"] ?? 0),
  };
  if (dryRun) return { ...report, copiedFiles: 0 };
  await ensureNamespace(catalog, identifier.namespace, session.profile);
  if (options.from === null) {
    await catalog.commit([
      {
        identifier,
        baseMetadataLocation: null,
        newMetadataLocation: found.metadataLocation,
        newMetadata: found.metadata,
        baseMetadata: null,
      },
    ]);
    await forgetDrop(session, origin);
    await restoreQuarantine(options, origin);
    return { ...report, copiedFiles: 0 };
  }
  const copied = await copyTable({
    session,
    source: { ...found, identifier },
    location,
    dataFolder: `${location}/data`,
    ledgerFolder: ledgerFolder(session, tableName(identifier)),
    signal: options.signal,
    ...(options.onProgress !== undefined && { onProgress: options.onProgress }),
  });
  await register(session, copied, identifier);
  return { ...report, copiedFiles: copied.copiedFiles };
}

/** Two tables in one folder: what one cleans may be the other's. */
async function refuseShared(
  session: Session,
  identifier: TableIdentifier,
  origin: TableIdentifier,
): Promise<void> {
  if (tableName(identifier) === tableName(origin)) return;
  const [catalog, storage] = await Promise.all([session.catalog(), session.storage()]);
  if ((await loadTable({ catalog, storage, identifier: origin })) === null) return;
  const hint = "it was built again in the folder of the dropped one: drop that first";
  throw lakeError("catalog/table-exists", { table: tableName(origin) }, { hint });
}

/** What `lake drop` took along comes back along. */
async function restoreQuarantine(options: RestoreOptions, origin: TableIdentifier): Promise<void> {
  const { session, identifier } = options;
  const quarantine = quarantineOf(origin);
  if ((await readDrop(session, quarantine)) === null) return;
  const { metadata: _metadata, ...rest } = options;
  await restoreTable({ ...rest, identifier: quarantineOf(identifier), origin: quarantine });
}

type Source = Pick<CatalogTable, "metadata" | "metadataLocation">;

async function findSource(options: RestoreOptions, location: string): Promise<Source> {
  const { session, from, identifier, origin = identifier, metadata } = options;
  const [catalog, storage] = await Promise.all([session.catalog(), session.storage()]);
  if (from !== null && isTableName(from)) {
    const [namespace = "", name = ""] = from.split(".");
    const table = await loadTable({ catalog, storage, identifier: { namespace, name } });
    if (table !== null) return table;
    throw lakeError("upkeep/no-backup", { table: tableName(identifier), from });
  }
  const folder = (from ?? location).replace(/(?<=[^/:])\/+$/, "");
  const found =
    from === null
      ? await findDropped({ session, identifier: origin, folder, metadata })
      : await newestMetadata(storage, folder);
  if (found === null) throw lakeError("upkeep/no-backup", { table: tableName(identifier), from: folder });
  return found;
}

/** By the number that its name begins with, then by age: files of attempts that lost carry the same number. */
async function newestMetadata(storage: Storage, folder: string): Promise<Source | null> {
  let newest: { readonly path: string; readonly version: number; readonly modifiedMs: number } | null = null;
  for await (const { path, modifiedMs } of storage.list(`${folder}/metadata/`)) {
    const [, number] = /\/metadata\/v?(\d+)[^/]*\.metadata\.json(?:\.gz)?$/.exec(path) ?? [];
    if (number === undefined) continue;
    const version = Number(number);
    const isNewer =
      newest === null ||
      version > newest.version ||
      (version === newest.version && modifiedMs > newest.modifiedMs);
    if (isNewer) newest = { path, version, modifiedMs };
  }
  if (newest === null) return null;
  const { path: metadataLocation } = newest;
  return {
    metadataLocation,
    metadata: parseTableMetadata(await storage.read(metadataLocation), metadataLocation),
  };
}

async function checkFiles(storage: Storage, { metadata }: Source): Promise<void> {
  const head = headSnapshot(metadata);
  if (head === null) return;
  const paths: string[] = [];
  const manifests = await manifestsOf(storage, [head]);
  await forEachLiveFile({ storage, metadata, manifests: manifests.values() }, (path) => paths.push(path));
  const there = await mapLimited(paths, concurrency, (path) => storage.stat(path));
  const gone = paths.filter((_, index) => there[index] === null);
  if (gone[0] === undefined) return;
  throw lakeError("upkeep/files-gone", { location: metadata.location, count: gone.length, path: gone[0] });
}
