// How a query's columns change a table's: names matched at any depth, ids kept.
import { type LakeError, lakeError, throwCollected } from "../common/errors.ts";
import { childFields, freshType, idCounter, type IdCounter } from "./field-ids.ts";
import { schemaDiff, type SchemaChange } from "./schema-diff.ts";
import { fits, widens } from "./type-promotion.ts";
import { typeText } from "./type-text.ts";
import type { IcebergType, MapType, NestedField, PrimitiveType, Schema, StructType } from "./types.ts";

const failHint =
  "set on_schema_change to append_new_columns or sync_all_columns, or rebuild the table with --full-refresh";

export type EvolutionMode = "fail" | "append_new_columns" | "sync_all_columns" | "ignore";

export interface EvolutionRequest {
  readonly current: Schema;
  /** What the query gives; its ids mean nothing. */
  readonly incoming: Schema;
  /** The table's, so that a dropped column's id is never used again. */
  readonly lastColumnId: number;
  readonly mode: EvolutionMode;
}

interface Evolution {
  readonly mode: EvolutionMode;
  readonly ids: IdCounter;
  readonly errors: LakeError[];
}

/**
 * The table's schema after a query's columns met it, matched by name at any depth (exactly, otherwise
 * without regard to case; the table's spelling stays). New columns are optional. A column whose values
 * all fit the table's type leaves that type alone. `ignore` gives the current schema. Errors, collected:
 * `iceberg/incompatible-type`, under `fail` `iceberg/schema-changed`, under `ignore`
 * `iceberg/missing-column` for a required column that the query lacks.
 * The `schema-id` stays the current one: whoever commits assigns it.
 */
export function evolveSchema({ current, incoming, lastColumnId, mode }: EvolutionRequest): {
  readonly schema: Schema;
  readonly changes: readonly SchemaChange[];
  readonly lastColumnId: number;
} {
  const evolution: Evolution = { mode, ids: idCounter(lastColumnId), errors: [] };
  const struct = evolveStruct(evolution, current, incoming, []);
  throwCollected(evolution.errors);
  const changes = schemaDiff(current, struct);
  if (changes.length === 0) return { schema: current, changes: [], lastColumnId };
  const { "identifier-field-ids": identifiers, ...rest } = current;
  // An identifier column must exist and be required (specification, "Identifier Field IDs").
  const required = new Set(struct.fields.filter((field) => field.required).map((field) => field.id));
  const kept = identifiers?.filter(
    (id) => required.has(id) || !current.fields.some((field) => field.id === id),
  );
  return {
    schema: { ...rest, ...struct, ...(kept && kept.length > 0 && { "identifier-field-ids": kept }) },
    changes,
    lastColumnId: evolution.ids.last(),
  };
}

function evolveStruct(
  evolution: Evolution,
  current: StructType,
  incoming: StructType,
  path: readonly string[],
): StructType {
  const { mode } = evolution;
  const partners = pairByName(evolution, current, incoming, path);
  const kept: NestedField[] = [];
  const byIncoming = new Map<NestedField, NestedField>();
  for (const field of current.fields) {
    const partner = partners.get(field);
    const evolved = partner
      ? evolveField(evolution, field, partner, path)
      : evolveMissing(evolution, field, [...path, field.name]);
    if (evolved) kept.push(evolved);
    if (evolved && partner) byIncoming.set(partner, evolved);
  }
  for (const field of incoming.fields) {
    if (byIncoming.has(field) || [...partners.values()].includes(field)) continue;
    const added = evolveNew(evolution, field, [...path, field.name]);
    if (added) {
      kept.push(added);
      byIncoming.set(field, added);
    }
  }
  if (mode !== "sync_all_columns") return { type: "struct", fields: kept };
  return { type: "struct", fields: incoming.fields.flatMap((field) => byIncoming.get(field) ?? []) };
}

function pairByName(
  evolution: Evolution,
  current: StructType,
  incoming: StructType,
  path: readonly string[],
): Map<NestedField, NestedField> {
  const pairs = new Map<NestedField, NestedField>();
  const free = new Set(incoming.fields);
  const pair = (matches: (a: string, b: string) => boolean): void => {
    for (const field of current.fields) {
      if (pairs.has(field)) continue;
      const found = [...free].filter((other) => matches(field.name, other.name));
      if (found.length > 1) {
        const column = [...path, field.name].join(".");
        evolution.errors.push(lakeError("iceberg/ambiguous-column", { column }));
      }
      if (found[0]) {
        pairs.set(field, found[0]);
        for (const other of found) free.delete(other);
      }
    }
  };
  pair((a, b) => a === b);
  pair((a, b) => a.toLowerCase() === b.toLowerCase());
  return pairs;
}

function evolveMissing(
  evolution: Evolution,
  field: NestedField,
  path: readonly string[],
): NestedField | undefined {
  const column = path.join(".");
  switch (evolution.mode) {
    case "fail":
      evolution.errors.push(
        lakeError("iceberg/schema-changed", { column, change: "is gone from the query" }, { hint: failHint }),
      );
      return field;
    case "sync_all_columns":
      return undefined;
    case "append_new_columns":
      if (!field.required) return field;
      return { ...field, required: false };
    case "ignore":
      if (field.required && field["write-default"] === undefined)
        evolution.errors.push(
          lakeError(
            "iceberg/missing-column",
            { column },
            { hint: "give it a value in the select list, or rebuild the table with --full-refresh" },
          ),
        );
      return field;
  }
}

function evolveNew(
  evolution: Evolution,
  field: NestedField,
  path: readonly string[],
): NestedField | undefined {
  if (evolution.mode === "ignore") return undefined;
  const to = typeText(field.type);
  if (evolution.mode === "fail") {
    const change = `(${to}) is new in the query`;
    evolution.errors.push(
      lakeError("iceberg/schema-changed", { column: path.join("."), change }, { hint: failHint }),
    );
    return undefined;
  }
  const id = evolution.ids.next();
  return {
    id,
    name: field.name,
    required: false,
    type: freshType(field.type, evolution.ids.next),
    ...(field.doc !== undefined && { doc: field.doc }),
  };
}

function evolveField(
  evolution: Evolution,
  current: NestedField,
  incoming: NestedField,
  above: readonly string[],
): NestedField {
  const path = [...above, current.name];
  const { mode } = evolution;
  const type = evolveType(evolution, current.type, incoming.type, path);
  const relaxes = current.required && !incoming.required && mode !== "fail" && mode !== "ignore";
  const doc = mode === "ignore" ? undefined : incoming.doc;
  return {
    ...current,
    type,
    ...(relaxes && { required: false }),
    ...(doc !== undefined && { doc }),
  };
}

function evolveType(
  evolution: Evolution,
  current: IcebergType,
  incoming: IcebergType,
  path: readonly string[],
): IcebergType {
  if (typeof current === "string") {
    return typeof incoming === "string" || current === "unknown"
      ? evolvePrimitive(evolution, current, incoming, path)
      : refuse(evolution, current, incoming, path);
  }
  if (incoming === "unknown") return current;
  if (typeof incoming === "string") return refuse(evolution, current, incoming, path);
  if (current.type === "struct" && incoming.type === "struct") {
    return evolveStruct(evolution, current, incoming, path);
  }
  if (current.type === "list" && incoming.type === "list") {
    const [from, to] = [childFields(current)[0], childFields(incoming)[0]] as [NestedField, NestedField];
    const element = evolveField(evolution, from, to, path);
    return { ...current, element: element.type, "element-required": element.required };
  }
  if (current.type === "map" && incoming.type === "map") return evolveMap(evolution, current, incoming, path);
  return refuse(evolution, current, incoming, path);
}

/** Keys stay as they are: a changed key would make two keys of a map equal (specification, "Schema Evolution"). */
function evolveMap(
  evolution: Evolution,
  current: MapType,
  incoming: MapType,
  path: readonly string[],
): MapType {
  const keys: Evolution = { ...evolution, mode: "fail", errors: [] };
  evolveType(keys, current.key, incoming.key, [...path, "key"]);
  if (keys.errors.length > 0) refuse(evolution, current.key, incoming.key, [...path, "key"]);
  const [from, to] = [childFields(current)[1], childFields(incoming)[1]] as [NestedField, NestedField];
  const value = evolveField(evolution, from, to, path);
  return { ...current, value: value.type, "value-required": value.required };
}

function evolvePrimitive(
  evolution: Evolution,
  current: PrimitiveType,
  incoming: IcebergType,
  path: readonly string[],
): IcebergType {
  if (fits(incoming, current)) return current;
  if (!widens(current, incoming)) return refuse(evolution, current, incoming, path);
  const [from, to] = [typeText(current), typeText(incoming)];
  if (evolution.mode === "ignore") return refuse(evolution, current, incoming, path);
  if (evolution.mode === "fail") {
    const change = `changes from ${from} to ${to}`;
    evolution.errors.push(
      lakeError("iceberg/schema-changed", { column: path.join("."), change }, { hint: failHint }),
    );
    return current;
  }
  return typeof incoming === "string" ? incoming : freshType(incoming, evolution.ids.next);
}

function refuse(
  evolution: Evolution,
  current: IcebergType,
  incoming: IcebergType,
  path: readonly string[],
): IcebergType {
  const [from, to] = [typeText(current), typeText(incoming)];
  const hint =
    evolution.mode === "ignore" && widens(current, incoming)
      ? "on_schema_change: append_new_columns or sync_all_columns would widen it"
      : `cast it in the query (${to} to ${from}), or rebuild the table with --full-refresh`;
  evolution.errors.push(
    lakeError("iceberg/incompatible-type", { column: path.join("."), from, to }, { hint }),
  );
  return current;
}
