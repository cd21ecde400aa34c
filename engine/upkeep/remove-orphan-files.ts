// Deleting what lies in a table's folder and belongs to nothing: leftovers of writes that failed.
import { tableName } from "../catalog/catalog.ts";
import type { Catalog, CatalogTable, TableIdentifier } from "../catalog/catalog.ts";
import { lakeError } from "../common/errors.ts";
import { orphanFiles } from "../iceberg/orphan-files.ts";
import { folderKey, pathKey } from "../iceberg/path-key.ts";
import { loadTable } from "../iceberg/transaction.ts";
import type { Session } from "../run/session.ts";
import { stagedPaths } from "./staged-paths.ts";

export interface OrphanReport {
  readonly table: TableIdentifier;
  readonly files: number;
  readonly sizeBytes: number;
  /** The first ones, for people. */
  readonly examples: readonly string[];
}

export interface OrphanOptions {
  readonly session: Session;
  readonly identifier: TableIdentifier;
  /** Younger files may belong to a write under way; 3 days are usual. */
  readonly olderThanMs: number;
  readonly dryRun: boolean;
  readonly onProgress?: (files: number) => void;
}

const dayMs = 86_400_000;
const batchFiles = 1000;
const shownExamples = 20;

/**
 * Files of the current metadata, of every snapshot and of staged runs of any target of the warehouse are spared.
 * Errors: `upkeep/orphans-too-young` for less than a day, `upkeep/nested-tables` where another table shares the
 * folder, `iceberg/gc-disabled` for a clone, those of reading the table (nothing is deleted then).
 */
export async function removeOrphanFiles(options: OrphanOptions): Promise<OrphanReport> {
  const { session, identifier, olderThanMs, dryRun } = options;
  if (olderThanMs < dayMs) throw lakeError("upkeep/orphans-too-young", { hours: olderThanMs / 3_600_000 });
  const [catalog, storage] = await Promise.all([session.catalog(), session.storage()]);
  // First: what is published meanwhile is then in the table, or still spared.
  const spared = await stagedPaths(storage, session.profile.warehouse);
  const table = await loadTable({ catalog, storage, identifier });
  if (table === null) throw lakeError("catalog/table-not-found", { table: tableName(identifier) });
  if (table.metadata.properties["gc.enabled"] === "false") {
    throw lakeError("iceberg/gc-disabled", { table: table.metadata.location });
  }
  await refuseNested(catalog, table);
  let [files, sizeBytes] = [0, 0];
  const examples: string[] = [];
  let batch: string[] = [];
  const flush = async (): Promise<void> => {
    if (!dryRun && batch.length > 0) await storage.delete(batch);
    batch = [];
    options.onProgress?.(files);
  };
  const found = orphanFiles({ storage, table, olderThanMs: session.now() - olderThanMs, spared });
  for await (const file of found) {
    files += 1;
    sizeBytes += file.sizeBytes;
    if (examples.length < shownExamples) examples.push(file.path);
    batch.push(file.path);
    if (batch.length >= batchFiles) await flush();
  }
  await flush();
  return { table: identifier, files, sizeBytes, examples };
}

/** Another table's files would be orphans here: two tables in one folder are nothing to clean by listing. */
async function refuseNested(catalog: Catalog, table: CatalogTable): Promise<void> {
  const own = folderKey(table.metadata.location);
  for (const namespace of await catalog.listNamespaces()) {
    const pointers = await catalog.locate(await catalog.list(namespace));
    for (const [name, pointer] of pointers) {
      if (name === tableName(table.identifier)) continue;
      const other = folderKey(pathKey(pointer).replace(/\/metadata\/[^/]*$/, ""));
      if (!other.startsWith(own) && !own.startsWith(other)) continue;
      throw lakeError("upkeep/nested-tables", {
        table: tableName(table.identifier),
        other: name,
        folder: table.metadata.location,
      });
    }
  }
}
