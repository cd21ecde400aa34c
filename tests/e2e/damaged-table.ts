// A small table of every kind of file, made by hand: two data files, position and equality deletes, a deletion
// vector, manifests, manifest list and metadata. What it holds is known, so that damage can be told from luck.
import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { DuckDBInstance } from "@duckdb/node-api";
import { writeManifestList } from "../../engine/iceberg/manifest-list.ts";
import { writeManifest } from "../../engine/iceberg/manifest.ts";
import { emptyMetadata, serialiseTableMetadata } from "../../engine/iceberg/metadata.ts";
import type { DataFile, ManifestFile, Schema, TableMetadata } from "../../engine/iceberg/types.ts";
import { serialiseValue } from "../../engine/iceberg/values.ts";

const schema: Schema = {
  type: "struct",
  "schema-id": 0,
  fields: [
    { id: 1, name: "id", required: false, type: "long" },
    { id: 2, name: "kind", required: false, type: "string" },
    { id: 3, name: "score", required: false, type: "double" },
  ],
};
const spec = { "spec-id": 0, fields: [] };
const snapshotId = 4_611_686_018_427_387_904n;

export interface HandMadeTable {
  readonly metadata: TableMetadata;
  /** By what they are. */
  readonly files: {
    readonly metadata: string;
    readonly "gzipped metadata": string;
    readonly "manifest list": string;
    readonly manifest: string;
    readonly "delete manifest": string;
    readonly data: string;
    readonly "position deletes": string;
    readonly "equality deletes": string;
    readonly "deletion vector": string;
  };
}

/** 1,000 rows in two files, of which 1 in 10 is deleted, in three ways. Data may lie in another folder. */
export async function writeHandMadeTable(folder: string, dataFolder = folder): Promise<HandMadeTable> {
  const path = (name: string): string =>
    join(name.startsWith("data/") || name === "data" ? dataFolder : folder, name);
  for (const part of ["data", "metadata"]) mkdirSync(path(part), { recursive: true });
  const instance = await DuckDBInstance.create(":memory:", { threads: "1" });
  const connection = await instance.connect();
  const parquet = async (
    name: string,
    sql: string,
    ids: string,
  ): Promise<Pick<DataFile, "path" | "recordCount" | "sizeBytes">> => {
    const file = path(`data/${name}`);
    const result = await connection.run(`copy (${sql}) to '${file}' (format parquet, field_ids ${ids})`);
    const [[rows] = []] = await result.getRows();
    return { path: file, recordCount: BigInt(String(rows)), sizeBytes: BigInt(statSync(file).size) };
  };
  const rows = (from: number): string =>
    `select range as id, 'kind ' || (range % 7) as kind, range / 3 as score from range(${from}, ${from + 500})`;
  const ids = "{id: 1, kind: 2, score: 3}";
  const first = await parquet("first.parquet", rows(0), ids);
  const second = await parquet("second.parquet", rows(500), ids);
  const positions = await parquet(
    "positions.parquet",
    `select '${first.path}' as file_path, range * 10 as pos from range(50)`,
    "{file_path: 2147483546, pos: 2147483545}",
  );
  const equal = await parquet("equal.parquet", "select 500 + range * 20 as id from range(25)", "{id: 1}");
  connection.closeSync();
  instance.closeSync();
  const vector = deletionVector(Array.from({ length: 25 }, (_, index) => 10 + index * 20));
  const puffin = path("data/vector.puffin");
  writeFileSync(puffin, Buffer.concat([Buffer.from("PFA1"), vector]));

  const common = { format: "PARQUET", specId: 0, partition: [] } as const;
  const manifests: ManifestFile[] = [];
  const manifest = (
    name: string,
    content: "data" | "deletes",
    entries: readonly (readonly [DataFile, bigint])[],
  ): string => {
    const file = path(`metadata/${name}`);
    const written = writeManifest({
      path: file,
      schema,
      spec,
      formatVersion: 3,
      content,
      snapshotId,
      sequenceNumber: 2n,
      entries: entries.map(([one, sequenceNumber]) => ({
        status: "existing",
        snapshotId,
        sequenceNumber,
        fileSequenceNumber: sequenceNumber,
        file: one,
      })),
    });
    writeFileSync(file, written.bytes);
    manifests.push(written.manifest);
    return file;
  };
  const bounds = (low: bigint, high: bigint): Partial<DataFile> => ({
    valueCounts: new Map([[1, 500n]]),
    nullValueCounts: new Map([[1, 0n]]),
    lowerBounds: new Map([[1, serialiseValue("long", low)]]),
    upperBounds: new Map([[1, serialiseValue("long", high)]]),
  });
  const data = manifest("data.avro", "data", [
    [{ content: "data", ...common, ...first, ...bounds(0n, 499n) }, 1n],
    [{ content: "data", ...common, ...second, ...bounds(500n, 999n) }, 1n],
  ]);
  const deletes = manifest("deletes.avro", "deletes", [
    [{ content: "position-deletes", ...common, ...positions }, 2n],
    [{ content: "equality-deletes", ...common, ...equal, equalityIds: [1] }, 2n],
    [
      {
        content: "position-deletes",
        ...common,
        format: "PUFFIN",
        path: puffin,
        recordCount: 25n,
        sizeBytes: BigInt(vector.length + 4),
        referencedDataFile: second.path,
        contentOffset: 4n,
        contentSizeBytes: BigInt(vector.length),
      },
      2n,
    ],
  ]);
  const list = path("metadata/snap.avro");
  const listed = {
    formatVersion: 3,
    snapshotId,
    parentSnapshotId: null,
    sequenceNumber: 2n,
    manifests,
  } as const;
  writeFileSync(list, writeManifestList(listed).bytes);
  const metadata = metadataOf(folder, list);
  const plain = path("metadata/00001-plain.metadata.json");
  writeFileSync(plain, serialiseTableMetadata(metadata));
  const zipped = path("metadata/00001-zipped.gz.metadata.json");
  writeFileSync(
    zipped,
    serialiseTableMetadata({ ...metadata, properties: { "write.metadata.compression-codec": "gzip" } }),
  );
  return {
    metadata,
    files: {
      metadata: plain,
      "gzipped metadata": zipped,
      "manifest list": list,
      manifest: data,
      "delete manifest": deletes,
      data: first.path,
      "position deletes": positions.path,
      "equality deletes": equal.path,
      "deletion vector": puffin,
    },
  };
}

function metadataOf(location: string, list: string): TableMetadata {
  const nowMs = 1_750_000_000_000;
  return {
    ...emptyMetadata({
      location,
      schema,
      spec,
      properties: {},
      formatVersion: 3,
      lastColumnId: 3,
      nowMs,
      uuid: "0196f9a0-0000-7000-8000-000000000001",
    }),
    "last-sequence-number": 2n,
    "next-row-id": 1000n,
    "current-snapshot-id": snapshotId,
    refs: { main: { "snapshot-id": snapshotId, type: "branch" } },
    snapshots: [
      {
        "snapshot-id": snapshotId,
        "sequence-number": 2n,
        "timestamp-ms": nowMs,
        summary: { operation: "append", "total-data-files": "2" },
        "manifest-list": list,
        "schema-id": 0,
        "first-row-id": 0n,
        "added-rows": 1000n,
      },
    ],
    "snapshot-log": [{ "timestamp-ms": nowMs, "snapshot-id": snapshotId }],
  };
}

/** A vector as the specification describes it: one bitmap, of one array container. */
export function deletionVector(positions: readonly number[]): Uint8Array {
  const bitmap = Buffer.alloc(16 + positions.length * 2);
  bitmap.writeUInt32LE(12_346, 0);
  bitmap.writeUInt32LE(1, 4);
  bitmap.writeUInt16LE(0, 8);
  bitmap.writeUInt16LE(positions.length - 1, 10);
  bitmap.writeUInt32LE(16, 12);
  for (const [index, position] of positions.entries()) bitmap.writeUInt16LE(position, 16 + index * 2);
  const head = Buffer.alloc(16);
  head.writeUInt32BE(0xd1d33964, 0);
  head.writeBigUInt64LE(1n, 4);
  const body = Buffer.concat([head, bitmap]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, checksum]);
}
