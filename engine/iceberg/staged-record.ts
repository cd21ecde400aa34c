// A staged change as plain JSON, for journals: what publishing it needs, and nothing that a reader of the files
// can find out. The metadata that it would make follows from the table it was made on and its updates.
import type { CatalogTable, TableIdentifier } from "../catalog/catalog.ts";
import { mapLimited } from "../common/limit.ts";
import type { Storage } from "../storage/storage.ts";
import type { ChangeOperation, ChangeRequest, StagedChange } from "./change.ts";
import { readManifestList } from "./manifest-list.ts";
import { readManifest } from "./manifest.ts";
import { applyUpdates, currentSchema, defaultSpec } from "./metadata.ts";
import type { DataFile, Snapshot, TableMetadata, TableRequirement, TableUpdate } from "./types.ts";

export interface StagedRecord {
  readonly identifier: TableIdentifier;
  /** The metadata file that the change was made on; null creates the table. */
  readonly base: string | null;
  readonly uuid: string;
  readonly location: string;
  readonly operation: ChangeOperation["kind"];
  readonly commitId: string;
  readonly formatVersion: 2 | 3;
  readonly properties: Readonly<Record<string, string>>;
  readonly snapshotIdProperty?: string;
  readonly summary: Readonly<Record<string, string>>;
  readonly requirements: readonly TableRequirement[];
  readonly updates: readonly TableUpdate[];
  /** Milliseconds since the epoch. */
  readonly stagedMs: number;
  readonly paths: readonly string[];
}

export function toStagedRecord(change: StagedChange): StagedRecord {
  const { request, requirements, updates, preview } = change;
  return {
    identifier: request.identifier,
    base: request.base?.metadataLocation ?? null,
    uuid: preview["table-uuid"],
    location: preview.location,
    operation: request.operation.kind,
    commitId: request.commitId,
    formatVersion: request.formatVersion,
    properties: request.properties,
    ...(request.snapshotIdProperty !== undefined && { snapshotIdProperty: request.snapshotIdProperty }),
    summary: request.summary,
    requirements,
    updates,
    stagedMs: preview["last-updated-ms"],
    paths: change.writtenPaths,
  };
}

/**
 * The change again. `base` is the table that it is to be published on, null where it makes one; the caller has
 * compared it with the record's. What an append added is read from its manifests, so that it can be applied again.
 * Errors: those of reading these.
 */
export async function fromStagedRecord(
  storage: Storage,
  record: StagedRecord,
  base: CatalogTable | null,
): Promise<StagedChange> {
  const { updates, requirements, stagedMs } = record;
  const context = { nowMs: stagedMs, previousMetadataLocation: base?.metadataLocation ?? null };
  const preview = applyUpdates(base?.metadata ?? null, updates, context);
  const snapshot = updates.find((update) => update.action === "add-snapshot")?.snapshot;
  const request: ChangeRequest = {
    identifier: record.identifier,
    base,
    location: record.location,
    schema: currentSchema(preview),
    spec: defaultSpec(preview),
    properties: record.properties,
    operation: await operationOf(storage, record, preview),
    summary: record.summary,
    commitId: record.commitId,
    formatVersion: record.formatVersion,
    ...(record.snapshotIdProperty !== undefined && { snapshotIdProperty: record.snapshotIdProperty }),
  };
  const snapshotId = snapshot?.["snapshot-id"] ?? null;
  return { request, requirements, updates, preview, snapshotId, writtenPaths: record.paths };
}

/** Only an append is ever applied again; what the others do stands in their manifests. */
async function operationOf(
  storage: Storage,
  { operation, updates }: StagedRecord,
  metadata: TableMetadata,
): Promise<ChangeOperation> {
  const snapshot = updates.find((update) => update.action === "add-snapshot")?.snapshot;
  if (operation === "none" || snapshot === undefined) return { kind: "none" };
  if (operation === "append") return { kind: "append", add: await addedFiles(storage, metadata, snapshot) };
  if (operation === "replace-all") return { kind: "replace-all", add: [] };
  return { kind: "overwrite", add: [], removePaths: new Set() };
}

async function addedFiles(
  storage: Storage,
  metadata: TableMetadata,
  snapshot: Snapshot,
): Promise<DataFile[]> {
  const id = snapshot["snapshot-id"];
  const manifests = (await readManifestList({ storage, snapshot })).filter(
    (manifest) => manifest.addedSnapshotId === id,
  );
  const read = await mapLimited(manifests, 8, (manifest) => readManifest({ storage, manifest, metadata }));
  return read.flat().flatMap(({ status, file }) => (status === "added" ? [file] : []));
}
