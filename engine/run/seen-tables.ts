// The tables of a target as its readers see them: its own, else those of the nearest target that it stands on.
import type { CatalogTable } from "../catalog/catalog.ts";
import { tableName } from "../catalog/catalog.ts";
import { loadTables } from "../iceberg/transaction.ts";
import type { Model, Seed, TargetProfile } from "../project/types.ts";
import { tableIdentifier } from "./names.ts";
import type { Session } from "./session.ts";

export interface SeenTable {
  readonly table: CatalogTable;
  /** The target whose table it is. */
  readonly owner: TargetProfile;
}

/** By unique id, as far as they are there; one question to the catalog of each target on the way down. */
export async function seenTables(
  session: Session,
  nodes: Iterable<Model | Seed>,
): Promise<Map<string, SeenTable>> {
  const seen = new Map<string, SeenTable>();
  let missing = [...new Map([...nodes].map((node) => [node.uniqueId, node])).values()];
  const storage = await session.storage();
  for (const owner of [session.profile, ...session.below]) {
    if (missing.length === 0) break;
    const catalog = await session.catalogOf(owner);
    const identifiers = missing.map((node) => tableIdentifier(node, owner));
    const found = await loadTables({ catalog, storage, identifiers });
    missing = missing.filter((node) => {
      const table = found.get(tableName(tableIdentifier(node, owner)));
      if (table !== undefined) seen.set(node.uniqueId, { table, owner });
      return table === undefined;
    });
  }
  return seen;
}

export function tablesOf(seen: ReadonlyMap<string, SeenTable>): Map<string, CatalogTable> {
  return new Map([...seen].map(([uniqueId, { table }]) => [uniqueId, table]));
}
