// Merge-on-read deletes as other engines commit them: position deletes (v2) and deletion vectors (v3).
import { randomUUID } from "node:crypto";
import { crc32 } from "node:zlib";
import { readManifestList, writeManifestList } from "../../engine/iceberg/manifest-list.ts";
import { writeManifest } from "../../engine/iceberg/manifest.ts";
import { currentSchema } from "../../engine/iceberg/metadata.ts";
import { planScan } from "../../engine/iceberg/scan.ts";
import { buildSummary, newSnapshotId } from "../../engine/iceberg/snapshot.ts";
import type { DataFile, PartitionSpec, Schema, Snapshot, TableMetadata } from "../../engine/iceberg/types.ts";
import { headSnapshot } from "../../engine/plan/table-state.ts";
import type { Session } from "../../engine/run/session.ts";
import { tableOf, update } from "./foreign.ts";
import type { TestProject } from "./project.ts";

const deleteSchema: Schema = {
  type: "struct",
  "schema-id": 0,
  fields: [
    { id: 2147483546, name: "file_path", required: true, type: "string" },
    { id: 2147483545, name: "pos", required: true, type: "long" },
  ],
};

/** Deletes rows by their position in every live file for which `pick` gives some; one commit. */
export async function deletePositions(
  here: TestProject,
  name: string,
  kind: "position-deletes" | "deletion-vector",
  pick: (file: DataFile) => readonly number[],
): Promise<void> {
  const snapshot = await here.withSession(async (session) => {
    const { metadata } = await tableOf(session, name);
    const storage = await session.storage();
    const tasks = await planScan({ storage, metadata });
    const files: DataFile[] = [];
    for (const { file } of tasks) {
      const positions = pick(file);
      if (positions.length === 0) continue;
      files.push(
        kind === "deletion-vector"
          ? await writeVector(session, metadata, file, positions)
          : await writePositions(session, metadata, file, positions),
      );
    }
    return deleteSnapshot(session, metadata, files);
  });
  await update(here, name, [
    { action: "add-snapshot", snapshot },
    {
      action: "set-snapshot-ref",
      "ref-name": "main",
      type: "branch",
      "snapshot-id": snapshot["snapshot-id"],
    },
  ]);
}

async function writePositions(
  session: Session,
  metadata: TableMetadata,
  data: DataFile,
  positions: readonly number[],
): Promise<DataFile> {
  const compute = await session.compute();
  const { files } = await compute.write({
    id: "deletes",
    sql: `select file_path, pos from (values ${positions.map((position) => `('${data.path}', ${position}::bigint)`).join(", ")}) as d(file_path, pos)`,
    relations: [],
    schema: deleteSchema,
    spec: { "spec-id": 0, fields: [] },
    dataLocation: `${metadata.location}/data`,
    properties: {},
    writeId: randomUUID(),
  });
  const { specId, partition } = data;
  return { ...(files[0] as DataFile), content: "position-deletes", specId, partition };
}

/** One array container: the positions of a test file are few and small. */
async function writeVector(
  session: Session,
  metadata: TableMetadata,
  data: DataFile,
  positions: readonly number[],
): Promise<DataFile> {
  const bitmap = Buffer.alloc(16 + positions.length * 2);
  bitmap.writeUInt32LE(12346, 0);
  bitmap.writeUInt32LE(1, 4);
  bitmap.writeUInt16LE(0, 8);
  bitmap.writeUInt16LE(positions.length - 1, 10);
  bitmap.writeUInt32LE(16, 12);
  positions
    .toSorted((a, b) => a - b)
    .forEach((position, index) => bitmap.writeUInt16LE(position, 16 + index * 2));
  const header = Buffer.alloc(16);
  header.writeUInt32BE(0xd1d33964, 0);
  header.writeBigUInt64LE(1n, 4);
  const body = Buffer.concat([header, bitmap]);
  const blob = Buffer.alloc(body.length + 8);
  blob.writeUInt32BE(body.length, 0);
  body.copy(blob, 4);
  blob.writeUInt32BE(crc32(body), 4 + body.length);
  const path = `${metadata.location}/data/${randomUUID()}-deletes.puffin`;
  const storage = await session.storage();
  await storage.writeIfAbsent(path, Buffer.concat([Buffer.from("PFA1"), blob]));
  const { specId, partition } = data;
  return {
    content: "position-deletes",
    path,
    format: "PUFFIN",
    specId,
    partition,
    recordCount: BigInt(positions.length),
    sizeBytes: BigInt(blob.length + 4),
    referencedDataFile: data.path,
    contentOffset: 4n,
    contentSizeBytes: BigInt(blob.length),
  };
}

async function deleteSnapshot(
  session: Session,
  metadata: TableMetadata,
  files: readonly DataFile[],
): Promise<Snapshot> {
  const storage = await session.storage();
  const snapshotId = newSnapshotId(metadata);
  const sequenceNumber = metadata["last-sequence-number"] + 1n;
  const head = headSnapshot(metadata) as Snapshot;
  const formatVersion = metadata["format-version"] === 3 ? 3 : 2;
  const folder = `${metadata.location}/metadata`;
  const path = `${folder}/${randomUUID()}-m0.avro`;
  const spec = metadata["partition-specs"].find(
    (one) => one["spec-id"] === files[0]?.specId,
  ) as PartitionSpec;
  const { bytes, manifest } = writeManifest({
    path,
    schema: currentSchema(metadata),
    spec,
    formatVersion,
    content: "deletes",
    snapshotId,
    sequenceNumber,
    entries: files.map((file) => ({
      status: "added",
      snapshotId,
      sequenceNumber: null,
      fileSequenceNumber: null,
      file,
    })),
  });
  await storage.writeIfAbsent(path, bytes);
  const list = writeManifestList({
    formatVersion,
    snapshotId,
    parentSnapshotId: head["snapshot-id"],
    sequenceNumber,
    ...(formatVersion === 3 && { firstRowId: metadata["next-row-id"] ?? 0n }),
    manifests: [...(await readManifestList({ storage, snapshot: head })), manifest],
  });
  const manifestList = `${folder}/snap-${snapshotId}-1-${randomUUID()}.avro`;
  await storage.writeIfAbsent(manifestList, list.bytes);
  return {
    "snapshot-id": snapshotId,
    "parent-snapshot-id": head["snapshot-id"],
    "sequence-number": sequenceNumber,
    "timestamp-ms": Date.now(),
    summary: buildSummary({
      operation: "delete",
      added: files,
      removed: [],
      previousSummary: head.summary,
      extra: {},
    }),
    "manifest-list": manifestList,
    "schema-id": metadata["current-schema-id"],
    ...(formatVersion === 3 && { "first-row-id": metadata["next-row-id"] ?? 0n, "added-rows": 0n }),
  };
}
