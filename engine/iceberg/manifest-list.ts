// Manifest lists: which manifests make up a snapshot, with what is needed to skip them.
import { isLakeError, lakeError } from "../common/errors.ts";
import type { Storage } from "../storage/storage.ts";
import { AvroWriter } from "./avro-encoding.ts";
import { readAvroFile, writeAvroFile } from "./avro.ts";
import type { AvroCodec } from "./avro.ts";
import { fieldIndex, recordOf } from "./avro-schema.ts";
import { manifestFileSchema } from "./manifest-schema.ts";
import type { FieldSummary, ManifestFile, Snapshot } from "./types.ts";

export interface WriteManifestListRequest {
  readonly formatVersion: 2 | 3;
  readonly snapshotId: bigint;
  readonly parentSnapshotId: bigint | null;
  readonly sequenceNumber: bigint;
  /** v3: the table's next row id; data manifests without a first row id get theirs from here on. */
  readonly firstRowId?: bigint;
  readonly manifests: readonly ManifestFile[];
  readonly codec?: AvroCodec;
}

/** The list's bytes, and how many row ids (v3) it handed out. */
export function writeManifestList(request: WriteManifestListRequest): {
  readonly bytes: Uint8Array;
  readonly assignedRows: bigint;
} {
  const { formatVersion, firstRowId = 0n } = request;
  const { manifests, nextRowId } =
    formatVersion === 3
      ? assignRowIds(request.manifests, firstRowId)
      : { manifests: request.manifests, nextRowId: firstRowId };
  const bytes = writeAvroFile({
    schema: manifestFileSchema(formatVersion),
    metadata: {
      "snapshot-id": String(request.snapshotId),
      "parent-snapshot-id": String(request.parentSnapshotId),
      "sequence-number": String(request.sequenceNumber),
      ...(formatVersion === 3 && { "first-row-id": String(firstRowId) }),
      "format-version": String(formatVersion),
    },
    codec: request.codec ?? "deflate",
    count: manifests.length,
    encode: (writer, index) => encodeManifest(writer, manifests[index] as ManifestFile, formatVersion),
  });
  return { bytes, assignedRows: nextRowId - firstRowId };
}

function assignRowIds(
  manifests: readonly ManifestFile[],
  firstRowId: bigint,
): { readonly manifests: readonly ManifestFile[]; readonly nextRowId: bigint } {
  let nextRowId = firstRowId;
  const assigned = manifests.map((manifest) => {
    if (manifest.content === "deletes" || manifest.firstRowId !== undefined) return manifest;
    const withId = { ...manifest, firstRowId: nextRowId };
    nextRowId += (manifest.existingRowsCount ?? 0n) + (manifest.addedRowsCount ?? 0n);
    return withId;
  });
  return { manifests: assigned, nextRowId };
}

function encodeManifest(writer: AvroWriter, manifest: ManifestFile, formatVersion: 2 | 3): void {
  writer.writeString(manifest.path);
  writer.writeLong(manifest.lengthBytes);
  writer.writeLong(manifest.specId);
  writer.writeLong(manifest.content === "data" ? 0 : 1);
  writer.writeLong(manifest.sequenceNumber);
  writer.writeLong(manifest.minSequenceNumber);
  writer.writeLong(manifest.addedSnapshotId);
  writer.writeLong(manifest.addedFilesCount ?? 0);
  writer.writeLong(manifest.existingFilesCount ?? 0);
  writer.writeLong(manifest.deletedFilesCount ?? 0);
  writer.writeLong(manifest.addedRowsCount ?? 0n);
  writer.writeLong(manifest.existingRowsCount ?? 0n);
  writer.writeLong(manifest.deletedRowsCount ?? 0n);
  encodeSummaries(writer, manifest.partitions);
  optionalBytes(writer, manifest.keyMetadata);
  if (formatVersion === 3) {
    writer.writeLong(manifest.firstRowId === undefined ? 0 : 1);
    if (manifest.firstRowId !== undefined) writer.writeLong(manifest.firstRowId);
  }
}

function encodeSummaries(writer: AvroWriter, summaries: readonly FieldSummary[] | undefined): void {
  writer.writeLong(summaries === undefined ? 0 : 1);
  if (summaries === undefined) return;
  if (summaries.length > 0) writer.writeLong(summaries.length);
  for (const summary of summaries) {
    writer.writeBoolean(summary.containsNull);
    writer.writeLong(summary.containsNan === undefined ? 0 : 1);
    if (summary.containsNan !== undefined) writer.writeBoolean(summary.containsNan);
    optionalBytes(writer, summary.lowerBound);
    optionalBytes(writer, summary.upperBound);
  }
  writer.writeLong(0);
}

function optionalBytes(writer: AvroWriter, value: Uint8Array | undefined): void {
  writer.writeLong(value === undefined ? 0 : 1);
  if (value !== undefined) writer.writeBytes(value);
}

/**
 * The manifests of a snapshot, in the list's order; for v1 snapshots that name their manifests themselves,
 * rows made from the manifests' headers. Errors: `iceberg/bad-avro`, `iceberg/bad-manifest`.
 */
export async function readManifestList(request: {
  readonly storage: Storage;
  readonly snapshot: Snapshot;
}): Promise<ManifestFile[]> {
  const { storage, snapshot } = request;
  const path = snapshot["manifest-list"];
  if (path === undefined) return manifestsOfVersionOne(storage, snapshot);
  return decodeManifestList(await storage.read(path), path, snapshot.summary["total-data-files"]);
}

/** Blocks of at least so many bytes are closed because they are full: Java's are four times, Rust's as large. */
const fullBlockBytes = 16_000;

/** `totalFiles` is what the snapshot's summary says of its data files: a list that is cut off names fewer. */
export function decodeManifestList(bytes: Uint8Array, path: string, totalFiles?: string): ManifestFile[] {
  const file = readAvroFile(bytes, path);
  const record = recordOf(file.schema);
  const at = (id: number): number => fieldIndex(record, id);
  const summaryRecord = recordOf(itemsOf(record?.fields?.[at(507)]?.type));
  const summaryAt = [509, 518, 510, 511].map((id) => fieldIndex(summaryRecord, id));
  if (at(500) < 0 || at(501) < 0) {
    throw lakeError("iceberg/bad-manifest", { path, problem: "it has no manifest_path or manifest_length" });
  }
  try {
    let lastBlock = 0;
    const rows = [...file.records({ onBlock: (size) => (lastBlock = size) })];
    const manifests = rows.map((row) => decodeRow(row as readonly unknown[], at, summaryAt));
    if (rows.length === 0 || lastBlock >= fullBlockBytes) checkWhole(manifests, totalFiles);
    return manifests;
  } catch (cause) {
    if (isLakeError(cause)) throw cause;
    const problem = cause instanceof Error ? cause.message : String(cause);
    throw lakeError("iceberg/bad-manifest", { path, problem }, { cause });
  }
}

/**
 * Of a list that ends where another block may have followed. Elsewhere the summary is not believed: its totals
 * are carried from commit to commit, and some writers let them drift.
 */
function checkWhole(manifests: readonly ManifestFile[], totalFiles: string | undefined): void {
  if (totalFiles === undefined || !/^\d+$/.test(totalFiles)) return;
  let files = 0;
  for (const { content, addedFilesCount: added, existingFilesCount: existing } of manifests) {
    if (content === "deletes") continue;
    if (added === undefined || existing === undefined) return;
    files += added + existing;
  }
  if (files >= Number(totalFiles)) return;
  throw new Error(`it names manifests of ${files} data files; the snapshot's summary says ${totalFiles}`);
}

const contents = ["data", "deletes"] as const;

function itemsOf(schema: unknown): never | undefined {
  const branches = Array.isArray(schema) ? (schema as unknown[]) : [schema];
  const array = branches.find((branch) => typeof branch === "object" && branch !== null && "items" in branch);
  return array && (array as { items: never }).items;
}

function decodeRow(
  values: readonly unknown[],
  at: (id: number) => number,
  summaryAt: readonly number[],
): ManifestFile {
  const long = (id: number): bigint | undefined => {
    const value = values[at(id)];
    return typeof value === "bigint" || typeof value === "number" ? BigInt(value) : undefined;
  };
  const integer = (id: number): number | undefined => {
    const value = long(id);
    return value === undefined ? undefined : Number(value);
  };
  const partitions = values[at(507)];
  const keyMetadata = values[at(519)];
  const path = values[at(500)];
  if (typeof path !== "string") throw new Error("a manifest_path is not text");
  const content = contents[integer(517) ?? 0];
  if (content === undefined) throw new Error(`a manifest has the unknown content ${integer(517)}`);
  return dropUndefined<ManifestFile>({
    path,
    lengthBytes: long(501) ?? 0n,
    specId: integer(502) ?? 0,
    content,
    // Absent in v1, whose files count as sequence 0.
    sequenceNumber: long(515) ?? 0n,
    minSequenceNumber: long(516) ?? 0n,
    addedSnapshotId: long(503) ?? 0n,
    addedFilesCount: integer(504),
    existingFilesCount: integer(505),
    deletedFilesCount: integer(506),
    addedRowsCount: long(512),
    existingRowsCount: long(513),
    deletedRowsCount: long(514),
    partitions: Array.isArray(partitions)
      ? partitions.map((summary) => decodeSummary(summary as readonly unknown[], summaryAt))
      : undefined,
    keyMetadata: keyMetadata instanceof Uint8Array ? keyMetadata : undefined,
    firstRowId: long(520),
  });
}

function decodeSummary(values: readonly unknown[], at: readonly number[]): FieldSummary {
  const [containsNull, containsNan, lower, upper] = at.map((place) => values[place]);
  return dropUndefined<FieldSummary>({
    containsNull: containsNull === true,
    containsNan: typeof containsNan === "boolean" ? containsNan : undefined,
    lowerBound: lower instanceof Uint8Array ? lower : undefined,
    upperBound: upper instanceof Uint8Array ? upper : undefined,
  });
}

function dropUndefined<T extends object>(value: { [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as T;
}

async function manifestsOfVersionOne(storage: Storage, snapshot: Snapshot): Promise<ManifestFile[]> {
  const rows: ManifestFile[] = [];
  for (const path of snapshot.manifests ?? []) {
    const bytes = await storage.read(path);
    const header = readAvroFile(bytes, path).metadata;
    rows.push({
      path,
      lengthBytes: BigInt(bytes.length),
      specId: Number(header.get("partition-spec-id") ?? "0"),
      content: "data",
      sequenceNumber: 0n,
      minSequenceNumber: 0n,
      addedSnapshotId: snapshot["snapshot-id"],
    });
  }
  return rows;
}
