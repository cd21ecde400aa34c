// `--changed-files replace`: the rows that a landing file gave go when it is taken in again.
import { quoteIdentifier } from "../../common/sql.ts";
import { lakeError } from "../../common/errors.ts";
import type { RowsRelation } from "../../compute/compute.ts";
import { relationName } from "../../compute/compute.ts";
import { tableName } from "../../catalog/catalog.ts";
import { currentSchema } from "../../iceberg/metadata.ts";
import { asRelation, planScan } from "../../iceberg/scan.ts";
import { fileColumnOf } from "../landing/file-column.ts";
import type { TableWrite } from "./strategy.ts";
import type { RowsToGo } from "./touched-files.ts";

/**
 * Names the rows of the landing files that are replaced; nothing where none is. Errors: `run/ledger-column`,
 * `run/replaced-file-without-rows`.
 */
export async function replacedFileRows(table: TableWrite): Promise<RowsToGo> {
  const { node, base, model } = table;
  const replaced = node.landing?.diff.replaced ?? [];
  if (base === null || replaced.length === 0) return { sets: [], relations: [] };
  const name = tableName(base.identifier);
  const column = fileColumnOf({
    schema: currentSchema(base.metadata),
    table: name,
    at: { file: model.path },
  });
  const paths = replaced.map(({ held }) => held.path);
  const found = await rowsByFile(table, column, paths);
  // Taken in a second time beside rows that nobody recognises, a file would count twice.
  const unknown = replaced.find(({ held }) => held.rows > 0 && !found.has(held.path));
  if (unknown !== undefined) {
    throw lakeError(
      "run/replaced-file-without-rows",
      { table: name, column, path: unknown.held.path, rows: unknown.held.rows },
      {
        at: { file: model.path },
        hint: "keep the source's _file in that column as it is; here --full-refresh builds the table anew",
      },
    );
  }
  const relation: RowsRelation = {
    kind: "rows",
    name: "lake@replaced",
    columns: [{ name: column, type: "VARCHAR" }],
    rows: paths.map((path) => [path]),
  };
  return { sets: [{ relation: relation.name, columns: [column] }], relations: [relation] };
}

async function rowsByFile(
  { context, base }: TableWrite,
  column: string,
  paths: readonly string[],
): Promise<ReadonlySet<string>> {
  const { session } = context;
  const [compute, storage] = await Promise.all([session.compute(), session.storage()]);
  const metadata = base?.metadata;
  if (metadata === undefined) return new Set();
  const tasks = await planScan({
    storage,
    metadata,
    filter: { kind: "in", column: [column], values: paths },
  });
  const relation = asRelation({ name: "lake@target", metadata, tasks });
  const sql = `select distinct ${quoteIdentifier(column)} from ${relationName(relation.name)}`;
  const { rows } = await compute.query({ sql, relations: [relation] });
  return new Set(rows.map(([path]) => path as string));
}
