// Reading a manifest of any writer: fields by id, partition values in the spec's order, inheritance done.
import { isLakeError, lakeError } from "../common/errors.ts";
import type { Storage } from "../storage/storage.ts";
import { readAvroFile } from "./avro.ts";
import type { AvroFile } from "./avro.ts";
import { fieldIndex, recordOf } from "./avro-schema.ts";
import type { AvroNamedSchema } from "./avro-schema.ts";
import { fieldsById } from "./field-ids.ts";
import { partitionFieldTypes } from "./partition.ts";
import { decimalOf } from "./type-text.ts";
import type {
  DataFile,
  IcebergType,
  ManifestEntry,
  ManifestFile,
  PartitionSpec,
  Schema,
  TableMetadata,
  Value,
} from "./types.ts";
import { bytesToBigint, deserialiseValue, valueKind } from "./values.ts";

export interface ReadManifestRequest {
  readonly storage: Storage;
  readonly manifest: ManifestFile;
  readonly metadata: TableMetadata;
  /**
   * For a scan: counts and bounds of these columns only, by field id, without sizes of columns and places of row
   * groups. All of it when absent. Statistics are most of a manifest.
   */
  readonly statistics?: ReadonlySet<number>;
  /** Entries that are given; others are forgotten one by one. */
  readonly keep?: (entry: ManifestEntry) => boolean;
}

/** Counts and bounds, and what no scan asks for. */
const statisticsIds: ReadonlySet<number> = new Set([109, 110, 137, 125, 128]);
const otherIds: ReadonlySet<number> = new Set([105, 106, 107, 108, 111, 132]);
const statuses = ["existing", "added", "deleted"] as const;
const parquet = "PARQUET";
const contents = ["data", "position-deletes", "equality-deletes"] as const;

/**
 * The entries of a manifest, deleted ones too, in its order. Snapshot id and sequence numbers that an entry
 * leaves out come from the manifest's row. Errors: `iceberg/bad-avro`, `iceberg/bad-manifest`, `iceberg/unknown-spec`.
 */
export async function readManifest(request: ReadManifestRequest): Promise<ManifestEntry[]> {
  const { storage, manifest, metadata } = request;
  const { path } = manifest;
  const bytes = await storage.read(path);
  const file = readAvroFile(bytes, path);
  const spec = metadata["partition-specs"].find((candidate) => candidate["spec-id"] === manifest.specId);
  if (spec === undefined) throw lakeError("iceberg/unknown-spec", { spec: manifest.specId, path });
  try {
    const decoded = decodeEntries({ ...request, file, spec, types: specTypes(spec, metadata) });
    checkWhole(manifest, { bytes: bytes.length, live: decoded.live });
    return decoded.entries;
  } catch (cause) {
    if (isLakeError(cause)) throw cause;
    const problem = cause instanceof Error ? cause.message : String(cause);
    throw lakeError("iceberg/bad-manifest", { path, problem }, { cause });
  }
}

/**
 * Avro has neither an end mark nor a count: a file that is cut between two blocks is a shorter file. The manifest
 * list knows how many entries there are, and, where an old writer left that out, how many bytes.
 */
function checkWhole(manifest: ManifestFile, found: { readonly bytes: number; readonly live: number }): void {
  const { addedFilesCount: added, existingFilesCount: existing, lengthBytes } = manifest;
  if (added !== undefined && existing !== undefined) {
    if (found.live === added + existing) return;
    throw new Error(`it holds ${found.live} live files; the manifest list says ${added + existing}`);
  }
  if (BigInt(found.bytes) !== lengthBytes)
    throw new Error(`it has ${found.bytes} bytes; the manifest list says ${lengthBytes}`);
}

/** The types of a spec's fields, from the newest schema that still has each source column. */
export function specTypes(spec: PartitionSpec, metadata: TableMetadata): readonly IcebergType[] {
  const current = metadata.schemas.find((schema) => schema["schema-id"] === metadata["current-schema-id"]);
  const older = metadata.schemas.toSorted((a, b) => b["schema-id"] - a["schema-id"]);
  const schemas = [...(current ? [current] : []), ...older];
  const holding = (id: number): Schema | undefined => schemas.find((schema) => fieldsById(schema).has(id));
  return spec.fields.map((field) => {
    const schema = holding(field["source-id"]);
    if (schema === undefined) return "unknown";
    return partitionFieldTypes({ "spec-id": spec["spec-id"], fields: [field] }, schema)[0] ?? "unknown";
  });
}

interface DecodeRequest extends Pick<ReadManifestRequest, "manifest" | "statistics" | "keep"> {
  readonly file: AvroFile;
  readonly spec: PartitionSpec;
  readonly types: readonly IcebergType[];
}

/** `live` counts the entries that are not deleted, whether or not they are kept. */
function decodeEntries(request: DecodeRequest): { readonly entries: ManifestEntry[]; readonly live: number } {
  const { file, manifest, statistics, keep } = request;
  const entryRecord = recordOf(file.schema);
  const at = positions(entryRecord, { status: 0, snapshotId: 1, sequence: 3, fileSequence: 4, file: 2 });
  if (at.file < 0 || at.status < 0) throw new Error("it has no status or no data_file");
  const toFile = fileDecoder(recordOf(entryRecord?.fields?.[at.file]?.type), request);
  const wanted = (field: { readonly "field-id"?: number }): boolean | ReadonlySet<unknown> => {
    const id = field["field-id"] ?? -1;
    if (statistics === undefined) return true;
    return statisticsIds.has(id) ? statistics.size > 0 && statistics : !otherIds.has(id);
  };
  const entries: ManifestEntry[] = [];
  let live = 0;
  let nextRowId = manifest.firstRowId;
  for (const record of file.records({ wanted })) {
    const values = record as readonly unknown[];
    const status = statuses[values[at.status] as number];
    if (status === undefined) throw new Error(`an entry has the unknown status ${String(values[at.status])}`);
    if (status !== "deleted") live += 1;
    const dataFile = toFile(values[at.file] as readonly unknown[]);
    if (nextRowId !== undefined && dataFile.firstRowId === undefined && dataFile.content === "data") {
      // Row ids are handed out in the order of the entries, to those that have none.
      if (status !== "deleted") {
        dataFile.firstRowId = nextRowId;
        nextRowId += dataFile.recordCount;
      }
    }
    const inherits = status === "added" || manifest.sequenceNumber === 0n;
    const inherited = inherits ? manifest.sequenceNumber : null;
    const entry: ManifestEntry = {
      status,
      snapshotId: optionalLong(values[at.snapshotId]) ?? manifest.addedSnapshotId,
      sequenceNumber: optionalLong(values[at.sequence]) ?? inherited,
      fileSequenceNumber: optionalLong(values[at.fileSequence]) ?? inherited,
      file: dataFile,
    };
    if (keep === undefined || keep(entry)) entries.push(entry);
  }
  return { entries, live };
}

function positions<K extends string>(
  record: AvroNamedSchema | null,
  ids: Readonly<Record<K, number>>,
): Readonly<Record<K, number>> {
  const entries = Object.entries<number>(ids).map(([key, id]) => [key, fieldIndex(record, id)]);
  return Object.fromEntries(entries) as Record<K, number>;
}

const fileIds = {
  content: 134,
  path: 100,
  format: 101,
  partition: 102,
  recordCount: 103,
  sizeBytes: 104,
  columnSizes: 108,
  valueCounts: 109,
  nullValueCounts: 110,
  nanValueCounts: 137,
  lowerBounds: 125,
  upperBounds: 128,
  keyMetadata: 131,
  splitOffsets: 132,
  equalityIds: 135,
  sortOrderId: 140,
  firstRowId: 142,
  referencedDataFile: 143,
  contentOffset: 144,
  contentSizeBytes: 145,
};

function fileDecoder(
  record: AvroNamedSchema | null,
  { spec, types }: DecodeRequest,
): (values: readonly unknown[]) => MutableFile {
  const at = positions(record, fileIds);
  if (at.path < 0 || at.format < 0 || at.recordCount < 0 || at.sizeBytes < 0) {
    throw new Error("its data_file has no file_path, file_format, record_count or file_size_in_bytes");
  }
  const toPartition = partitionDecoder(recordOf(record?.fields?.[at.partition]?.type), spec, types);
  const specId = spec["spec-id"];
  return (values) => {
    const content = at.content < 0 ? "data" : contents[values[at.content] as number];
    if (content === undefined)
      throw new Error(`a file has the unknown content ${String(values[at.content])}`);
    const sortOrderId = values[at.sortOrderId] as number | null | undefined;
    const [path, format] = [values[at.path], values[at.format]];
    if (typeof path !== "string" || typeof format !== "string")
      throw new Error("a file's file_path or file_format is not text");
    const file: MutableFile = {
      content,
      path,
      // One text for the format of a hundred thousand files.
      format: format === parquet ? parquet : format,
      specId,
      partition: at.partition < 0 ? [] : toPartition(values[at.partition] as readonly unknown[]),
      recordCount: BigInt(values[at.recordCount] as bigint | number),
      sizeBytes: BigInt(values[at.sizeBytes] as bigint | number),
    };
    copyStatistics(file, values, at);
    const keyMetadata = values[at.keyMetadata];
    if (keyMetadata instanceof Uint8Array) file.keyMetadata = keyMetadata;
    if (Array.isArray(values[at.splitOffsets])) file.splitOffsets = values[at.splitOffsets] as bigint[];
    if (Array.isArray(values[at.equalityIds])) file.equalityIds = values[at.equalityIds] as number[];
    if (typeof sortOrderId === "number") file.sortOrderId = sortOrderId;
    copyRowLineage(file, values, at);
    return file;
  };
}

type MutableFile = { -readonly [K in keyof DataFile]: DataFile[K] };
type FilePositions = Readonly<Record<keyof typeof fileIds, number>>;

function copyStatistics(file: MutableFile, values: readonly unknown[], at: FilePositions): void {
  const sizes = values[at.columnSizes];
  if (sizes instanceof Map) file.columnSizes = sizes as Map<number, bigint>;
  const counts = values[at.valueCounts];
  if (counts instanceof Map) file.valueCounts = counts as Map<number, bigint>;
  const nulls = values[at.nullValueCounts];
  if (nulls instanceof Map) file.nullValueCounts = nulls as Map<number, bigint>;
  const nans = values[at.nanValueCounts];
  if (nans instanceof Map) file.nanValueCounts = nans as Map<number, bigint>;
  const lower = values[at.lowerBounds];
  if (lower instanceof Map) file.lowerBounds = lower as Map<number, Uint8Array>;
  const upper = values[at.upperBounds];
  if (upper instanceof Map) file.upperBounds = upper as Map<number, Uint8Array>;
}

function copyRowLineage(file: MutableFile, values: readonly unknown[], at: FilePositions): void {
  const firstRowId = optionalLong(values[at.firstRowId]);
  if (firstRowId !== null) file.firstRowId = firstRowId;
  const referenced = values[at.referencedDataFile];
  if (typeof referenced === "string") file.referencedDataFile = referenced;
  const offset = optionalLong(values[at.contentOffset]);
  if (offset !== null) file.contentOffset = offset;
  const size = optionalLong(values[at.contentSizeBytes]);
  if (size !== null) file.contentSizeBytes = size;
}

function optionalLong(value: unknown): bigint | null {
  if (typeof value === "bigint") return value;
  return typeof value === "number" ? BigInt(value) : null;
}

/** Fields by id; by place for writers that left the ids out. */
function partitionDecoder(
  record: AvroNamedSchema | null,
  spec: PartitionSpec,
  types: readonly IcebergType[],
): (values: readonly unknown[]) => Value[] {
  const hasIds = record?.fields?.some((field) => field["field-id"] !== undefined) ?? false;
  const places = spec.fields.map((field, index) => (hasIds ? fieldIndex(record, field["field-id"]) : index));
  return (values) =>
    places.map((place, index) => partitionValue(types[index] ?? "unknown", values[place] ?? null));
}

/** From what Avro holds to the value of the partition field's type of today (int may have become long). */
function partitionValue(type: IcebergType, raw: unknown): Value {
  if (raw === null) return null;
  if (raw instanceof Uint8Array) {
    if (decimalOf(type) !== null) return bytesToBigint(raw);
    return type === "uuid" ? deserialiseValue(type, raw) : raw;
  }
  const kind = valueKind(type);
  if (kind === "long") return BigInt(raw as number | bigint);
  return kind === "int" ? Number(raw) : (raw as Value);
}
