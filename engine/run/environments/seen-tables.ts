// The tables of a target as its readers see them: its own, else those of the nearest target that it stands on.
import type { CatalogTable } from "../../catalog/catalog.ts";
import { tableName } from "../../catalog/catalog.ts";
import type { LakeError } from "../../common/errors.ts";
import { loadTables } from "../../iceberg/transaction.ts";
import type { Model, Seed, TargetProfile } from "../../project/types.ts";
import { endedClones } from "./ended-clones.ts";
import { tableIdentifier } from "../names.ts";
import type { Session } from "../session.ts";

export interface SeenTable {
  readonly table: CatalogTable;
  /** The target whose table it is. */
  readonly owner: TargetProfile;
  /** Of a clone whose base is gone: why it must not be read. */
  readonly ended?: LakeError;
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
  const own = new Map(
    [...seen].flatMap(([id, { table, owner }]) => (owner === session.profile ? [[id, table] as const] : [])),
  );
  for (const [uniqueId, ended] of await endedClones(session, own))
    seen.set(uniqueId, { ...(seen.get(uniqueId) as SeenTable), ended });
  return seen;
}

export function tablesOf(seen: ReadonlyMap<string, SeenTable>): Map<string, CatalogTable> {
  return new Map([...seen].map(([uniqueId, { table }]) => [uniqueId, table]));
}

/** Why some of them must not be read. */
export function endedOf(seen: ReadonlyMap<string, SeenTable>): Map<string, LakeError> {
  return new Map(
    [...seen].flatMap(([uniqueId, { ended }]) => (ended === undefined ? [] : [[uniqueId, ended] as const])),
  );
}
