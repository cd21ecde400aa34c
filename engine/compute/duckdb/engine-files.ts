// Where the engine finds the bytes behind a path. It reads and writes local files only: that is what keeps its
// settings shut (`enable_external_access`), and what makes one spelling of a path enough. Files of an object
// store are brought into a cache before a statement runs and taken to their paths after a write.
import { stat } from "node:fs/promises";
import { isLakeError } from "../../common/errors.ts";
import type { DataFile } from "../../iceberg/types.ts";
import type { Storage } from "../../storage/storage.ts";
import { relationName, type LandingFile, type LandingRelation, type Relation } from "../compute.ts";
import { openFileCache, type FileCache, type FileState, type WriteTarget } from "./file-cache.ts";
import { localPath } from "./paths.ts";
import { toColumns } from "./types.ts";

/** A statement, and what it may read. */
export interface Reading {
  readonly sql: string;
  readonly relations: readonly Relation[];
}

/** The files of one engine. */
export interface EngineFiles {
  /** The relations that `sql` uses, their table files given by local path and there while `work` runs. */
  with<T>(reading: Reading, work: (local: readonly Relation[]) => Promise<T>): Promise<T>;
  /** The local file that a landing file is read from. */
  localPath(path: string): string;
  /** The path, as the table spells it, of a file that `with` gave by local path. */
  spelled(path: string): string;
  /** Of the landing file itself, not of its copy; null where it is gone or another. */
  current(path: string): Promise<FileState | null>;
  /** The folder to write into, and how what was written gets to its place. */
  target(dataLocation: string, writeId: string): WriteTarget;
}

/** Files of this machine stay where they are; those of another store go through the cache. */
export function engineFiles({
  storage,
  scratchDirectory,
  allowedDirectories,
}: {
  readonly storage: Storage | undefined;
  readonly scratchDirectory: string;
  /** Where the engine may read by itself; with a slash at the end. */
  readonly allowedDirectories: readonly string[];
}): EngineFiles {
  let cache: FileCache | undefined;
  const remote = (path: string): FileCache | null => {
    if (storage === undefined || !isRemote(path)) return null;
    cache ??= openFileCache({ storage, directory: scratchDirectory });
    return cache;
  };
  return {
    async with({ sql, relations }, work) {
      const all = filesOf(relations);
      const isAway = (path: string): boolean => isRemote(path) || isOutside(path, allowedDirectories);
      const isBrought =
        all.landing.some(({ path }) => isRemote(path)) || all.tables.some(({ path }) => isAway(path));
      if (storage === undefined || !isBrought) return work(relations);
      const through = (cache ??= openFileCache({ storage, directory: scratchDirectory }));
      const used = withoutUnused(sql, relations);
      const { tables, landing } = filesOf(used);
      const release = await through.hold({
        immutable: tables.filter(({ path }) => isAway(path)),
        changeable: landing.filter(({ path }) => isRemote(path)),
      });
      try {
        return await work(used.map((relation) => localised(relation, through, isAway)));
      } catch (error) {
        throw isLakeError(error) ? error.respelled((text) => through.respelled(text)) : error;
      } finally {
        release();
      }
    },
    localPath: (path) => remote(path)?.localPath(path) ?? localPath(path),
    spelled: (path) => cache?.spelled(path) ?? path,
    async current(path) {
      const through = remote(path);
      if (through) return through.current(path);
      const now = await stat(localPath(path)).catch(() => null);
      return now && { sizeBytes: now.size, modifiedMs: now.mtimeMs };
    },
    target(dataLocation, writeId) {
      const through = remote(dataLocation);
      if (through) return through.target(dataLocation.replace(/\/+$/, ""), writeId);
      const nothing = (): Promise<void> => Promise.resolve();
      return { directory: localPath(dataLocation).replace(/\/+$/, ""), publish: nothing, discard: nothing };
    },
  };
}

/** Landing files that are read from a copy: path of the relation → local path. */
export function replacedFiles(
  { files }: { readonly files: EngineFiles },
  relation: LandingRelation,
): Map<string, string> {
  const remote = relation.files.filter(({ path }) => isRemote(path));
  return new Map(remote.map(({ path }) => [path, files.localPath(path)]));
}

/**
 * A relation that no text names is not brought: an append is given its own table, too, and must not load it.
 * Names stand in SQL as one quoted identifier, so that a text without it cannot read the relation.
 */
function withoutUnused(sql: string, relations: readonly Relation[]): Relation[] {
  const texts = [sql, ...relations.flatMap((relation) => (relation.kind === "sql" ? [relation.sql] : []))];
  const text = texts.join("\n").toLowerCase();
  return relations.map((relation) => {
    if (relation.kind !== "iceberg" || text.includes(relationName(relation.name).toLowerCase()))
      return relation;
    return { kind: "empty", name: relation.name, columns: toColumns(relation.schema) };
  });
}

function isRemote(path: string): boolean {
  return /^[a-z][a-z0-9+.-]*:/i.test(localPath(path));
}

/**
 * A table may name files anywhere: those that were added to it where they stood (`add_files`), or an earlier
 * location's. The engine is not opened to their folders, which a model could then read: it gets a copy.
 */
function isOutside(path: string, allowed: readonly string[]): boolean {
  const local = localPath(path);
  return local.split("/").includes("..") || !allowed.some((folder) => local.startsWith(folder));
}

function filesOf(relations: readonly Relation[]): {
  readonly tables: readonly LandingFile[];
  readonly landing: readonly LandingFile[];
} {
  const tables = new Map<string, LandingFile>();
  const landing: LandingFile[] = [];
  for (const relation of relations) {
    if (relation.kind === "landing") landing.push(...relation.files);
    if (relation.kind !== "iceberg") continue;
    for (const { path, sizeBytes } of relation.tasks.flatMap((task) => [task.file, ...task.deletes])) {
      tables.set(path, { path, sizeBytes: Number(sizeBytes) });
    }
  }
  return { tables: [...tables.values()], landing };
}

/** Landing relations keep their spelling, which their rows and messages show. */
function localised(relation: Relation, cache: FileCache, isAway: (path: string) => boolean): Relation {
  if (relation.kind !== "iceberg") return relation;
  const local = (file: DataFile): DataFile =>
    isAway(file.path) ? { ...file, path: cache.localPath(file.path) } : file;
  return {
    ...relation,
    tasks: relation.tasks.map((task) => ({
      ...task,
      file: local(task.file),
      deletes: task.deletes.map(local),
    })),
  };
}
