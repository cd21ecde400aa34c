// Schema and partition spec that each table will have, known from binding alone: contracts, forbidden schema
// changes and types without an Iceberg form fail before any row is read.
import type { Catalog } from "../../catalog/catalog.ts";
import { LakeError, lakeError } from "../../common/errors.ts";
import type { Column, Compute } from "../../compute/compute.ts";
import { currentSchema, defaultSpec } from "../../iceberg/metadata.ts";
import { parsePartitionBy } from "../../iceberg/partition.ts";
import { sameSchema } from "../../iceberg/schema.ts";
import { parseSortedBy } from "../../iceberg/sort-order.ts";
import type { PartitionSpec, Schema, SortOrder, TableMetadata } from "../../iceberg/types.ts";
import type { PlanStep } from "../../plan/types.ts";
import type { Model, Seed } from "../../project/types.ts";
import { checkContract } from "./contract.ts";
import type { PlannedRun } from "../planning/plan-run.ts";
import { columnsWithoutField, targetSchema } from "./schema-change.ts";
import { strategyOf } from "../strategies/strategies.ts";
import type { RunEvent } from "../types.ts";

export interface Shape {
  readonly schema: Schema;
  readonly spec: PartitionSpec;
  readonly sortOrder: SortOrder;
  /** Columns of the statement, those of a snapshot's history among them. */
  readonly statementColumns: readonly string[];
  /** Columns of the statement that stay out of the table (`on_schema_change: ignore`). */
  readonly ignoredColumns: readonly string[];
}

export interface Shapes {
  readonly shapes: ReadonlyMap<string, Shape>;
  readonly errors: ReadonlyMap<string, LakeError>;
}

/** Of every node that builds a table and has bound. */
export function shapesOf(options: {
  readonly planned: PlannedRun;
  readonly columns: ReadonlyMap<string, readonly Column[]>;
  readonly compute: Compute;
  readonly emit: (event: RunEvent) => void;
}): Shapes {
  const shapes = new Map<string, Shape>();
  const errors = new Map<string, LakeError>();
  for (const [uniqueId, node] of options.planned.nodes) {
    const columns = options.columns.get(uniqueId);
    if (node.step.action !== "build" || columns === undefined) continue;
    const model = node.node as Model | Seed;
    const { mode = "create" } = node.step;
    const current = node.base?.metadata ?? null;
    const shape = shapeOrError({ ...options, model, columns, current, mode });
    if (shape instanceof LakeError) errors.set(uniqueId, shape);
    else shapes.set(uniqueId, shape);
  }
  return { shapes, errors };
}

interface ShapeOptions {
  readonly model: Model | Seed;
  readonly columns: readonly Column[];
  readonly compute: Compute;
  /** The table as it is; null where there is none. */
  readonly current: TableMetadata | null;
  readonly mode: NonNullable<PlanStep["mode"]>;
  readonly emit: (event: RunEvent) => void;
}

/** What one table will look like, or all that its columns and its config have against it. */
export function shapeOrError(options: ShapeOptions): Shape | LakeError {
  try {
    return shapeOf(options);
  } catch (error) {
    if (!(error instanceof LakeError)) throw error;
    return inFile(error, options.model.path);
  }
}

/** At the model's file, where it does not know a better place; several errors each by itself. */
function inFile({ code, message, hint, cause, errors, at }: LakeError, file: string): LakeError {
  const several = errors.map((error) => inFile(error, file));
  const place = at ?? (several.length > 0 ? undefined : { file });
  return new LakeError(code, message, { at: place, hint, cause, errors: several });
}

function shapeOf({ model, columns, compute, current, mode, emit }: ShapeOptions): Shape {
  const incoming = compute.toSchema(columns);
  checkContract(model, columns, incoming);
  const schema = targetSchema({ model, incoming, current, mode, emit });
  if (model.resourceType !== "seed") strategyOf(model)?.checkColumns?.(model, schema);
  const { spec } = parsePartitionBy({
    texts: model.config.partitionBy ?? [],
    schema,
    existingSpecs: current?.["partition-specs"] ?? [],
    defaultSpec: current === null ? undefined : defaultSpec(current),
    lastPartitionId: current?.["last-partition-id"] ?? 999,
  });
  const { formatVersion } = model.config;
  if (formatVersion !== undefined && current !== null && formatVersion < current["format-version"]) {
    const hint = "leave format_version out, or give it another alias and build it anew";
    const before = current["format-version"];
    throw lakeError(
      "run/format-version-back",
      { model: model.name, before, wanted: formatVersion },
      { hint },
    );
  }
  const sortOrder = parseSortedBy(model.config.sortedBy ?? [], schema, current?.["sort-orders"] ?? []);
  const statementColumns = incoming.fields.map(({ name }) => name);
  return { schema, spec, sortOrder, statementColumns, ignoredColumns: columnsWithoutField(incoming, schema) };
}

/** What the catalog itself would refuse, asked before anything is written (rule 10). */
export async function catalogObjections(
  catalog: Catalog,
  planned: PlannedRun,
  shapes: ReadonlyMap<string, Shape>,
): Promise<Map<string, LakeError>> {
  const errors = new Map<string, LakeError>();
  if (catalog.checkSchemaChange === undefined) return errors;
  for (const [uniqueId, { schema }] of shapes) {
    const table = planned.nodes.get(uniqueId)?.base ?? null;
    if (table === null || sameSchema(currentSchema(table.metadata), schema)) continue;
    try {
      await catalog.checkSchemaChange({ identifier: table.identifier, base: table.metadata, schema });
    } catch (error) {
      if (!(error instanceof LakeError)) throw error;
      errors.set(uniqueId, error);
    }
  }
  return errors;
}
