// Files below a table's location that its metadata does not know: leftovers of failed writes.
import type { CatalogTable } from "../catalog/catalog.ts";
import type { FileInfo, Storage } from "../storage/storage.ts";
import { pathKey } from "./path-key.ts";
import { reachableFiles } from "./reachable-files.ts";

/**
 * Yields each file below the location that is older than `olderThanMs` (a time, milliseconds since the epoch), that
 * no snapshot of the table needs, and whose key (`pathKey`) is not in `spared`. The listing is paged: memory is
 * bounded by what the table knows, not by what lies there. Errors: those of reading any manifest, before anything
 * is yielded.
 */
export async function* orphanFiles(request: {
  readonly storage: Storage;
  readonly table: CatalogTable;
  readonly olderThanMs: number;
  readonly spared: ReadonlySet<string>;
}): AsyncGenerator<FileInfo> {
  const { storage, table, olderThanMs, spared } = request;
  const { metadata, metadataLocation } = table;
  const needed = await reachableFiles(storage, metadata, metadataLocation);
  for await (const file of storage.list(`${metadata.location.replace(/\/+$/, "")}/`)) {
    if (file.modifiedMs >= olderThanMs) continue;
    const key = pathKey(file.path);
    if (needed.has(key) || spared.has(key)) continue;
    // Hadoop tables find their newest metadata by these.
    if (/\/metadata\/(version-hint\.text|v\d+(\.gz)?\.metadata\.json(\.gz)?)$/.test(key)) continue;
    yield file;
  }
}
