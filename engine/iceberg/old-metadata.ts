// Metadata files that a commit pushed out of the log.
import type { TableCommit } from "../catalog/catalog.ts";
import type { Storage } from "../storage/storage.ts";
import { metadataFolder } from "./metadata.ts";
import { pathKey } from "./path-key.ts";
import type { TableMetadata } from "./types.ts";

/**
 * Deletes what fell out of the log with commits that went through, where the table's
 * `write.metadata.delete-after-commit.enabled` asks for it, as Java does: exactly the files of the earlier log that the
 * new one lacks, and of those only the table's own. What cannot be deleted is left to the removal of orphan files.
 */
export async function deleteOldMetadata(storage: Storage, commits: readonly TableCommit[]): Promise<void> {
  const paths = commits.flatMap(({ baseMetadata, newMetadata }) =>
    baseMetadata === null ? [] : fallenOut(baseMetadata, newMetadata),
  );
  if (paths.length > 0) await storage.delete(paths).catch(() => undefined);
}

function fallenOut(base: TableMetadata, now: TableMetadata): string[] {
  const { properties } = now;
  if (properties["write.metadata.delete-after-commit.enabled"]?.toLowerCase() !== "true") return [];
  if (properties["gc.enabled"]?.toLowerCase() === "false") return [];
  const filesOf = ({ "metadata-log": log }: TableMetadata): string[] =>
    log.map((entry) => entry["metadata-file"]);
  const kept = new Set(filesOf(now).map(pathKey));
  const folder = `${pathKey(metadataFolder(now))}/`;
  return filesOf(base).filter((path) => !kept.has(pathKey(path)) && pathKey(path).startsWith(folder));
}
