// What becomes of a table's columns and layout, step by step, and what that means for the data files it has.
import { currentSchema, defaultSortOrder, defaultSpec } from "../iceberg/metadata.ts";
import { sameSpec } from "../iceberg/metadata-updates.ts";
import { fieldsById, schemaDiff } from "../iceberg/schema.ts";
import type { SchemaChange } from "../iceberg/schema.ts";
import { sameOrder } from "../iceberg/sort-order.ts";
import type { PartitionSpec, Schema, SortOrder, TableMetadata } from "../iceberg/types.ts";

export interface EvolutionStep {
  readonly kind: SchemaChange["kind"] | "partition" | "sort" | "property" | "format-version";
  /** For people: `column uid becomes user_id`. */
  readonly text: string;
  /** Data files that are there are read as they are, or keep their layout while new ones follow the new one, or
   *  are all written anew (by a step that does so anyway). */
  readonly files: "stay" | "keep their layout" | "are written anew";
}

export interface EvolutionRequest {
  readonly before: TableMetadata;
  readonly schema: Schema;
  readonly spec: PartitionSpec;
  readonly sortOrder: SortOrder;
  /** Of the model's config. */
  readonly properties: Readonly<Record<string, string>>;
  readonly formatVersion: number;
  /** Whether the step writes all rows. */
  readonly isRewrite: boolean;
}

/** Schema first, then layout; empty where the table is as it shall be. */
export function evolutionSteps(request: EvolutionRequest): EvolutionStep[] {
  const { before, schema, spec, sortOrder, properties, formatVersion, isRewrite } = request;
  const stay = isRewrite ? "are written anew" : "stay";
  const keep = isRewrite ? "are written anew" : "keep their layout";
  const old = currentSchema(before);
  const steps: EvolutionStep[] = schemaDiff(old, schema).map((change) => ({
    kind: change.kind,
    text: textOf(change),
    files: stay,
  }));
  if (!sameSpec(defaultSpec(before), spec)) {
    const [from, to] = [specText(defaultSpec(before), old), specText(spec, schema)];
    steps.push({ kind: "partition", text: `partitioned by ${to} instead of ${from}`, files: keep });
  }
  if (!sameOrder(defaultSortOrder(before), sortOrder)) {
    const [from, to] = [orderText(defaultSortOrder(before), old), orderText(sortOrder, schema)];
    steps.push({ kind: "sort", text: `sorted by ${to} instead of ${from}`, files: keep });
  }
  for (const [key, value] of Object.entries(properties)) {
    const earlier = before.properties[key];
    if (earlier === value) continue;
    const from = earlier === undefined ? "" : ` instead of ${earlier}`;
    steps.push({ kind: "property", text: `property ${key} is ${value}${from}`, files: keep });
  }
  if (formatVersion > before["format-version"]) {
    const text = `format version ${formatVersion} instead of ${before["format-version"]}`;
    steps.push({ kind: "format-version", text, files: stay });
  }
  return steps;
}

function textOf(change: SchemaChange): string {
  const column = `column ${change.path.join(".")}`;
  switch (change.kind) {
    case "add":
      return `${column} (${change.to}) is new, and ${change.initial ?? "null"} in the rows that are there`;
    case "default":
      return `${column} has the default ${change.to}${change.from === undefined ? "" : ` instead of ${change.from}`}`;
    case "drop":
      return `${column} (${change.from}) goes`;
    case "rename":
      return `column ${[...change.path.slice(0, -1), change.from].join(".")} becomes ${change.to}`;
    case "widen":
      return `${column} becomes ${change.to} from ${change.from}`;
    case "make-optional":
      return `${column} may be null`;
    case "make-required":
      return `${column} may no longer be null`;
    case "reorder":
      return change.path.length === 0
        ? `columns stand as ${change.to}`
        : `fields of ${change.path.join(".")} stand as ${change.to}`;
    case "doc":
      return `${column} has another comment`;
  }
}

function specText({ fields }: PartitionSpec, schema: Schema): string {
  const terms = fields.map((field) => termText(field.transform, field["source-id"], schema));
  return terms.length === 0 ? "nothing" : terms.join(", ");
}

function orderText({ fields }: SortOrder, schema: Schema): string {
  const terms = fields.map(({ transform, "source-id": id, direction }) => {
    const term = termText(transform, id, schema);
    return direction === "desc" ? `${term} desc` : term;
  });
  return terms.length === 0 ? "nothing" : terms.join(", ");
}

/** As `partition_by` writes it. */
function termText(transform: string, sourceId: number, schema: Schema): string {
  const column = fieldsById(schema).get(sourceId)?.path.join(".") ?? "a dropped column";
  if (transform === "identity") return column;
  const [, name = transform, width] = /^(\w+)\[(\d+)\]$/.exec(transform) ?? [];
  return width === undefined ? `${name}(${column})` : `${name}(${width}, ${column})`;
}
