// Tables registered in Hive Metastore, as iceberg-java's HiveCatalog registers them: Spark, Trino, Hive and
// PyIceberg on the same metastore see what lake sees.
import type { Catalog, TableIdentifier } from "../catalog.ts";
import { checkCommits, checkNewNamespace } from "../names.ts";
import { checkSchemaChange } from "./column-positions.ts";
import { commitTable, type HiveContext } from "./commit.ts";
import { MetastoreClient } from "./metastore-client.ts";
import { metastoreError } from "./metastore-errors.ts";
import { methods } from "./metastore-types.ts";
import { parseMetastoreUris } from "./metastore-uri.ts";
import { createNamespace, dropNamespace, namespaceProperties } from "./namespaces.ts";
import { dropTable, listTables, locateTables, renameTable } from "./tables.ts";

export interface HiveCatalogOptions {
  readonly name: string;
  /** `thrift://host:9083`; where the first does not answer, the next is asked. */
  readonly uris: readonly string[];
  /** Where new namespaces lie: `<warehouse>/<namespace>.db`. */
  readonly warehouse: string;
  /** Whether commits take the table's lock besides compare-and-set. False only where every writer compares. */
  readonly lock?: boolean | undefined;
  readonly connectTimeoutMs?: number | undefined;
  /** For each call; the server itself waits seconds for its database when writers collide. */
  readonly callTimeoutMs?: number | undefined;
  readonly lockTimeoutMs?: number | undefined;
  readonly heartbeatMs?: number | undefined;
  /** How long a lost answer is asked after before the outcome is called unknown. */
  readonly settleTimeoutMs?: number | undefined;
}

/**
 * Opens the catalog; connects when first used. Errors: `catalog/bad-uri`, `catalog/unreachable`,
 * `catalog/failed`; of commits also `catalog/locked`, `catalog/hive-columns`, `catalog/hive-type`.
 */
export async function openHiveCatalog(options: HiveCatalogOptions): Promise<Catalog> {
  const client = openClient(options);
  const context: HiveContext = {
    client,
    lock: options.lock ?? true,
    lockTimes: {
      lockTimeoutMs: options.lockTimeoutMs ?? 180_000,
      heartbeatMs: options.heartbeatMs ?? 240_000,
    },
    settleTimeoutMs: options.settleTimeoutMs ?? 30_000,
  };
  const doing = async <T>(action: string, act: () => Promise<T>): Promise<T> => {
    try {
      return await act();
    } catch (error) {
      throw metastoreError(action, client, error);
    }
  };
  const oneAtATime = perTable();

  return {
    name: options.name,
    capabilities: { atomicMultiTable: false },
    initialise: async () => undefined,
    locate: (identifiers) => doing("look up tables", () => locateTables(client, identifiers)),
    commit: async (commits) => {
      const [commit, ...others] = checkCommits(commits);
      if (commit === undefined) return;
      if (others.length > 0) throw new TypeError("Hive Metastore moves one table at a time");
      await doing("commit", () => oneAtATime(commit.identifier, () => commitTable(context, commit)));
    },
    checkSchemaChange: (change) => doing("check a schema", () => checkSchemaChange(client, change)),
    // Imported when asked for: the probe opens a client of its own, and stands on this file.
    probe: async () => (await import("./probe.ts")).probeHive(options),
    drop: (identifier) =>
      doing("drop a table", () => oneAtATime(identifier, () => dropTable(context, identifier))),
    rename: (from, to) =>
      doing("rename a table", () => oneAtATime(from, () => renameTable(context, from, to))),
    list: (namespace) => doing("list tables", () => listTables(client, namespace)),
    listNamespaces: () => doing("list namespaces", () => client.call(methods.getAllDatabases, {})),
    createNamespace: async (namespace, properties = {}) => {
      checkNewNamespace(namespace);
      await doing("create a namespace", () =>
        createNamespace(client, options.warehouse, namespace, properties),
      );
    },
    namespaceProperties: (namespace) =>
      doing("read a namespace", () => namespaceProperties(client, namespace)),
    dropNamespace: (namespace) => doing("drop a namespace", () => dropNamespace(client, namespace)),
    close: () => client.close(),
  };
}

export function openClient(options: Omit<HiveCatalogOptions, "name" | "warehouse">): MetastoreClient {
  return new MetastoreClient({
    addresses: parseMetastoreUris(options.uris),
    connectTimeoutMs: options.connectTimeoutMs ?? 10_000,
    callTimeoutMs: options.callTimeoutMs ?? 60_000,
  });
}

type PerTable = <T>(identifier: TableIdentifier, act: () => Promise<T>) => Promise<T>;

/** Two changes of one table in this process would only wait for each other's lock at the server. */
function perTable(): PerTable {
  const last = new Map<string, Promise<unknown>>();
  return async (identifier, act) => {
    const key = `${identifier.namespace}.${identifier.name}`;
    const mine = (last.get(key) ?? Promise.resolve()).then(act, act);
    const ended = mine.catch(() => undefined);
    last.set(key, ended);
    try {
      return await mine;
    } finally {
      if (last.get(key) === ended) last.delete(key);
    }
  };
}
