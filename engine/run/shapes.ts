// Schema and partition spec that each table will have, known from binding alone: contracts, forbidden schema
// changes and types without an Iceberg form fail before any row is read.
import type { Catalog } from "../catalog/catalog.ts";
import { LakeError } from "../common/errors.ts";
import type { Column, Compute } from "../compute/compute.ts";
import { currentSchema } from "../iceberg/metadata.ts";
import { parsePartitionBy } from "../iceberg/partition.ts";
import { sameSchema } from "../iceberg/schema.ts";
import { parseSortedBy } from "../iceberg/sort-order.ts";
import type { PartitionSpec, Schema, SortOrder } from "../iceberg/types.ts";
import type { Model, Seed } from "../project/types.ts";
import { checkContract } from "./contract.ts";
import type { PlannedRun } from "./plan-run.ts";
import type { PlannedNode } from "./planner.ts";
import { columnsWithoutField, targetSchema } from "./schema-change.ts";
import { strategyOf } from "./strategies/strategies.ts";
import type { RunEvent } from "./types.ts";

export interface Shape {
  readonly schema: Schema;
  readonly spec: PartitionSpec;
  readonly sortOrder: SortOrder;
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
    try {
      shapes.set(uniqueId, shapeOf({ ...options, node, columns }));
    } catch (error) {
      if (!(error instanceof LakeError)) throw error;
      const { at = { file: node.node.path }, code, message, hint, cause, errors: several } = error;
      errors.set(uniqueId, new LakeError(code, message, { at, hint, cause, errors: several }));
    }
  }
  return { shapes, errors };
}

function shapeOf(options: {
  readonly node: PlannedNode;
  readonly columns: readonly Column[];
  readonly compute: Compute;
  readonly emit: (event: RunEvent) => void;
}): Shape {
  const { node, columns, compute, emit } = options;
  const model = node.node as Model | Seed;
  const current = node.base?.metadata ?? null;
  const incoming = compute.toSchema(columns);
  checkContract(model, columns, incoming);
  const schema = targetSchema({ model, incoming, current, mode: node.step.mode ?? "create", emit });
  if (model.resourceType === "model") strategyOf(model)?.checkColumns?.(model, schema);
  const { spec } = parsePartitionBy({
    texts: model.config.partitionBy ?? [],
    schema,
    existingSpecs: current?.["partition-specs"] ?? [],
    lastPartitionId: current?.["last-partition-id"] ?? 999,
  });
  const sortOrder = parseSortedBy(model.config.sortedBy ?? [], schema, current?.["sort-orders"] ?? []);
  return { schema, spec, sortOrder, ignoredColumns: columnsWithoutField(incoming, schema) };
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
