// From a name to the table's metadata.
import type { Catalog, CatalogTable, TableIdentifier } from "../catalog/catalog.ts";
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
    const metadata = parseTableMetadata(await storage.read(metadataLocation), metadataLocation);
    return [nameOf(identifier), { identifier, metadataLocation, metadata }] as const;
  });
  return new Map(tables);
}

/** As `tableName` of the catalog seam, which this folder may not import at run time. */
export function nameOf(identifier: TableIdentifier): string {
  return `${identifier.namespace}.${identifier.name}`;
}
