// Hive compares a table's old and new columns by position and, unless told otherwise, refuses what its own
// file formats could not read: dropping a column other than the last, adding one in front, reordering.
// Iceberg goes by field id and has no such trouble. The same comparison here says so before anything is written.
import type { Schema, TableMetadata } from "../../iceberg/types.ts";
import type { SchemaChange } from "../catalog.ts";
import { columnsError } from "./commit.ts";
import { serdeOf } from "./hive-table.ts";
import { hiveColumns } from "./hive-types.ts";
import { isFault, type MetastoreClient } from "./metastore-client.ts";
import { methods } from "./metastore-types.ts";

const strings = ["string", "varchar", "char"];
/** In the order in which one may become the next. */
const numbers = ["tinyint", "smallint", "int", "bigint", "decimal", "float", "double"];
const times = ["date", "datetime", "timestamp"];

/** The columns that Hive would refuse, as text. Hive's ColumnType.areColTypesCompatible, read from 4.0.0. */
export function refusedColumns(from: Schema, to: Schema): readonly string[] {
  const [before, after] = [hiveColumns(from), hiveColumns(to)];
  return after.flatMap((column, position) => {
    const old = before[position];
    if (old === undefined || compatible(typeName(old.type), typeName(column.type))) return [];
    return [`${column.name} (${column.type}) where ${old.name} (${old.type}) was`];
  });
}

/** Without parameters: `decimal(9,2)` is `decimal`, `timestamp with local time zone` is `timestamp`. */
function typeName(type = ""): string {
  return type.toLowerCase().split(/\W/)[0] ?? "";
}

function compatible(from: string, to: string): boolean {
  if (from === to) return true;
  if (strings.includes(to)) return [...strings, ...numbers, ...times].includes(from);
  return numbers.includes(from) && numbers.indexOf(from) < numbers.indexOf(to);
}

/** Errors: `catalog/hive-columns`, `catalog/hive-type`. */
export async function checkSchemaChange(client: MetastoreClient, change: SchemaChange): Promise<void> {
  const from = currentSchema(change.base);
  const refused = from === undefined ? [] : refusedColumns(from, change.schema);
  if (refused.length === 0 || !(await comparesPositions(client, serdeOf(change.base)))) return;
  throw columnsError(change.identifier, refused.join(", "));
}

function currentSchema(metadata: TableMetadata): Schema | undefined {
  return metadata.schemas.find((schema) => schema["schema-id"] === metadata["current-schema-id"]);
}

/** What the server is set to. */
export async function comparesPositions(client: MetastoreClient, serde: string): Promise<boolean> {
  const setting = await configValue(client, "metastore.disallow.incompatible.col.type.changes", "true");
  if (setting.trim().toLowerCase() !== "true") return false;
  const exempt = await configValue(client, "metastore.allow.incompatible.col.type.changes.serdes", "");
  return !exempt.split(",").includes(serde);
}

/** A metastore may keep its settings to itself; then its default is the safe guess. */
export async function configValue(client: MetastoreClient, name: string, unset: string): Promise<string> {
  try {
    return await client.call(methods.getConfigValue, { name, defaultValue: unset });
  } catch (error) {
    if (isFault(error, "ConfigValSecurityException", "TApplicationException")) return unset;
    throw error;
  }
}
