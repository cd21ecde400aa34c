// Staged changes become visible here: fresh metadata with the publish time, and one move of the pointers.
import type { Catalog, CatalogTable, TableCommit } from "../catalog/catalog.ts";
import { isLakeError, lakeError } from "../common/errors.ts";
import { mapLimited } from "../common/limit.ts";
import type { Storage } from "../storage/storage.ts";
import type { StagedChange } from "./change.ts";
import { loadTables, nameOf } from "./load-table.ts";
import { sameSpec } from "./metadata-updates.ts";
import {
  applyUpdates,
  checkRequirements,
  commitTimeMs,
  currentSchema,
  defaultSpec,
  newMetadataLocation,
  serialiseTableMetadata,
} from "./metadata.ts";
import { deleteOldMetadata } from "./old-metadata.ts";
import { sameSchema } from "./schema.ts";
import { commitIdKey, stageChange } from "./stage-change.ts";
import type { TableMetadata, TableUpdate } from "./types.ts";

const concurrency = 8;
const verifyAfterDefaultMs = 10 * 60_000;

/**
 * Checks the change's requirements against the table as it is now, writes the new metadata file and returns the
 * pointer move. Errors: `catalog/conflict` (nothing is written then).
 */
export async function prepareCommit(request: {
  readonly storage: Storage;
  readonly staged: StagedChange;
  readonly current: CatalogTable | null;
  readonly nowMs: number;
}): Promise<TableCommit> {
  const { storage, staged, current } = request;
  const { identifier } = staged.request;
  const base = current?.metadata ?? null;
  checkRequirements(base, staged.requirements, nameOf(identifier));
  checkNumbers(base, staged);
  const nowMs = commitTimeMs(base, request.nowMs);
  const previousMetadataLocation = current?.metadataLocation ?? null;
  const updates = withoutMovedTags(base, atTime(staged.updates, nowMs));
  const metadata = applyUpdates(base, updates, { nowMs, previousMetadataLocation });
  const newLocation = newMetadataLocation(metadata, previousMetadataLocation);
  await storage.writeIfAbsent(newLocation, serialiseTableMetadata(metadata));
  return {
    identifier,
    baseMetadataLocation: previousMetadataLocation,
    newMetadataLocation: newLocation,
    newMetadata: metadata,
    baseMetadata: base,
  };
}

/** Numbers that the manifest list holds already: a commit to another branch may have used them up. */
function checkNumbers(base: TableMetadata | null, staged: StagedChange): void {
  if (base === null) return;
  checkLedger(base, staged);
  for (const update of staged.updates) {
    if (update.action !== "add-snapshot") continue;
    const { "sequence-number": sequenceNumber, "first-row-id": firstRowId } = update.snapshot;
    const last = base["last-sequence-number"];
    const nextRowId = base["next-row-id"];
    const rowsTaken = firstRowId !== undefined && nextRowId !== undefined && firstRowId < nextRowId;
    if (sequenceNumber > last && !rowsTaken) continue;
    throw lakeError(
      "catalog/conflict",
      {
        table: nameOf(staged.request.identifier),
        expected: `sequence number ${sequenceNumber} to be free`,
        found: `last sequence number ${last}`,
      },
      { retryable: true },
    );
  }
}

/** A ledger that was rebuilt or corrected meanwhile says otherwise which files the table holds (rule 2). */
function checkLedger(base: TableMetadata, { request }: StagedChange): void {
  const key = "lake.ledger";
  if (request.base === null || request.properties[key] === undefined) return;
  const [expected, found] = [request.base.metadata.properties[key], base.properties[key]];
  if (expected === found) return;
  throw lakeError(
    "catalog/conflict",
    {
      table: nameOf(request.identifier),
      expected: `the ledger ${expected ?? "none"}`,
      found: `the ledger ${found ?? "none"}`,
    },
    { retryable: true },
  );
}

/** A tag that another writer has set meanwhile stays where it is: somebody may rely on it already. */
function withoutMovedTags(base: TableMetadata | null, updates: readonly TableUpdate[]): TableUpdate[] {
  return updates.filter(
    (update) =>
      update.action !== "set-snapshot-ref" ||
      update.type !== "tag" ||
      base?.refs[update["ref-name"]] === undefined,
  );
}

function atTime(updates: readonly TableUpdate[], nowMs: number): TableUpdate[] {
  return updates.map((update) =>
    update.action === "add-snapshot"
      ? { ...update, snapshot: { ...update.snapshot, "timestamp-ms": nowMs } }
      : update,
  );
}

export interface PublishRequest {
  readonly catalog: Catalog;
  readonly storage: Storage;
  /** In the order in which they are to be published where the catalog moves one table at a time. */
  readonly staged: readonly StagedChange[];
  readonly nowMs: number;
  /** Staged longer ago than this, every written path is looked for first: others may have cleaned up. */
  readonly verifyAfterMs?: number;
}

/**
 * What publishing would find at this moment, with nothing written: which changes the catalog shows already.
 * Errors: `catalog/conflict`, `iceberg/staged-file-gone`.
 */
export async function checkPublishable(request: PublishRequest): Promise<ReadonlySet<StagedChange>> {
  const { catalog, storage, staged, nowMs, verifyAfterMs = verifyAfterDefaultMs } = request;
  const identifiers = staged.map((change) => change.request.identifier);
  const current = await loadTables({ catalog, storage, identifiers });
  const published = new Set<StagedChange>();
  for (const change of staged) {
    const name = nameOf(change.request.identifier);
    const table = current.get(name) ?? null;
    if (isPublished(change, table)) {
      published.add(change);
      continue;
    }
    checkRequirements(table?.metadata ?? null, change.requirements, name);
    checkNumbers(table?.metadata ?? null, change);
    await verifyFiles(storage, change, nowMs, verifyAfterMs);
  }
  return published;
}

/**
 * Publishes staged changes: together where the catalog can, otherwise one after another, and returns the tables
 * as they are then, in the order given. A change whose commit id the table holds is done already.
 * Errors: `catalog/conflict`, `catalog/table-exists` (our new metadata files are gone again),
 * `catalog/unknown-outcome` (nothing is deleted), `iceberg/staged-file-gone`.
 */
export async function publishChanges(request: PublishRequest): Promise<CatalogTable[]> {
  const { catalog, storage, staged, nowMs } = request;
  const identifiers = staged.map((change) => change.request.identifier);
  const current = await loadTables({ catalog, storage, identifiers });
  const currentOf = (change: StagedChange): CatalogTable | null =>
    current.get(nameOf(change.request.identifier)) ?? null;
  const pending = staged.filter((change) => !isPublished(change, currentOf(change)));
  for (const change of pending) {
    await verifyFiles(storage, change, nowMs, request.verifyAfterMs ?? verifyAfterDefaultMs);
  }
  const groups = catalog.capabilities.atomicMultiTable ? [pending] : pending.map((change) => [change]);
  const published = new Map<string, CatalogTable>();
  for (const group of groups) {
    if (group.length === 0) continue;
    for (const table of await publishGroup(request, group, currentOf))
      published.set(nameOf(table.identifier), table);
  }
  return staged.map((change) => {
    const table = published.get(nameOf(change.request.identifier)) ?? currentOf(change);
    return table as CatalogTable;
  });
}

async function publishGroup(
  request: PublishRequest,
  group: readonly StagedChange[],
  currentOf: (change: StagedChange) => CatalogTable | null,
): Promise<readonly CatalogTable[]> {
  const { catalog, storage, nowMs } = request;
  const commits: TableCommit[] = [];
  try {
    await mapLimited(group, concurrency, async (staged, index) => {
      commits[index] = await prepareCommit({ storage, staged, current: currentOf(staged), nowMs });
    });
  } catch (error) {
    // No pointer was touched yet: what was written for the others is nobody's.
    await deleteUnnamed(storage, commits.filter(Boolean), new Map());
    throw error;
  }
  try {
    await catalog.commit(commits);
  } catch (error) {
    return settle(request, group, commits, error);
  }
  await deleteOldMetadata(storage, commits);
  return commits.map((commit) => ({
    identifier: commit.identifier,
    metadataLocation: commit.newMetadataLocation,
    metadata: commit.newMetadata,
  }));
}

/** After a failed commit only the catalog knows what is true: look again, then decide. */
async function settle(
  request: PublishRequest,
  group: readonly StagedChange[],
  commits: readonly TableCommit[],
  error: unknown,
): Promise<readonly CatalogTable[]> {
  const { catalog, storage } = request;
  const isConflict = isLakeError(error, "catalog/conflict") || isLakeError(error, "catalog/table-exists");
  if (!isConflict && !isLakeError(error, "catalog/unknown-outcome")) throw error;
  let now: Map<string, CatalogTable>;
  try {
    now = await loadTables({ catalog, storage, identifiers: commits.map((commit) => commit.identifier) });
  } catch {
    throw error;
  }
  const tables = group.flatMap((change) => {
    const table = now.get(nameOf(change.request.identifier)) ?? null;
    return table !== null && isPublished(change, table) ? [table] : [];
  });
  // Also when another process completed the same changes from the journal.
  if (tables.length === group.length) return tables;
  if (isConflict) await deleteUnnamed(storage, commits, now);
  throw error;
}

/** Deletes our new metadata files, except where a table names them after all. */
async function deleteUnnamed(
  storage: Storage,
  commits: readonly TableCommit[],
  now: ReadonlyMap<string, CatalogTable>,
): Promise<void> {
  const paths = commits
    .filter(({ identifier, newMetadataLocation }) => {
      const table = now.get(nameOf(identifier));
      const log = table?.metadata["metadata-log"] ?? [];
      const isNamed = log.some((entry) => entry["metadata-file"] === newMetadataLocation);
      return table?.metadataLocation !== newMetadataLocation && !isNamed;
    })
    .map((commit) => commit.newMetadataLocation);
  // An orphaned metadata file does no harm; the failure that led here is what the reader needs.
  if (paths.length > 0) await storage.delete(paths).catch(() => {});
}

/** Whether the table holds this very change: by commit id, by uuid when it created the table. */
export function isPublished(staged: StagedChange, current: CatalogTable | null): boolean {
  if (current === null) return false;
  const { metadata } = current;
  const { commitId, schema, spec, properties } = staged.request;
  if (staged.snapshotId !== null) {
    return metadata.snapshots.some((snapshot) => snapshot.summary[commitIdKey] === commitId);
  }
  if (metadata["table-uuid"] !== staged.preview["table-uuid"]) return false;
  return (
    sameSchema(currentSchema(metadata), schema) &&
    sameSpec(defaultSpec(metadata), spec) &&
    Object.entries(properties).every(([key, value]) => metadata.properties[key] === value)
  );
}

async function verifyFiles(
  storage: Storage,
  staged: StagedChange,
  nowMs: number,
  verifyAfterMs: number,
): Promise<void> {
  if (nowMs - staged.preview["last-updated-ms"] < verifyAfterMs) return;
  const found = await mapLimited(staged.writtenPaths, concurrency, (path) => storage.stat(path));
  const gone = staged.writtenPaths.filter((_, index) => found[index] === null);
  if (gone[0] === undefined) return;
  throw lakeError(
    "iceberg/staged-file-gone",
    { table: nameOf(staged.request.identifier), path: gone[0], count: gone.length },
    { hint: "run the model again; another engine's orphan removal may have deleted the files" },
  );
}

/**
 * Applies a plain append again on a table that moved: new snapshot id, manifests and manifest list on the new
 * head, the same data files. Refused (`iceberg/cannot-restage`) when schema, spec or ledger moved, when
 * anything but appends and compactions came in between, or when the change is in the table already.
 * `independent`: its rows follow from nothing that the table holds, so that it goes on top of whatever came.
 */
export async function restageAppend(request: {
  readonly storage: Storage;
  readonly staged: StagedChange;
  readonly current: CatalogTable;
  readonly nowMs: number;
  readonly independent?: boolean;
}): Promise<StagedChange> {
  const { storage, staged, current, nowMs, independent = false } = request;
  const problem = restageProblem(staged, current, independent);
  if (problem !== null) {
    const hint = "run again: a run starts from the table as it is then";
    throw lakeError("iceberg/cannot-restage", { table: nameOf(current.identifier), problem }, { hint });
  }
  return stageChange({ storage, request: { ...staged.request, base: current }, nowMs });
}

function restageProblem(staged: StagedChange, current: CatalogTable, independent: boolean): string | null {
  const { request } = staged;
  const base = request.base?.metadata;
  const { metadata } = current;
  if (request.operation.kind !== "append" || base === undefined)
    return "it is not an append to an existing table";
  if (isPublished(staged, current)) return "it is published already";
  if (metadata["table-uuid"] !== base["table-uuid"]) return "another table stands under the name";
  if (staged.updates.some(({ action }) => action === "add-schema" || action === "add-spec")) {
    return "it changes the schema or the partition spec";
  }
  if (!sameSchema(currentSchema(metadata), currentSchema(base))) return "another writer changed the schema";
  if (!sameSpec(defaultSpec(metadata), defaultSpec(base))) return "another writer changed the partition spec";
  // Rebuilt or corrected without a snapshot.
  if (metadata.properties["lake.ledger"] !== base.properties["lake.ledger"])
    return "another writer moved the ledger of landing files";
  return interveningProblem(base, metadata, independent);
}

/** Walks from the head back to the snapshot that the change was computed on. */
function interveningProblem(base: TableMetadata, now: TableMetadata, independent: boolean): string | null {
  const byId = new Map(now.snapshots.map((snapshot) => [snapshot["snapshot-id"], snapshot]));
  const start = base["current-snapshot-id"];
  let id = now["current-snapshot-id"];
  while (id !== start) {
    const snapshot = id === null ? undefined : byId.get(id);
    if (snapshot === undefined) return `its head does not descend from snapshot ${start ?? "none"}`;
    id = snapshot["parent-snapshot-id"] ?? null;
    // That all of them are there proves that the change is not among them.
    if (independent) continue;
    const { operation } = snapshot.summary;
    const name = snapshot["snapshot-id"];
    if (operation !== "append" && operation !== "replace")
      return `snapshot ${name} is a concurrent ${operation}`;
    // Its rows and ours may come from the same rows of an input (rule 2).
    if (operation === "append" && snapshot.summary["lake.fingerprint"] !== undefined)
      return `snapshot ${name} is another run's build of the model`;
    if (Object.keys(snapshot.summary).some((key) => key.startsWith("lake.ledger"))) {
      return `snapshot ${name} moved the ledger of landing files`;
    }
  }
  return null;
}

/**
 * Deletes the files of a staged change that will not be published: only those in the table's own folders.
 * `current` (the table as it is now) guards against a change that is published after all: `iceberg/already-published`.
 */
export async function abandonChange(request: {
  readonly storage: Storage;
  readonly staged: StagedChange;
  readonly current?: CatalogTable | null;
}): Promise<void> {
  const { storage, staged, current = null } = request;
  if (staged.snapshotId !== null && isPublished(staged, current)) {
    throw lakeError("iceberg/already-published", { table: nameOf(staged.request.identifier) });
  }
  const { location, properties } = staged.preview;
  const roots = [location, properties["write.data.path"], properties["write.metadata.path"]]
    .filter((root) => root !== undefined)
    .map((root) => `${root.replace(/\/+$/, "")}/`);
  // A path elsewhere was taken over (a clone's shared data), not written.
  const own = staged.writtenPaths.filter((path) => roots.some((root) => path.startsWith(root)));
  await storage.delete(own);
}
