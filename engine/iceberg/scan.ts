// Which files a read of a table needs: manifest list → manifests → data files with the deletes that apply.
import { lakeError } from "../common/errors.ts";
import { mapLimited } from "../common/limit.ts";
import type { IcebergRelation, ScanTask } from "../compute/compute.ts";
import type { Storage } from "../storage/storage.ts";
import { always, columnsOf } from "./bound-predicate.ts";
import { indexDeletes, type SequencedFile } from "./delete-index.ts";
import { readManifestList } from "./manifest-list.ts";
import { readManifest } from "./manifest.ts";
import { partitionKey } from "./partition.ts";
import { bindPredicate, type Predicate } from "./predicate.ts";
import { mightMatchFile, mightMatchManifest, mightMatchPartition } from "./pruning.ts";
import { SpecCatalogue } from "./spec-catalogue.ts";
import type { DataFile, ManifestFile, Schema, Snapshot, TableMetadata } from "./types.ts";
import { refuseEncrypted, refuseUnreadableFile, refuseUnreadableTypes } from "./unsupported.ts";

export interface ScanRequest {
  readonly storage: Storage;
  readonly metadata: TableMetadata;
  /** Absent: the current snapshot; null: none, so no files. */
  readonly snapshotId?: bigint | null;
  /** Files that hold no row for which it is true may be left out; rows are not filtered. */
  readonly filter?: Predicate;
  /** Data manifests by path whose files are of no interest. */
  readonly withoutManifests?: ReadonlySet<string>;
  /** Manifests read at once; 8 when absent. */
  readonly concurrency?: number;
}

/**
 * The data files of a snapshot, each with the delete files that apply to it. Errors:
 * `iceberg/unknown-snapshot`, `iceberg/unknown-spec`, `iceberg/unsupported-feature`,
 * `iceberg/duplicate-file`, those of the filter, and what reading manifests gives.
 */
export async function planScan(request: ScanRequest): Promise<ScanTask[]> {
  const { storage, metadata, concurrency = 8, withoutManifests = new Set() } = request;
  const snapshot = findSnapshot(metadata, request.snapshotId);
  if (snapshot === null) return [];
  const schema = snapshotSchema(metadata, request.snapshotId);
  refuseUnreadableTypes(schema, metadata.location);
  const bound = request.filter ? bindPredicate(request.filter, schema) : always;
  const specs = new SpecCatalogue(metadata, schema, bound);
  const manifests = (await readManifestList({ storage, snapshot })).filter((one) => isWanted(one, specs));
  const reader: FileReader = { storage, metadata, concurrency };
  const ofContent = (content: ManifestFile["content"]): ManifestFile[] =>
    manifests.filter((manifest) => manifest.content === content);
  const dataManifests = ofContent("data").filter(({ path }) => !withoutManifests.has(path));
  const oldest = minimum(dataManifests.map(({ minSequenceNumber }) => minSequenceNumber));
  // A delete older than every data file applies to none.
  const deleteManifests = ofContent("deletes").filter(({ sequenceNumber }) => sequenceNumber >= oldest);
  const deletes = await liveFiles(reader, deleteManifests, (file) => {
    refuseEncrypted(file.keyMetadata, file.path);
    return mightMatchPartition(specs.filter(file.specId, file.path), file.partition);
  });
  // Statistics are most of a manifest: only those that something is compared with are decoded.
  const statistics = new Set([...columnsOf(bound), ...deletes.flatMap(({ file }) => file.equalityIds ?? [])]);
  const data = await liveFiles({ ...reader, statistics }, dataManifests, (file) => {
    refuseUnreadableFile(file);
    const filter = specs.filter(file.specId, file.path);
    return mightMatchPartition(filter, file.partition) && mightMatchFile(bound, file);
  });
  refuseDuplicates(data, snapshot);
  const deletesOf = indexDeletes(deletes, { schema, specOf: (file) => specs.spec(file.specId, file.path) });
  return data.map((entry) => {
    const constants = specs.constants(entry.file);
    return {
      file: entry.file,
      sequenceNumber: entry.sequenceNumber,
      deletes: deletesOf(entry),
      ...(constants.size > 0 && { constants }),
    };
  });
}

/** The relation of planned files, with the schema that readers of that snapshot see. */
export function asRelation({
  name,
  metadata,
  snapshotId,
  tasks,
}: {
  readonly name: string;
  readonly metadata: TableMetadata;
  readonly snapshotId?: bigint | null;
  readonly tasks: readonly ScanTask[];
}): IcebergRelation {
  const mapping = metadata.properties["schema.name-mapping.default"];
  return {
    kind: "iceberg",
    name,
    schema: snapshotSchema(metadata, snapshotId),
    tasks,
    ...(mapping !== undefined && { nameMapping: parseMapping(mapping, metadata.location) }),
  };
}

function parseMapping(text: string, path: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    const problem = `its property schema.name-mapping.default is no JSON`;
    throw lakeError("iceberg/bad-metadata", { path, problem }, { cause });
  }
}

/** How many different partitions the tasks' files lie in. */
export function countPartitions(tasks: readonly ScanTask[]): number {
  return new Set(tasks.map(({ file }) => partitionKey(file.specId, file.partition))).size;
}

/**
 * The table's own schema for its current state, a snapshot's for an older one (specification,
 * "Schema selection"): the rows are the same, and a new column is seen before the next write.
 */
export function snapshotSchema(metadata: TableMetadata, snapshotId: bigint | null | undefined): Schema {
  const current = snapshotId === undefined || snapshotId === metadata["current-snapshot-id"];
  const snapshot = current ? null : findSnapshot(metadata, snapshotId);
  const id = snapshot?.["schema-id"] ?? metadata["current-schema-id"];
  const schema =
    metadata.schemas.find((candidate) => candidate["schema-id"] === id) ??
    metadata.schemas.find((candidate) => candidate["schema-id"] === metadata["current-schema-id"]);
  if (!schema) throw lakeError("iceberg/unknown-schema", { schema: id, table: metadata.location });
  return schema;
}

function findSnapshot(metadata: TableMetadata, given: bigint | null | undefined): Snapshot | null {
  const id = given === undefined ? metadata["current-snapshot-id"] : given;
  if (id === null) return null;
  const snapshot = metadata.snapshots.find((candidate) => candidate["snapshot-id"] === id);
  if (!snapshot) throw lakeError("iceberg/unknown-snapshot", { snapshot: String(id) });
  return snapshot;
}

function isWanted(manifest: ManifestFile, specs: SpecCatalogue): boolean {
  refuseEncrypted(manifest.keyMetadata, manifest.path);
  // Counts may be missing in v1: unknown is not zero.
  if (manifest.addedFilesCount === 0 && manifest.existingFilesCount === 0) return false;
  // Deletes reach data of their own partition only, or all of it from a spec without fields, which no filter prunes.
  return mightMatchManifest(specs.filter(manifest.specId, manifest.path), manifest.partitions);
}

function minimum(numbers: readonly bigint[]): bigint {
  return numbers.reduce((least, number) => (number < least ? number : least), numbers[0] ?? 0n);
}

interface FileReader {
  readonly storage: Storage;
  readonly metadata: TableMetadata;
  readonly concurrency: number;
  readonly statistics?: ReadonlySet<number>;
}

/** Files that `keep` takes; of others nothing is kept. */
async function liveFiles(
  { concurrency, ...reader }: FileReader,
  manifests: readonly ManifestFile[],
  keep: (file: DataFile) => boolean,
): Promise<SequencedFile[]> {
  const read = await mapLimited(manifests, concurrency, async (manifest) => {
    const entries = await readManifest({
      ...reader,
      manifest,
      keep: ({ status, file }) => status !== "deleted" && keep(file),
    });
    return entries.map(({ file, sequenceNumber }) => {
      if (sequenceNumber !== null) return { file, sequenceNumber };
      // Which deletes apply to it cannot be told.
      const problem = `its entry for ${file.path} has no sequence number, and is not new`;
      throw lakeError("iceberg/bad-manifest", { path: manifest.path, problem });
    });
  });
  return read.flat();
}

function refuseDuplicates(data: readonly SequencedFile[], snapshot: Snapshot): void {
  const seen = new Set<string>();
  for (const { file } of data) {
    if (seen.has(file.path)) {
      throw lakeError("iceberg/duplicate-file", {
        path: file.path,
        snapshot: String(snapshot["snapshot-id"]),
      });
    }
    seen.add(file.path);
  }
}
