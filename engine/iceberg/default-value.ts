// Defaults of columns (specification v3, "Default values"): what rows have that were written before the column was, and
// what writers put where they have no value.
import { lakeError } from "../common/errors.ts";
import { decimalOf, typeText } from "./type-text.ts";
import type { IcebergType, NestedField, Schema } from "./types.ts";
import { parseEngineText, valueToJson } from "./values.ts";

/**
 * The JSON form (specification, appendix D) of a default that a person wrote. Errors: `iceberg/bad-value`, also for a
 * value that is out of the type's range; a column of fields has none.
 */
export function defaultOf(type: IcebergType, text: string): boolean | number | bigint | string {
  const value = valueToJson(type, parseEngineText(type, text));
  if (value === null || !isInRange(type, text, value))
    throw lakeError("iceberg/bad-value", { text, type: typeText(type) });
  return value;
}

function isInRange(type: IcebergType, text: string, value: boolean | number | bigint | string): boolean {
  switch (type) {
    case "int":
      return Number(value) === (Number(value) | 0);
    case "long":
      return BigInt.asIntN(64, BigInt(value)) === BigInt(value);
    case "float":
    case "double":
      return Number.isFinite(value);
    case "date":
      // A day that its month does not have would become another.
      return String(value) === text;
    default: {
      const decimal = decimalOf(type);
      if (decimal) return String(value).replace(/\D/g, "").replace(/^0+/, "").length <= decimal.precision;
      const [, length] = /^fixed\[(\d+)\]$/.exec(typeText(type)) ?? [];
      return length === undefined || text.length === 2 * Number(length);
    }
  }
}

/**
 * The schema with the defaults of the named columns. Those that `before` lacks are new to rows that stay, which read
 * as the default; a first default never changes after that. A table without such rows has no `before`.
 */
export function defaultColumns(
  schema: Schema,
  columns: readonly { readonly name: string; readonly default?: string }[],
  before: Schema | null,
): Schema {
  const texts = new Map(
    columns.flatMap(({ name, default: text }) => (text === undefined ? [] : [[name.toLowerCase(), text]])),
  );
  if (texts.size === 0) return schema;
  const known = new Set(before?.fields.map(({ id }) => id));
  const withDefault = (field: NestedField): NestedField => {
    const text = texts.get(field.name.toLowerCase());
    if (text === undefined) return field;
    const value = defaultOf(field.type, text);
    const isNew = before !== null && !known.has(field.id);
    return { ...field, ...(isNew && { "initial-default": value }), "write-default": value };
  };
  return { ...schema, fields: schema.fields.map(withDefault) };
}
