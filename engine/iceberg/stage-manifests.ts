// Which manifests a new snapshot is made of: those carried over, those rewritten without removed files,
// those of the added files, and small ones merged (iceberg-java's MergingSnapshotProducer).
import { lakeError } from "../common/errors.ts";
import { mapLimited } from "../common/limit.ts";
import type { Storage } from "../storage/storage.ts";
import type { ChangeOperation } from "./change.ts";
import { readManifestList } from "./manifest-list.ts";
import { readManifest, specTypes, writeManifest } from "./manifest.ts";
import { currentSchema, defaultSpec } from "./metadata.ts";
import type { DataFile, IcebergType, ManifestEntry, ManifestFile, Snapshot, TableMetadata } from "./types.ts";
import { compareValues } from "./values.ts";

/** A manifest of the new snapshot; `entries` and `bytes` when this change makes it. */
interface Candidate {
  readonly manifest: ManifestFile;
  readonly entries?: readonly ManifestEntry[];
  readonly bytes?: Uint8Array;
}

export interface StageManifestsRequest {
  readonly storage: Storage;
  readonly table: string;
  /** The table with the new schema and spec, before the snapshot. */
  readonly metadata: TableMetadata;
  readonly operation: Exclude<ChangeOperation, { readonly kind: "none" }>;
  /** With final spec ids. */
  readonly add: readonly DataFile[];
  readonly snapshotId: bigint;
  readonly sequenceNumber: bigint;
  /** The path of the n-th manifest of this change. */
  readonly manifestPath: (index: number) => string;
}

export interface StagedManifests {
  readonly manifests: readonly ManifestFile[];
  readonly removed: readonly DataFile[];
  readonly writtenPaths: readonly string[];
}

const concurrency = 8;
const none: ReadonlySet<string> = new Set();
/** About 4 MB of Avro each: more would keep readers from working in parallel. */
const filesPerManifest = 10_000;

export async function stageManifests(request: StageManifestsRequest): Promise<StagedManifests> {
  const context = new Stage(request);
  const existing = await context.existing();
  const { candidates, removed } = await context.withoutRemoved(existing);
  const added = context.added();
  const live = candidates.filter(
    ({ manifest }) => hasLive(manifest) || manifest.addedSnapshotId === request.snapshotId,
  );
  const data = [...added, ...live.filter(({ manifest }) => manifest.content === "data")];
  const deletes = [
    ...context.addedDeletes(),
    ...live.filter(({ manifest }) => manifest.content === "deletes"),
  ];
  const { operation } = request;
  const regroups = operation.kind === "rewrite" && operation.regroupManifests === true;
  const all = regroups
    ? [...(await context.regrouped(data, "data")), ...(await context.regrouped(deletes, "deletes"))]
    : [...(await context.merged(data)), ...deletes];
  const created = all.filter((candidate) => candidate.bytes !== undefined);
  await mapLimited(created, concurrency, ({ manifest, bytes }) =>
    request.storage.writeIfAbsent(manifest.path, bytes as Uint8Array),
  );
  return {
    manifests: all.map((candidate) => candidate.manifest),
    removed,
    writtenPaths: created.map(({ manifest }) => manifest.path),
  };
}

/** A snapshot's manifests; rows of v1 that lack counts get them, since v2 requires them. */
export async function completeManifests(request: {
  readonly storage: Storage;
  readonly metadata: TableMetadata;
  readonly snapshot: Snapshot;
}): Promise<readonly ManifestFile[]> {
  const { storage, metadata, snapshot } = request;
  const manifests = await readManifestList({ storage, snapshot });
  return mapLimited(manifests, concurrency, async (manifest) =>
    hasCounts(manifest)
      ? manifest
      : { ...manifest, ...countsOf(await readManifest({ storage, manifest, metadata })) },
  );
}

function hasLive(manifest: ManifestFile): boolean {
  return manifest.addedFilesCount !== 0 || manifest.existingFilesCount !== 0;
}

/** What the steps share, and the counter of new manifests. */
class Stage {
  readonly #request: StageManifestsRequest;
  #manifests = 0;

  constructor(request: StageManifestsRequest) {
    this.#request = request;
  }

  async existing(): Promise<readonly ManifestFile[]> {
    const { storage, metadata } = this.#request;
    const head = metadata.snapshots.find((one) => one["snapshot-id"] === metadata["current-snapshot-id"]);
    return head === undefined ? [] : completeManifests({ storage, metadata, snapshot: head });
  }

  /** The added files, nothing known of them but that they are new: numbers are inherited at publishing. */
  added(): readonly Candidate[] {
    const { add, operation } = this.#request;
    const seen = new Set<string>();
    for (const { path } of add) {
      if (seen.has(path)) throw lakeError("iceberg/bad-update", { problem: `${path} is added twice` });
      seen.add(path);
    }
    const entries = add.map((file): ManifestEntry => ({
      status: "added",
      snapshotId: this.#request.snapshotId,
      sequenceNumber: operation.kind === "rewrite" ? operation.dataSequenceNumber : null,
      fileSequenceNumber: null,
      file,
    }));
    const parts: Candidate[] = [];
    for (let start = 0; start < entries.length; start += filesPerManifest) {
      const part = entries.slice(start, start + filesPerManifest);
      parts.push(this.#write(defaultSpec(this.#request.metadata)["spec-id"], "data", part));
    }
    return parts;
  }

  /** A delete file stands under the spec of its data file, which need not be the table's of now. */
  addedDeletes(): readonly Candidate[] {
    const { operation, snapshotId } = this.#request;
    const files = operation.kind === "overwrite" ? (operation.addDeletes ?? []) : [];
    return [...Map.groupBy(files, ({ specId }) => specId)].map(([specId, group]) => {
      const entries = group.map((file): ManifestEntry => ({
        status: "added",
        snapshotId,
        sequenceNumber: null,
        fileSequenceNumber: null,
        file,
      }));
      return this.#write(specId, "deletes", entries);
    });
  }

  async withoutRemoved(
    existing: readonly ManifestFile[],
  ): Promise<{ readonly candidates: readonly Candidate[]; readonly removed: readonly DataFile[] }> {
    const { operation, table } = this.#request;
    if (operation.kind === "append")
      return { candidates: existing.map((manifest) => ({ manifest })), removed: [] };
    const results = await mapLimited(existing, concurrency, (manifest) => this.#filtered(manifest));
    const removed = results.flatMap((result) => result.removed);
    if (operation.kind === "overwrite" || operation.kind === "rewrite") {
      const found = new Set(removed.map((file) => file.path));
      for (const path of operation.removePaths) {
        if (!found.has(path)) throw lakeError("iceberg/missing-data-file", { table, path });
      }
    }
    return { candidates: results.map((result) => result.candidate), removed };
  }

  async #filtered(
    manifest: ManifestFile,
  ): Promise<{ readonly candidate: Candidate; readonly removed: readonly DataFile[] }> {
    const unchanged = { candidate: { manifest }, removed: [] };
    if (!hasLive(manifest)) return unchanged;
    const { operation, snapshotId } = this.#request;
    const paths = "removePaths" in operation ? operation.removePaths : null;
    const replaced = (operation.kind === "overwrite" ? operation.replaceVectorsOf : undefined) ?? none;
    if (paths !== null && paths.size + replaced.size === 0) return unchanged;
    const isRemoved = ({ content, path, referencedDataFile = "" }: DataFile): boolean => {
      if (paths === null || paths.has(path)) return true;
      // A deletion vector ends with its data file, or with the next one.
      return content !== "data" && (paths.has(referencedDataFile) || replaced.has(referencedDataFile));
    };
    const live = (await this.#read(manifest)).filter((entry) => entry.status !== "deleted");
    const removed = live.filter((entry) => isRemoved(entry.file)).map((entry) => entry.file);
    if (removed.length === 0) return unchanged;
    const entries = live.map((entry): ManifestEntry =>
      isRemoved(entry.file) ? { ...entry, status: "deleted", snapshotId } : { ...entry, status: "existing" },
    );
    return { candidate: this.#write(manifest.specId, manifest.content, entries), removed };
  }

  /** Packs data manifests of one spec from the oldest on into bins of the target size; Java's defaults. */
  async merged(candidates: readonly Candidate[]): Promise<readonly Candidate[]> {
    const { properties } = this.#request.metadata;
    if (properties["commit.manifest-merge.enabled"] === "false") return candidates;
    const target = positive(properties["commit.manifest.target-size-bytes"], 8 * 1024 * 1024);
    const minimum = positive(properties["commit.manifest.min-count-to-merge"], 100);
    const result: Candidate[] = [];
    const specIds = [...new Set(candidates.map(({ manifest }) => manifest.specId))].sort((a, b) => b - a);
    for (const specId of specIds) {
      const group = candidates.filter(({ manifest }) => manifest.specId === specId);
      for (const bin of packFromOldest(group, target)) {
        const holdsNewest = bin[0] === candidates[0];
        if (bin.length === 1 || (holdsNewest && bin.length < minimum)) result.push(...bin);
        else result.push(await this.#merge(specId, bin));
      }
    }
    return result;
  }

  /** Live entries in the order of their partitions, in manifests of the target size; what this change wrote stays. */
  async regrouped(
    candidates: readonly Candidate[],
    content: ManifestFile["content"],
  ): Promise<readonly Candidate[]> {
    const target = positive(
      this.#request.metadata.properties["commit.manifest.target-size-bytes"],
      8 * 1024 * 1024,
    );
    const result = candidates.filter((candidate) => candidate.entries !== undefined);
    const old = candidates.filter((candidate) => candidate.entries === undefined);
    for (const [specId, group] of Map.groupBy(old, ({ manifest }) => manifest.specId)) {
      const lists = await mapLimited(group, concurrency, ({ manifest }) => this.#read(manifest));
      const entries = lists
        .flat()
        .flatMap((entry): ManifestEntry[] =>
          entry.status === "deleted" ? [] : [{ ...entry, status: "existing" }],
        );
      const order = partitionOrder(specTypesById(this.#request.metadata, specId));
      entries.sort((a, b) => order(a.file, b.file));
      const bytes = group.reduce((sum, { manifest }) => sum + Number(manifest.lengthBytes), 0);
      const manifests = Math.max(1, Math.ceil(bytes / target));
      const size = Math.min(filesPerManifest, Math.ceil(entries.length / manifests));
      for (let start = 0; start < entries.length; start += size)
        result.push(this.#write(specId, content, entries.slice(start, start + size)));
    }
    return result;
  }

  async #merge(specId: number, bin: readonly Candidate[]): Promise<Candidate> {
    const { snapshotId } = this.#request;
    const lists = await mapLimited(
      bin,
      concurrency,
      async ({ manifest, entries }) => entries ?? this.#read(manifest),
    );
    const entries = lists.flat().flatMap((entry): ManifestEntry[] => {
      if (entry.snapshotId === snapshotId && entry.status !== "existing") return [entry];
      return entry.status === "deleted" ? [] : [{ ...entry, status: "existing" }];
    });
    return this.#write(specId, "data", entries);
  }

  #read(manifest: ManifestFile): Promise<ManifestEntry[]> {
    return readManifest({ storage: this.#request.storage, manifest, metadata: this.#request.metadata });
  }

  #write(specId: number, content: "data" | "deletes", entries: readonly ManifestEntry[]): Candidate {
    const { metadata, snapshotId, sequenceNumber, manifestPath } = this.#request;
    const path = manifestPath(this.#manifests++);
    const spec = metadata["partition-specs"].find((candidate) => candidate["spec-id"] === specId);
    if (spec === undefined) throw lakeError("iceberg/unknown-spec", { spec: specId, path });
    const { bytes, manifest } = writeManifest({
      path,
      schema: currentSchema(metadata),
      spec,
      types: specTypes(spec, metadata),
      formatVersion: metadata["format-version"] === 3 ? 3 : 2,
      content,
      snapshotId,
      sequenceNumber,
      entries,
      codec: codecOf(metadata),
    });
    return { manifest, entries, bytes };
  }
}

/** Java's default `gzip` is Avro's `deflate`; other codecs of Java are not worth another dependency. */
export function codecOf(metadata: TableMetadata): "null" | "deflate" {
  const configured = metadata.properties["write.manifest.compression-codec"]?.toLowerCase();
  return configured === "uncompressed" || configured === "none" ? "null" : "deflate";
}

function positive(text: string | undefined, absent: number): number {
  const value = Number(text ?? absent);
  return Number.isFinite(value) && value > 0 ? value : absent;
}

/** Bins newest first, each newest first; every bin but the newest is as full as it gets. */
function packFromOldest(
  candidates: readonly Candidate[],
  targetBytes: number,
): readonly (readonly Candidate[])[] {
  const bins: Candidate[][] = [];
  let bin: Candidate[] = [];
  let size = 0;
  for (const candidate of candidates.toReversed()) {
    const length = Number(candidate.manifest.lengthBytes);
    if (bin.length > 0 && size + length > targetBytes) {
      bins.unshift(bin);
      [bin, size] = [[], 0];
    }
    bin.unshift(candidate);
    size += length;
  }
  if (bin.length > 0) bins.unshift(bin);
  return bins;
}

function specTypesById(metadata: TableMetadata, specId: number): readonly IcebergType[] {
  const spec = metadata["partition-specs"].find((candidate) => candidate["spec-id"] === specId);
  return spec === undefined ? [] : specTypes(spec, metadata);
}

/** Nulls first, as in the format's own order; then by path, so that equal inputs give equal manifests. */
function partitionOrder(types: readonly IcebergType[]): (a: DataFile, b: DataFile) => number {
  return (a, b) => {
    for (const [index, type] of types.entries()) {
      const compared = compareValues(type, a.partition[index] ?? null, b.partition[index] ?? null);
      if (compared !== 0) return compared;
    }
    return a.path < b.path ? -1 : a.path > b.path ? 1 : 0;
  };
}

function hasCounts(manifest: ManifestFile): boolean {
  return (
    manifest.addedFilesCount !== undefined &&
    manifest.existingFilesCount !== undefined &&
    manifest.deletedFilesCount !== undefined &&
    manifest.addedRowsCount !== undefined &&
    manifest.existingRowsCount !== undefined &&
    manifest.deletedRowsCount !== undefined
  );
}

function countsOf(entries: readonly ManifestEntry[]): Partial<ManifestFile> {
  const files = { added: 0, existing: 0, deleted: 0 };
  const rows = { added: 0n, existing: 0n, deleted: 0n };
  for (const { status, file } of entries) {
    files[status] += 1;
    rows[status] += file.recordCount;
  }
  return {
    addedFilesCount: files.added,
    existingFilesCount: files.existing,
    deletedFilesCount: files.deleted,
    addedRowsCount: rows.added,
    existingRowsCount: rows.existing,
    deletedRowsCount: rows.deleted,
  };
}
