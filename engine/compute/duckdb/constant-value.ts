// Constants of a statement as the values that a column is compared with, worked out by the engine itself.
import type { DuckDBConnection, DuckDBValue } from "@duckdb/node-api";
import type { IcebergType, Value } from "../../iceberg/types.ts";
import type { AstNode } from "./ast.ts";
import { clockKeywords } from "./safety.ts";
import { identifier, literal } from "./text.ts";
import { duckdbType } from "./types.ts";

/** Casts between these change nothing that a comparison sees. */
const exactSources: Readonly<Record<string, readonly string[]>> = {
  INTEGER: ["TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"],
  BIGINT: ["TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"],
  DECIMAL: ["TINYINT", "SMALLINT", "INTEGER", "BIGINT", "DECIMAL"],
  DOUBLE: ["TINYINT", "SMALLINT", "INTEGER", "DOUBLE"],
  TIMESTAMP: ["DATE", "TIMESTAMP"],
  "TIMESTAMP WITH TIME ZONE": ["DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"],
};

/** Pure, or the run's clock; an interval is written as `to_days(cast(trunc(cast(1 as double)) as integer))`. */
const functions = new Set([
  "+",
  "-",
  "*",
  "trunc",
  "date_trunc",
  "make_date",
  "to_seconds",
  "to_minutes",
  "to_hours",
  "to_days",
  "to_weeks",
  "to_months",
  "to_years",
  "now",
  "today",
  "current_date",
  "get_current_timestamp",
]);

export class ConstantEvaluator {
  readonly #connection: DuckDBConnection;

  readonly #mayBeColumn: (name: string) => boolean;

  /** `mayBeColumn` says of `current_date` and its like whether the statement may mean a column. */
  constructor(connection: DuckDBConnection, mayBeColumn: (name: string) => boolean) {
    this.#connection = connection;
    this.#mayBeColumn = mayBeColumn;
  }

  /** The constant in the form of the column's type; null where it is not constant, null, or compared otherwise. */
  async valueOf(node: AstNode, type: IcebergType): Promise<Exclude<Value, null> | null> {
    if (typeof type !== "string") return null;
    const sql = expressionText(node, this.#mayBeColumn);
    if (sql === null) return null;
    const target = duckdbType(type);
    const isText = node.class === "CONSTANT" && constantType(node) === "VARCHAR";
    const found = await this.#evaluate(sql, target);
    if (found === null) return null;
    const base = (name: string) => name.replace(/\(.*\)$/, "");
    const exact = exactSources[base(target)] ?? [base(target)];
    if (!isText && !exact.includes(base(found.type))) return null;
    if (!isText && !found.unchanged) return null;
    return valueForm(found.value, type);
  }

  async #evaluate(sql: string, target: string): Promise<Evaluated | null> {
    try {
      const reader = await this.#connection.runAndReadAll(
        `select typeof(e), try_cast(e as ${target}), try_cast(e as ${target}) is not distinct from e from (select ${sql} as e)`,
      );
      const [type, value, unchanged] = reader.getRows()[0]!;
      return { type: String(type), value: value!, unchanged: unchanged === true };
    } catch {
      // What cannot be worked out here is left to the statement itself.
      return null;
    }
  }
}

interface Evaluated {
  readonly type: string;
  readonly value: DuckDBValue;
  readonly unchanged: boolean;
}

function constantType(node: AstNode): string | undefined {
  return (node["value"] as { type?: { id?: string } } | undefined)?.type?.id;
}

/** The expression as SQL, if it holds constants and a few pure functions only. */
function expressionText(node: AstNode, mayBeColumn: (name: string) => boolean): string | null {
  if (node.class === "CONSTANT") return constantText(node);
  if (node.class === "CAST") return castText(node, mayBeColumn);
  if (node.class === "COLUMN_REF") {
    const names = node["column_names"] as readonly string[];
    const isKeyword =
      names.length === 1 && clockKeywords.has(names[0]!.toLowerCase()) && !mayBeColumn(names[0]!);
    return isKeyword ? names[0]! : null;
  }
  if (node.class !== "FUNCTION" || !functions.has(String(node["function_name"]).toLowerCase())) return null;
  if (node["schema"] !== undefined && node["schema"] !== "main") return null;
  const parts = ((node["children"] as readonly AstNode[] | undefined) ?? []).map((child) =>
    expressionText(child, mayBeColumn),
  );
  if (parts.includes(null)) return null;
  const name = String(node["function_name"]);
  if (/^\w+$/.test(name)) return `${identifier(name)}(${parts.join(", ")})`;
  return parts.length === 1 ? `(${name} ${parts[0]})` : `(${parts.join(` ${name} `)})`;
}

function constantText(node: AstNode): string | null {
  const { value, is_null: isNull } = node["value"] as { value?: unknown; is_null?: boolean };
  if (isNull) return null;
  switch (constantType(node)) {
    case "VARCHAR":
      return literal(String(value));
    case "BOOLEAN":
      return String(value === true);
    case "INTEGER":
    case "BIGINT":
      // Larger ones were rounded when the tree was read.
      return Number.isSafeInteger(value) ? String(value) : null;
    case "DECIMAL": {
      const info = (node["value"] as { type: { type_info?: { scale?: number } } }).type.type_info;
      return Number.isSafeInteger(value) ? scaledText(Number(value), info?.scale ?? 0) : null;
    }
    case undefined:
    default:
      return null;
  }
}

function scaledText(unscaled: number, scale: number): string {
  const digits = String(Math.abs(unscaled)).padStart(scale + 1, "0");
  const point = scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
  return unscaled < 0 ? `-${point}` : point;
}

const plainTypes = new Set([
  "DATE",
  "TIMESTAMP",
  "TIMESTAMP WITH TIME ZONE",
  "INTERVAL",
  "INTEGER",
  "BIGINT",
  "DOUBLE",
  "BOOLEAN",
  "VARCHAR",
  "UUID",
]);

function castText(node: AstNode, mayBeColumn: (name: string) => boolean): string | null {
  const type = (node["cast_type"] as { id?: string; type_info?: unknown } | undefined) ?? {};
  if (!plainTypes.has(type.id ?? "") || node["try_cast"] === true) return null;
  const child = expressionText(node["child"] as AstNode, mayBeColumn);
  return child === null ? null : `cast(${child} as ${type.id})`;
}

function valueForm(value: DuckDBValue, type: string): Exclude<Value, null> | null {
  if (value === null) return null;
  const of = value as unknown as Record<string, unknown>;
  switch (type) {
    case "boolean":
    case "int":
    case "long":
    case "string":
      return value as Exclude<Value, null>;
    case "double":
      // Zero has two forms, which bounds tell apart and comparisons do not.
      return typeof value === "number" && Number.isFinite(value) && value !== 0 ? value : null;
    case "date":
      return Number(of["days"]);
    case "time":
    case "timestamp":
    case "timestamptz":
      return of["micros"] as bigint;
    case "uuid":
      return String(value);
  }
  return type.startsWith("decimal(") ? (of["value"] as bigint) : null;
}
