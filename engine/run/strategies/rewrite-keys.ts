// By key, on write or on read: the rows of every key of the result, and of every key that changed in an input that the
// model follows, give way to the result. A key whose rows all vanished upstream is not in the result.
import { quoteIdentifier } from "../../common/sql.ts";
import { lineageFields } from "../../iceberg/row-lineage.ts";
import type { KeptRows } from "../../compute/compute.ts";
import { relationName } from "../../compute/compute.ts";
import { changedSets } from "./changed-sets.ts";
import { replacedFileRows } from "./replaced-files.ts";
import type { TableWrite, Written } from "./strategy.ts";
import { markRows, marksRows } from "./mark-rows.ts";
import { resultName } from "./strategy.ts";
import { findTouched, keyCondition, targetName } from "./touched-files.ts";
import type { RowsToGo } from "./touched-files.ts";

/** Takes away the rows of every key of the result, those of what changed, and those that came from replaced
 *  landing files, and puts the result there. */
export async function rewriteKeys(
  table: TableWrite,
  check?: (kept: KeptRows) => Promise<void>,
): Promise<Written> {
  const toGo = [resultKeys(table), await changedSets(table), await replacedFileRows(table)];
  const all = {
    sets: toGo.flatMap(({ sets }) => sets),
    relations: toGo.flatMap(({ relations }) => relations),
  };
  return rewriteRows(table, all, check);
}

/** Takes away the named rows and puts the result there; files that hold none of them stay as they are. */
export async function rewriteRows(
  table: TableWrite,
  named: RowsToGo,
  check?: (kept: KeptRows) => Promise<void>,
): Promise<Written> {
  const kept = await table.keepResult();
  try {
    await check?.(kept);
    const all = { ...named, relations: [kept.relation, ...named.relations] };
    const toGo = await keyCondition(table, all);
    const target = await findTouched(table, toGo);
    const columns = table.shape.schema.fields.map(({ name }) => quoteIdentifier(name)).join(", ");
    const result = `select ${columns} from ${relationName(resultName)}`;
    if (marksRows(table, target)) {
      const written = await table.writeRows(result, toGo.relations);
      const marks = await markRows(table, toGo, target);
      const marked = new Set(marks.addDeletes.map(({ referencedDataFile }) => referencedDataFile));
      const removePaths = new Set([...target.touched].filter((path) => !marked.has(path)));
      return {
        operation: { kind: "overwrite", add: written.files, removePaths, ...marks },
        result: { ...kept, files: written.files },
      };
    }
    // Rows that stay keep their ids in the file that they move to; those of the result are new.
    const ids = table.lineage ? lineageFields.map(({ name }) => quoteIdentifier(name)) : [];
    const noIds = ids.map((name) => `, null::bigint as ${name}`).join("");
    const fresh = `select ${columns}${noIds} from ${relationName(resultName)}`;
    const rest = `select ${[columns, ...ids].join(", ")} from ${relationName(targetName)} as t where not (${toGo.sql})`;
    const isWhole = target.rest.tasks.length === 0;
    const written = await table.writeRows(isWhole ? fresh : `${fresh}\nunion all\n${rest}`, [
      ...toGo.relations,
      target.rest,
    ]);
    return {
      operation: { kind: "overwrite", add: written.files, removePaths: target.touched },
      result: { ...kept, files: written.files },
    };
  } finally {
    await kept.release();
  }
}

function resultKeys({ model }: TableWrite): RowsToGo {
  const columns = model.config.uniqueKey ?? [];
  const list = columns.map((column) => quoteIdentifier(column)).join(", ");
  const relation = "lake@keys";
  const sql = `select distinct ${list} from ${relationName(resultName)}`;
  return { sets: [{ relation, columns }], relations: [{ kind: "sql", name: relation, sql }] };
}
