// What lies in the folders of a project's tables, held against what the tables need.
import type { CatalogTable } from "../../engine/catalog/catalog.ts";
import { pathKey } from "../../engine/iceberg/path-key.ts";
import { reachableFiles } from "../../engine/iceberg/reachable-files.ts";
import { loadTables } from "../../engine/iceberg/transaction.ts";
import type { Session } from "../../engine/run/session.ts";
import type { TestProject } from "./project.ts";

/** Every table of the target's catalog, by `namespace.name`. */
export async function catalogTables(session: Session): Promise<Map<string, CatalogTable>> {
  const [catalog, storage] = await Promise.all([session.catalog(), session.storage()]);
  const namespaces = await catalog.listNamespaces();
  const identifiers = (await Promise.all(namespaces.map((name) => catalog.list(name)))).flat();
  return loadTables({ catalog, storage, identifiers });
}

/** Files below the warehouse, `_lake` apart, that no table of the catalog needs. */
export function leftovers(here: TestProject): Promise<string[]> {
  return here.withSession(async (session) => {
    const storage = await session.storage();
    const needed = new Set<string>();
    for (const { metadata, metadataLocation } of (await catalogTables(session)).values()) {
      for (const key of await reachableFiles(storage, metadata, metadataLocation)) needed.add(key);
    }
    const found: string[] = [];
    for await (const { path } of storage.list(session.profile.warehouse)) {
      if (!path.includes("/_lake/") && !needed.has(pathKey(path))) found.push(path);
    }
    return found.sort();
  });
}
