// Rows that a history cannot be made of: they are refused before anything is written.
import { lakeError } from "../../common/errors.ts";
import { quoteIdentifier } from "../../common/sql.ts";
import type { Relation } from "../../compute/compute.ts";
import { relationName } from "../../compute/compute.ts";
import { relations as names } from "./snapshot-sql.ts";
import type { SnapshotSql } from "./snapshot-sql.ts";
import type { TableWrite } from "./strategy.ts";
import { resultName } from "./strategy.ts";

const shownKeys = 3;

/**
 * Errors: `run/duplicate-keys` for rows of one key, `run/snapshot-null` for rows without a key or a time,
 * `run/snapshot-two-current` for a history that somebody else wrote two current versions into.
 */
export async function refuseBadRows(options: {
  readonly table: TableWrite;
  readonly sql: SnapshotSql;
  readonly relations: readonly Relation[];
}): Promise<void> {
  const { table, relations } = options;
  const { model, context } = table;
  const keys = model.config.uniqueKey ?? [];
  const time = model.config.snapshot?.updatedAt;
  const compute = await context.session.compute();
  const at = model.at ?? { file: model.path };
  const needed = [...keys, ...(time === undefined ? [] : [time])];
  const nulls = needed.map((column) => `count(*) filter (where ${quoteIdentifier(column)} is null)`);
  const counted = await compute.query({
    sql: `select ${nulls.join(", ")} from ${relationName(resultName)}`,
    relations,
  });
  const counts = (counted.rows[0] ?? []).map(Number);
  const empty = counts.findIndex((count) => count > 0);
  if (empty >= 0) {
    throw lakeError(
      "run/snapshot-null",
      { snapshot: model.name, column: needed[empty] as string, count: counts[empty] as number },
      { at, hint: "leave such rows out in the SQL of the snapshot, or give them a value with coalesce" },
    );
  }
  const rows = await repeated(options, resultName);
  if (rows !== null)
    throw lakeError(
      "run/duplicate-keys",
      { model: model.name, keys, ...rows },
      {
        at,
        hint: "keep one row of each key: qualify row_number() over (partition by … order by …) = 1",
      },
    );
  const versions = await repeated(options, names.current);
  if (versions !== null)
    throw lakeError(
      "run/snapshot-two-current",
      { snapshot: model.name, ...versions },
      { at, hint: "end all but one of them, or roll the table back: lake history shows who wrote it" },
    );
}

/** Keys that stand more than once in the relation. */
async function repeated(
  { table, relations }: { readonly table: TableWrite; readonly relations: readonly Relation[] },
  name: string,
): Promise<{ readonly count: number; readonly examples: readonly string[] } | null> {
  const keys = table.model.config.uniqueKey ?? [];
  const list = keys.map((key) => quoteIdentifier(key)).join(", ");
  const texts = keys.map((key) => `coalesce(cast(${quoteIdentifier(key)} as varchar), 'null')`).join(", ");
  const grouped = `select ${list}, count(*) as found from ${relationName(name)} group by ${list} having count(*) > 1`;
  const sql = `select ${texts}, found, count(*) over () from (${grouped}) as repeated order by all limit ${shownKeys}`;
  const compute = await table.context.session.compute();
  const rows = (await compute.query({ sql, relations })).rows as readonly (readonly string[])[];
  if (rows[0] === undefined) return null;
  const examples = rows.map((row) => {
    const key = keys.map((column, index) => `${column} ${row[index]}`).join(", ");
    return `${key} (${row[keys.length]} rows)`;
  });
  return { count: Number(rows[0][keys.length + 1]), examples };
}
