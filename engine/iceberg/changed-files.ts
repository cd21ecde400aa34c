// Which data files two states of a table differ in: all that a comparison of their rows needs to read.
import type { ScanTask } from "../compute/compute.ts";
import type { Storage } from "../storage/storage.ts";
import { readManifestList } from "./manifest-list.ts";
import { planScan } from "./scan.ts";
import type { ManifestFile, Snapshot, TableMetadata } from "./types.ts";

export interface ChangedFilesRequest {
  readonly storage: Storage;
  readonly metadata: TableMetadata;
  /** Null, here and below: the empty table. */
  readonly from: bigint | null;
  readonly to: bigint | null;
  /** Of both sides. */
  readonly schemaId: number;
}

/**
 * Files of one state with the deletes that apply to them there. Every list holds a file at most once; where
 * compaction lies between, the same file may be needed with other deletes, in another list.
 */
export interface ChangedFiles {
  /** The rows of `to` are those of `from` without these … */
  readonly before: readonly (readonly ScanTask[])[];
  /** … and with these; a row may stand in both. */
  readonly after: readonly (readonly ScanTask[])[];
}

/**
 * Snapshots that change no row (`replace`: compaction) are stepped over where `from` is an ancestor of `to`, so
 * that their files are not read. Errors: those of `planScan`.
 */
export async function changedFiles(request: ChangedFilesRequest): Promise<ChangedFiles> {
  const counts = new Map<string, { readonly task: ScanTask; count: number }>();
  const add = (tasks: readonly ScanTask[], sign: 1 | -1): void => {
    for (const task of tasks) {
      const key = keyOf(task);
      const known = counts.get(key);
      if (known === undefined) counts.set(key, { task, count: sign });
      else known.count += sign;
    }
  };
  for (const { start, end } of segments(request)) {
    const shared = await sharedManifests(request, start, end);
    add(await filesAt(request, end, shared), 1);
    add(await filesAt(request, start, shared), -1);
  }
  const changed = [...counts.values()];
  return {
    before: inLayers(changed.filter(({ count }) => count < 0)),
    after: inLayers(changed.filter(({ count }) => count > 0)),
  };
}

interface Segment {
  readonly start: bigint | null;
  readonly end: bigint | null;
}

/** The stretches of the line between the two that change rows; the whole way where there is no line. */
function segments({ metadata, from, to }: ChangedFilesRequest): Segment[] {
  if (from === to) return [];
  const byId = new Map(metadata.snapshots.map((snapshot) => [snapshot["snapshot-id"], snapshot]));
  const line: Snapshot[] = [];
  let id: bigint | null = to;
  while (id !== null && id !== from) {
    const snapshot = byId.get(id);
    if (snapshot === undefined) return [{ start: from, end: to }];
    line.push(snapshot);
    id = snapshot["parent-snapshot-id"] ?? null;
  }
  if (id !== from) return [{ start: from, end: to }];
  const found: Segment[] = [];
  let start = from;
  let previous = from;
  let isOpen = false;
  for (const snapshot of line.toReversed()) {
    const next = snapshot["snapshot-id"];
    if (snapshot.summary.operation === "replace" && previous !== null) {
      if (isOpen) found.push({ start, end: previous });
      [start, isOpen] = [next, false];
    } else isOpen = true;
    previous = next;
  }
  return isOpen ? [...found, { start, end: to }] : found;
}

async function filesAt(
  { storage, metadata, schemaId }: ChangedFilesRequest,
  snapshotId: bigint | null,
  withoutManifests: ReadonlySet<string>,
): Promise<readonly ScanTask[]> {
  const then = { ...metadata, "current-snapshot-id": snapshotId, "current-schema-id": schemaId };
  return planScan({ storage, metadata: then, withoutManifests });
}

/** Manifests that both states have name no file that differs, unless the deletes of their files may. */
async function sharedManifests(
  { storage, metadata }: ChangedFilesRequest,
  ...states: readonly (bigint | null)[]
): Promise<ReadonlySet<string>> {
  const [before = [], after = []] = await Promise.all(
    states.map((id) => {
      const snapshot = metadata.snapshots.find((one) => one["snapshot-id"] === id);
      return snapshot === undefined ? Promise.resolve([]) : readManifestList({ storage, snapshot });
    }),
  );
  const deletes = new Set(pathsOf(before, "deletes"));
  const now = pathsOf(after, "deletes");
  if (now.length !== deletes.size || now.some((path) => !deletes.has(path))) return new Set();
  const known = new Set(pathsOf(before, "data"));
  return new Set(pathsOf(after, "data").filter((path) => known.has(path)));
}

function pathsOf(manifests: readonly ManifestFile[], content: ManifestFile["content"]): string[] {
  return manifests.flatMap((manifest) => (manifest.content === content ? [manifest.path] : []));
}

/** A file with the same deletes holds the same rows. */
function keyOf({ file, deletes }: ScanTask): string {
  const parts = deletes.map(({ path, contentOffset }) => `${path}#${contentOffset ?? ""}`).sort();
  return JSON.stringify([file.path, ...parts]);
}

function inLayers(changed: readonly { readonly task: ScanTask; readonly count: number }[]): ScanTask[][] {
  const layers: ScanTask[][] = [];
  const used = new Map<string, number>();
  for (const { task, count } of changed) {
    for (let copy = 0; copy < Math.abs(count); copy++) {
      const layer = used.get(task.file.path) ?? 0;
      used.set(task.file.path, layer + 1);
      (layers[layer] ??= []).push(task);
    }
  }
  return layers;
}
