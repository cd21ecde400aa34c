// What makes one schema of a table another: by field id, so that a renamed column is no lost and no new one.
import { printJson } from "../common/json.ts";
import { childFields, fieldsById } from "./field-ids.ts";
import { typeText } from "./type-text.ts";
import type { IcebergType, NestedField, StructType } from "./types.ts";

/** One difference; `from` and `to` are texts for people, `path` is that of the later schema where it has one. */
export type SchemaChange =
  | {
      readonly kind: "add";
      readonly path: readonly string[];
      readonly to: string;
      /** What the rows that are there have. */
      readonly initial?: string;
    }
  | {
      readonly kind: "default";
      readonly path: readonly string[];
      readonly from?: string;
      readonly to: string;
    }
  | { readonly kind: "drop"; readonly path: readonly string[]; readonly from: string }
  | { readonly kind: "rename"; readonly path: readonly string[]; readonly from: string; readonly to: string }
  | { readonly kind: "widen"; readonly path: readonly string[]; readonly from: string; readonly to: string }
  | { readonly kind: "make-optional" | "make-required"; readonly path: readonly string[] }
  /** `path` is the struct whose fields move (empty for the table itself). */
  | { readonly kind: "reorder"; readonly path: readonly string[]; readonly from: string; readonly to: string }
  | { readonly kind: "doc"; readonly path: readonly string[]; readonly from?: string; readonly to: string };

/** In the order of the later schema; what lies inside an added or dropped field is part of that. */
export function schemaDiff(before: StructType, after: StructType): SchemaChange[] {
  const changes: SchemaChange[] = [];
  const old = fieldsById(before);
  const kept = fieldsById(after);
  const visitType = (type: IcebergType, from: IcebergType, path: readonly string[]): void => {
    if (typeof type === "string" || typeof from === "string") return;
    for (const field of childFields(type)) visit(field, path);
    for (const field of childFields(from)) {
      if (!kept.has(field.id))
        changes.push({ kind: "drop", path: [...path, field.name], from: typeText(field.type) });
    }
    if (type.type === "struct" && from.type === "struct") changes.push(...reordered(type, from, path));
  };
  const visit = (field: NestedField, above: readonly string[]): void => {
    const path = [...above, field.name];
    const earlier = old.get(field.id)?.field;
    if (earlier === undefined) {
      const initial = defaultText(field["initial-default"]);
      changes.push({
        kind: "add",
        path,
        to: typeText(field.type),
        ...(initial !== undefined && { initial }),
      });
      return;
    }
    if (earlier.name !== field.name)
      changes.push({ kind: "rename", path, from: earlier.name, to: field.name });
    const [from, to] = [typeText(earlier.type), typeText(field.type)];
    const isPrimitive = typeof earlier.type === "string" || typeof field.type === "string";
    if (isPrimitive && from !== to) changes.push({ kind: "widen", path, from, to });
    if (earlier.required !== field.required)
      changes.push({ kind: field.required ? "make-required" : "make-optional", path });
    if (field.doc !== undefined && field.doc !== earlier.doc) {
      const was = earlier.doc === undefined ? {} : { from: earlier.doc };
      changes.push({ kind: "doc", path, ...was, to: field.doc });
    }
    const [was, now] = [defaultText(earlier["write-default"]), defaultText(field["write-default"])];
    if (now !== undefined && now !== was)
      changes.push({ kind: "default", path, ...(was !== undefined && { from: was }), to: now });
    visitType(field.type, earlier.type, path);
  };
  visitType(after, before, []);
  return changes;
}

function defaultText(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  return typeof value === "string" ? value : printJson(value);
}

/** Whether fields stand in another order than with new ones at the end. */
function reordered(after: StructType, before: StructType, path: readonly string[]): SchemaChange[] {
  const earlier = new Set(before.fields.map(({ id }) => id));
  const now = new Map(after.fields.map((field) => [field.id, field.name]));
  const added = after.fields.filter(({ id }) => !earlier.has(id)).map(({ name }) => name);
  const from = [...before.fields.flatMap(({ id }) => now.get(id) ?? []), ...added].join(", ");
  const to = [...now.values()].join(", ");
  return from === to ? [] : [{ kind: "reorder", path, from, to }];
}
