// Commits that write no data: refs, snapshots, properties, schemas. One metadata file and one pointer move,
// made again on the newest state when another writer was faster.
import type { Catalog, CatalogTable, TableCommit, TableIdentifier } from "../catalog/catalog.ts";
import { isLakeError, lakeError } from "../common/errors.ts";
import { retry } from "../common/retry.ts";
import type { Storage } from "../storage/storage.ts";
import { loadTable, nameOf } from "./load-table.ts";
import { applyUpdates, commitTimeMs, newMetadataLocation, serialiseTableMetadata } from "./metadata.ts";
import { deleteOldMetadata } from "./old-metadata.ts";
import type { TableMetadata, TableUpdate } from "./types.ts";

export interface CommitUpdatesRequest {
  readonly catalog: Catalog;
  readonly storage: Storage;
  readonly identifier: TableIdentifier;
  readonly nowMs: number;
  /**
   * What is to be done to the table as it stands; called again after a conflict. Null or no updates: nothing to
   * do. It checks by itself whatever must hold and throws where it does not.
   */
  readonly make: (
    table: CatalogTable,
  ) => readonly TableUpdate[] | null | Promise<readonly TableUpdate[] | null>;
  /** How often in all; default 10. */
  readonly attempts?: number;
}

/**
 * The table as it stands afterwards. Errors: `catalog/table-not-found`, `catalog/conflict` when others were faster
 * each time, `catalog/unknown-outcome` (nothing is deleted), and those of `make`.
 */
export async function commitUpdates(request: CommitUpdatesRequest): Promise<CatalogTable> {
  const { catalog, storage, identifier } = request;
  return retry({ attempts: request.attempts ?? 10, firstDelayMs: 50, maxDelayMs: 2000 }, async () => {
    const table = await loadTable({ catalog, storage, identifier });
    if (table === null) throw lakeError("catalog/table-not-found", { table: nameOf(identifier) });
    const updates = await request.make(table);
    return updates === null || updates.length === 0 ? table : moveTo(request, table, updates);
  });
}

async function moveTo(
  { catalog, storage, identifier, nowMs }: CommitUpdatesRequest,
  table: CatalogTable,
  updates: readonly TableUpdate[],
): Promise<CatalogTable> {
  const { metadataLocation: previousMetadataLocation, metadata: base } = table;
  const context = { nowMs: commitTimeMs(base, nowMs), previousMetadataLocation };
  const metadata = applyUpdates(base, updates, context);
  const newLocation = newMetadataLocation(metadata, previousMetadataLocation);
  await storage.writeIfAbsent(newLocation, serialiseTableMetadata(metadata));
  const commit: TableCommit = {
    identifier,
    baseMetadataLocation: previousMetadataLocation,
    newMetadataLocation: newLocation,
    newMetadata: metadata,
    baseMetadata: base,
  };
  try {
    await catalog.commit([commit]);
  } catch (error) {
    const now = await standing(catalog, storage, identifier);
    if (now !== null && names(now, newLocation)) return now;
    // An unknown outcome may still come true: its metadata file stays.
    if (now !== null && isLakeError(error, "catalog/conflict"))
      await storage.delete([newLocation]).catch(() => {});
    throw error;
  }
  await deleteOldMetadata(storage, [commit]);
  return { identifier, metadataLocation: newLocation, metadata };
}

async function standing(
  catalog: Catalog,
  storage: Storage,
  identifier: TableIdentifier,
): Promise<CatalogTable | null> {
  try {
    return await loadTable({ catalog, storage, identifier });
  } catch {
    // The failure that led here is what the caller needs.
    return null;
  }
}

function names(
  { metadataLocation, metadata }: { metadataLocation: string; metadata: TableMetadata },
  path: string,
): boolean {
  return (
    metadataLocation === path || metadata["metadata-log"].some((entry) => entry["metadata-file"] === path)
  );
}
