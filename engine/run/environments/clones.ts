// Zero-copy clones of the tables of another target: how they are made, and what they stand on (rules 22 and 23).
import type { Catalog, CatalogTable } from "../../catalog/catalog.ts";
import { tableName } from "../../catalog/catalog.ts";
import { isLakeError, lakeError } from "../../common/errors.ts";
import { atSnapshot, stageClone } from "../../iceberg/clone-table.ts";
import { newMetadataLocation, serialiseTableMetadata } from "../../iceberg/metadata.ts";
import { loadTable } from "../../iceberg/transaction.ts";
import type { TableMetadata } from "../../iceberg/types.ts";
import { basesOf } from "../../plan/base-tags.ts";
import type { Base } from "../../plan/base-tags.ts";
import { carriedSummary, summaryKeys, tableVersion } from "../../plan/table-state.ts";
import type { Model, Seed, TargetProfile } from "../../project/types.ts";
import type { Storage } from "../../storage/storage.ts";
import { copyLedger, emptyLedger, findLedger, ledgerProperties, readLedger } from "../landing/ledger.ts";
import { ledgerFolder } from "../landing/ledger-of-model.ts";
import { tableIdentifier, tableLocation } from "../names.ts";
import type { PlannedNode } from "../planning/planner.ts";
import { ensureNamespace } from "../publishing/publish.ts";
import type { Session } from "../session.ts";

export interface ClonePlan {
  readonly source: CatalogTable;
  /** Whose table the source is. */
  readonly owner: TargetProfile;
  readonly base: Base;
}

/** Property of a clone: what it was made of. */
const originKey = "lake.clone";

export interface CloneOrigin {
  readonly target: string;
  /** `namespace.name`. */
  readonly table: string;
  readonly uuid: string;
  readonly snapshotId: bigint;
  readonly tag: string;
}

/** The base that clones of the table are made of. Errors: `run/no-base`. */
export function newestBase({
  table,
  owner,
}: {
  readonly table: CatalogTable;
  readonly owner: TargetProfile;
}): Base {
  const base = basesOf(table.metadata).at(-1);
  if (base !== undefined) return base;
  throw lakeError(
    "run/no-base",
    { table: tableName(table.identifier), target: owner.name },
    {
      hint: `\`lake build -t ${owner.name}\` makes one, since an environment stands on that target; --full-refresh builds the table without`,
    },
  );
}

/** The clone as it will begin, before anything of it is written: its rows are read from the original's files. */
export function baseAsTable(
  { profile }: Session,
  node: Model | Seed,
  source: CatalogTable,
  base: Base,
): CatalogTable {
  const identifier = tableIdentifier(node, profile);
  const location = tableLocation(identifier, profile);
  return { ...source, identifier, metadata: { ...atSnapshot(source.metadata, base.snapshotId), location } };
}

/** Null for a table that is no clone. */
export function cloneOrigin(metadata: TableMetadata): CloneOrigin | null {
  const text = metadata.properties[originKey];
  if (text === undefined) return null;
  const { snapshot, ...origin } = JSON.parse(text) as Omit<CloneOrigin, "snapshotId"> & { snapshot: string };
  return { ...origin, snapshotId: BigInt(snapshot) };
}

/**
 * Makes the node's table in this target as a clone, and registers it. Only manifests and the ledger are copied.
 * Another run that makes the same clone at the same moment is no harm. Errors: `catalog/table-exists`,
 * `catalog/unknown-outcome` (nothing is deleted then), those of reading the source.
 */
export async function makeClone(
  session: Session,
  node: Model | Seed,
  plan: ClonePlan,
): Promise<CatalogTable> {
  const [catalog, storage] = await Promise.all([session.catalog(), session.storage()]);
  const identifier = tableIdentifier(node, session.profile);
  const { source, owner, base } = plan;
  const state = { ...source, metadata: atSnapshot(source.metadata, base.snapshotId) };
  const ledger = await copyLedger({
    storage,
    source: state,
    folder: ledgerFolder(session, tableName(identifier)),
    commitId: session.newId(),
  });
  const origin = {
    target: owner.name,
    table: tableName(source.identifier),
    uuid: source.metadata["table-uuid"],
    snapshot: String(base.snapshotId),
    tag: base.tag,
  };
  const { metadata, writtenPaths } = await stageClone({
    storage,
    source: source.metadata,
    snapshotId: base.snapshotId,
    location: tableLocation(identifier, session.profile),
    nowMs: session.now(),
    properties: {
      [originKey]: JSON.stringify(origin),
      ...(ledger !== null && {
        [ledgerProperties.ledger]: ledger,
        [ledgerProperties.snapshot]: String(base.snapshotId),
      }),
    },
    summary: { ...lakeSummary(state), ...(ledger !== null && { [summaryKeys.ledger]: ledger }) },
  });
  const metadataLocation = newMetadataLocation(metadata, null);
  await storage.writeIfAbsent(metadataLocation, serialiseTableMetadata(metadata));
  await ensureNamespace(catalog, identifier.namespace, session.profile);
  const clone: CatalogTable = { identifier, metadataLocation, metadata };
  const written = [...writtenPaths, metadataLocation, ...(ledger === null ? [] : [ledger])];
  return register({ catalog, storage, clone, written });
}

/** A step of an environment that keeps its table's rows: from here on that table is the target's own. */
export async function onClone(session: Session, node: PlannedNode): Promise<PlannedNode> {
  if (node.clone === null) return node;
  const base = await makeClone(session, node.node as Model | Seed, node.clone);
  if (node.landing === null) return { ...node, base };
  const storage = await session.storage();
  const pointer = await findLedger(storage, base.metadata, tableName(base.identifier));
  const ledger = pointer === null ? emptyLedger : await readLedger(storage, pointer);
  return { ...node, base, landing: { ...node.landing, ledger } };
}

/** What the snapshot says of its rows, taken over where a compaction stands between; and whose rows they are. */
function lakeSummary(state: CatalogTable): Record<string, string> {
  const version = tableVersion(state.metadata);
  return {
    ...carriedSummary(state),
    [summaryKeys.cloneOf]: version.slice(0, version.lastIndexOf("#")),
  };
}

async function register(options: {
  readonly catalog: Catalog;
  readonly storage: Storage;
  readonly clone: CatalogTable;
  readonly written: readonly string[];
}): Promise<CatalogTable> {
  const { catalog, storage, clone, written } = options;
  const { identifier, metadataLocation, metadata } = clone;
  try {
    await catalog.commit([
      {
        identifier,
        baseMetadataLocation: null,
        newMetadataLocation: metadataLocation,
        newMetadata: metadata,
        baseMetadata: null,
      },
    ]);
    return clone;
  } catch (error) {
    const now = await loadTable({ catalog, storage, identifier }).catch(() => null);
    if (now?.metadataLocation === metadataLocation) return now;
    if (now === null || !isLakeError(error, "catalog/table-exists")) throw error;
    await storage.delete(written).catch(() => {});
    if (isSameState(now.metadata, metadata)) return now;
    throw error;
  }
}

function isSameState(one: TableMetadata, other: TableMetadata): boolean {
  return (
    one.properties[originKey] === other.properties[originKey] &&
    one["current-snapshot-id"] === other["current-snapshot-id"]
  );
}
