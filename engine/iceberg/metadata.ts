// Table metadata files: reading every version into one shape, writing in iceberg-java's key order.
import { randomUUID } from "node:crypto";
import { gunzipSync, gzipSync } from "node:zlib";
import { isLakeError, lakeError } from "../common/errors.ts";
import { parseJson, printJson } from "../common/json.ts";
import { MetadataProblem, normaliseMetadata } from "./metadata-normalise.ts";
import { unsorted } from "./sort-order.ts";
import type { PartitionSpec, Schema, SortOrder, TableMetadata } from "./types.ts";

export { applyUpdates, commitTimeMs } from "./metadata-updates.ts";
export { checkRequirements } from "./requirements.ts";

/** Keys whose integers are 64 bits wide, whatever their value in this file. */
export const bigintKeys: ReadonlySet<string> = new Set([
  "snapshot-id",
  "parent-snapshot-id",
  "current-snapshot-id",
  "sequence-number",
  "last-sequence-number",
  "first-row-id",
  "next-row-id",
  "added-rows",
]);

const maximalBytes = 512 * 1024 * 1024;

/**
 * Reads a metadata file of version 1, 2 or 3, gzipped or not. Version 1's single schema and spec become
 * lists, a missing `refs` the branch `main`, Java's -1 for no snapshot null; keys not known are kept.
 * Errors: `iceberg/bad-metadata`, `iceberg/unsupported-version`, both with the path.
 */
export function parseTableMetadata(bytes: Uint8Array, path: string): TableMetadata {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(
      isGzip(bytes) ? gunzipSync(bytes, { maxOutputLength: maximalBytes }) : bytes,
    );
    return normaliseMetadata(parseJson(text, { bigintKeys }), path);
  } catch (cause) {
    if (isLakeError(cause, "iceberg/unsupported-version")) throw cause;
    if (cause instanceof MetadataProblem || cause instanceof Error) {
      throw lakeError("iceberg/bad-metadata", { path, problem: cause.message }, { cause });
    }
    throw cause;
  }
}

/** Java tells by the file's name, others name it differently: the magic bytes are sure. */
function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/** The bytes of the metadata file; gzipped when the table's properties ask for it. */
export function serialiseTableMetadata(metadata: TableMetadata): Uint8Array {
  const bytes = Buffer.from(printJson(ordered(metadata)));
  return isCompressed(metadata) ? gzipSync(bytes) : bytes;
}

function isCompressed(metadata: TableMetadata): boolean {
  return metadata.properties["write.metadata.compression-codec"]?.toLowerCase() === "gzip";
}

/** iceberg-java's order (`TableMetadataParser.toJson`); then whatever else the file held. */
function ordered(metadata: TableMetadata): Record<string, unknown> {
  const version = metadata["format-version"];
  const current = metadata["current-snapshot-id"];
  const known: Record<string, unknown> = {
    "format-version": version,
    "table-uuid": metadata["table-uuid"],
    location: metadata.location,
    ...(version > 1 && { "last-sequence-number": metadata["last-sequence-number"] }),
    "last-updated-ms": metadata["last-updated-ms"],
    "last-column-id": metadata["last-column-id"],
    ...(version === 1 && { schema: currentSchema(metadata) }),
    "current-schema-id": metadata["current-schema-id"],
    schemas: metadata.schemas,
    ...(version === 1 && { "partition-spec": defaultSpec(metadata).fields }),
    "default-spec-id": metadata["default-spec-id"],
    "partition-specs": metadata["partition-specs"],
    "last-partition-id": metadata["last-partition-id"],
    "default-sort-order-id": metadata["default-sort-order-id"],
    "sort-orders": metadata["sort-orders"],
    properties: metadata.properties,
    // Java before 1.x readers of v1 and v2 expect -1 for none.
    "current-snapshot-id": current ?? (version < 3 ? -1 : null),
    ...(version > 2 && { "next-row-id": metadata["next-row-id"] ?? 0n }),
    refs: metadata.refs,
    snapshots: metadata.snapshots.map((snapshot) => ({
      ...(snapshot["sequence-number"] > 0n && { "sequence-number": snapshot["sequence-number"] }),
      "snapshot-id": snapshot["snapshot-id"],
      "parent-snapshot-id": snapshot["parent-snapshot-id"],
      "timestamp-ms": snapshot["timestamp-ms"],
      ...without(snapshot, "sequence-number"),
    })),
    statistics: metadata.statistics,
    "partition-statistics": metadata["partition-statistics"],
    "snapshot-log": metadata["snapshot-log"],
    "metadata-log": metadata["metadata-log"],
  };
  const all: Readonly<Record<string, unknown>> = { ...metadata };
  const rest = Object.keys(all).filter(
    (key) => !(key in known) && key !== "last-sequence-number" && key !== "next-row-id",
  );
  return { ...known, ...Object.fromEntries(rest.map((key) => [key, all[key]])) };
}

function without(object: object, key: string): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).filter(([name]) => name !== key));
}

/**
 * Where the next metadata file goes: `<metadata folder>/<version, 5 digits>-<uuid>.metadata.json`. The
 * version follows the previous file's name; one that has none there (Hadoop's `v3.metadata.json`) counts as -1.
 */
export function newMetadataLocation(
  metadata: TableMetadata,
  previousMetadataLocation: string | null,
): string {
  const version = previousMetadataLocation === null ? -1 : metadataVersion(previousMetadataLocation);
  const suffix = isCompressed(metadata) ? ".gz.metadata.json" : ".metadata.json";
  return `${metadataFolder(metadata)}/${String(version + 1).padStart(5, "0")}-${randomUUID()}${suffix}`;
}

function metadataVersion(location: string): number {
  const match = /^(\d{1,15})-/.exec(location.slice(location.lastIndexOf("/") + 1));
  return match ? Number(match[1]) : -1;
}

/** Where manifests and metadata files of the table go; without a slash at the end. */
export function metadataFolder(metadata: TableMetadata): string {
  const configured = metadata.properties["write.metadata.path"];
  return (configured ?? `${trimSlashes(metadata.location)}/metadata`).replace(/(?<=[^/:])\/+$/, "");
}

function trimSlashes(location: string): string {
  return location.replace(/(?<=[^/:])\/+$/, "");
}

/** A new table without a snapshot, as iceberg-java would make it; ids of schema and spec are taken as given. */
export function emptyMetadata(request: {
  readonly location: string;
  readonly schema: Schema;
  readonly spec: PartitionSpec;
  readonly properties: Readonly<Record<string, string>>;
  readonly formatVersion: 2 | 3;
  readonly lastColumnId: number;
  readonly nowMs: number;
  readonly uuid?: string;
}): TableMetadata {
  const { schema, spec, formatVersion } = request;
  return {
    "format-version": formatVersion,
    "table-uuid": request.uuid ?? randomUUID(),
    location: trimSlashes(request.location),
    "last-sequence-number": 0n,
    "last-updated-ms": request.nowMs,
    "last-column-id": request.lastColumnId,
    "current-schema-id": schema["schema-id"],
    schemas: [schema],
    "default-spec-id": spec["spec-id"],
    "partition-specs": [spec],
    "last-partition-id": Math.max(999, ...spec.fields.map((field) => field["field-id"])),
    "default-sort-order-id": 0,
    "sort-orders": [{ "order-id": 0, fields: [] }],
    properties: request.properties,
    "current-snapshot-id": null,
    ...(formatVersion === 3 && { "next-row-id": 0n }),
    refs: {},
    snapshots: [],
    statistics: [],
    "partition-statistics": [],
    "snapshot-log": [],
    "metadata-log": [],
  };
}

export function currentSchema(metadata: TableMetadata): Schema {
  return metadata.schemas.find((schema) => schema["schema-id"] === metadata["current-schema-id"]) as Schema;
}

export function defaultSortOrder(metadata: TableMetadata): SortOrder {
  const id = metadata["default-sort-order-id"];
  return metadata["sort-orders"].find((order) => order["order-id"] === id) ?? unsorted;
}

/** The table as readers of another schema see it: with the names and types of that one, by its field ids. */
export function readAs(metadata: TableMetadata, schema: Schema): TableMetadata {
  const id = Math.max(...metadata.schemas.map((one) => one["schema-id"])) + 1;
  const schemas = [...metadata.schemas, { ...schema, "schema-id": id }];
  return { ...metadata, schemas, "current-schema-id": id };
}

export function defaultSpec(metadata: TableMetadata): PartitionSpec {
  const id = metadata["default-spec-id"];
  return metadata["partition-specs"].find((spec) => spec["spec-id"] === id) as PartitionSpec;
}
