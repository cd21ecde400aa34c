// Field ids: fresh ones, and lookups by id.
import type { IcebergType, NestedField, PrimitiveType, Schema, StructType } from "./types.ts";

/**
 * Gives every field a new id in the order of iceberg-java's `AssignFreshIds`: all fields of a struct
 * first, then what is nested in each; a map's key before its value.
 */
export function assignFreshIds(
  schema: Schema,
  startAfter = 0,
): { readonly schema: Schema; readonly lastColumnId: number } {
  const ids = idCounter(startAfter);
  const renamed = new Map<number, number>();
  const struct = freshType(schema, ids.next, renamed) as StructType;
  const { "identifier-field-ids": identifiers, ...rest } = schema;
  return {
    schema: {
      ...rest,
      ...struct,
      ...(identifiers && { "identifier-field-ids": identifiers.map((id) => renamed.get(id) ?? id) }),
    },
    lastColumnId: ids.last(),
  };
}

export interface IdCounter {
  readonly next: () => number;
  readonly last: () => number;
}

export function idCounter(startAfter: number): IdCounter {
  let last = startAfter;
  return { next: () => ++last, last: () => last };
}

/** The type with new ids throughout; `renamed` collects old → new ids. */
export function freshType(
  type: IcebergType,
  nextId: () => number,
  renamed: Map<number, number> = new Map(),
): IcebergType {
  if (typeof type === "string") return type;
  const fresh = (old: number): number => {
    const id = nextId();
    renamed.set(old, id);
    return id;
  };
  switch (type.type) {
    case "struct": {
      const ids = type.fields.map((field) => fresh(field.id));
      const fields = type.fields.map((field, index) => ({
        ...field,
        id: ids[index] as number,
        type: freshType(field.type, nextId, renamed),
      }));
      return { type: "struct", fields };
    }
    case "list": {
      const elementId = fresh(type["element-id"]);
      return { ...type, "element-id": elementId, element: freshType(type.element, nextId, renamed) };
    }
    case "map": {
      const keyId = fresh(type["key-id"]);
      const valueId = fresh(type["value-id"]);
      const key = freshType(type.key, nextId, renamed);
      return {
        ...type,
        "key-id": keyId,
        "value-id": valueId,
        key,
        value: freshType(type.value, nextId, renamed),
      };
    }
  }
}

export interface FieldAt {
  readonly field: NestedField;
  /** Names from the top, `element`, `key` and `value` inside lists and maps. */
  readonly path: readonly string[];
  /** The types that the field lies in, from the top, without the schema itself. */
  readonly parents: readonly Exclude<IcebergType, PrimitiveType>[];
}

/** Every field at any depth by its id, list elements and map keys and values included. */
export function fieldsById(schema: StructType): Map<number, FieldAt> {
  const found = new Map<number, FieldAt>();
  const visit = (field: NestedField, above: FieldAt["path"], parents: FieldAt["parents"]): void => {
    const path = [...above, field.name];
    found.set(field.id, { field, path, parents });
    if (typeof field.type === "string") return;
    for (const child of childFields(field.type)) visit(child, path, [...parents, field.type]);
  };
  for (const field of schema.fields) visit(field, [], []);
  return found;
}

/** The fields directly inside a nested type, with list and map parts as fields of their own. */
export function childFields(type: Exclude<IcebergType, PrimitiveType>): readonly NestedField[] {
  switch (type.type) {
    case "struct":
      return type.fields;
    case "list":
      return [
        { id: type["element-id"], name: "element", required: type["element-required"], type: type.element },
      ];
    case "map":
      return [
        { id: type["key-id"], name: "key", required: true, type: type.key },
        { id: type["value-id"], name: "value", required: type["value-required"], type: type.value },
      ];
  }
}

export function highestFieldId(schema: StructType): number {
  let highest = 0;
  for (const id of fieldsById(schema).keys()) highest = Math.max(highest, id);
  return highest;
}
