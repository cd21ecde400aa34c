// Taking a table of the target away: first out of the catalog, then the files of its own folders.
import { tableName } from "../../catalog/catalog.ts";
import type { CatalogTable } from "../../catalog/catalog.ts";
import { folderKey } from "../../iceberg/path-key.ts";
import type { Storage } from "../../storage/storage.ts";
import { ledgerFolder } from "../landing/ledger-of-model.ts";
import { newTableLocation } from "../writing/new-table-location.ts";
import type { Session } from "../session.ts";

export interface DroppedFiles {
  readonly files: number;
  readonly sizeBytes: number;
}

const batchFiles = 1000;

/**
 * Deletes nothing but what lies where this target puts the table: data that a clone shares lies elsewhere, and so
 * does a table that somebody registered from another place. Errors: those of the catalog (no file is deleted then).
 */
export async function dropTable(
  session: Session,
  { identifier, metadata }: CatalogTable,
): Promise<DroppedFiles> {
  const [catalog, storage] = await Promise.all([session.catalog(), session.storage()]);
  const own = await newTableLocation(session, identifier);
  await catalog.drop(identifier);
  const ledger = await deleteFolder(storage, ledgerFolder(session, tableName(identifier)));
  if (folderKey(metadata.location) !== folderKey(own)) return ledger;
  const files = await deleteFolder(storage, metadata.location);
  return { files: files.files + ledger.files, sizeBytes: files.sizeBytes + ledger.sizeBytes };
}

/** Every file below the folder. */
export async function deleteFolder(storage: Storage, folder: string): Promise<DroppedFiles> {
  let [files, sizeBytes] = [0, 0];
  let batch: string[] = [];
  for await (const file of storage.list(`${folder.replace(/\/+$/, "")}/`)) {
    batch.push(file.path);
    files += 1;
    sizeBytes += file.sizeBytes;
    if (batch.length < batchFiles) continue;
    await storage.delete(batch);
    batch = [];
  }
  await storage.delete(batch);
  return { files, sizeBytes };
}
