// Constraints of an enforced contract. `not_null` makes the column required; the others are looked at when the
// files are written and before anybody sees them: `check` on the new rows, keys on all that the table will hold.
// `foreign_key` and `custom` say nothing here: a `relationships` test and a singular test do.
import { lakeError } from "../../common/errors.ts";
import { formatQuantity } from "../../common/format.ts";
import { quoteIdentifier } from "../../common/sql.ts";
import type { Compute, IcebergRelation, ScanTask } from "../../compute/compute.ts";
import { relationName } from "../../compute/compute.ts";
import type { Schema } from "../../iceberg/types.ts";
import type { Model, Seed } from "../../project/types.ts";

interface Constraint {
  readonly type: string;
  readonly columns: readonly string[];
  readonly expression: string | undefined;
}

function constraintsOf(model: Model | Seed): readonly Constraint[] {
  if (model.config.contract?.enforced !== true) return [];
  const ofColumns = model.columns.flatMap(({ name, constraints = [] }) =>
    constraints.map(({ type, expression }) => ({ type, columns: [name], expression })),
  );
  const ofModel = model.resourceType === "model" ? model.constraints : [];
  return [
    ...ofColumns,
    ...ofModel.map(({ type, columns = [], expression }) => ({ type, columns, expression })),
  ];
}

/** What is wrong with the declarations, before anything runs. */
export function constraintProblems(model: Model | Seed, columns: readonly string[]): string[] {
  const known = new Set(columns.map((name) => name.toLowerCase()));
  return constraintsOf(model).flatMap(({ type, columns: named, expression }) => [
    ...(type === "check" && expression === undefined ? ["a check has no expression"] : []),
    ...(["unique", "primary_key"].includes(type) && named.length === 0 ? [`${type} names no columns`] : []),
    ...named
      .filter((name) => !known.has(name.toLowerCase().split(".")[0] ?? ""))
      .map((name) => `${type} names ${name}, which is no column`),
  ]);
}

/** As conditions that no row may fail; bound with the model. */
export function checkExpressions(model: Model | Seed): readonly string[] {
  return constraintsOf(model).flatMap(({ type, expression }) =>
    type === "check" && expression !== undefined ? [expression] : [],
  );
}

/** Whether rows that were there before must be read, too. */
export function hasKeys(model: Model | Seed): boolean {
  return constraintsOf(model).some(({ type }) => type === "unique" || type === "primary_key");
}

/** Errors: `run/constraint-broken`. */
export async function enforceConstraints(options: {
  readonly compute: Compute;
  readonly model: Model | Seed;
  readonly schema: Schema;
  readonly added: readonly ScanTask[];
  /** All that the table will hold; only read for keys. */
  readonly all: readonly ScanTask[];
}): Promise<void> {
  const { compute, model, schema } = options;
  const relation = (name: string, tasks: readonly ScanTask[]): IcebergRelation => ({
    kind: "iceberg",
    name,
    schema,
    tasks,
  });
  const added = relation("lake@added", options.added);
  const all = relation("lake@all", options.all);
  const counts = constraintsOf(model).flatMap((constraint) => {
    const sql = brokenRows(constraint, relationName(added.name), relationName(all.name));
    return sql === null ? [] : [{ constraint, sql }];
  });
  if (counts.length === 0) return;
  const { rows } = await compute.query({
    sql: `select ${counts.map(({ sql }) => `(${sql})`).join(", ")}`,
    relations: [added, all],
  });
  const broken = counts.flatMap(({ constraint: { type, columns, expression } }, index) => {
    const found = Number(rows[0]?.[index]);
    const what = type === "check" ? `check (${expression})` : `${type} (${columns.join(", ")})`;
    return found === 0 ? [] : [`${what} by ${formatQuantity(found, type === "check" ? "row" : "key")}`];
  });
  if (broken.length === 0) return;
  throw lakeError(
    "run/constraint-broken",
    { model: model.name, broken },
    { at: { file: model.path }, hint: "mend the rows, or change the constraint in its properties file" },
  );
}

function brokenRows({ type, columns, expression }: Constraint, added: string, all: string): string | null {
  // As in SQL, a check that is null holds.
  if (type === "check") return `select count(*) from ${added} where not (${expression})`;
  if (type !== "unique" && type !== "primary_key") return null;
  const list = columns.map((name) => quoteIdentifier(name));
  const some = list.map((name) => `${name} is null`).join(" or ");
  const repeated = `select ${list.join(", ")} from ${all} group by all having count(*) > 1`;
  return type === "unique"
    ? `select count(*) from (${repeated}) as keys where not (${some})`
    : `select count(*) from (${repeated} union select ${list.join(", ")} from ${all} where ${some}) as keys`;
}
