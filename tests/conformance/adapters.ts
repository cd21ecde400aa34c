// Every adapter of every seam: what stands here goes through the whole suite of its seam.
import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Catalog } from "../../engine/catalog/catalog.ts";
import { openHiveCatalog } from "../../engine/catalog/hive/hive-catalog.ts";
import { openSqlCatalog } from "../../engine/catalog/sql/sql-catalog.ts";
import { openLocalStorage } from "../../engine/storage/local/local-storage.ts";
import { openS3Storage } from "../../engine/storage/s3/s3-storage.ts";
import type { Storage } from "../../engine/storage/storage.ts";
import { hiveMetastoreUnavailable, startHiveMetastore } from "../services/hive-metastore.ts";
import { postgresUnavailable, startPostgres } from "../services/postgres.ts";
import { startVersitygw, versitygwUnavailable } from "../services/versitygw.ts";

/** What another process needs to open the same catalog: plain text, it goes through `argv`. */
export interface CatalogConnection {
  readonly adapter: string;
  readonly options: Readonly<Record<string, string>>;
}

export interface CatalogAdapter {
  readonly name: string;
  /** Why it cannot run on this machine, or null. */
  unavailable(): string | null;
  open(options: Readonly<Record<string, string>>): Promise<Catalog>;
  /** Starts the real service behind the adapter. */
  start(): Promise<{
    /** The connection of a catalog that nobody has used yet. */
    fresh(): Promise<CatalogConnection>;
    stop(): Promise<void>;
  }>;
}

const openSql = (options: Readonly<Record<string, string>>): Promise<Catalog> =>
  openSqlCatalog({ name: options["name"] ?? "", uri: options["uri"] ?? "" });

const sqlite: CatalogAdapter = {
  name: "sql on SQLite",
  unavailable: () => null,
  open: openSql,
  start: async () => {
    const folder = await scratchFolder();
    return {
      fresh: async () => ({
        adapter: "sql on SQLite",
        options: { name: "lake", uri: `sqlite:///${join(folder, randomUUID(), "lake.db")}` },
      }),
      stop: () => rm(folder, { recursive: true }),
    };
  },
};

const postgres: CatalogAdapter = {
  name: "sql on PostgreSQL",
  unavailable: postgresUnavailable,
  open: openSql,
  start: async () => {
    const server = await startPostgres();
    return {
      fresh: async () => ({
        adapter: "sql on PostgreSQL",
        options: { name: "lake", uri: await server.createDatabase(`lake_${randomUUID()}`) },
      }),
      stop: () => server.stop(),
    };
  },
};

const hive: CatalogAdapter = {
  name: "hive",
  unavailable: hiveMetastoreUnavailable,
  open: (options) =>
    openHiveCatalog({
      name: options["name"] ?? "",
      uris: [options["uri"] ?? ""],
      warehouse: options["warehouse"] ?? "",
    }),
  start: async () => {
    const server = await startHiveMetastore();
    const options = { name: "lake", uri: server.uri, warehouse: server.warehouse };
    return {
      // One server has one catalog: it is emptied rather than made anew.
      fresh: async () => {
        const catalog = await openHiveCatalog({ ...options, uris: [server.uri] });
        for (const namespace of await catalog.listNamespaces()) {
          for (const table of await catalog.list(namespace)) await catalog.drop(table);
          if (namespace !== "default") await catalog.dropNamespace(namespace);
        }
        await catalog.close();
        return { adapter: "hive", options };
      },
      stop: () => server.stop(),
    };
  },
};

export const catalogAdapters: readonly CatalogAdapter[] = [sqlite, postgres, hive];

export async function openConnection({ adapter, options }: CatalogConnection): Promise<Catalog> {
  const found = catalogAdapters.find(({ name }) => name === adapter);
  if (found === undefined) throw new Error(`no adapter ${adapter}`);
  return found.open(options);
}

export interface StorageAdapter {
  readonly name: string;
  unavailable(): string | null;
  open(options: Readonly<Record<string, string>>): Promise<Storage>;
  start(): Promise<{
    readonly options: Readonly<Record<string, string>>;
    /** An empty prefix, without a slash at its end. */
    fresh(): Promise<string>;
    stop(): Promise<void>;
  }>;
}

const localStorage: StorageAdapter = {
  name: "local",
  unavailable: () => null,
  open: async () => openLocalStorage(),
  start: async () => {
    const folder = await scratchFolder();
    return {
      options: {},
      fresh: async () => `file://${join(folder, randomUUID())}`,
      stop: () => rm(folder, { recursive: true }),
    };
  },
};

const s3Storage: StorageAdapter = {
  name: "s3",
  unavailable: versitygwUnavailable,
  open: async (storage) => openS3Storage({ storage }),
  start: async () => {
    const server = await startVersitygw();
    const bucket = await server.createBucket();
    return {
      options: server.storage,
      fresh: async () => `s3a://${bucket}/${randomUUID()}`,
      stop: () => server.stop(),
    };
  },
};

export const storageAdapters: readonly StorageAdapter[] = [localStorage, s3Storage];

export function scratchFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), "lake-conformance-"));
}
