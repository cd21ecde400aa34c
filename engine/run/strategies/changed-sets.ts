// What changed in the inputs that a model follows, as rows of its table that are to go.
import { lakeError } from "../../common/errors.ts";
import type { Schema } from "../../iceberg/types.ts";
import type { Model } from "../../project/types.ts";
import { keysOfTable } from "../writing/keep-changed.ts";
import type { TableWrite } from "./strategy.ts";
import type { RowsToGo } from "./touched-files.ts";

export async function changedSets({ changed, context, shape }: TableWrite): Promise<RowsToGo> {
  const compute = await context.session.compute();
  const columns = compute.toColumns(shape.schema);
  const types = new Map(columns.map(({ name, type }) => [name.toLowerCase(), type]));
  const found = changed.map((keys) => ({ kept: keys.kept.relation, ...keysOfTable(keys, types) }));
  return {
    sets: found.map((set) => ({ relation: set.relation.name, columns: set.columns })),
    relations: found.flatMap((set) => [set.kept, set.relation]),
  };
}

/** Errors: `run/changed-key-missing`. */
export function checkFollowed(model: Model, schema: Schema): void {
  checkKeys(
    model,
    schema.fields.map(({ name }) => name),
    "a column of it",
  );
}

export function checkKeys(model: Model, names: readonly string[], expected: string): void {
  const known = new Set(names.map((name) => name.toLowerCase()));
  for (const { keys, at } of model.references.changes) {
    const column = keys.find(({ name }) => !known.has(name.toLowerCase()))?.name;
    if (column === undefined) continue;
    const hint = `it has ${names.join(", ")}; an expression has a name of its own: by="cast(seen_at as date) as day"`;
    throw lakeError("run/changed-key-missing", { model: model.name, column, expected }, { at, hint });
  }
}
