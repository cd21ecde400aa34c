// Writing a manifest: entries → Avro bytes and the row that the manifest list holds for them.
import { printJson } from "../common/json.ts";
import { AvroWriter } from "./avro-encoding.ts";
import { writeAvroFile } from "./avro.ts";
import type { AvroCodec } from "./avro.ts";
import { decimalBytes, manifestEntrySchema } from "./manifest-schema.ts";
import { partitionFieldTypes } from "./partition.ts";
import { decimalOf } from "./type-text.ts";
import type {
  DataFile,
  FieldSummary,
  IcebergType,
  ManifestEntry,
  ManifestFile,
  PartitionSpec,
  Schema,
  Value,
} from "./types.ts";
import { compareValues, serialiseValue } from "./values.ts";

export interface WriteManifestRequest {
  readonly path: string;
  /** The table's schema at this change: stands in the header. */
  readonly schema: Schema;
  readonly spec: PartitionSpec;
  /** Types of the spec's fields; from `schema` when absent. Give them when a source column was dropped since. */
  readonly types?: readonly IcebergType[];
  readonly formatVersion: 2 | 3;
  readonly content: "data" | "deletes";
  /** Of the snapshot that writes the manifest. */
  readonly snapshotId: bigint;
  readonly sequenceNumber: bigint;
  readonly entries: readonly ManifestEntry[];
  readonly codec?: AvroCodec;
}

const statusCodes = { existing: 0, added: 1, deleted: 2 } as const;
const contentCodes = { data: 0, "position-deletes": 1, "equality-deletes": 2 } as const;

/** The manifest's bytes and its row of the manifest list; nothing is stored. */
export function writeManifest(request: WriteManifestRequest): {
  readonly bytes: Uint8Array;
  readonly manifest: ManifestFile;
} {
  const { spec, schema, formatVersion, entries } = request;
  const types = request.types ?? partitionFieldTypes(spec, schema);
  const bytes = writeAvroFile({
    schema: manifestEntrySchema({ formatVersion, spec, types }),
    metadata: {
      schema: schemaJson(schema),
      "schema-id": String(schema["schema-id"]),
      "partition-spec": printJson(spec.fields),
      "partition-spec-id": String(spec["spec-id"]),
      "format-version": String(formatVersion),
      content: request.content,
    },
    codec: request.codec ?? "deflate",
    count: entries.length,
    encode: (writer, index) => encodeEntry(writer, entries[index] as ManifestEntry, types, formatVersion),
  });
  return { bytes, manifest: manifestRow(request, types, bytes.length) };
}

/** Keys in Java's order, and never what only our memory holds. */
function schemaJson(schema: Schema): string {
  const { type: _type, "schema-id": id, "identifier-field-ids": identifiers, fields } = schema;
  return printJson({
    type: "struct",
    "schema-id": id,
    ...(identifiers && identifiers.length > 0 && { "identifier-field-ids": identifiers }),
    fields,
  });
}

function encodeEntry(
  writer: AvroWriter,
  entry: ManifestEntry,
  types: readonly IcebergType[],
  formatVersion: 2 | 3,
): void {
  writer.writeLong(statusCodes[entry.status]);
  optionalLong(writer, entry.snapshotId);
  optionalLong(writer, entry.sequenceNumber);
  optionalLong(writer, entry.fileSequenceNumber);
  encodeFile(writer, entry.file, types, formatVersion);
}

function encodeFile(
  writer: AvroWriter,
  file: DataFile,
  types: readonly IcebergType[],
  formatVersion: 2 | 3,
): void {
  writer.writeLong(contentCodes[file.content]);
  writer.writeString(file.path);
  writer.writeString(file.format.toUpperCase());
  for (let index = 0; index < types.length; index += 1) {
    encodePartitionValue(writer, types[index] as IcebergType, file.partition[index] ?? null);
  }
  writer.writeLong(file.recordCount);
  writer.writeLong(file.sizeBytes);
  longMap(writer, file.columnSizes);
  longMap(writer, file.valueCounts);
  longMap(writer, file.nullValueCounts);
  longMap(writer, file.nanValueCounts);
  bytesMap(writer, file.lowerBounds);
  bytesMap(writer, file.upperBounds);
  optional(writer, file.keyMetadata, (value) => writer.writeBytes(value));
  longList(writer, file.splitOffsets);
  longList(writer, file.equalityIds);
  optionalLong(writer, file.sortOrderId);
  if (formatVersion === 3) optionalLong(writer, file.firstRowId);
  optional(writer, file.referencedDataFile, (value) => writer.writeString(value));
  if (formatVersion === 3) {
    optionalLong(writer, file.contentOffset);
    optionalLong(writer, file.contentSizeBytes);
  }
}

/** Branch 0 of every union is null. */
function optional<T>(writer: AvroWriter, value: T | null | undefined, write: (value: T) => void): void {
  if (value === null || value === undefined) return writer.writeLong(0);
  writer.writeLong(1);
  write(value);
}

function optionalLong(writer: AvroWriter, value: number | bigint | null | undefined): void {
  if (value === null || value === undefined) return writer.writeLong(0);
  writer.writeLong(1);
  writer.writeLong(value);
}

function longMap(writer: AvroWriter, map: ReadonlyMap<number, bigint> | undefined): void {
  if (map === undefined) return writer.writeLong(0);
  writer.writeLong(1);
  if (map.size > 0) writer.writeLong(map.size);
  for (const [key, value] of map) {
    writer.writeLong(key);
    writer.writeLong(value);
  }
  writer.writeLong(0);
}

function bytesMap(writer: AvroWriter, map: ReadonlyMap<number, Uint8Array> | undefined): void {
  if (map === undefined) return writer.writeLong(0);
  writer.writeLong(1);
  if (map.size > 0) writer.writeLong(map.size);
  for (const [key, value] of map) {
    writer.writeLong(key);
    writer.writeBytes(value);
  }
  writer.writeLong(0);
}

function longList(writer: AvroWriter, list: readonly (number | bigint)[] | undefined): void {
  if (list === undefined) return writer.writeLong(0);
  writer.writeLong(1);
  if (list.length > 0) writer.writeLong(list.length);
  for (const value of list) writer.writeLong(value);
  writer.writeLong(0);
}

function encodePartitionValue(writer: AvroWriter, type: IcebergType, value: Value): void {
  if (value === null) return writer.writeLong(0);
  writer.writeLong(1);
  if (typeof value === "string" && type === "string") return writer.writeString(value);
  if (typeof value === "boolean") return writer.writeBoolean(value);
  if (type === "float") return writer.writeFloat(Number(value));
  if (type === "double") return writer.writeDouble(Number(value));
  const decimal = decimalOf(type);
  if (decimal !== null) return writer.writeFixed(bigEndian(value as bigint, decimalBytes(decimal.precision)));
  if (type === "binary") return writer.writeBytes(value as Uint8Array);
  if (value instanceof Uint8Array) return writer.writeFixed(value);
  if (type === "uuid") return writer.writeFixed(serialiseValue(type, value));
  writer.writeLong(typeof value === "string" ? BigInt(value) : value);
}

function bigEndian(value: bigint, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let rest = BigInt.asUintN(size * 8, value);
  for (let index = size - 1; index >= 0; index -= 1) {
    bytes[index] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return bytes;
}

function manifestRow(
  request: WriteManifestRequest,
  types: readonly IcebergType[],
  length: number,
): ManifestFile {
  const files = { added: 0, existing: 0, deleted: 0 };
  const rows = { added: 0n, existing: 0n, deleted: 0n };
  let minimum: bigint = request.sequenceNumber;
  for (const { status, sequenceNumber, file } of request.entries) {
    files[status] += 1;
    rows[status] += file.recordCount;
    if (status !== "deleted" && sequenceNumber !== null && sequenceNumber < minimum) minimum = sequenceNumber;
  }
  return {
    path: request.path,
    lengthBytes: BigInt(length),
    specId: request.spec["spec-id"],
    content: request.content,
    sequenceNumber: request.sequenceNumber,
    minSequenceNumber: minimum,
    addedSnapshotId: request.snapshotId,
    addedFilesCount: files.added,
    existingFilesCount: files.existing,
    deletedFilesCount: files.deleted,
    addedRowsCount: rows.added,
    existingRowsCount: rows.existing,
    deletedRowsCount: rows.deleted,
    partitions: types.map((type, index) => summarise(type, index, request.entries)),
  };
}

/** Over all entries, deleted ones too: what was removed must be found by readers of changes. */
function summarise(type: IcebergType, index: number, entries: readonly ManifestEntry[]): FieldSummary {
  let [containsNull, containsNan] = [false, false];
  let [lower, upper]: [Value, Value] = [null, null];
  for (const { file } of entries) {
    const value = file.partition[index] ?? null;
    if (value === null) containsNull = true;
    else if (typeof value === "number" && Number.isNaN(value)) containsNan = true;
    else {
      if (lower === null || compareValues(type, value, lower) < 0) lower = value;
      if (upper === null || compareValues(type, value, upper) > 0) upper = value;
    }
  }
  return {
    containsNull,
    containsNan,
    ...(lower !== null && { lowerBound: serialiseValue(type, lower) }),
    ...(upper !== null && { upperBound: serialiseValue(type, upper) }),
  };
}
