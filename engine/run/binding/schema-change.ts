// The schema that a table will have after this step, with the field ids it keeps.
import { lakeError } from "../../common/errors.ts";
import { defaultColumns } from "../../iceberg/default-value.ts";
import {
  assignFreshIds,
  childFields,
  describeColumns,
  evolveSchema,
  renameColumns,
  replaceSchema,
  constrainColumns,
} from "../../iceberg/schema.ts";
import type { DeclaredColumn, EvolutionMode } from "../../iceberg/schema.ts";
import type { IcebergType, Schema, TableMetadata } from "../../iceberg/types.ts";
import type { PlanStep } from "../../plan/types.ts";
import type { Model, Seed } from "../../project/types.ts";
import { currentSchema, readAs } from "../../iceberg/metadata.ts";
import type { RunEvent } from "../types.ts";

/**
 * Errors: `iceberg/incompatible-type`, `iceberg/schema-changed`, `iceberg/missing-column`, collected.
 */
export function targetSchema(options: {
  readonly model: Model | Seed;
  readonly incoming: Schema;
  readonly current: TableMetadata | null;
  readonly mode: NonNullable<PlanStep["mode"]>;
  readonly emit: (event: RunEvent) => void;
}): Schema {
  const { model, incoming, current, mode, emit } = options;
  const declared = declaredColumns(model);
  const wanted = constrainColumns(incoming, declared);
  refuseDefaults(model, declared, current);
  if (current === null)
    return defaultColumns(describeColumns(assignFreshIds(wanted).schema, declared), declared, null);
  const lastColumnId = current["last-column-id"];
  const named = renameColumns(currentSchema(current), declared);
  if (mode === "replace") {
    const { schema } = replaceSchema({ current: named, incoming: wanted, lastColumnId });
    return defaultColumns(describeColumns(schema, declared), declared, null);
  }
  const onChange = onSchemaChange(model, mode);
  const evolved = evolveSchema({ current: named, incoming: wanted, lastColumnId, mode: onChange }).schema;
  if (onChange === "ignore") warnIgnored(model, wanted, evolved, emit);
  return defaultColumns(describeColumns(constrainColumns(evolved, declared), declared), declared, named);
}

/** Older formats have nowhere to keep a default. */
function refuseDefaults(
  { name, config, path }: Model | Seed,
  declared: readonly DeclaredColumn[],
  current: TableMetadata | null,
): void {
  const version = Math.max(config.formatVersion ?? 2, current?.["format-version"] ?? 0);
  const column = declared.find(({ default: value }) => value !== undefined)?.name;
  if (column === undefined || version >= 3) return;
  throw lakeError(
    "run/default-needs-format-3",
    { model: name, column, version },
    { at: { file: path }, hint: "set format_version: 3, or give the value in the select list" },
  );
}

/** The table before a run, under the names that its columns have now: what `{{this}}` means. */
export function asNamed(metadata: TableMetadata, model: Model | Seed): TableMetadata {
  const before = currentSchema(metadata);
  const named = renameColumns(before, declaredColumns(model));
  return named === before ? metadata : readAs(metadata, named);
}

/** A table that is always rebuilt has its statement's columns already: when it evolves, nothing may be lost. */
function onSchemaChange({ config }: Model | Seed, mode: PlanStep["mode"]): EvolutionMode {
  if (mode === "evolve" && config.materialized !== "incremental") return "append_new_columns";
  // A history keeps what it has and takes what comes.
  return config.onSchemaChange ?? (config.snapshot === undefined ? "ignore" : "append_new_columns");
}

/** Column properties that reach the table: earlier names, descriptions, and `not_null` of an enforced contract. */
export function declaredColumns({ columns, config }: Model | Seed): readonly DeclaredColumn[] {
  const isEnforced = config.contract?.enforced === true;
  return columns.map(({ name, was, description, constraints, default: value }) => ({
    name,
    ...(value !== undefined && { default: value }),
    ...(was !== undefined && { was }),
    ...(description !== undefined && { doc: description.trim() }),
    ...(isEnforced && { required: constraints?.some(({ type }) => type === "not_null") ?? false }),
  }));
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
