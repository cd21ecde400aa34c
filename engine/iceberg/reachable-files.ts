// Which files snapshots need: what cleaning must spare.
import { mapLimited } from "../common/limit.ts";
import type { Storage } from "../storage/storage.ts";
import { readManifestList } from "./manifest-list.ts";
import { readManifest } from "./manifest.ts";
import { folderKey, pathKey } from "./path-key.ts";
import type { ManifestFile, Snapshot, TableMetadata } from "./types.ts";

const concurrency = 8;

/** The manifests of the snapshots' lists, each once, by path. Errors: those of reading a list. */
export async function manifestsOf(
  storage: Storage,
  snapshots: readonly Snapshot[],
): Promise<Map<string, ManifestFile>> {
  const found = new Map<string, ManifestFile>();
  await mapLimited(snapshots, concurrency, async (snapshot) => {
    for (const manifest of await readManifestList({ storage, snapshot })) found.set(manifest.path, manifest);
  });
  return found;
}

/** Calls `visit` with the path of every live data and delete file of the manifests. */
export async function forEachLiveFile(
  request: {
    readonly storage: Storage;
    readonly metadata: TableMetadata;
    readonly manifests: Iterable<ManifestFile>;
  },
  visit: (path: string) => void,
): Promise<void> {
  const { storage, metadata } = request;
  await mapLimited([...request.manifests], concurrency, async (manifest) => {
    const entries = await readManifest({ storage, manifest, metadata, statistics: new Set() });
    for (const { status, file } of entries) if (status !== "deleted") visit(file.path);
  });
}

/** Statistics files of the table, or of some of its snapshots. */
export function statisticsPaths(metadata: TableMetadata, ofSnapshots?: ReadonlySet<bigint>): string[] {
  return [...metadata.statistics, ...metadata["partition-statistics"]].flatMap((item) => {
    const wanted = ofSnapshots === undefined || ofSnapshots.has(BigInt(String(item["snapshot-id"])));
    const path = item["statistics-path"];
    return wanted && typeof path === "string" ? [path] : [];
  });
}

/**
 * Keys (`pathKey`) of every file that the table, as its metadata says, needs: metadata files of the log, manifest
 * lists, manifests, data and delete files of all snapshots, statistics.
 */
export async function reachableFiles(
  storage: Storage,
  metadata: TableMetadata,
  metadataLocation: string,
): Promise<Set<string>> {
  const keys = new Set<string>();
  const keep = (path: string): void => {
    keys.add(pathKey(path));
    // Some writers escape the path in metadata and not on the store, others the other way round: spare both.
    if (path.includes("%")) keys.add(pathKey(decoded(path)));
  };
  keep(metadataLocation);
  for (const entry of metadata["metadata-log"]) keep(entry["metadata-file"]);
  for (const path of statisticsPaths(metadata)) keep(path);
  for (const snapshot of metadata.snapshots) keep(snapshot["manifest-list"] ?? "");
  const manifests = await manifestsOf(storage, metadata.snapshots);
  for (const path of manifests.keys()) keep(path);
  await forEachLiveFile({ storage, metadata, manifests: manifests.values() }, keep);
  return keys;
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** The folders that belong to the table alone, as keys with a slash at the end. */
export function ownFolders({ location, properties }: TableMetadata): readonly string[] {
  const paths = [location, properties["write.data.path"], properties["write.metadata.path"]];
  return [...new Set(paths.flatMap((path) => (path === undefined ? [] : [folderKey(path)])))];
}

/** Whether a file lies in a folder that is the table's own: others' files are never deleted. */
export function isOwnFile(metadata: TableMetadata, path: string): boolean {
  const key = pathKey(path);
  return ownFolders(metadata).some((folder) => key.startsWith(folder));
}
