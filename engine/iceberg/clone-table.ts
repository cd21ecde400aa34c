// A zero-copy clone: a table of its own that begins as a snapshot of another one. Manifests and manifest list are
// copied into its location, because a foreign purge deletes what a table's manifest lists name even where
// `gc.enabled` is false; data and delete files are shared, under the paths that the copies keep.
import { randomUUID } from "node:crypto";
import { lakeError } from "../common/errors.ts";
import { mapLimited } from "../common/limit.ts";
import type { Storage } from "../storage/storage.ts";
import { fieldsById } from "./field-ids.ts";
import { writeManifestList } from "./manifest-list.ts";
import { commitTimeMs, metadataFolder } from "./metadata.ts";
import { codecOf, completeManifests } from "./stage-manifests.ts";
import type { ManifestFile, PartitionSpec, Snapshot, TableMetadata } from "./types.ts";

export interface StageCloneRequest {
  readonly storage: Storage;
  readonly source: TableMetadata;
  /** The snapshot that the clone begins as. */
  readonly snapshotId: bigint;
  readonly location: string;
  readonly nowMs: number;
  /** Set over those of the source. */
  readonly properties: Readonly<Record<string, string>>;
  /** Set over the snapshot's summary. */
  readonly summary: Readonly<Record<string, string>>;
}

export interface StagedClone {
  readonly metadata: TableMetadata;
  /** Everything that was written: manifests and the manifest list. */
  readonly writtenPaths: readonly string[];
}

const concurrency = 8;
/** Table properties that put files elsewhere than below the table's location. */
export const placingProperties: readonly string[] = [
  "write.data.path",
  "write.metadata.path",
  "write.object-storage.path",
  "write.folder-storage.path",
];

/**
 * Writes what the clone's metadata will name, and gives that metadata; no catalog knows of it yet. The snapshot
 * keeps its id, sequence number and schema; history, tags and statistics stay behind.
 * Errors: `iceberg/unknown-snapshot`, `iceberg/bad-update` for a table of version 1.
 */
export async function stageClone(request: StageCloneRequest): Promise<StagedClone> {
  const { storage, snapshotId } = request;
  const source = onlySnapshot(request.source, snapshotId);
  if (source["format-version"] === 1) {
    throw lakeError("iceberg/bad-update", {
      problem: `the table at ${source.location} has format version 1, which cannot be cloned`,
    });
  }
  const properties = Object.fromEntries(
    Object.entries(source.properties).filter(([key]) => !placingProperties.includes(key)),
  );
  const metadata: TableMetadata = {
    ...source,
    "table-uuid": randomUUID(),
    location: request.location.replace(/(?<=[^/:])\/+$/, ""),
    properties: { ...properties, ...request.properties, "gc.enabled": "false" },
  };
  const snapshot = source.snapshots[0] as Snapshot;
  const folder = metadataFolder(metadata);
  const manifests = (await completeManifests({ storage, metadata: source, snapshot })).filter(
    ({ addedFilesCount, existingFilesCount }) => addedFilesCount !== 0 || existingFilesCount !== 0,
  );
  const fileId = randomUUID();
  const copies = await mapLimited(manifests, concurrency, async (manifest, index): Promise<ManifestFile> => {
    const path = `${folder}/${fileId}-m${index}.avro`;
    await storage.writeIfAbsent(path, await storage.read(manifest.path));
    return { ...manifest, path };
  });
  const { bytes } = writeManifestList({
    formatVersion: metadata["format-version"] === 3 ? 3 : 2,
    snapshotId,
    parentSnapshotId: null,
    sequenceNumber: snapshot["sequence-number"],
    ...(snapshot["first-row-id"] !== undefined && { firstRowId: snapshot["first-row-id"] }),
    manifests: copies,
    codec: codecOf(metadata),
  });
  const manifestList = `${folder}/snap-${snapshotId}-1-${fileId}.avro`;
  await storage.writeIfAbsent(manifestList, bytes);
  const { "parent-snapshot-id": _parent, manifests: _manifests, ...kept } = snapshot;
  const summary = { ...snapshot.summary, ...request.summary };
  const nowMs = commitTimeMs(source, request.nowMs);
  return {
    metadata: {
      ...metadata,
      "last-updated-ms": nowMs,
      snapshots: [{ ...kept, summary, "manifest-list": manifestList }],
    },
    writtenPaths: [...copies.map(({ path }) => path), manifestList],
  };
}

/** As `atSnapshot`, and nothing of what came before it but its numbers. */
export function onlySnapshot(metadata: TableMetadata, snapshotId: bigint): TableMetadata {
  const at = atSnapshot(metadata, snapshotId);
  return { ...at, snapshots: at.snapshots.filter((snapshot) => snapshot["snapshot-id"] === snapshotId) };
}

/** The table as if the snapshot were its head: schema and spec are those that fit it. */
export function atSnapshot(metadata: TableMetadata, snapshotId: bigint): TableMetadata {
  const snapshot = metadata.snapshots.find((candidate) => candidate["snapshot-id"] === snapshotId);
  if (snapshot === undefined) throw lakeError("iceberg/unknown-snapshot", { snapshot: String(snapshotId) });
  const schemaId = snapshot["schema-id"] ?? metadata["current-schema-id"];
  const schema = metadata.schemas.find((candidate) => candidate["schema-id"] === schemaId);
  const known = new Set(schema === undefined ? [] : fieldsById(schema).keys());
  const fits = (spec: PartitionSpec): boolean => spec.fields.every((field) => known.has(field["source-id"]));
  const specs = metadata["partition-specs"];
  // A spec made since may divide by a column that the snapshot does not have.
  const spec = [
    specs.find((one) => one["spec-id"] === metadata["default-spec-id"]),
    ...specs.toReversed(),
  ].find((one) => one !== undefined && fits(one));
  const order = metadata["sort-orders"].find((one) => one["order-id"] === metadata["default-sort-order-id"]);
  const isSortable = order?.fields.every((field) => known.has(field["source-id"])) ?? false;
  return {
    ...metadata,
    "current-schema-id": schema === undefined ? metadata["current-schema-id"] : schemaId,
    "default-spec-id": spec?.["spec-id"] ?? metadata["default-spec-id"],
    "default-sort-order-id": isSortable ? metadata["default-sort-order-id"] : 0,
    "current-snapshot-id": snapshotId,
    refs: { main: { type: "branch", "snapshot-id": snapshotId } },
    "sort-orders": metadata["sort-orders"].some((one) => one["order-id"] === 0)
      ? metadata["sort-orders"]
      : [{ "order-id": 0, fields: [] }, ...metadata["sort-orders"]],
    statistics: [],
    "partition-statistics": [],
    "snapshot-log": [{ "timestamp-ms": snapshot["timestamp-ms"], "snapshot-id": snapshotId }],
    "metadata-log": [],
  };
}
