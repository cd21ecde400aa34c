// A table of very many data files as far as planning sees one: metadata, manifest list and manifests, with
// statistics of 25 columns for each file. The data files themselves do not exist.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { writeManifestList } from "../../engine/iceberg/manifest-list.ts";
import { writeManifest } from "../../engine/iceberg/manifest.ts";
import { emptyMetadata, serialiseTableMetadata } from "../../engine/iceberg/metadata.ts";
import type {
  DataFile,
  ManifestFile,
  PartitionSpec,
  Schema,
  TableMetadata,
} from "../../engine/iceberg/types.ts";
import { serialiseValue } from "../../engine/iceberg/values.ts";

const columns = 25;
export const filesPerManifest = 4000;
const schema: Schema = {
  type: "struct",
  "schema-id": 0,
  fields: [
    { id: 1, name: "id", required: false, type: "long" },
    { id: 2, name: "day", required: false, type: "date" },
    { id: 3, name: "hour", required: false, type: "int" },
    ...Array.from({ length: columns - 3 }, (_, index) => ({
      id: 4 + index,
      name: `text_${index}`,
      required: false,
      type: "string" as const,
    })),
  ],
};
const spec: PartitionSpec = {
  "spec-id": 0,
  fields: [
    { name: "day", transform: "identity", "source-id": 2, "field-id": 1000 },
    { name: "hour", transform: "identity", "source-id": 3, "field-id": 1001 },
  ],
};
export const firstDay = 20_000;
const snapshotId = 4_611_686_018_427_387_904n;

/** One file for each hour, from `firstDay` on; file n holds the ids from 1000 n to 1000 n + 999. */
export function writeManyFilesTable(
  folder: string,
  files: number,
): { readonly metadata: TableMetadata; readonly metadataLocation: string } {
  const base = join(folder, "metadata");
  mkdirSync(base, { recursive: true });
  const manifests: ManifestFile[] = [];
  for (let start = 0; start < files; start += filesPerManifest) {
    const path = join(base, `m${manifests.length}.avro`);
    const entries = Array.from({ length: Math.min(filesPerManifest, files - start) }, (_, index) => ({
      status: "added" as const,
      snapshotId,
      sequenceNumber: null,
      fileSequenceNumber: null,
      file: dataFile(folder, start + index),
    }));
    const written = writeManifest({
      path,
      schema,
      spec,
      formatVersion: 2,
      content: "data",
      snapshotId,
      sequenceNumber: 1n,
      entries,
    });
    writeFileSync(path, written.bytes);
    manifests.push(written.manifest);
  }
  const list = join(base, "snap-1.avro");
  writeFileSync(
    list,
    writeManifestList({
      manifests,
      formatVersion: 2,
      snapshotId,
      parentSnapshotId: null,
      sequenceNumber: 1n,
    }).bytes,
  );
  const nowMs = 1_750_000_000_000;
  const metadata: TableMetadata = {
    ...emptyMetadata({
      location: folder,
      schema,
      spec,
      properties: {},
      formatVersion: 2,
      lastColumnId: columns,
      nowMs,
      uuid: "0196f9a0-0000-7000-8000-000000000001",
    }),
    "last-sequence-number": 1n,
    "current-snapshot-id": snapshotId,
    refs: { main: { "snapshot-id": snapshotId, type: "branch" } },
    snapshots: [
      {
        "snapshot-id": snapshotId,
        "sequence-number": 1n,
        "timestamp-ms": nowMs,
        summary: { operation: "append" },
        "manifest-list": list,
        "schema-id": 0,
      },
    ],
    "snapshot-log": [{ "timestamp-ms": nowMs, "snapshot-id": snapshotId }],
  };
  const metadataLocation = join(base, "00000-0196f9a0-0000-7000-8000-000000000001.metadata.json");
  writeFileSync(metadataLocation, serialiseTableMetadata(metadata));
  return { metadata, metadataLocation };
}

function dataFile(folder: string, index: number): DataFile {
  const day = firstDay + Math.floor(index / 24);
  const hour = index % 24;
  const each = <T>(value: (id: number) => T): Map<number, T> =>
    new Map(schema.fields.map(({ id }) => [id, value(id)]));
  const bound = (last: number) => (id: number) => {
    if (id === 1) return serialiseValue("long", BigInt(index * 1000 + last));
    if (id === 2) return serialiseValue("date", day);
    if (id === 3) return serialiseValue("int", hour);
    return serialiseValue("string", `column ${id} ${index * 7919} ${last}`.slice(0, 16));
  };
  return {
    content: "data",
    path: `${folder}/data/day=${day}/hour=${hour}/00000-${index}-0196f9a0-5a3b-7c4d-8e5f-0123456789ab.parquet`,
    format: "PARQUET",
    specId: 0,
    partition: [day, hour],
    recordCount: 1000n,
    sizeBytes: 60_000n + BigInt(index),
    columnSizes: each((id) => BigInt(1000 + ((index * id) % 997))),
    valueCounts: each(() => 1000n),
    nullValueCounts: each((id) => (id < 4 ? 0n : BigInt((index * id) % 31))),
    lowerBounds: each(bound(0)),
    upperBounds: each(bound(999)),
    splitOffsets: [4n],
    sortOrderId: 0,
  };
}
