// Schemas: whether two are the same. Types in text, field ids and evolution live in files of their own
// and are handed on here.
import { childFields } from "./field-ids.ts";
import { parseType } from "./type-text.ts";
import type { IcebergType, NestedField, Schema } from "./types.ts";

export { assignFreshIds, childFields, fieldsById, highestFieldId } from "./field-ids.ts";
export type { FieldAt } from "./field-ids.ts";
export { evolveSchema } from "./schema-evolution.ts";
export type { EvolutionMode } from "./schema-evolution.ts";
export { schemaDiff } from "./schema-diff.ts";
export type { SchemaChange } from "./schema-diff.ts";
export { describeColumns, renameColumns, constrainColumns } from "./declared-columns.ts";
export type { DeclaredColumn } from "./declared-columns.ts";
export { replaceSchema } from "./schema-replacement.ts";
export { parseType, typeText } from "./type-text.ts";

/** Whether two schemas are equal in all but their `schema-id`. */
export function sameSchema(a: Schema, b: Schema): boolean {
  const identifiers = (schema: Schema): string =>
    [...(schema["identifier-field-ids"] ?? [])].sort((x, y) => x - y).join();
  return sameType(a, b) && identifiers(a) === identifiers(b);
}

/** Whether two types are equal, ids, names, documentation and defaults included. */
export function sameType(a: IcebergType, b: IcebergType): boolean {
  if (typeof a === "string" || typeof b === "string") {
    return typeof a === "string" && typeof b === "string" && parseType(a) === parseType(b);
  }
  const left = childFields(a);
  const right = childFields(b);
  return (
    a.type === b.type && left.length === right.length && left.every((field, i) => sameField(field, right[i]))
  );
}

function sameField(a: NestedField, b: NestedField | undefined): boolean {
  return (
    b !== undefined &&
    a.id === b.id &&
    a.name === b.name &&
    a.required === b.required &&
    a.doc === b.doc &&
    sameDefault(a["initial-default"], b["initial-default"]) &&
    sameDefault(a["write-default"], b["write-default"]) &&
    sameType(a.type, b.type)
  );
}

function sameDefault(a: unknown, b: unknown): boolean {
  const text = (value: unknown): string =>
    JSON.stringify(value, (_key, part: unknown) => (typeof part === "bigint" ? `${part}n` : part)) ?? "";
  return text(a) === text(b);
}
