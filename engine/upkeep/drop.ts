// `lake drop`: a table goes out of the catalog; its files stay for `lake restore`, or go with it.
import { tableName } from "../catalog/catalog.ts";
import type { CatalogTable, TableIdentifier } from "../catalog/catalog.ts";
import { lakeError } from "../common/errors.ts";
import { pathKey } from "../iceberg/path-key.ts";
import { reachableFiles } from "../iceberg/reachable-files.ts";
import { loadTable } from "../iceberg/transaction.ts";
import { basesOf } from "../plan/base-tags.ts";
import { headSnapshot } from "../plan/table-state.ts";
import { deleteFolder } from "../run/tables/drop-table.ts";
import { findOwnTable } from "../run/tables/find-table.ts";
import { ledgerFolder } from "../run/landing/ledger-of-model.ts";
import { quarantineOf } from "../run/writing/quarantine.ts";
import type { Session } from "../run/session.ts";
import { whoRuns } from "../run/who.ts";
import type { Storage } from "../storage/storage.ts";
import { forgetDrop, recordDrop } from "./drop-records.ts";

export interface DropRequest {
  readonly table: string;
  /** Deletes the table's files, too: nothing brings it back then. */
  readonly purge?: boolean;
  /** Purges a table whose files clones may share. */
  readonly force?: boolean;
  readonly dryRun?: boolean;
}

export interface DropReport {
  readonly tables: readonly {
    readonly table: TableIdentifier;
    readonly metadataLocation: string;
    readonly rows: number;
    /** Files that go with it. */
    readonly files: number;
    readonly sizeBytes: number;
  }[];
  readonly purged: boolean;
  readonly dryRun: boolean;
}

const batchFiles = 1000;

/**
 * Drops a table, and the table of its rejected lines with it. With `purge` every file in the table's own location that its metadata
 * names is deleted, after it is out of the catalog; files that nobody names stay, since nobody says whose they are.
 * Errors: `run/unknown-table`, `run/foreign-namespace`, `upkeep/purge-refused`, those of the catalog (no file is
 * deleted then).
 */
export async function dropNamedTable(session: Session, request: DropRequest): Promise<DropReport> {
  const { purge = false, force = false, dryRun = false } = request;
  const { identifier, table } = await findOwnTable(session, request.table);
  const [catalog, storage] = await Promise.all([session.catalog(), session.storage()]);
  const quarantine = await loadTable({ catalog, storage, identifier: quarantineOf(identifier) });
  const all = [table, ...(quarantine === null ? [] : [quarantine])];
  if (purge) for (const one of all) refusePurge(one, force);
  const tables: DropReport["tables"][number][] = [];
  for (const one of all) {
    const files = purge ? await ownFiles(storage, one) : [];
    if (!dryRun) await dropOne(session, one, purge ? files.map(({ path }) => path) : null);
    tables.push({
      table: one.identifier,
      metadataLocation: one.metadataLocation,
      rows: Number(headSnapshot(one.metadata)?.summary["total-records"] ?? 0),
      files: files.length,
      sizeBytes: files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    });
  }
  return { tables, purged: purge, dryRun };
}

async function dropOne(
  session: Session,
  { identifier, metadata, metadataLocation }: CatalogTable,
  purged: readonly string[] | null,
): Promise<void> {
  const [catalog, storage] = await Promise.all([session.catalog(), session.storage()]);
  if (purged === null) {
    // First: a record of a drop that did not happen does no harm.
    await recordDrop(session, identifier, {
      metadataLocation,
      uuid: metadata["table-uuid"],
      droppedMs: session.now(),
      user: whoRuns(session.env),
    });
    await catalog.drop(identifier);
    return;
  }
  await catalog.drop(identifier);
  await forgetDrop(session, identifier);
  for (let start = 0; start < purged.length; start += batchFiles)
    await storage.delete(purged.slice(start, start + batchFiles));
  await deleteFolder(storage, ledgerFolder(session, tableName(identifier)));
}

/** Files that somebody else may need are not ours to delete. */
function refusePurge({ identifier, metadata }: CatalogTable, force: boolean): void {
  const table = tableName(identifier);
  const refuse = (problem: string, hint: string): Error =>
    lakeError("upkeep/purge-refused", { table, problem }, { hint });
  if (metadata.properties["gc.enabled"] === "false") {
    throw refuse(
      "its property gc.enabled is false: it shares files with another table",
      "drop it without --purge; the clones of an environment go with lake env drop",
    );
  }
  const bases = basesOf(metadata).map(({ tag }) => tag);
  if (bases.length > 0 && !force) {
    throw refuse(
      `its ${bases.length === 1 ? "tag" : "tags"} ${bases.join(", ")} keep files alive that clones share`,
      "let the clones go first (lake env ls), or say --force",
    );
  }
}

/** What the metadata names and lies in the table's own location. */
async function ownFiles(
  storage: Storage,
  { metadata, metadataLocation }: CatalogTable,
): Promise<readonly { readonly path: string; readonly sizeBytes: number }[]> {
  const needed = await reachableFiles(storage, metadata, metadataLocation);
  const found: { path: string; sizeBytes: number }[] = [];
  for await (const { path, sizeBytes } of storage.list(`${metadata.location.replace(/\/+$/, "")}/`)) {
    if (needed.has(pathKey(path))) found.push({ path, sizeBytes });
  }
  return found;
}
