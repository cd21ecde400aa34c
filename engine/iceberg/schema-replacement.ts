import { childFields, freshType, idCounter, type IdCounter } from "./field-ids.ts";
import { widens } from "./type-promotion.ts";
import type { IcebergType, NestedField, Schema, StructType } from "./types.ts";

/**
 * The schema of a table whose rows are all replaced: the query's columns, in their order and with their
 * types. A column keeps the id of the one with its name when its type is the same or a wider one;
 * otherwise it is a new column, so that no id ever means two types. The `schema-id` stays the current one.
 */
export function replaceSchema({
  current,
  incoming,
  lastColumnId,
}: {
  readonly current: Schema;
  readonly incoming: Schema;
  readonly lastColumnId: number;
}): { readonly schema: Schema; readonly lastColumnId: number } {
  const ids = idCounter(lastColumnId);
  const struct = replaceStruct(current, incoming, ids);
  const identifiers = (incoming["identifier-field-ids"] ?? []).flatMap((id) => {
    const index = incoming.fields.findIndex((field) => field.id === id);
    return struct.fields[index]?.id ?? [];
  });
  const schema = {
    ...struct,
    "schema-id": current["schema-id"],
    ...(identifiers.length > 0 && { "identifier-field-ids": identifiers }),
  };
  return { schema, lastColumnId: ids.last() };
}

function replaceStruct(current: StructType, incoming: StructType, ids: IdCounter): StructType {
  const free = new Set(current.fields);
  const take = (matches: (field: NestedField) => boolean): NestedField | undefined => {
    const found = [...free].find(matches);
    if (found) free.delete(found);
    return found;
  };
  const exact = incoming.fields.map((field) => take((other) => other.name === field.name));
  const fields = incoming.fields.map((field, index) => {
    const lower = field.name.toLowerCase();
    const earlier = exact[index] ?? take((other) => other.name.toLowerCase() === lower);
    if (earlier && keepsId(earlier.type, field.type)) {
      // What older rows have under the id never changes (specification, "Default values").
      const { "initial-default": initial, "write-default": write } = earlier;
      return {
        ...field,
        id: earlier.id,
        type: replaceType(earlier.type, field.type, ids),
        ...(initial !== undefined && { "initial-default": initial }),
        ...(write !== undefined && { "write-default": write }),
      };
    }
    return { ...field, id: ids.next(), type: freshType(field.type, ids.next) };
  });
  return { type: "struct", fields };
}

/** List elements and map keys and values must keep theirs as well: they cannot be new by themselves. */
function keepsId(current: IcebergType, incoming: IcebergType): boolean {
  if (typeof current === "string" || typeof incoming === "string") {
    return current === incoming || widens(current, incoming);
  }
  if (current.type !== incoming.type) return false;
  if (current.type === "struct") return true;
  const parts = childFields(incoming);
  return childFields(current).every((part, index) => keepsId(part.type, (parts[index] as NestedField).type));
}

function replaceType(current: IcebergType, incoming: IcebergType, ids: IdCounter): IcebergType {
  if (typeof current === "string" || typeof incoming === "string") {
    return typeof incoming === "string" ? incoming : freshType(incoming, ids.next);
  }
  if (current.type === "struct" && incoming.type === "struct") return replaceStruct(current, incoming, ids);
  if (current.type === "list" && incoming.type === "list") {
    const element = replaceType(current.element, incoming.element, ids);
    return { ...incoming, "element-id": current["element-id"], element };
  }
  if (current.type === "map" && incoming.type === "map") {
    return {
      ...incoming,
      "key-id": current["key-id"],
      "value-id": current["value-id"],
      key: replaceType(current.key, incoming.key, ids),
      value: replaceType(current.value, incoming.value, ids),
    };
  }
  return freshType(incoming, ids.next);
}
