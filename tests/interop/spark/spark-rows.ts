// Rows as Spark gives them, in the form of `canonical.ts`: days, microseconds and hex in place of what the two
// languages print differently.
import type { IcebergType, Schema } from "../../../engine/iceberg/types.ts";
import { canonicalRows } from "../canonical.ts";
import type { SparkSession } from "./spark.ts";

const quoted = (name: string): string => `\`${name.replaceAll("`", "``")}\``;

/** `from` is what stands after FROM: a table, or one `VERSION AS OF` a snapshot. */
export async function sparkRows(spark: SparkSession, schema: Schema, from: string): Promise<string[]> {
  const columns = schema.fields.map(({ name, type }) => sparkSql(quoted(name), type));
  const [rows = []] = await spark.sql(`select ${columns.join(", ")} from ${from}`);
  return canonicalRows(schema, rows);
}

function sparkSql(sql: string, type: IcebergType, depth = 0): string {
  const item = `item${depth}`;
  if (typeof type !== "string") {
    switch (type.type) {
      case "list":
        return `transform(${sql}, ${item} -> ${sparkSql(item, type.element, depth + 1)})`;
      case "map": {
        const [key, value] = [type.key, type.value].map((one, at) =>
          sparkSql(`${item}.${at === 0 ? "key" : "value"}`, one, depth + 1),
        );
        return `transform(map_entries(${sql}), ${item} -> struct(${key}, ${value}))`;
      }
      case "struct": {
        const fields = type.fields.map((field) =>
          sparkSql(`${sql}.${quoted(field.name)}`, field.type, depth),
        );
        return `if(${sql} is null, null, struct(${fields.join(", ")}))`;
      }
    }
  }
  switch (type) {
    case "date":
      return `cast(datediff(${sql}, date '1970-01-01') as string)`;
    case "timestamp":
    case "timestamptz":
      return `cast(unix_micros(cast(${sql} as timestamp)) as string)`;
    case "float":
      return `cast(${sql} as double)`;
    default:
      return sql;
  }
}
