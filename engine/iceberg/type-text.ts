// Types in text and JSON.
import { lakeError } from "../common/errors.ts";
import type { IcebergType, ListType, MapType, NestedField, PrimitiveType, StructType } from "./types.ts";

const plainTypes: ReadonlySet<string> = new Set([
  "boolean",
  "int",
  "long",
  "float",
  "double",
  "date",
  "time",
  "timestamp",
  "timestamptz",
  "timestamp_ns",
  "timestamptz_ns",
  "string",
  "uuid",
  "binary",
  "unknown",
  "variant",
]);

/** Reads a type as it stands in metadata JSON (text for primitives). `iceberg/unknown-type` otherwise. */
export function parseType(json: unknown): IcebergType {
  if (typeof json === "string") return parsePrimitive(json);
  if (typeof json === "object" && json !== null && "type" in json) {
    const nested = json as Record<string, unknown>;
    if (nested["type"] === "struct" && Array.isArray(nested["fields"])) {
      return { ...(nested as unknown as StructType), fields: nested["fields"].map(parseField) };
    }
    if (nested["type"] === "list") {
      return { ...(nested as unknown as ListType), element: parseType(nested["element"]) };
    }
    if (nested["type"] === "map") {
      const map = nested as unknown as MapType;
      return { ...map, key: parseType(nested["key"]), value: parseType(nested["value"]) };
    }
  }
  throw lakeError("iceberg/unknown-type", { text: JSON.stringify(json) ?? "undefined" });
}

function parseField(json: unknown): NestedField {
  const field = json as NestedField;
  return { ...field, required: field.required ?? false, type: parseType(field.type) };
}

function parsePrimitive(text: string): PrimitiveType {
  const name = text.trim();
  if (plainTypes.has(name)) return name as PrimitiveType;
  const decimal = /^decimal\(\s*(\d+)\s*,\s*(\d+)\s*\)$/.exec(name);
  if (
    decimal &&
    Number(decimal[1]) >= 1 &&
    Number(decimal[1]) <= 38 &&
    Number(decimal[2]) <= Number(decimal[1])
  ) {
    return `decimal(${Number(decimal[1])}, ${Number(decimal[2])})`;
  }
  const fixed = /^fixed\[\s*(\d+)\s*\]$/.exec(name);
  if (fixed) return `fixed[${Number(fixed[1])}]`;
  if (/^(geometry|geography)(\(.*\))?$/.test(name)) return name as PrimitiveType;
  throw lakeError("iceberg/unknown-type", { text });
}

/** A type as people and messages spell it: `struct<a: int, b: list<string>>`. */
export function typeText(type: IcebergType): string {
  if (typeof type === "string") return type;
  switch (type.type) {
    case "struct":
      return `struct<${type.fields.map((field) => `${field.name}: ${typeText(field.type)}`).join(", ")}>`;
    case "list":
      return `list<${typeText(type.element)}>`;
    case "map":
      return `map<${typeText(type.key)}, ${typeText(type.value)}>`;
  }
}

/** Precision and scale of a decimal type, null for other types. */
export function decimalOf(type: IcebergType): { readonly precision: number; readonly scale: number } | null {
  if (typeof type !== "string" || !type.startsWith("decimal")) return null;
  const match = /^decimal\((\d+),\s*(\d+)\)$/.exec(type);
  return match && { precision: Number(match[1]), scale: Number(match[2]) };
}
