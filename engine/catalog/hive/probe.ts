// What a metastore is and can do, tried on a table made for it and removed again: for `lake debug`.
import { randomUUID } from "node:crypto";
import { isLakeError } from "../../common/errors.ts";
import type { Finding } from "../../common/finding.ts";
import { comparesPositions, configValue } from "./column-positions.ts";
import { modifiedTo } from "./commit.ts";
import { currentUser } from "./hive-table.ts";
import { openClient, type HiveCatalogOptions } from "./hive-catalog.ts";
import { isFault, MetastoreFault, type MetastoreClient } from "./metastore-client.ts";
import { metastoreError, problemOf } from "./metastore-errors.ts";
import { methods, type HiveTable } from "./metastore-types.ts";
import { lockTable } from "./table-lock.ts";

export type ProbeOptions = Omit<HiveCatalogOptions, "name" | "lock"> & {
  /** Where the probe's table is made; any database that is there. */
  readonly namespace?: string;
};

/** Errors: `catalog/bad-uri`, `catalog/unreachable`; whatever the metastore cannot do is a finding. */
export async function probeHive(options: ProbeOptions): Promise<readonly Finding[]> {
  const client = openClient(options);
  try {
    return [
      await probeVersion(client),
      ...(await probeTable(client, options)),
      await probeColumns(client),
      await probeAbandonedLocks(client),
    ];
  } catch (error) {
    throw metastoreError("probe", client, error);
  } finally {
    await client.close();
  }
}

async function probeVersion(client: MetastoreClient): Promise<Finding> {
  const version = await client.call(methods.getVersion, {});
  const databases = await client.call(methods.getAllDatabases, {});
  const detail = `Hive Metastore ${version} at ${client.shown}, ${databases.length} databases`;
  const tested = version.startsWith("4.");
  const hint = "lake is tested with Hive Metastore 4.0.0; trust what the other lines say of this one";
  return { piece: "metastore", ok: true, detail, ...(!tested && { hint }) };
}

async function probeTable(client: MetastoreClient, options: ProbeOptions): Promise<readonly Finding[]> {
  const dbName = options.namespace ?? "default";
  const tableName = `lake_probe_${randomUUID().replaceAll("-", "")}`;
  const table = scratchTable(dbName, tableName, options.warehouse);
  try {
    await client.call(methods.createTable, { tbl: table });
  } catch (error) {
    if (!(error instanceof MetastoreFault)) throw error;
    const hint = metastoreError("create a table", client, error).hint ?? "see the metastore's log";
    return [{ piece: "create a table", ok: false, detail: problemOf(error), hint }];
  }
  try {
    return [
      { piece: "create a table", ok: true, detail: `made and removed ${dbName}.${tableName}` },
      await probeCompareAndSet(client, table),
      await probeLock(client, dbName, tableName),
    ];
  } finally {
    // Its own empty folder goes with it.
    await client.call(methods.dropTable, { dbname: dbName, name: tableName, deleteData: true });
  }
}

/** No Iceberg table: nobody lists it in the meantime. */
function scratchTable(dbName: string, tableName: string, warehouse: string): HiveTable {
  return {
    tableName,
    dbName,
    owner: currentUser(),
    tableType: "EXTERNAL_TABLE",
    partitionKeys: [],
    parameters: { EXTERNAL: "TRUE", "external.table.purge": "true", probe: "1" },
    sd: {
      cols: [{ name: "probe", type: "int", comment: "" }],
      location: `${warehouse.replace(/\/+$/, "")}/_lake/${tableName}`,
      inputFormat: "org.apache.hadoop.mapred.FileInputFormat",
      outputFormat: "org.apache.hadoop.mapred.FileOutputFormat",
      serdeInfo: { serializationLib: "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe", parameters: {} },
      bucketCols: [],
      sortCols: [],
      parameters: {},
    },
  };
}

/** A server that does not know the comparison makes the change in silence. */
async function probeCompareAndSet(client: MetastoreClient, table: HiveTable): Promise<Finding> {
  const piece = "compare-and-set";
  const { dbName, tableName } = table;
  const properties = { expected_parameter_key: "probe", expected_parameter_value: "not this" };
  const request = { dbname: dbName, tblName: tableName, newTbl: table, environmentContext: { properties } };
  try {
    await client.call(methods.alterTable, request);
  } catch (error) {
    if (!(error instanceof MetastoreFault)) throw error;
    if (modifiedTo(error) !== null) return { piece, ok: true, detail: "a stale change is refused" };
    return { piece, ok: false, detail: problemOf(error), hint: "see the metastore's log" };
  }
  const hint =
    "keep `lock: true` and let every writer lock, or move to Hive Metastore 4.0.0 or 2.3.10 (HIVE-26882)";
  return { piece, ok: false, detail: "the metastore ignores it", hint };
}

async function probeLock(client: MetastoreClient, namespace: string, name: string): Promise<Finding> {
  const piece = "lock";
  const times = { lockTimeoutMs: 10_000, heartbeatMs: 60_000 };
  const identifier = { namespace, name };
  try {
    const lock = await lockTable({ client, identifier, times, stillWanted: async () => undefined });
    const held = await lock.isHeld();
    await lock.release();
    return { piece, ok: held, detail: held ? "taken and given back" : "taken, and lost at once" };
  } catch (error) {
    if (!(error instanceof MetastoreFault) && !isLakeError(error)) throw error;
    const told = metastoreError("lock", client, error);
    const hint = told.hint ?? "set `lock: false` where every writer uses compare-and-set";
    return { piece, ok: false, detail: told.message, hint };
  }
}

async function probeColumns(client: MetastoreClient): Promise<Finding> {
  const piece = "schema changes";
  if (!(await comparesPositions(client, ""))) return { piece, ok: true, detail: "all are accepted" };
  return {
    piece,
    ok: true,
    detail: "only new columns at the end and wider types are accepted",
    hint: "to drop or reorder columns set metastore.disallow.incompatible.col.type.changes=false on the metastore",
  };
}

async function probeAbandonedLocks(client: MetastoreClient): Promise<Finding> {
  const piece = "abandoned locks";
  const housekeeping = await setting(client, "metastore.housekeeping.threads.on");
  const timeout = await setting(client, "metastore.txn.timeout");
  if (housekeeping === "true") return { piece, ok: true, detail: `end after ${timeout ?? "300s"}` };
  return {
    piece,
    ok: housekeeping === null,
    detail: housekeeping === null ? "the metastore does not say" : "stay for ever",
    hint: "set metastore.housekeeping.threads.on=true on one metastore, or a writer that dies blocks its table",
  };
}

async function setting(client: MetastoreClient, name: string): Promise<string | null> {
  try {
    const value = await configValue(client, name, "");
    return value === "" ? null : value;
  } catch (error) {
    if (isFault(error, "MetaException")) return null;
    throw error;
  }
}
