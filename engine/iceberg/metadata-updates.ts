// Updates of the REST catalog's language, applied to table metadata as iceberg-java applies them.
import { lakeError } from "../common/errors.ts";
import { highestFieldId, sameSchema } from "./schema.ts";
import { sameOrder } from "./sort-order.ts";
import type {
  PartitionSpec,
  Schema,
  Snapshot,
  SnapshotReference,
  SortOrder,
  TableMetadata,
  TableUpdate,
} from "./types.ts";

type Draft = { -readonly [K in keyof TableMetadata]: TableMetadata[K] };

interface State {
  readonly draft: Draft;
  readonly nowMs: number;
  /** Snapshots of this change: their log entry has their own time, and only the last is logged. */
  readonly addedSnapshots: Set<bigint>;
  lastAddedSchemaId: number | null;
  lastAddedSpecId: number | null;
  lastAddedSortOrderId: number | null;
}

/**
 * The time that a commit on `base` carries: never before what its logs hold already, because Java refuses a
 * table whose logs go back by more than a minute ("Expected sorted snapshot log entries").
 */
export function commitTimeMs(base: TableMetadata | null, nowMs: number): number {
  if (base === null) return nowMs;
  return Math.max(
    nowMs,
    base["last-updated-ms"],
    base["snapshot-log"].at(-1)?.["timestamp-ms"] ?? 0,
    base["metadata-log"].at(-1)?.["timestamp-ms"] ?? 0,
  );
}

/**
 * New metadata from `base` (null: a new table) and updates in their order. The previous metadata file goes
 * to the log, which keeps `write.metadata.previous-versions-max` entries. Errors: `iceberg/bad-update`.
 */
export function applyUpdates(
  base: TableMetadata | null,
  updates: readonly TableUpdate[],
  context: { readonly nowMs: number; readonly previousMetadataLocation: string | null },
): TableMetadata {
  const nowMs = commitTimeMs(base, context.nowMs);
  const state: State = {
    draft: { ...(base ?? blank), "last-updated-ms": nowMs },
    nowMs,
    addedSnapshots: new Set(),
    lastAddedSchemaId: null,
    lastAddedSpecId: null,
    lastAddedSortOrderId: null,
  };
  for (const update of updates) applyUpdate(state, update);
  const { draft } = state;
  dropIntermediateLogEntries(state, base);
  if (base !== null && context.previousMetadataLocation !== null) {
    const entry = {
      "timestamp-ms": base["last-updated-ms"],
      "metadata-file": context.previousMetadataLocation,
    };
    draft["metadata-log"] = [...base["metadata-log"], entry].slice(-previousVersionsMax(draft));
  }
  if (draft["table-uuid"] === "" || draft.location === "" || draft.schemas.length === 0) {
    throw bad("a new table needs a uuid, a location and a schema");
  }
  return draft;
}

const blank: TableMetadata = {
  "format-version": 2,
  "table-uuid": "",
  location: "",
  "last-sequence-number": 0n,
  "last-updated-ms": 0,
  "last-column-id": 0,
  "current-schema-id": -1,
  schemas: [],
  "default-spec-id": 0,
  "partition-specs": [],
  "last-partition-id": 999,
  "default-sort-order-id": 0,
  "sort-orders": [],
  properties: {},
  "current-snapshot-id": null,
  refs: {},
  snapshots: [],
  statistics: [],
  "partition-statistics": [],
  "snapshot-log": [],
  "metadata-log": [],
};

function previousVersionsMax(metadata: TableMetadata): number {
  const configured = Number(metadata.properties["write.metadata.previous-versions-max"] ?? "100");
  return Number.isInteger(configured) ? Math.max(1, configured) : 100;
}

function applyUpdate(state: State, update: TableUpdate): void {
  const { draft } = state;
  switch (update.action) {
    case "assign-uuid":
      if (draft["table-uuid"] !== "" && draft["table-uuid"] !== update.uuid)
        throw bad("its uuid never changes");
      draft["table-uuid"] = update.uuid;
      return;
    case "upgrade-format-version":
      return upgrade(draft, update["format-version"]);
    case "add-schema":
      return addSchema(state, update.schema, update["last-column-id"]);
    case "set-current-schema":
      draft["current-schema-id"] = chosen(update["schema-id"], state.lastAddedSchemaId, "schema");
      if (!draft.schemas.some((schema) => schema["schema-id"] === draft["current-schema-id"])) {
        throw bad(`there is no schema ${draft["current-schema-id"]}`);
      }
      return;
    case "add-spec":
      return addSpec(state, update.spec);
    case "set-default-spec":
      draft["default-spec-id"] = chosen(update["spec-id"], state.lastAddedSpecId, "partition spec");
      if (!draft["partition-specs"].some((spec) => spec["spec-id"] === draft["default-spec-id"])) {
        throw bad(`there is no partition spec ${draft["default-spec-id"]}`);
      }
      return;
    case "add-sort-order":
      return addSortOrder(state, update["sort-order"]);
    case "set-default-sort-order":
      draft["default-sort-order-id"] = chosen(
        update["sort-order-id"],
        state.lastAddedSortOrderId,
        "sort order",
      );
      return;
    case "add-snapshot":
      return addSnapshot(state, update.snapshot);
    case "set-snapshot-ref": {
      const { action: _action, "ref-name": name, ...reference } = update;
      return setReference(state, name, reference);
    }
    case "remove-snapshot-ref":
      return removeReference(draft, update["ref-name"]);
    case "remove-snapshots":
      return removeSnapshots(draft, new Set(update["snapshot-ids"]));
    case "set-location":
      draft.location = update.location;
      return;
    case "set-properties":
      draft.properties = { ...draft.properties, ...update.updates };
      return;
    case "remove-properties": {
      const removed = new Set(update.removals);
      draft.properties = Object.fromEntries(
        Object.entries(draft.properties).filter(([key]) => !removed.has(key)),
      );
    }
  }
}

function upgrade(draft: Draft, version: 1 | 2 | 3): void {
  const now = draft["format-version"];
  if (draft["table-uuid"] !== "" && draft.schemas.length > 0 && version < now) {
    throw bad(`format version ${now} cannot become ${version}`);
  }
  draft["format-version"] = version;
  if (version === 3 && draft["next-row-id"] === undefined) draft["next-row-id"] = 0n;
}

/** -1 stands for the one added last, as in the REST catalog. */
function chosen(id: number, lastAdded: number | null, what: string): number {
  if (id !== -1) return id;
  if (lastAdded === null) throw bad(`no ${what} was added in this change`);
  return lastAdded;
}

function addSchema(state: State, schema: Schema, lastColumnId: number): void {
  const { draft } = state;
  draft["last-column-id"] = Math.max(draft["last-column-id"], lastColumnId, highestFieldId(schema));
  const known = draft.schemas.find((other) => sameSchema(other, schema));
  const id = known?.["schema-id"] ?? Math.max(-1, ...draft.schemas.map((other) => other["schema-id"])) + 1;
  if (known === undefined) draft.schemas = [...draft.schemas, { ...schema, "schema-id": id }];
  state.lastAddedSchemaId = id;
}

function addSpec(state: State, spec: PartitionSpec): void {
  const { draft } = state;
  const known = draft["partition-specs"].find((other) => sameSpec(other, spec));
  const id =
    known?.["spec-id"] ?? Math.max(-1, ...draft["partition-specs"].map((other) => other["spec-id"])) + 1;
  if (known === undefined) {
    draft["partition-specs"] = [...draft["partition-specs"], { ...spec, "spec-id": id }];
    draft["last-partition-id"] = Math.max(
      draft["last-partition-id"],
      ...spec.fields.map((field) => field["field-id"]),
    );
  }
  state.lastAddedSpecId = id;
}

/** Whether two specs partition alike; Java reuses a spec with the same sources, transforms and names. */
export function sameSpec(a: PartitionSpec, b: PartitionSpec): boolean {
  return (
    a.fields.length === b.fields.length &&
    a.fields.every((field, index) => {
      const other = b.fields[index];
      return (
        field["source-id"] === other?.["source-id"] &&
        field.transform === other.transform &&
        field.name === other.name
      );
    })
  );
}

/** As specs: an order of the same meaning is taken as it is. */
function addSortOrder(state: State, order: SortOrder): void {
  const { draft } = state;
  const known = draft["sort-orders"].find((other) => sameOrder(other, order));
  const next = Math.max(0, ...draft["sort-orders"].map((other) => other["order-id"])) + 1;
  const id = known?.["order-id"] ?? (order.fields.length === 0 ? 0 : next);
  if (known === undefined) draft["sort-orders"] = [...draft["sort-orders"], { ...order, "order-id": id }];
  state.lastAddedSortOrderId = id;
}

function addSnapshot(state: State, snapshot: Snapshot): void {
  const { draft } = state;
  const id = snapshot["snapshot-id"];
  if (draft.snapshots.some((other) => other["snapshot-id"] === id))
    throw bad(`snapshot ${id} is there already`);
  const sequenceNumber = snapshot["sequence-number"];
  if (draft["format-version"] > 1) {
    if (sequenceNumber <= draft["last-sequence-number"] && snapshot["parent-snapshot-id"] !== undefined) {
      throw bad(`sequence number ${sequenceNumber} is not above ${draft["last-sequence-number"]}`);
    }
    draft["last-sequence-number"] = sequenceNumber;
  }
  if (draft["format-version"] > 2) {
    const nextRowId = draft["next-row-id"] ?? 0n;
    if (snapshot["first-row-id"] === undefined || snapshot["first-row-id"] < nextRowId) {
      throw bad(`snapshot ${id} assigns row ids that are taken`);
    }
    draft["next-row-id"] = nextRowId + (snapshot["added-rows"] ?? 0n);
  }
  draft.snapshots = [...draft.snapshots, snapshot];
  state.addedSnapshots.add(id);
}

function setReference(state: State, name: string, reference: SnapshotReference): void {
  const { draft } = state;
  const id = reference["snapshot-id"];
  const snapshot = draft.snapshots.find((other) => other["snapshot-id"] === id);
  if (snapshot === undefined) throw bad(`${name} cannot name snapshot ${id}, which the table does not hold`);
  if (name === "main" && reference.type !== "branch") throw bad("main is a branch");
  draft.refs = { ...draft.refs, [name]: reference };
  if (name !== "main" || draft["current-snapshot-id"] === id) return;
  draft["current-snapshot-id"] = id;
  const time = state.addedSnapshots.has(id) ? snapshot["timestamp-ms"] : state.nowMs;
  draft["snapshot-log"] = [...draft["snapshot-log"], { "timestamp-ms": time, "snapshot-id": id }];
}

function removeReference(draft: Draft, name: string): void {
  draft.refs = Object.fromEntries(Object.entries(draft.refs).filter(([key]) => key !== name));
  if (name === "main") draft["current-snapshot-id"] = null;
}

function removeSnapshots(draft: Draft, removed: ReadonlySet<bigint>): void {
  draft.snapshots = draft.snapshots.filter((snapshot) => !removed.has(snapshot["snapshot-id"]));
  for (const [name, reference] of Object.entries(draft.refs)) {
    if (removed.has(reference["snapshot-id"])) removeReference(draft, name);
  }
  draft.statistics = draft.statistics.filter((item) => !removed.has(item["snapshot-id"] as bigint));
  draft["partition-statistics"] = draft["partition-statistics"].filter(
    (item) => !removed.has(item["snapshot-id"] as bigint),
  );
  // An entry missing in the middle would make time travel give wrong snapshots: history starts after it.
  const kept: { "timestamp-ms": number; "snapshot-id": bigint }[] = [];
  for (const entry of draft["snapshot-log"]) {
    if (removed.has(entry["snapshot-id"])) kept.length = 0;
    else kept.push(entry);
  }
  draft["snapshot-log"] = kept;
}

/** Several snapshots of one change: main was never seen at any but the last. */
function dropIntermediateLogEntries(state: State, base: TableMetadata | null): void {
  const { draft, addedSnapshots } = state;
  const before = base?.["snapshot-log"].length ?? 0;
  draft["snapshot-log"] = draft["snapshot-log"].filter(
    (entry, index) =>
      index < before ||
      !addedSnapshots.has(entry["snapshot-id"]) ||
      entry["snapshot-id"] === draft["current-snapshot-id"],
  );
}

function bad(problem: string): Error {
  return lakeError("iceberg/bad-update", { problem });
}
