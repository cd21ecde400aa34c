// A snapshot of a table under other paths: a table of its own that shares no file with the first.
import { randomUUID } from "node:crypto";
import { mapLimited } from "../common/limit.ts";
import type { Storage } from "../storage/storage.ts";
import { onlySnapshot } from "./clone-table.ts";
import { writeManifestList } from "./manifest-list.ts";
import { readManifest, specTypes, writeManifest } from "./manifest.ts";
import { currentSchema, metadataFolder } from "./metadata.ts";
import { buildSummary } from "./snapshot.ts";
import { codecOf, completeManifests } from "./stage-manifests.ts";
import type { DataFile, ManifestEntry, ManifestFile, Snapshot, TableMetadata } from "./types.ts";

export interface CopyTableRequest {
  readonly storage: Storage;
  readonly source: TableMetadata;
  readonly snapshotId: bigint;
  readonly location: string;
  /** Where the copy of a data file lies; null for one that stays out. */
  readonly pathOf: (path: string) => string | null;
  /** Files of the default spec that take the place of those that stay out. */
  readonly add: readonly DataFile[];
  readonly properties: Readonly<Record<string, string>>;
  /** Set over the snapshot's summary. */
  readonly summary: Readonly<Record<string, string>>;
}

const concurrency = 8;

/**
 * Writes manifests and manifest list below the location and gives the metadata that names them; data files are the
 * caller's affair. Deletes stay behind: whoever copies has applied them to the files that were `add`ed.
 */
export async function stageCopy(request: CopyTableRequest): Promise<TableMetadata> {
  const { storage, snapshotId } = request;
  const source = onlySnapshot(request.source, snapshotId);
  const metadata: TableMetadata = {
    ...source,
    "table-uuid": randomUUID(),
    location: request.location.replace(/(?<=[^/:])\/+$/, ""),
    properties: request.properties,
  };
  const snapshot = source.snapshots[0] as Snapshot;
  const old = (await completeManifests({ storage, metadata: source, snapshot })).filter(
    ({ content }) => content === "data",
  );
  const fileId = randomUUID();
  const writer = new Copy(
    request,
    metadata,
    (index) => `${metadataFolder(metadata)}/${fileId}-m${index}.avro`,
  );
  const copied = await mapLimited(old, concurrency, (manifest) => writer.manifest(manifest));
  const manifests = [...copied.flatMap((one) => one ?? []), ...(await writer.added())];
  // Rows keep the ids that their entries and files carry; what the list hands out beside them is new.
  const firstRowId = source["next-row-id"];
  const { bytes, assignedRows } = writeManifestList({
    formatVersion: metadata["format-version"] === 3 ? 3 : 2,
    snapshotId,
    parentSnapshotId: null,
    sequenceNumber: snapshot["sequence-number"],
    ...(firstRowId !== undefined && { firstRowId }),
    manifests,
    codec: codecOf(metadata),
  });
  const manifestList = `${metadataFolder(metadata)}/snap-${snapshotId}-1-${fileId}.avro`;
  await storage.writeIfAbsent(manifestList, bytes);
  const { "parent-snapshot-id": _parent, manifests: _manifests, ...kept } = snapshot;
  const own = Object.fromEntries(Object.entries(snapshot.summary).filter(([key]) => key.startsWith("lake.")));
  const summary = buildSummary({
    operation: "append",
    added: writer.files,
    removed: [],
    previousSummary: null,
    extra: { ...own, ...request.summary },
  });
  const copy: Snapshot = { ...kept, summary, "manifest-list": manifestList };
  if (firstRowId === undefined) return { ...metadata, snapshots: [copy] };
  return {
    ...metadata,
    "next-row-id": firstRowId + assignedRows,
    snapshots: [{ ...copy, "first-row-id": firstRowId, "added-rows": assignedRows }],
  };
}

class Copy {
  readonly files: DataFile[] = [];
  readonly #request: CopyTableRequest;
  readonly #metadata: TableMetadata;
  readonly #pathOf: (index: number) => string;
  #manifests = 0;

  constructor(request: CopyTableRequest, metadata: TableMetadata, pathOf: (index: number) => string) {
    this.#request = request;
    this.#metadata = metadata;
    this.#pathOf = pathOf;
  }

  /** Null where none of its files comes along. */
  async manifest(manifest: ManifestFile): Promise<ManifestFile | null> {
    const { storage, source, pathOf } = this.#request;
    const entries = (await readManifest({ storage, manifest, metadata: source })).flatMap(
      (entry): ManifestEntry[] => {
        const path = entry.status === "deleted" ? null : pathOf(entry.file.path);
        return path === null ? [] : [{ ...entry, status: "existing", file: { ...entry.file, path } }];
      },
    );
    return entries.length === 0 ? null : this.#write(manifest.specId, entries);
  }

  async added(): Promise<readonly ManifestFile[]> {
    const { add, snapshotId } = this.#request;
    if (add.length === 0) return [];
    const specId = this.#metadata["default-spec-id"];
    const sequenceNumber = this.#metadata["last-sequence-number"];
    const entries = add.map((file): ManifestEntry => ({
      status: "existing",
      snapshotId,
      sequenceNumber,
      fileSequenceNumber: sequenceNumber,
      file: { ...file, specId },
    }));
    return [await this.#write(specId, entries)];
  }

  async #write(specId: number, entries: readonly ManifestEntry[]): Promise<ManifestFile> {
    const metadata = this.#metadata;
    const path = this.#pathOf(this.#manifests++);
    const spec = metadata["partition-specs"].find((one) => one["spec-id"] === specId);
    if (spec === undefined) throw new Error(`the copy of ${metadata.location} lacks spec ${specId}`);
    const { bytes, manifest } = writeManifest({
      path,
      schema: currentSchema(metadata),
      spec,
      types: specTypes(spec, metadata),
      formatVersion: metadata["format-version"] === 3 ? 3 : 2,
      content: "data",
      snapshotId: this.#request.snapshotId,
      sequenceNumber: metadata["last-sequence-number"],
      entries,
      codec: codecOf(metadata),
    });
    await this.#request.storage.writeIfAbsent(path, bytes);
    for (const { file } of entries) this.files.push(file);
    return manifest;
  }
}
