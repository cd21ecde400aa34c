// A change's files are written completely here, and nothing of them is visible to anybody.
import { randomUUID } from "node:crypto";
import { lakeError } from "../common/errors.ts";
import type { Storage } from "../storage/storage.ts";
import type { ChangeOperation, ChangeRequest, StagedChange } from "./change.ts";
import { highestFieldId } from "./field-ids.ts";
import { nameOf } from "./load-table.ts";
import { writeManifestList } from "./manifest-list.ts";
import { sameSpec } from "./metadata-updates.ts";
import {
  applyUpdates,
  commitTimeMs,
  currentSchema,
  defaultSortOrder,
  defaultSpec,
  metadataFolder,
} from "./metadata.ts";
import { sameOrder, unsorted } from "./sort-order.ts";
import { sameSchema } from "./schema.ts";
import { buildSummary, newSnapshotId } from "./snapshot.ts";
import { codecOf, stageManifests } from "./stage-manifests.ts";
import type { DataFile, Operation, Snapshot, TableMetadata, TableRequirement, TableUpdate } from "./types.ts";

export interface StageRequest {
  readonly storage: Storage;
  readonly request: ChangeRequest;
  readonly nowMs: number;
}

/** Stands in the summary of every snapshot: by it a change is recognised as published. */
export const commitIdKey = "lake.commit-id";

/**
 * Writes the change's manifests and manifest list, and says what must hold (`requirements`) and what is to be
 * done (`updates`) when it is published. Data files are there already.
 * Errors: `iceberg/missing-data-file`, `iceberg/bad-update`, and those of reading the base's manifests.
 */
export async function stageChange({ storage, request, nowMs }: StageRequest): Promise<StagedChange> {
  const base = request.base?.metadata ?? null;
  const snapshotId = newSnapshotId(base);
  const named = withSnapshotId(request, snapshotId);
  const structure = base === null ? creation(named) : evolution(base, named);
  const context = { nowMs, previousMetadataLocation: request.base?.metadataLocation ?? null };
  const requirements = requirementsOf(base, request);
  const { operation } = request;
  if (operation.kind === "none") {
    const preview = applyUpdates(base, structure, context);
    return { request, requirements, updates: structure, preview, snapshotId: null, writtenPaths: [] };
  }
  const metadata = applyUpdates(base, structure, context);
  const { snapshot, writtenPaths } = await stageSnapshot({
    storage,
    request,
    operation,
    base,
    metadata,
    nowMs,
    snapshotId,
  });
  const { "snapshot-id": _head, ...retention } = base?.refs["main"] ?? {
    type: "branch" as const,
    "snapshot-id": 0n,
  };
  const updates: TableUpdate[] = [
    ...structure,
    { action: "add-snapshot", snapshot },
    { action: "set-snapshot-ref", "ref-name": "main", ...retention, "snapshot-id": snapshot["snapshot-id"] },
    ...tagUpdates(request, snapshot["snapshot-id"]),
  ];
  return {
    request,
    requirements,
    updates,
    preview: applyUpdates(base, updates, context),
    snapshotId,
    writtenPaths: [...addedFiles(operation).map((file) => file.path), ...writtenPaths],
  };
}

/** Data files and delete files. */
function addedFiles(operation: Exclude<ChangeOperation, { readonly kind: "none" }>): readonly DataFile[] {
  return operation.kind === "overwrite" ? [...operation.add, ...(operation.addDeletes ?? [])] : operation.add;
}

function tagUpdates({ tags }: ChangeRequest, snapshotId: bigint): TableUpdate[] {
  if (tags === undefined) return [];
  const { add, remove } = tags;
  const added: TableUpdate[] =
    add === undefined
      ? []
      : [
          {
            action: "set-snapshot-ref",
            "ref-name": add.name,
            type: "tag",
            "snapshot-id": snapshotId,
            "max-ref-age-ms": add.maxRefAgeMs,
          },
        ];
  return [...added, ...remove.map((name) => ({ action: "remove-snapshot-ref" as const, "ref-name": name }))];
}

function withSnapshotId(request: ChangeRequest, snapshotId: bigint): ChangeRequest {
  const { snapshotIdProperty: key, operation, properties } = request;
  if (key === undefined || operation.kind === "none") return request;
  return { ...request, properties: { ...properties, [key]: snapshotId.toString() } };
}

function creation(request: ChangeRequest): TableUpdate[] {
  const { schema, spec, location } = request;
  return [
    { action: "assign-uuid", uuid: randomUUID() },
    { action: "upgrade-format-version", "format-version": request.formatVersion },
    { action: "add-schema", schema, "last-column-id": highestFieldId(schema) },
    { action: "set-current-schema", "schema-id": -1 },
    { action: "add-spec", spec },
    { action: "set-default-spec", "spec-id": -1 },
    { action: "add-sort-order", "sort-order": request.sortOrder ?? unsorted },
    { action: "set-default-sort-order", "sort-order-id": -1 },
    { action: "set-location", location: location.replace(/(?<=[^/:])\/+$/, "") },
    {
      action: "set-properties",
      updates: { "write.parquet.compression-codec": "zstd", ...request.properties },
    },
  ];
}

/** Only what differs: a change that repeats the table's schema, spec and properties touches none of them. */
function evolution(base: TableMetadata, request: ChangeRequest): TableUpdate[] {
  const updates: TableUpdate[] = [];
  if (base["format-version"] === 1 && request.operation.kind !== "none") {
    throw lakeError(
      "iceberg/bad-update",
      { problem: `${nameOf(request.identifier)} has format version 1, which can only be read` },
      {
        hint: "upgrade it with the engine that owns it: ALTER TABLE … SET TBLPROPERTIES ('format-version' = '2')",
      },
    );
  }
  if (base["format-version"] === 2 && request.formatVersion === 3) {
    updates.push({ action: "upgrade-format-version", "format-version": 3 });
  }
  if (!sameSchema(currentSchema(base), request.schema)) {
    const lastColumnId = Math.max(base["last-column-id"], highestFieldId(request.schema));
    updates.push(
      { action: "add-schema", schema: request.schema, "last-column-id": lastColumnId },
      { action: "set-current-schema", "schema-id": -1 },
    );
  }
  if (!sameSpec(defaultSpec(base), request.spec)) {
    updates.push({ action: "add-spec", spec: request.spec }, { action: "set-default-spec", "spec-id": -1 });
  }
  if (request.sortOrder !== undefined && !sameOrder(defaultSortOrder(base), request.sortOrder)) {
    updates.push(
      { action: "add-sort-order", "sort-order": request.sortOrder },
      { action: "set-default-sort-order", "sort-order-id": -1 },
    );
  }
  const changed = Object.entries(request.properties).filter(([key, value]) => base.properties[key] !== value);
  if (changed.length > 0) updates.push({ action: "set-properties", updates: Object.fromEntries(changed) });
  return updates;
}

function requirementsOf(base: TableMetadata | null, request: ChangeRequest): TableRequirement[] {
  if (base === null) return [{ type: "assert-create" }];
  const snapshotId = base.refs["main"]?.["snapshot-id"] ?? null;
  return [
    { type: "assert-table-uuid", uuid: base["table-uuid"] },
    ...(request.operation.kind === "none"
      ? []
      : [{ type: "assert-ref-snapshot-id" as const, ref: "main", "snapshot-id": snapshotId }]),
    { type: "assert-current-schema-id", "current-schema-id": base["current-schema-id"] },
    { type: "assert-last-assigned-field-id", "last-assigned-field-id": base["last-column-id"] },
    { type: "assert-default-spec-id", "default-spec-id": base["default-spec-id"] },
    { type: "assert-last-assigned-partition-id", "last-assigned-partition-id": base["last-partition-id"] },
  ];
}

interface SnapshotRequest extends StageRequest {
  readonly operation: Exclude<ChangeOperation, { readonly kind: "none" }>;
  readonly base: TableMetadata | null;
  /** With the new schema and spec. */
  readonly metadata: TableMetadata;
  readonly snapshotId: bigint;
}

async function stageSnapshot(
  stage: SnapshotRequest,
): Promise<{ readonly snapshot: Snapshot; readonly writtenPaths: readonly string[] }> {
  const { storage, request, operation, base, metadata, snapshotId } = stage;
  const sequenceNumber = (base?.["last-sequence-number"] ?? 0n) + 1n;
  const parent = base?.snapshots.find((one) => one["snapshot-id"] === base["current-snapshot-id"]) ?? null;
  // By the commit's id they are found when the commit never came; the rest keeps a second attempt apart.
  const fileId = `${request.commitId}-${randomUUID().slice(0, 8)}`;
  const folder = metadataFolder(metadata);
  const formatVersion = metadata["format-version"] === 3 ? 3 : 2;
  const add = withSpecId(operation.add, request, metadata);
  const { manifests, removed, writtenPaths } = await stageManifests({
    storage,
    table: nameOf(request.identifier),
    metadata,
    operation,
    add,
    snapshotId,
    sequenceNumber,
    manifestPath: (index) => `${folder}/${fileId}-m${index}.avro`,
  });
  const firstRowId = metadata["next-row-id"] ?? 0n;
  const { bytes, assignedRows } = writeManifestList({
    formatVersion,
    snapshotId,
    parentSnapshotId: parent?.["snapshot-id"] ?? null,
    sequenceNumber,
    firstRowId,
    manifests,
    codec: codecOf(metadata),
  });
  const manifestList = `${folder}/snap-${snapshotId}-1-${fileId}.avro`;
  await storage.writeIfAbsent(manifestList, bytes);
  const snapshot: Snapshot = {
    "sequence-number": sequenceNumber,
    "snapshot-id": snapshotId,
    ...(parent && { "parent-snapshot-id": parent["snapshot-id"] }),
    "timestamp-ms": commitTimeMs(base, stage.nowMs),
    summary: buildSummary({
      operation: operationName(operation, removed),
      added: operation.kind === "overwrite" ? [...add, ...(operation.addDeletes ?? [])] : add,
      removed,
      previousSummary: parent?.summary ?? null,
      extra: { ...request.summary, [commitIdKey]: request.commitId },
    }),
    "manifest-list": manifestList,
    "schema-id": metadata["current-schema-id"],
    ...(formatVersion === 3 && { "first-row-id": firstRowId, "added-rows": assignedRows }),
  };
  return { snapshot, writtenPaths: [...writtenPaths, manifestList] };
}

/** As Java's OverwriteFiles names itself by what it does. */
function operationName(operation: ChangeOperation, removed: readonly DataFile[]): Operation {
  if (operation.kind === "rewrite") return "replace";
  const marks = operation.kind === "overwrite" && (operation.addDeletes ?? []).length > 0;
  if (operation.kind === "append" || operation.kind === "none" || (removed.length === 0 && !marks))
    return "append";
  return operation.add.length === 0 ? "delete" : "overwrite";
}

/** The caller's files carry the id of the request's spec; the table may know that spec by another one. */
function withSpecId(
  files: readonly DataFile[],
  request: ChangeRequest,
  metadata: TableMetadata,
): readonly DataFile[] {
  const specId = defaultSpec(metadata)["spec-id"];
  const width = request.spec.fields.length;
  return files.map((file) => {
    if (
      file.specId !== request.spec["spec-id"] ||
      file.partition.length !== width ||
      file.content !== "data"
    ) {
      const problem = `${file.path} was not written as a data file of the table's partition spec`;
      throw lakeError("iceberg/bad-update", { problem });
    }
    return { ...file, specId, sortOrderId: file.sortOrderId ?? 0 };
  });
}
