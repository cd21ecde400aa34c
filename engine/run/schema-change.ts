// The schema that a table will have after this step, with the field ids it keeps.
import { assignFreshIds, childFields, evolveSchema, replaceSchema } from "../iceberg/schema.ts";
import type { IcebergType, Schema, TableMetadata } from "../iceberg/types.ts";
import type { PlanStep } from "../plan/types.ts";
import type { Model, Seed } from "../project/types.ts";
import { currentSchema } from "../iceberg/metadata.ts";
import type { RunEvent } from "./types.ts";

export function targetSchema(options: {
  readonly model: Model | Seed;
  readonly incoming: Schema;
  readonly current: TableMetadata | null;
  readonly mode: NonNullable<PlanStep["mode"]>;
  readonly emit: (event: RunEvent) => void;
}): Schema {
  const { model, incoming, current, mode, emit } = options;
  const described = withDocs(incoming, model);
  if (current === null) return assignFreshIds(described).schema;
  const lastColumnId = current["last-column-id"];
  if (mode === "replace") {
    return replaceSchema({ current: currentSchema(current), incoming: described, lastColumnId }).schema;
  }
  const onChange = model.config.onSchemaChange ?? "ignore";
  const evolved = evolveSchema({
    current: currentSchema(current),
    incoming: described,
    lastColumnId,
    mode: onChange,
  });
  if (onChange === "ignore") warnIgnored(model, described, evolved.schema, emit);
  return evolved.schema;
}

function warnIgnored(
  model: Model | Seed,
  incoming: Schema,
  kept: Schema,
  emit: (event: RunEvent) => void,
): void {
  const names = pathsWithoutField(incoming, kept).join(", ");
  if (names === "") return;
  emit({
    kind: "warning",
    message: `${model.name}: the table has no column ${names}, which stays out (set on_schema_change: append_new_columns, or use --full-refresh)`,
  });
}

/** Columns of the statement that the table does not have, and fields inside its columns: dotted paths. */
function pathsWithoutField(incoming: IcebergType, table: IcebergType, above = ""): string[] {
  if (typeof incoming === "string" || typeof table === "string") return [];
  const known = new Map(childFields(table).map((field) => [field.name.toLowerCase(), field]));
  return childFields(incoming).flatMap((field) => {
    const found = known.get(field.name.toLowerCase());
    const path = `${above}${field.name}`;
    return found === undefined ? [path] : pathsWithoutField(field.type, found.type, `${path}.`);
  });
}

/** Columns of the statement that the table does not have. */
export function columnsWithoutField(incoming: Schema, table: Schema): string[] {
  const known = new Set(table.fields.map((field) => field.name.toLowerCase()));
  return incoming.fields.map((field) => field.name).filter((name) => !known.has(name.toLowerCase()));
}

/** Descriptions of the properties file become the columns' comments. */
function withDocs(schema: Schema, model: Model | Seed): Schema {
  const docs = new Map(model.columns.map((column) => [column.name.toLowerCase(), column.description]));
  return {
    ...schema,
    fields: schema.fields.map((field) => {
      const doc = docs.get(field.name.toLowerCase());
      return doc === undefined || doc === "" ? field : { ...field, doc };
    }),
  };
}
