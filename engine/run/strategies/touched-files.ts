// Which files of a table hold rows to go: by the manifests' partitions and bounds first, then by reading the keys
// of the files that are left. All other files stay as they are.
import { quoteIdentifier } from "../../common/sql.ts";
import type { IcebergRelation, Relation, ScanTask } from "../../compute/compute.ts";
import { relationName } from "../../compute/compute.ts";
import { asRelation, planScan } from "../../iceberg/scan.ts";
import { literalCondition } from "../key-condition.ts";
import type { TableWrite } from "./strategy.ts";

/** Rows of the table whose values in `columns` stand in the relation, under the same names. */
export interface KeySet {
  readonly relation: string;
  readonly columns: readonly string[];
}

export interface RowsToGo {
  readonly sets: readonly KeySet[];
  /** Those of the sets, and what they read. */
  readonly relations: readonly Relation[];
}

export const targetName = "lake@target";

/** Over `t`, the table. A key that is null is a key like any other. */
export function matches({ sets }: RowsToGo): string {
  const conditions = sets.map(({ relation, columns }) => {
    const equal = columns.map((column) => {
      const name = quoteIdentifier(column);
      return `k.${name} is not distinct from t.${name}`;
    });
    return `exists (select 1 from ${relationName(relation)} as k where ${equal.join(" and ")})`;
  });
  return conditions.length === 0 ? "false" : conditions.join(" or ");
}

export interface Touched {
  /** Paths of the files that hold a row to go. */
  readonly touched: ReadonlySet<string>;
  /** How many rows that is. */
  readonly rows: number;
  /** Those of the files that also hold rows to stay, as `targetName`, under the columns that the table will have. */
  readonly rest: IcebergRelation;
}

export async function findTouched(table: TableWrite, keys: RowsToGo): Promise<Touched> {
  const compute = await table.context.session.compute();
  const candidates = await candidateFiles(table, keys);
  const fileColumn = "lake@file";
  const sql =
    `select ${quoteIdentifier(fileColumn)}, count(*) from ${relationName(targetName)} as t ` +
    `where ${matches(keys)} group by 1`;
  const found =
    candidates.tasks.length === 0
      ? []
      : (await compute.query({ sql, relations: [...keys.relations, { ...candidates, fileColumn }] })).rows;
  const touched = new Set<string>();
  const mixed: ScanTask[] = [];
  let rows = 0;
  for (const [position, count] of found) {
    const task = candidates.tasks[Number(position)] as ScanTask;
    touched.add(task.file.path);
    rows += Number(count);
    if (task.deletes.length > 0 || BigInt(Number(count)) < task.file.recordCount) mixed.push(task);
  }
  return { touched, rows, rest: { ...candidates, tasks: mixed } };
}

/** By what the manifests say of partitions and bounds. */
async function candidateFiles(
  { context, base, shape }: TableWrite,
  { sets, relations }: RowsToGo,
): Promise<IcebergRelation> {
  const { session } = context;
  const [compute, storage] = await Promise.all([session.compute(), session.storage()]);
  if (base === null) throw new Error("a table that is made anew has no rows to go");
  const { metadata } = base;
  const conditions: string[] = [];
  for (const { relation, columns } of sets) {
    const condition = await literalCondition({ compute, relation, relations, keys: columns });
    conditions.push(condition(columns.map((column) => quoteIdentifier(column))));
  }
  const empty = asRelation({ name: targetName, metadata, tasks: [] });
  const sql = `select * from ${relationName(targetName)} where ${["false", ...conditions].join(" or ")}`;
  const filter = await compute.predicateFor?.(sql, targetName, empty.schema);
  const tasks = await planScan({ storage, metadata, ...(filter && { filter }) });
  return { ...empty, schema: shape.schema, tasks };
}
