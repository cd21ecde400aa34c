// One storage out of several: each path goes to the adapter of its scheme, opened when first asked for.
import { lakeError } from "../common/errors.ts";
import type { PutFile, Storage } from "./storage.ts";

export interface StorageRoute {
  readonly schemes: readonly string[];
  open(): Promise<Storage>;
  /** Told without opening the adapter: whether a path is a local file decides how it is read. */
  localPath(path: string): string | null;
}

/** A target may mix: a landing zone of local files with a warehouse of objects. */
export function routeStorage(routes: readonly StorageRoute[]): Storage {
  const schemes = routes.flatMap((route) => route.schemes);
  const opened = new Map<StorageRoute, Promise<Storage>>();
  const routeOf = (path: string): StorageRoute => {
    const scheme = schemeOf(path);
    const route = routes.find((candidate) => candidate.schemes.includes(scheme));
    if (route === undefined) throw lakeError("storage/unknown-scheme", { path, known: schemes });
    return route;
  };
  const open = (route: StorageRoute): Promise<Storage> => {
    const known = opened.get(route) ?? route.open();
    opened.set(route, known);
    return known;
  };
  const at = async (path: string): Promise<Storage> => open(routeOf(path));
  return {
    schemes,
    read: async (path) => (await at(path)).read(path),
    readRange: async (path, offset, length) => (await at(path)).readRange(path, offset, length),
    async *readStream(path) {
      yield* (await at(path)).readStream(path);
    },
    write: async (path, bytes) => (await at(path)).write(path, bytes),
    writeIfAbsent: async (path, bytes) => (await at(path)).writeIfAbsent(path, bytes),
    async putFiles(files, options) {
      const groups = Map.groupBy(files, (file: PutFile) => routeOf(file.path));
      for (const [route, own] of groups) await (await open(route)).putFiles(own, options);
    },
    async delete(paths) {
      const groups = Map.groupBy(paths, routeOf);
      for (const [route, own] of groups) await (await open(route)).delete(own);
    },
    async *list(prefix) {
      yield* (await at(prefix)).list(prefix);
    },
    stat: async (path) => (await at(path)).stat(path),
    localPath: (path) => routeOf(path).localPath(path),
    credentials: async (path) => (await (await at(path)).credentials?.(path)) ?? null,
  };
}

/** `file` for plain paths. */
export function schemeOf(path: string): string {
  return /^([a-z][a-z0-9+.-]*):/i.exec(path)?.[1]?.toLowerCase() ?? "file";
}
