// Types as the engine spells them (`STRUCT(a BIGINT)[]`) ↔ Iceberg types.
import type { DuckDBType } from "@duckdb/node-api";
import { lakeError, throwCollected, type LakeError } from "../../common/errors.ts";
import type { IcebergType, NestedField, Schema } from "../../iceberg/types.ts";
import type { Column } from "../compute.ts";
import { parseEngineType, type EngineType } from "./engine-type.ts";
import { identifier } from "./text.ts";

/** Scalars that Iceberg has a type for; those whose own spelling differs are cast before they are written. */
const scalarTypes: Readonly<Record<string, IcebergType>> = {
  BOOLEAN: "boolean",
  BOOL: "boolean",
  TINYINT: "int",
  SMALLINT: "int",
  INTEGER: "int",
  INT: "int",
  UTINYINT: "int",
  USMALLINT: "int",
  UINTEGER: "long",
  BIGINT: "long",
  LONG: "long",
  UBIGINT: "decimal(20, 0)",
  // Written as they are these would become DOUBLE and lose digits.
  HUGEINT: "decimal(38, 0)",
  UHUGEINT: "decimal(38, 0)",
  FLOAT: "float",
  REAL: "float",
  DOUBLE: "double",
  "DOUBLE PRECISION": "double",
  DATE: "date",
  TIME: "time",
  TIMESTAMP: "timestamp",
  DATETIME: "timestamp",
  "TIMESTAMP WITHOUT TIME ZONE": "timestamp",
  TIMESTAMP_S: "timestamp",
  TIMESTAMP_MS: "timestamp",
  "TIMESTAMP WITH TIME ZONE": "timestamptz",
  TIMESTAMPTZ: "timestamptz",
  VARCHAR: "string",
  TEXT: "string",
  STRING: "string",
  CHAR: "string",
  JSON: "string",
  ENUM: "string",
  UUID: "uuid",
  BLOB: "binary",
  BYTEA: "binary",
  VARBINARY: "binary",
  DECIMAL: "decimal(18, 3)",
  NUMERIC: "decimal(18, 3)",
};

/** Engine types without an Iceberg type in format version 2, and what to write instead. */
const refusedTypes: Readonly<Record<string, string>> = {
  TIMESTAMP_NS: "cast it to timestamp (microseconds) or to bigint nanoseconds",
  INTERVAL: "cast it to varchar, or store its length as a number",
  BIT: "cast it to varchar or blob",
  UNION: "cast it to varchar, or give each member a column",
  "TIME WITH TIME ZONE": "cast it to time or varchar",
  TIMETZ: "cast it to time or varchar",
  TIME_NS: "cast it to time (microseconds)",
  BIGNUM: "cast it to decimal(38, 0) or varchar",
  VARINT: "cast it to decimal(38, 0) or varchar",
  VARIANT: "cast it to varchar or json",
  GEOMETRY: "cast it to blob or varchar",
  NULL: "give it a type: cast(null as varchar)",
};

/** Hands out field ids; Iceberg numbers a struct's fields before what lies inside them. */
type NextId = () => number;

function counter(): NextId {
  let id = 0;
  return () => ++id;
}

/**
 * The Iceberg type of an engine type, with fresh ids (from 1 where none are handed in).
 * Fails with `compute/no-iceberg-type`.
 */
export function icebergType(engineType: string, nextId: NextId = counter(), column = "value"): IcebergType {
  return convert(parseEngineType(engineType), { column, engineType, nextId });
}

interface ConvertContext {
  readonly column: string;
  readonly engineType: string;
  readonly nextId: NextId;
}

function convert(type: EngineType, context: ConvertContext): IcebergType {
  const { nextId } = context;
  switch (type.kind) {
    case "scalar":
      return convertScalar(type.name, context);
    case "list": {
      const id = nextId();
      return {
        type: "list",
        "element-id": id,
        element: convert(type.element, { ...context, column: `${context.column}.element` }),
        "element-required": false,
      };
    }
    case "map": {
      const key = nextId();
      const value = nextId();
      return {
        type: "map",
        "key-id": key,
        key: convert(type.key, { ...context, column: `${context.column}.key` }),
        "value-id": value,
        value: convert(type.value, { ...context, column: `${context.column}.value` }),
        "value-required": false,
      };
    }
    case "struct":
    default: {
      rejectDuplicates(type.fields, context.column);
      const ids = type.fields.map(() => nextId());
      const fields = type.fields.map((field, index): NestedField => ({
        id: ids[index]!,
        name: field.name,
        required: false,
        type: convert(field.type, { ...context, column: `${context.column}.${field.name}` }),
      }));
      return { type: "struct", fields };
    }
  }
}

function convertScalar(name: string, context: ConvertContext): IcebergType {
  const decimal = /^(?:DECIMAL|NUMERIC)\((\d+)(?:,(\d+))?\)$/.exec(name);
  if (decimal) return `decimal(${Number(decimal[1])}, ${Number(decimal[2] ?? 0)})`;
  const known = scalarTypes[name] ?? scalarTypes[name.replace(/\(.*\)$/, "")];
  if (known !== undefined) return known;
  throw lakeError(
    "compute/no-iceberg-type",
    { column: context.column, type: context.engineType },
    { hint: refusedTypes[name.replace(/\(.*\)$/, "")] ?? "cast it to a type that Iceberg has" },
  );
}

function rejectDuplicates(fields: readonly { readonly name: string }[], inside: string): void {
  const seen = new Map<string, string>();
  for (const { name } of fields) {
    const first = seen.get(name.toLowerCase());
    if (first !== undefined) throw lakeError("compute/duplicate-column", { column: name, first, inside });
    seen.set(name.toLowerCase(), name);
  }
}

/** Engine columns → a schema with fresh ids; every column's failure is collected. */
export function toSchema(columns: readonly Column[]): Schema {
  const errors: LakeError[] = columnNameErrors(columns.map(({ name }) => name));
  const nextId = counter();
  const ids = columns.map(() => nextId());
  const fields: NestedField[] = [];
  columns.forEach((column, index) => {
    try {
      const type = icebergType(column.type, nextId, column.name);
      fields.push({ id: ids[index]!, name: column.name, required: false, type });
    } catch (error) {
      errors.push(error as LakeError);
    }
  });
  throwCollected(errors);
  return { type: "struct", "schema-id": 0, fields };
}

/** Names that a table cannot have: twice the same (case apart, as Hive and the engine see them), or empty. */
export function columnNameErrors(names: readonly string[]): LakeError[] {
  const errors: LakeError[] = [];
  const seen = new Map<string, string>();
  names.forEach((name, index) => {
    if (name === "") errors.push(lakeError("compute/nameless-column", { position: index + 1 }));
    const first = seen.get(name.toLowerCase());
    if (first !== undefined) errors.push(lakeError("compute/duplicate-column", { column: name, first }));
    else seen.set(name.toLowerCase(), name);
  });
  return errors;
}

/** A schema → engine columns, in order. */
export function toColumns(schema: Schema): readonly Column[] {
  return schema.fields.map(({ name, type }) => ({ name, type: duckdbType(type, name) }));
}

const engineNames: Readonly<Record<string, string>> = {
  boolean: "BOOLEAN",
  int: "INTEGER",
  long: "BIGINT",
  float: "FLOAT",
  double: "DOUBLE",
  date: "DATE",
  time: "TIME",
  timestamp: "TIMESTAMP",
  timestamptz: "TIMESTAMP WITH TIME ZONE",
  timestamp_ns: "TIMESTAMP_NS",
  string: "VARCHAR",
  uuid: "UUID",
  binary: "BLOB",
  // A column of which nothing but null can be known (v3).
  unknown: "INTEGER",
};

/** How the engine spells an Iceberg type; `compute/unsupported-feature` for those it cannot hold. */
export function duckdbType(type: IcebergType, column?: string): string {
  if (typeof type === "string") {
    const name = engineNames[type];
    if (name !== undefined) return name;
    if (type.startsWith("fixed[")) return "BLOB";
    const decimal = /^decimal\((\d+), *(\d+)\)$/.exec(type);
    if (decimal) return `DECIMAL(${decimal[1]},${decimal[2]})`;
    const where = column === undefined ? "" : ` (column ${column})`;
    throw lakeError("compute/unsupported-feature", { what: `the type ${type}${where}` });
  }
  const inside = (name: string): string | undefined => column && `${column}.${name}`;
  switch (type.type) {
    case "list":
      return `${duckdbType(type.element, inside("element"))}[]`;
    case "map":
      return `MAP(${duckdbType(type.key, inside("key"))}, ${duckdbType(type.value, inside("value"))})`;
    case "struct":
    default: {
      const fields = type.fields.map(
        ({ name, type: inner }) => `${identifier(name)} ${duckdbType(inner, inside(name))}`,
      );
      return `STRUCT(${fields.join(", ")})`;
    }
  }
}

/** The engine's spelling of a result column's type; JSON is text under another name. */
export function typeText(type: DuckDBType): string {
  return type.alias ?? String(type);
}

/** Whether an engine type is, spelled any way, the type itself that the engine writes for `type`. */
export function isWrittenAs(engineType: string, type: IcebergType): boolean {
  return JSON.stringify(parseEngineType(engineType)) === JSON.stringify(parseEngineType(duckdbType(type)));
}

/** The expression that gives a column in the form in which its Iceberg type is written. */
export function sqlCast(column: Column, type: IcebergType): string {
  const name = identifier(column.name);
  return isWrittenAs(column.type, type) ? name : `cast(${name} as ${duckdbType(type)})`;
}
