// Which files of a table hold rows to go: by the manifests' partitions and bounds first, then by reading the keys
// of the files that are left. All other files stay as they are.
import { quoteIdentifier } from "../../common/sql.ts";
import type { CatalogTable } from "../../catalog/catalog.ts";
import type { IcebergRelation, Relation, ScanTask } from "../../compute/compute.ts";
import { relationName } from "../../compute/compute.ts";
import { currentSchema } from "../../iceberg/metadata.ts";
import type { Predicate } from "../../iceberg/predicate.ts";
import { asRelation, planScan } from "../../iceberg/scan.ts";
import { literalCondition } from "../writing/key-condition.ts";
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
export const touchedName = "lake@touched";

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
  /** Of the files that also hold rows to stay, with how many are to go. */
  readonly mixed: readonly { readonly task: ScanTask; readonly rows: number }[];
  /** These, in that order, as `targetName`, under the columns that the table will have. */
  readonly rest: IcebergRelation;
  /** All of the files, as `touchedName`. */
  readonly whole: IcebergRelation;
}

/** Rows of the table to go, by any condition. */
export interface Condition {
  /** Over `t`, the table. */
  readonly sql: string;
  readonly relations: readonly Relation[];
  /** Whatever the rows to go have in common; for leaving out files. */
  readonly filter: Predicate | null;
}

export async function findTouched(
  table: TableWrite,
  { sql, relations, filter }: Condition,
): Promise<Touched> {
  const { session } = table.context;
  const [compute, storage] = await Promise.all([session.compute(), session.storage()]);
  const { metadata } = baseOf(table);
  const tasks = await planScan({ storage, metadata, ...(filter !== null && { filter }) });
  const all = { ...asRelation({ name: targetName, metadata, tasks }), schema: table.shape.schema };
  const fileColumn = "lake@file";
  const counts = `select ${quoteIdentifier(fileColumn)}, count(*) from ${relationName(targetName)} as t where ${sql} group by 1`;
  const found =
    tasks.length === 0
      ? []
      : (await compute.query({ sql: counts, relations: [...relations, { ...all, fileColumn }] })).rows;
  const touched = new Set<string>();
  const mixed: { task: ScanTask; rows: number }[] = [];
  let rows = 0;
  for (const [position, count] of found) {
    const task = tasks[Number(position)] as ScanTask;
    touched.add(task.file.path);
    rows += Number(count);
    if (task.deletes.length > 0 || BigInt(Number(count)) < task.file.recordCount)
      mixed.push({ task, rows: Number(count) });
  }
  const rest = { ...all, tasks: mixed.map(({ task }) => task), lineage: table.lineage };
  const whole = { ...rest, name: touchedName, tasks: tasks.filter(({ file }) => touched.has(file.path)) };
  return { touched, rows, mixed, rest, whole };
}

function baseOf({ base }: TableWrite): CatalogTable {
  if (base === null) throw new Error("a table that is made anew has no rows to go");
  return base;
}

/** The rows of keys as a condition. */
export async function keyCondition(table: TableWrite, toGo: RowsToGo): Promise<Condition> {
  const compute = await table.context.session.compute();
  const { relations } = toGo;
  const conditions: string[] = [];
  for (const { relation, columns } of toGo.sets) {
    const condition = await literalCondition({ compute, relation, relations, keys: columns });
    conditions.push(condition(columns.map((column) => quoteIdentifier(column))));
  }
  const sql = `select * from ${relationName(targetName)} where ${["false", ...conditions].join(" or ")}`;
  const schema = currentSchema(baseOf(table).metadata);
  const filter = (await compute.predicateFor?.(sql, targetName, schema)) ?? null;
  return { sql: matches(toGo), relations, filter };
}
