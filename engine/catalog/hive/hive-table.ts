// What the metastore holds of an Iceberg table, written as iceberg-java's HiveTableOperations and
// HMSTablePropertyHelper write it, so that Spark, Trino and Hive find what they look for.
import { userInfo } from "node:os";
import { printJson } from "../../common/json.ts";
import type { Snapshot, TableMetadata } from "../../iceberg/types.ts";
import type { TableCommit } from "../catalog.ts";
import { hiveColumns } from "./hive-types.ts";
import type { HiveTable, StorageDescriptor } from "./metastore-types.ts";

export const metadataLocationKey = "metadata_location";
export const previousLocationKey = "previous_metadata_location";

/** iceberg-java's default of `iceberg.hive.table-property-max-size`: longer values are left out. */
const longestValue = 32_672;
const ownerProperty = "hive.metastore.table.owner";
/** The same switch under the name that Hive gives it. */
const hiveNames: Readonly<Record<string, string>> = { "gc.enabled": "external.table.purge" };
/** Never taken from a table's properties: they are the catalog's own. */
const ownKeys = new Set([metadataLocationKey, previousLocationKey, "table_type", "EXTERNAL"]);

type Parameters = Readonly<Record<string, string>>;

export function isIcebergTable(table: HiveTable): boolean {
  return table.parameters?.["table_type"]?.toLowerCase() === "iceberg";
}

/** The pointer, or null where the object is no Iceberg table (a view, a Hive table of the same name). */
export function metadataLocationOf(table: HiveTable | null): string | null {
  return table !== null && isIcebergTable(table) ? (table.parameters?.[metadataLocationKey] ?? null) : null;
}

/** Hadoop's way to say who somebody is, before the operating system's. */
export function currentUser(): string {
  const named = process.env["HADOOP_USER_NAME"];
  if (named !== undefined && named !== "") return named;
  try {
    return userInfo().username;
  } catch {
    // A container may run under a number that has no name.
    return String(process.getuid?.() ?? "lake");
  }
}

/** Errors: `catalog/hive-type`. */
export function newHiveTable(commit: TableCommit, nowMs: number): HiveTable {
  const seconds = Math.floor(nowMs / 1000);
  const { identifier, newMetadata } = commit;
  return {
    tableName: identifier.name,
    dbName: identifier.namespace,
    owner: newMetadata.properties[ownerProperty] ?? currentUser(),
    createTime: seconds,
    lastAccessTime: seconds,
    retention: 2_147_483_647,
    partitionKeys: [],
    tableType: "EXTERNAL_TABLE",
    sd: storageDescriptor(newMetadata),
    parameters: parametersOf(commit, { EXTERNAL: "TRUE" }),
  };
}

/** The table as it stands, moved: what others put into its parameters stays. */
export function movedHiveTable(table: HiveTable, commit: TableCommit): HiveTable {
  const owner = commit.newMetadata.properties[ownerProperty];
  return {
    ...table,
    ...(owner !== undefined && { owner }),
    // Hive 3 and later rewrite tables of other types.
    tableType: "EXTERNAL_TABLE",
    sd: storageDescriptor(commit.newMetadata),
    parameters: parametersOf(commit, { ...table.parameters, EXTERNAL: "TRUE" }),
  };
}

function storageDescriptor(metadata: TableMetadata): StorageDescriptor {
  const schema = metadata.schemas.find((one) => one["schema-id"] === metadata["current-schema-id"]);
  const forHive = isForHive(metadata);
  return {
    cols: schema === undefined ? [] : hiveColumns(schema),
    location: metadata.location,
    inputFormat: forHive
      ? "org.apache.iceberg.mr.hive.HiveIcebergInputFormat"
      : "org.apache.hadoop.mapred.FileInputFormat",
    outputFormat: forHive
      ? "org.apache.iceberg.mr.hive.HiveIcebergOutputFormat"
      : "org.apache.hadoop.mapred.FileOutputFormat",
    compressed: false,
    numBuckets: 0,
    serdeInfo: { serializationLib: serdeOf(metadata), parameters: {} },
    bucketCols: [],
    sortCols: [],
    parameters: {},
  };
}

/** Tables that Hive itself reads say so; they also escape the comparison of columns by position. */
export function serdeOf(metadata: TableMetadata): string {
  return isForHive(metadata)
    ? "org.apache.iceberg.mr.hive.HiveIcebergSerDe"
    : "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe";
}

function isForHive(metadata: TableMetadata): boolean {
  return metadata.properties["engine.hive.enabled"]?.toLowerCase() === "true";
}

function parametersOf(commit: TableCommit, existing: Parameters): Parameters {
  const { newMetadata, baseMetadata } = commit;
  const parameters = new Map(Object.entries(existing));
  for (const key of Object.keys(baseMetadata?.properties ?? {})) {
    if (!(key in newMetadata.properties) && !ownKeys.has(key)) parameters.delete(hiveNames[key] ?? key);
  }
  for (const [key, value] of Object.entries(newMetadata.properties)) {
    if (key.toLowerCase() !== ownerProperty && !ownKeys.has(key))
      parameters.set(hiveNames[key] ?? key, value);
  }
  parameters.set("uuid", newMetadata["table-uuid"]);
  parameters.set("table_type", "ICEBERG");
  parameters.set(metadataLocationKey, commit.newMetadataLocation);
  if (commit.baseMetadataLocation !== null) parameters.set(previousLocationKey, commit.baseMetadataLocation);
  const handler = "org.apache.iceberg.mr.hive.HiveIcebergStorageHandler";
  set(parameters, "storage_handler", isForHive(newMetadata) ? handler : null);
  setStatistics(parameters, newMetadata);
  setDescriptions(parameters, newMetadata);
  // Hive would otherwise answer count(*) from numbers that it believes to be its own.
  parameters.delete("COLUMN_STATS_ACCURATE");
  parameters.set("DO_NOT_UPDATE_STATS", "true");
  return Object.fromEntries(parameters);
}

function setStatistics(parameters: Map<string, string>, metadata: TableMetadata): void {
  const snapshot = currentSnapshot(metadata);
  const totals = { numFiles: "total-data-files", numRows: "total-records", totalSize: "total-files-size" };
  for (const [key, total] of Object.entries(totals)) {
    const value = snapshot?.summary[total];
    if (value !== undefined) parameters.set(key, value);
  }
  set(parameters, "current-snapshot-id", snapshot === null ? null : String(snapshot["snapshot-id"]));
  const time = snapshot === null ? null : String(snapshot["timestamp-ms"]);
  set(parameters, "current-snapshot-timestamp-ms", time);
  set(parameters, "current-snapshot-summary", snapshot === null ? null : summaryText(snapshot));
  parameters.set("snapshot-count", String(metadata.snapshots.length));
}

/** Java keeps the operation apart from the summary. */
function summaryText(snapshot: Snapshot): string {
  const { operation: _, ...summary } = snapshot.summary;
  return printJson(summary);
}

function setDescriptions(parameters: Map<string, string>, metadata: TableMetadata): void {
  const schema = metadata.schemas.find((one) => one["schema-id"] === metadata["current-schema-id"]);
  const spec = metadata["partition-specs"].find((one) => one["spec-id"] === metadata["default-spec-id"]);
  const order = metadata["sort-orders"].find((one) => one["order-id"] === metadata["default-sort-order-id"]);
  const text = (value: { fields: readonly unknown[] } | undefined): string | null =>
    value === undefined || value.fields.length === 0 ? null : printJson(value);
  set(parameters, "current-schema", schema === undefined ? null : printJson(schema));
  set(parameters, "default-partition-spec", text(spec));
  set(parameters, "default-sort-order", text(order));
}

function set(parameters: Map<string, string>, key: string, value: string | null): void {
  if (value === null || value.length > longestValue) parameters.delete(key);
  else parameters.set(key, value);
}

function currentSnapshot(metadata: TableMetadata): Snapshot | null {
  const id = metadata["current-snapshot-id"];
  return metadata.snapshots.find((snapshot) => snapshot["snapshot-id"] === id) ?? null;
}
