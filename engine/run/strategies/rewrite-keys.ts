// By key, on write or on read: the rows of every key of the result, and of every key that changed in an input that the
// model follows, give way to the result. A key whose rows all vanished upstream is not in the result.
import { quoteIdentifier } from "../../common/sql.ts";
import { lastUpdatedField, lineageFields, rowIdField } from "../../iceberg/row-lineage.ts";
import type { KeptRows } from "../../compute/compute.ts";
import { relationName } from "../../compute/compute.ts";
import { changedSets } from "./changed-sets.ts";
import { replacedFileRows } from "./replaced-files.ts";
import type { TableWrite, Written } from "./strategy.ts";
import { markRows, marksRows } from "./mark-rows.ts";
import { resultName } from "./strategy.ts";
import { findTouched, keyCondition, touchedName, targetName } from "./touched-files.ts";
import type { Condition, RowsToGo } from "./touched-files.ts";

interface Options {
  /** Of the result, before anything is taken away. */
  readonly check?: (kept: KeptRows) => Promise<void>;
  /** Whether a row that takes the place of one with its key is that row, changed (format 3). */
  readonly keepsRowIds?: boolean;
}

/** Takes away the rows of every key of the result, those of what changed, and those that came from replaced
 *  landing files, and puts the result there. */
export async function rewriteKeys(table: TableWrite, options: Options = {}): Promise<Written> {
  const toGo = [resultKeys(table), await changedSets(table), await replacedFileRows(table)];
  const all = {
    sets: toGo.flatMap(({ sets }) => sets),
    relations: toGo.flatMap(({ relations }) => relations),
  };
  return rewriteRows(table, all, options);
}

/** Takes away the named rows and puts the result there; files that hold none of them stay as they are. */
export async function rewriteRows(
  table: TableWrite,
  named: RowsToGo,
  { check, keepsRowIds = false }: Options = {},
): Promise<Written> {
  const kept = await table.keepResult();
  try {
    await check?.(kept);
    const all = { ...named, relations: [kept.relation, ...named.relations] };
    const toGo = await keyCondition(table, all);
    const target = await findTouched(table, toGo);
    const columns = table.shape.schema.fields.map(({ name }) => quoteIdentifier(name));
    const ids = table.lineage ? lineageFields.map(({ name }) => quoteIdentifier(name)) : [];
    const noIds = ids.map((name) => `null::bigint as ${name}`);
    const fresh =
      table.lineage && keepsRowIds
        ? withRowIds(table, toGo)
        : `select ${[...columns, ...noIds].join(", ")} from ${relationName(resultName)}`;
    if (marksRows(table, target)) {
      const written = await table.writeRows(fresh, [...toGo.relations, target.whole]);
      const marks = await markRows(table, toGo, target);
      const marked = new Set(marks.addDeletes.map(({ referencedDataFile }) => referencedDataFile));
      const removePaths = new Set([...target.touched].filter((path) => !marked.has(path)));
      return {
        operation: { kind: "overwrite", add: written.files, removePaths, ...marks },
        result: { ...kept, files: written.files },
      };
    }
    // Rows that stay keep their ids in the file that they move to.
    const rest = `select ${[...columns, ...ids].join(", ")} from ${relationName(targetName)} as t where not (${toGo.sql})`;
    const isWhole = target.rest.tasks.length === 0;
    const written = await table.writeRows(isWhole ? fresh : `${fresh}\nunion all\n${rest}`, [
      ...toGo.relations,
      target.rest,
      target.whole,
    ]);
    return {
      operation: { kind: "overwrite", add: written.files, removePaths: target.touched },
      result: { ...kept, files: written.files },
    };
  } finally {
    await kept.release();
  }
}

/**
 * The result, each row under the id of the one whose place it takes; of several with its key, the oldest. That it changed
 * now is said by no number at all (specification, "Row Lineage").
 */
function withRowIds({ model, shape }: TableWrite, toGo: Condition): string {
  const [id, updated] = [rowIdField, lastUpdatedField].map(({ name }) => quoteIdentifier(name));
  const keys = (model.config.uniqueKey ?? []).map((column) => quoteIdentifier(column));
  const columns = shape.schema.fields.map(({ name }) => `r.${quoteIdentifier(name)}`).join(", ");
  const ids = `select ${keys.join(", ")}, min(${id}) as ${id} from ${relationName(touchedName)} as t where ${toGo.sql} group by ${keys.join(", ")}`;
  const same = keys.map((key) => `o.${key} is not distinct from r.${key}`).join(" and ");
  return `select ${columns}, o.${id}, null::bigint as ${updated} from ${relationName(resultName)} as r left join (${ids}) as o on ${same}`;
}

function resultKeys({ model }: TableWrite): RowsToGo {
  const columns = model.config.uniqueKey ?? [];
  const list = columns.map((column) => quoteIdentifier(column)).join(", ");
  const relation = "lake@keys";
  const sql = `select distinct ${list} from ${relationName(resultName)}`;
  return { sets: [{ relation, columns }], relations: [{ kind: "sql", name: relation, sql }] };
}
