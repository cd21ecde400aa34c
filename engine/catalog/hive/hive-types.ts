// Iceberg's types as Hive's columns spell them (iceberg-java's HiveSchemaUtil).
import { lakeError } from "../../common/errors.ts";
import type { IcebergType, NestedField, Schema } from "../../iceberg/types.ts";
import type { FieldSchema } from "./metastore-types.ts";

const primitives: Readonly<Record<string, string>> = {
  boolean: "boolean",
  int: "int",
  long: "bigint",
  float: "float",
  double: "double",
  date: "date",
  time: "string",
  string: "string",
  uuid: "string",
  timestamp: "timestamp",
  timestamptz: "timestamp with local time zone",
  binary: "binary",
  // Hive has no such type; iceberg-java writes the word as it is.
  variant: "unknown",
};

/** The columns of a table's storage descriptor. Errors: `catalog/hive-type`. */
export function hiveColumns(schema: Schema): readonly FieldSchema[] {
  return schema.fields.map((field) => ({
    name: field.name,
    type: hiveType(field.type, field.name),
    // None where there is none: Hive shows an empty one as `COMMENT ''`.
    ...(field.doc !== undefined && { comment: field.doc }),
  }));
}

function hiveType(type: IcebergType, column: string): string {
  if (typeof type === "string") {
    const known = primitives[type];
    if (known !== undefined) return known;
    if (type.startsWith("fixed[")) return "binary";
    const decimal = /^decimal\((\d+),\s*(\d+)\)$/.exec(type);
    if (decimal !== null) return `decimal(${decimal[1]},${decimal[2]})`;
    throw lakeError(
      "catalog/hive-type",
      { column, type },
      { hint: "cast the column in the model, for example to timestamp or string" },
    );
  }
  switch (type.type) {
    case "struct":
      return `struct<${type.fields.map((field) => member(field, column)).join(",")}>`;
    case "list":
      return `array<${hiveType(type.element, column)}>`;
    case "map":
      return `map<${hiveType(type.key, column)},${hiveType(type.value, column)}>`;
  }
}

function member(field: NestedField, column: string): string {
  return `${field.name}:${hiveType(field.type, `${column}.${field.name}`)}`;
}
