// Snapshot ids and summaries.
import { randomBytes } from "node:crypto";
import { partitionKey } from "./partition.ts";
import type { DataFile, Operation, SnapshotSummary, TableMetadata } from "./types.ts";

/** A positive random 63-bit id that the table does not hold, as iceberg-java makes them. */
export function newSnapshotId(existing: TableMetadata | null): bigint {
  const taken = new Set(existing?.snapshots.map((snapshot) => snapshot["snapshot-id"]));
  for (;;) {
    const id = BigInt.asUintN(63, randomBytes(8).readBigUInt64BE());
    if (id > 0n && !taken.has(id)) return id;
  }
}

export interface SummaryRequest {
  readonly operation: Operation;
  readonly added: readonly DataFile[];
  readonly removed: readonly DataFile[];
  /** Of the branch's head; null when it has none. */
  readonly previousSummary: SnapshotSummary | null;
  /** Further keys, `lake.*` above all; computed keys win. */
  readonly extra: Readonly<Record<string, string>>;
}

interface Counts {
  dataFiles: bigint;
  deleteFiles: bigint;
  positionDeleteFiles: bigint;
  equalityDeleteFiles: bigint;
  deletionVectors: bigint;
  records: bigint;
  positionDeletes: bigint;
  equalityDeletes: bigint;
  sizeBytes: bigint;
}

/** Counts are written only above zero, totals always: Redshift and Athena refuse tables without them. */
export function buildSummary(request: SummaryRequest): SnapshotSummary {
  const added = count(request.added);
  const removed = count(request.removed);
  const partitions = new Set<string>();
  for (const file of request.added) partitions.add(partitionKey(file.specId, file.partition));
  for (const file of request.removed) partitions.add(partitionKey(file.specId, file.partition));
  const counts: readonly (readonly [string, bigint])[] = [
    ["added-data-files", added.dataFiles],
    ["deleted-data-files", removed.dataFiles],
    ["added-delete-files", added.deleteFiles],
    ["removed-delete-files", removed.deleteFiles],
    ["added-position-delete-files", added.positionDeleteFiles],
    ["removed-position-delete-files", removed.positionDeleteFiles],
    ["added-equality-delete-files", added.equalityDeleteFiles],
    ["removed-equality-delete-files", removed.equalityDeleteFiles],
    ["added-dvs", added.deletionVectors],
    ["removed-dvs", removed.deletionVectors],
    ["added-records", added.records],
    ["deleted-records", removed.records],
    ["added-position-deletes", added.positionDeletes],
    ["removed-position-deletes", removed.positionDeletes],
    ["added-equality-deletes", added.equalityDeletes],
    ["removed-equality-deletes", removed.equalityDeletes],
    ["added-files-size", added.sizeBytes],
    ["removed-files-size", removed.sizeBytes],
  ];
  return {
    ...request.extra,
    operation: request.operation,
    ...Object.fromEntries(
      counts.filter(([, value]) => value > 0n).map(([key, value]) => [key, String(value)]),
    ),
    "changed-partition-count": String(partitions.size),
    ...totals(request.previousSummary, added, removed),
  };
}

function count(files: readonly DataFile[]): Counts {
  const counts: Counts = {
    dataFiles: 0n,
    deleteFiles: 0n,
    positionDeleteFiles: 0n,
    equalityDeleteFiles: 0n,
    deletionVectors: 0n,
    records: 0n,
    positionDeletes: 0n,
    equalityDeletes: 0n,
    sizeBytes: 0n,
  };
  for (const file of files) {
    // A deletion vector is a part of a Puffin file: its size is that of its blob.
    const isVector = file.content === "position-deletes" && file.format.toUpperCase() === "PUFFIN";
    counts.sizeBytes += isVector ? (file.contentSizeBytes ?? file.sizeBytes) : file.sizeBytes;
    if (file.content === "data") {
      counts.dataFiles += 1n;
      counts.records += file.recordCount;
      continue;
    }
    counts.deleteFiles += 1n;
    if (file.content === "equality-deletes") {
      counts.equalityDeleteFiles += 1n;
      counts.equalityDeletes += file.recordCount;
    } else {
      if (isVector) counts.deletionVectors += 1n;
      else counts.positionDeleteFiles += 1n;
      counts.positionDeletes += file.recordCount;
    }
  }
  return counts;
}

function totals(previous: SnapshotSummary | null, added: Counts, removed: Counts): Record<string, string> {
  const keys: readonly (readonly [string, keyof Counts])[] = [
    ["total-data-files", "dataFiles"],
    ["total-delete-files", "deleteFiles"],
    ["total-records", "records"],
    ["total-files-size", "sizeBytes"],
    ["total-position-deletes", "positionDeletes"],
    ["total-equality-deletes", "equalityDeletes"],
  ];
  const result: Record<string, string> = {};
  for (const [key, name] of keys) {
    const before = previous === null ? "0" : previous[key];
    // Java leaves a total out for good once a parent lacks it: it could only be wrong.
    if (before === undefined || !/^-?\d+$/.test(before)) continue;
    const total = BigInt(before) + added[name] - removed[name];
    if (total >= 0n) result[key] = String(total);
  }
  return result;
}
