// From a name to the table's metadata.
import type { Catalog, CatalogTable, TableIdentifier } from "../catalog/catalog.ts";
import { isLakeError, lakeError } from "../common/errors.ts";
import { mapLimited } from "../common/limit.ts";
import type { Storage } from "../storage/storage.ts";
import { parseTableMetadata } from "./metadata.ts";

const concurrency = 8;

/** The table as the catalog points at it now; null when there is none. */
export async function loadTable(request: {
  readonly catalog: Catalog;
  readonly storage: Storage;
  readonly identifier: TableIdentifier;
}): Promise<CatalogTable | null> {
  const { catalog, storage, identifier } = request;
  const tables = await loadTables({ catalog, storage, identifiers: [identifier] });
  return tables.get(nameOf(identifier)) ?? null;
}

/** Many tables in one round trip to the catalog, by `namespace.name`; missing ones are left out. */
export async function loadTables(request: {
  readonly catalog: Catalog;
  readonly storage: Storage;
  readonly identifiers: readonly TableIdentifier[];
}): Promise<Map<string, CatalogTable>> {
  const { catalog, storage, identifiers } = request;
  if (identifiers.length === 0) return new Map();
  const locations = await catalog.locate(identifiers);
  const found = identifiers.flatMap((identifier) => {
    const metadataLocation = locations.get(nameOf(identifier));
    return metadataLocation === undefined ? [] : [{ identifier, metadataLocation }];
  });
  const tables = await mapLimited(found, concurrency, async ({ identifier, metadataLocation }) => {
    const table = nameOf(identifier);
    const metadata = parseTableMetadata(
      await readMetadata(storage, table, metadataLocation),
      metadataLocation,
    );
    return [table, { identifier, metadataLocation, metadata }] as const;
  });
  return new Map(tables);
}

async function readMetadata(storage: Storage, table: string, path: string): Promise<Uint8Array> {
  try {
    return await storage.read(path);
  } catch (error) {
    if (!isLakeError(error, "storage/not-found")) throw error;
    const problem = `there is no such file, though the catalog names it for ${table}`;
    const hint = "bring the file back, or point the catalog to an older one of the same folder";
    throw lakeError("iceberg/bad-metadata", { path, problem }, { hint, cause: error });
  }
}

/** As `tableName` of the catalog seam, which this folder may not import at run time. */
export function nameOf(identifier: TableIdentifier): string {
  return `${identifier.namespace}.${identifier.name}`;
}
