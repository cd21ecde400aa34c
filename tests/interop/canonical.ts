// Rows in one form, whoever read them: every scalar as text (dates as days, times as microseconds, binary as
// hex), so that two engines' rows can be compared to the last bit. `canonical.py` gives the same form.
import { DuckDBInstance } from "@duckdb/node-api";
import { loadTable } from "../../engine/iceberg/load-table.ts";
import { planScan } from "../../engine/iceberg/scan.ts";
import type { IcebergType, Schema } from "../../engine/iceberg/types.ts";
import type { CatalogTable } from "../../engine/catalog/catalog.ts";
import type { Session } from "../../engine/run/session.ts";

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** A select list that gives a table's columns in canonical form. */
export function canonicalColumns(schema: Schema): string {
  return schema.fields
    .map(({ name, type }) => `${canonicalSql(quoted(name), type)} as ${quoted(name)}`)
    .join(", ");
}

function canonicalSql(sql: string, type: IcebergType, depth = 0): string {
  const item = `item${depth}`;
  if (typeof type !== "string") {
    switch (type.type) {
      case "list":
        return `list_transform(${sql}, lambda ${item}: ${canonicalSql(item, type.element, depth + 1)})`;
      case "map": {
        const [key, value] = [`${item}.key`, `${item}.value`];
        const pair = `{k: ${canonicalSql(key, type.key, depth + 1)}, v: ${canonicalSql(value, type.value, depth + 1)}}`;
        return `list_transform(map_entries(${sql}), lambda ${item}: ${pair})`;
      }
      case "struct": {
        const fields = type.fields.map(
          ({ name, type: inner }) =>
            `${quoted(name)}: ${canonicalSql(`${sql}.${quoted(name)}`, inner, depth)}`,
        );
        return `case when ${sql} is null then null else {${fields.join(", ")}} end`;
      }
    }
  }
  switch (type) {
    case "float":
    case "double":
      return `cast(${sql}::double as varchar)`;
    case "date":
      return `cast(if(isinf(${sql}), if(${sql} > '1970-01-01', 2147483647, -2147483647), date_diff('day', date '1970-01-01', ${sql})) as varchar)`;
    case "time":
      return `cast(epoch_us(${sql}) as varchar)`;
    case "timestamp":
    case "timestamptz": {
      const limit = `if(${sql} > '1970-01-01', 9223372036854775807, -9223372036854775807)`;
      return `cast(if(isinf(${sql}), ${limit}, epoch_us(${sql})) as varchar)`;
    }
    case "timestamp_ns":
      return `cast(epoch_ns(${sql}) as varchar)`;
    case "binary":
      return `lower(hex(${sql}))`;
    default:
      return type.startsWith("fixed[") ? `lower(hex(${sql}))` : `cast(${sql} as varchar)`;
  }
}

/** Rows that either engine gave, in an order that depends on nothing but them. */
export function canonicalRows(schema: Schema, rows: readonly unknown[]): string[] {
  return rows
    .map((row) =>
      JSON.stringify(schema.fields.map(({ type }, index) => canonicalValue(type, (row as unknown[])[index]))),
    )
    .sort();
}

function canonicalValue(type: IcebergType, value: unknown): unknown {
  if (value === null || value === undefined) return null;
  if (typeof type === "string") {
    if (type === "float" || type === "double") return floatText(value as string);
    // DuckDB leaves out the zero of a decimal that has no other digit before the point.
    return type.startsWith("decimal") ? (value as string).replace(/^(-?)\./, "$10.") : value;
  }
  switch (type.type) {
    case "list":
      return (value as unknown[]).map((item) => canonicalValue(type.element, item));
    case "map":
      return sortedPairs(
        (value as unknown[]).map((pair) => {
          const [key, item] = Object.values(pair as object) as unknown[];
          return [canonicalValue(type.key, key), canonicalValue(type.value, item)];
        }),
      );
    case "struct": {
      const fields = Object.values(value);
      return type.fields.map((field, index) => canonicalValue(field.type, fields[index]));
    }
  }
}

/** A map has no order. */
function sortedPairs(pairs: readonly unknown[]): unknown[] {
  return pairs.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

/** Two languages spell one number in two ways; the bits are what counts. */
function floatText(text: string): string {
  if (/^nan$/i.test(text)) return "nan";
  const number = Number(text.replace(/^(-?)inf(inity)?$/i, "$1Infinity"));
  return Object.is(number, -0) ? "-0" : String(number);
}

export async function tableOf(session: Session, name: string): Promise<CatalogTable> {
  const [namespace = "", table = ""] = name.split(".");
  const found = await loadTable({
    catalog: await session.catalog(),
    storage: await session.storage(),
    identifier: { namespace, name: table },
  });
  if (found === null) throw new Error(`the catalog has no table ${name}`);
  return found;
}

export function schemaOf({ metadata }: CatalogTable): Schema {
  return metadata.schemas.find((schema) => schema["schema-id"] === metadata["current-schema-id"])!;
}

/** What plain DuckDB finds in the data files that our scan names. */
export async function rowsOfPlannedFiles(session: Session, table: CatalogTable): Promise<string[]> {
  const schema = schemaOf(table);
  const tasks = await planScan({ storage: await session.storage(), metadata: table.metadata });
  if (tasks.length === 0) return [];
  const files = tasks.map(
    ({ file }) => `'${decodePath(file.path).replaceAll("'", "''").replace(/[*?[]/g, "[$&]")}'`,
  );
  const instance = await DuckDBInstance.create(":memory:", { threads: "2" });
  const connection = await instance.connect();
  try {
    await connection.run("set timezone = 'Asia/Seoul'");
    const reader = await connection.runAndReadAll(
      `select ${canonicalColumns(schema)} from read_parquet([${files.join(", ")}], hive_partitioning = false)`,
    );
    return canonicalRows(schema, reader.getRowsJson());
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

function decodePath(path: string): string {
  return path.replace(/^file:\/\//, "");
}
