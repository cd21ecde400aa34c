// Which files a read of a table needs: manifest list → manifests → data files with the deletes that apply.
import { lakeError } from "../common/errors.ts";
import { mapLimited } from "../common/limit.ts";
import type { IcebergRelation, ScanTask } from "../compute/compute.ts";
import type { Storage } from "../storage/storage.ts";
import { always, type BoundPredicate } from "./bound-predicate.ts";
import { indexDeletes, type SequencedFile } from "./delete-index.ts";
import { fieldsById } from "./field-ids.ts";
import { readManifestList } from "./manifest-list.ts";
import { readManifest } from "./manifest.ts";
import { partitionKey } from "./partition.ts";
import { bindPredicate, type Predicate } from "./predicate.ts";
import { projectInclusive } from "./projection.ts";
import { mightMatchFile, mightMatchManifest, mightMatchPartition } from "./pruning.ts";
import { parseTransform } from "./transform.ts";
import { typeText } from "./type-text.ts";
import type {
  DataFile,
  IcebergType,
  ManifestFile,
  PartitionSpec,
  Schema,
  Snapshot,
  TableMetadata,
  Value,
} from "./types.ts";
import { promoteValue } from "./values.ts";

export interface ScanRequest {
  readonly storage: Storage;
  readonly metadata: TableMetadata;
  /** Absent: the current snapshot; null: none, so no files. */
  readonly snapshotId?: bigint | null;
  /** Files that hold no row for which it is true may be left out; rows are not filtered. */
  readonly filter?: Predicate;
  /** Manifests read at once; 8 when absent. */
  readonly concurrency?: number;
}

/**
 * The data files of a snapshot, each with the delete files that apply to it. Errors:
 * `iceberg/unknown-snapshot`, `iceberg/unknown-spec`, `iceberg/unsupported-feature`,
 * `iceberg/duplicate-file`, those of the filter, and what reading manifests gives.
 */
export async function planScan(request: ScanRequest): Promise<ScanTask[]> {
  const { storage, metadata, concurrency = 8 } = request;
  const snapshot = findSnapshot(metadata, request.snapshotId);
  if (snapshot === null) return [];
  const schema = snapshotSchema(metadata, request.snapshotId);
  refuseUnreadableTypes(schema, metadata.location);
  const bound = request.filter ? bindPredicate(request.filter, schema) : always;
  const specs = new SpecCatalogue(metadata, schema, bound);
  const manifests = await readManifestList({ storage, snapshot });
  const wanted = manifests.filter((manifest) => isWanted(manifest, specs));
  const read = await mapLimited(wanted, concurrency, async (manifest) => ({
    manifest,
    files: await liveFiles(storage, metadata, manifest),
  }));
  const ofContent = (content: ManifestFile["content"]): SequencedFile[] =>
    read.flatMap(({ manifest, files }) => (manifest.content === content ? files : []));
  const data = ofContent("data").filter(({ file }) => {
    refuseUnreadableFile(file);
    const filter = specs.filter(file.specId, file.path);
    return mightMatchPartition(filter, file.partition) && mightMatchFile(bound, file);
  });
  refuseDuplicates(data, snapshot);
  const deletes = ofContent("deletes");
  for (const { file } of deletes) refuseEncrypted(file.keyMetadata, file.path);
  const deletesOf = indexDeletes(deletes, (file) => specs.spec(file.specId, file.path));
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
  // Deletes of an unpartitioned spec reach every partition, so their manifests are read in any case.
  if (manifest.content === "deletes") return true;
  return mightMatchManifest(specs.filter(manifest.specId, manifest.path), manifest.partitions);
}

async function liveFiles(
  storage: Storage,
  metadata: TableMetadata,
  manifest: ManifestFile,
): Promise<SequencedFile[]> {
  const entries = await readManifest({ storage, manifest, metadata });
  return entries
    .filter((entry) => entry.status !== "deleted")
    .map((entry) => ({
      file: entry.file,
      sequenceNumber: entry.sequenceNumber ?? manifest.sequenceNumber,
    }));
}

/** What depends on a partition spec, worked out once for each. */
class SpecCatalogue {
  private readonly specs: ReadonlyMap<number, PartitionSpec>;
  private readonly filters = new Map<number, BoundPredicate>();
  private readonly identities = new Map<
    number,
    readonly (readonly [index: number, id: number, IcebergType])[]
  >();
  private readonly schema: Schema;
  private readonly bound: BoundPredicate;

  constructor(metadata: TableMetadata, schema: Schema, bound: BoundPredicate) {
    this.specs = new Map(metadata["partition-specs"].map((spec) => [spec["spec-id"], spec]));
    this.schema = schema;
    this.bound = bound;
  }

  spec(id: number, path: string): PartitionSpec {
    const spec = this.specs.get(id);
    if (!spec) throw lakeError("iceberg/unknown-spec", { spec: id, path });
    return spec;
  }

  filter(id: number, path: string): BoundPredicate {
    let filter = this.filters.get(id);
    if (!filter) {
      filter = projectInclusive(this.bound, this.spec(id, path), this.schema);
      this.filters.set(id, filter);
    }
    return filter;
  }

  /** Identity partition values by column, for files that were written without those columns. */
  constants(file: DataFile): ReadonlyMap<number, Value> {
    let identities = this.identities.get(file.specId);
    if (!identities) {
      const byId = fieldsById(this.schema);
      identities = this.spec(file.specId, file.path).fields.flatMap((field, index) => {
        const source = byId.get(field["source-id"]);
        const identity = parseTransform(field.transform).kind === "identity";
        return source && identity ? [[index, field["source-id"], source.field.type] as const] : [];
      });
      this.identities.set(file.specId, identities);
    }
    return new Map(
      identities.map(([index, id, type]) => [id, promoteValue(type, file.partition[index] ?? null)]),
    );
  }
}

function refuseUnreadableTypes(schema: Schema, path: string): void {
  for (const { field, path: column } of fieldsById(schema).values()) {
    const type = typeText(field.type);
    if (!/^(variant|geometry|geography|unknown|timestamptz_ns)/.test(type)) continue;
    throw lakeError("iceberg/unsupported-feature", {
      feature: `the type ${type} (column ${column.join(".")})`,
      path,
    });
  }
}

function refuseUnreadableFile(file: DataFile): void {
  refuseEncrypted(file.keyMetadata, file.path);
  if (file.format.toUpperCase() === "PARQUET") return;
  throw lakeError("iceberg/unsupported-feature", {
    feature: `data files in ${file.format}`,
    path: file.path,
  });
}

function refuseEncrypted(keyMetadata: Uint8Array | undefined, path: string): void {
  if (keyMetadata === undefined || keyMetadata.length === 0) return;
  throw lakeError("iceberg/unsupported-feature", { feature: "encryption (key_metadata)", path });
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
