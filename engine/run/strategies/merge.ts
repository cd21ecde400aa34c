// merge: one row for each key; a row of the model takes the place of the one with its key, or comes new.
import { lakeError } from "../../common/errors.ts";
import { quoteIdentifier } from "../../common/sql.ts";
import type { IcebergRelation } from "../../compute/compute.ts";
import { relationName } from "../../compute/compute.ts";
import { rewriteKeys } from "./rewrite-keys.ts";
import type { Strategy, TableWrite } from "./strategy.ts";
import { resultName, writeWhole } from "./strategy.ts";
import { keyColumns, needKey } from "./unique-key.ts";

export const merge: Strategy = {
  ingests: true,
  check: needKey,
  checkColumns: keyColumns,
  async write(table) {
    if (table.base !== null)
      return rewriteKeys(table, {
        check: (kept) => refuseDuplicates(table, kept.relation),
        keepsRowIds: true,
      });
    // A first build would otherwise take what every later one refuses.
    const written = await writeWhole(table);
    const tasks = written.result.files.map((file) => ({ file, sequenceNumber: 0n, deletes: [] }));
    await refuseDuplicates(table, {
      kind: "iceberg",
      name: resultName,
      schema: table.shape.schema,
      tasks,
    });
    return written;
  },
};

const shownKeys = 3;

/** Which of two rows would win is nobody's to guess. */
async function refuseDuplicates(table: TableWrite, rows: IcebergRelation): Promise<void> {
  const { model, context } = table;
  const keys = model.config.uniqueKey ?? [];
  const list = keys.map((key) => quoteIdentifier(key)).join(", ");
  const texts = keys.map((key) => `coalesce(cast(${quoteIdentifier(key)} as varchar), 'null')`).join(", ");
  const repeated = `select ${list}, count(*) as found from ${relationName(rows.name)} group by ${list} having count(*) > 1`;
  const sql = `select ${texts}, found, count(*) over () from (${repeated}) as repeated order by all limit ${shownKeys}`;
  const compute = await context.session.compute();
  const found = (await compute.query({ sql, relations: [rows] })).rows as readonly (readonly string[])[];
  if (found[0] === undefined) return;
  const examples = found.map((row) => {
    const key = keys.map((name, index) => `${name} ${row[index]}`).join(", ");
    return `${key} (${row[keys.length]} rows)`;
  });
  throw lakeError(
    "run/duplicate-keys",
    { model: model.name, keys, count: Number(found[0][keys.length + 1]), examples },
    {
      at: { file: model.path },
      hint: "keep one row of each key: qualify row_number() over (partition by … order by …) = 1; or use delete+insert",
    },
  );
}
