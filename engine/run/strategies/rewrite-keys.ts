// Copy-on-write by key. Which files hold a row to go is found by the manifests' partitions and bounds first,
// then by reading the keys of those that are left; all other files stay as they are.
import { quoteIdentifier } from "../../common/sql.ts";
import type { IcebergRelation, KeptRows, Relation, ScanTask } from "../../compute/compute.ts";
import { relationName } from "../../compute/compute.ts";
import { asRelation, planScan } from "../../iceberg/scan.ts";
import { literalCondition } from "../key-condition.ts";
import { replacedFileRows } from "./replaced-files.ts";
import type { TableWrite, Written } from "./strategy.ts";
import { resultName } from "./strategy.ts";

/** Rows of the table whose values in `columns` stand in the relation, under the same names, are to go. */
export interface KeySet {
  readonly relation: string;
  readonly columns: readonly string[];
}

const targetName = "lake@target";

/** Rows to go, and what is needed to name them. */
export interface RowsToGo {
  readonly sets: readonly KeySet[];
  readonly relations: readonly Relation[];
}

/** Takes away the rows of every key of the result, and those that came from replaced landing files, and puts the
 *  result there. */
export async function rewriteKeys(
  table: TableWrite,
  check?: (kept: KeptRows) => Promise<void>,
): Promise<Written> {
  const keys = keysToGo(table);
  const files = await replacedFileRows(table);
  const toGo = {
    sets: [...keys.sets, ...files.sets],
    relations: [...keys.relations, ...files.relations],
  };
  return rewriteRows(table, toGo, check);
}

/** Takes away the named rows and puts the result there; files that hold none of them stay as they are. */
export async function rewriteRows(
  table: TableWrite,
  toGo: RowsToGo,
  check?: (kept: KeptRows) => Promise<void>,
): Promise<Written> {
  const kept = await table.keepResult();
  try {
    await check?.(kept);
    const { sets } = toGo;
    const relations = [kept.relation, ...toGo.relations];
    const target = await findTouched(table, sets, relations);
    const columns = table.shape.schema.fields.map(({ name }) => quoteIdentifier(name)).join(", ");
    const result = `select ${columns} from ${relationName(resultName)}`;
    const rest = `select ${columns} from ${relationName(targetName)} as t where not (${matches(sets)})`;
    const isWhole = target.relation.tasks.length === 0;
    const written = await table.writeRows(isWhole ? result : `${result}\nunion all\n${rest}`, [
      ...relations,
      target.relation,
    ]);
    return {
      operation: { kind: "overwrite", add: written.files, removePaths: target.touched },
      result: { ...kept, files: written.files },
    };
  } finally {
    await kept.release();
  }
}

function keysToGo({ model }: TableWrite): RowsToGo {
  const columns = model.config.uniqueKey ?? [];
  const list = columns.map((column) => quoteIdentifier(column)).join(", ");
  const relation = "lake@keys";
  const sql = `select distinct ${list} from ${relationName(resultName)}`;
  return {
    sets: [{ relation, columns }],
    relations: [{ kind: "sql", name: relation, sql }],
  };
}

/** A key that is null is a key like any other. */
function matches(sets: readonly KeySet[]): string {
  const conditions = sets.map(({ relation, columns }) => {
    const equal = columns.map((column) => {
      const name = quoteIdentifier(column);
      return `k.${name} is not distinct from t.${name}`;
    });
    return `exists (select 1 from ${relationName(relation)} as k where ${equal.join(" and ")})`;
  });
  return conditions.join(" or ");
}

interface Touched {
  /** Files that hold a row to go. */
  readonly touched: ReadonlySet<string>;
  /** Those of them that also hold rows to stay, under the columns that the table will have. */
  readonly relation: IcebergRelation;
}

async function findTouched(
  table: TableWrite,
  sets: readonly KeySet[],
  relations: readonly Relation[],
): Promise<Touched> {
  const { shape } = table;
  const compute = await table.context.session.compute();
  const candidates = await candidateFiles(table, sets, relations);
  const fileColumn = "lake@file";
  const whole = { ...candidates, schema: shape.schema, fileColumn };
  const found =
    candidates.tasks.length === 0
      ? []
      : (
          await compute.query({
            sql: `select ${quoteIdentifier(fileColumn)}, count(*) from ${relationName(targetName)} as t where ${matches(sets)} group by 1`,
            relations: [...relations, whole],
          })
        ).rows;
  const touched = new Set<string>();
  const mixed: ScanTask[] = [];
  for (const [position, rows] of found) {
    const task = candidates.tasks[Number(position)] as ScanTask;
    touched.add(task.file.path);
    if (task.deletes.length > 0 || BigInt(String(rows)) < task.file.recordCount) mixed.push(task);
  }
  return { touched, relation: { ...candidates, schema: shape.schema, tasks: mixed } };
}

/** By what the manifests say of partitions and bounds. */
async function candidateFiles(
  table: TableWrite,
  sets: readonly KeySet[],
  relations: readonly Relation[],
): Promise<IcebergRelation> {
  const { session } = table.context;
  const [compute, storage] = await Promise.all([session.compute(), session.storage()]);
  const metadata = table.base?.metadata;
  if (metadata === undefined) throw new Error("a table that is made anew has no rows to go");
  const conditions: string[] = [];
  for (const { relation, columns } of sets) {
    const keys = columns.map((name) => ({ name, expression: quoteIdentifier(name) }));
    const condition = await literalCondition({ compute, relation, relations, keys });
    if (condition !== null) conditions.push(condition);
  }
  const empty = asRelation({ name: targetName, metadata, tasks: [] });
  if (conditions.length === 0) return empty;
  const sql = `select * from ${relationName(targetName)} where ${conditions.join(" or ")}`;
  const filter = await compute.predicateFor?.(sql, targetName, empty.schema);
  const tasks = await planScan({ storage, metadata, ...(filter && { filter }) });
  return { ...empty, tasks };
}
