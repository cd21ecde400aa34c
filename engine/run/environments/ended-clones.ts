// A clone ends with its base: once the original's tag is gone, any expiry may take files that both share.
import { tableName } from "../../catalog/catalog.ts";
import type { CatalogTable, TableIdentifier } from "../../catalog/catalog.ts";
import { lakeError } from "../../common/errors.ts";
import type { LakeError } from "../../common/errors.ts";
import { folderKey, pathKey } from "../../iceberg/path-key.ts";
import { planScan } from "../../iceberg/scan.ts";
import { loadTables } from "../../iceberg/transaction.ts";
import type { TableMetadata } from "../../iceberg/types.ts";
import { cloneOrigin } from "./clones.ts";
import type { CloneOrigin } from "./clones.ts";
import type { Session } from "../session.ts";

interface Clone {
  readonly uniqueId: string;
  readonly table: CatalogTable;
  readonly origin: CloneOrigin;
}

/** By unique id, why a clone must not be read any more. One whose files are all its own by now lives on. */
export async function endedClones(
  session: Session,
  tables: ReadonlyMap<string, CatalogTable>,
): Promise<Map<string, LakeError>> {
  const clones = [...tables].flatMap(([uniqueId, table]): Clone[] => {
    const origin = cloneOrigin(table.metadata);
    return origin === null ? [] : [{ uniqueId, table, origin }];
  });
  const ended = new Map<string, LakeError>();
  for (const [target, group] of Map.groupBy(clones, ({ origin }) => origin.target)) {
    const originals = await loadOriginals(session, target, group);
    for (const clone of group) {
      if (isHeld(originals.get(clone.origin.table), clone.origin)) continue;
      if (await sharesFiles(session, clone.table.metadata)) ended.set(clone.uniqueId, endedError(clone));
    }
  }
  return ended;
}

/** A target that this one does not stand on shares its catalog, or nobody could have cloned its tables. */
async function loadOriginals(
  session: Session,
  target: string,
  clones: readonly Clone[],
): Promise<ReadonlyMap<string, CatalogTable>> {
  const owner = session.below.find(({ name }) => name === target) ?? session.profile;
  const [catalog, storage] = await Promise.all([session.catalogOf(owner), session.storage()]);
  const identifiers = clones.map(({ origin }): TableIdentifier => {
    const [namespace = "", name = ""] = origin.table.split(".");
    return { namespace, name };
  });
  return loadTables({ catalog, storage, identifiers });
}

function isHeld(original: CatalogTable | undefined, { uuid, tag, snapshotId }: CloneOrigin): boolean {
  if (original?.metadata["table-uuid"] !== uuid) return false;
  return original.metadata.refs[tag]?.["snapshot-id"] === snapshotId;
}

async function sharesFiles(session: Session, metadata: TableMetadata): Promise<boolean> {
  const own = folderKey(metadata.location);
  const tasks = await planScan({ storage: await session.storage(), metadata });
  return tasks.some(({ file, deletes }) =>
    [file, ...deletes].some(({ path }) => !pathKey(path).startsWith(own)),
  );
}

function endedError({ table, origin }: Clone): LakeError {
  const clone = tableName(table.identifier);
  return lakeError(
    "run/base-expired",
    { clone, table: origin.table, tag: origin.tag, target: origin.target },
    { hint: `clone again: lake clone --replace -s ${table.identifier.name}` },
  );
}
