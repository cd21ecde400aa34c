// Relations become temporary views of one connection, each named as models write it: one identifier.
import type { DuckDBConnection } from "@duckdb/node-api";
import type { Column, CsvRelation, Relation, RowsRelation } from "../compute.ts";
import { relationName } from "../compute.ts";
import { checkSelects } from "./safety.ts";
import { engineError } from "./errors.ts";
import { icebergRelationSql } from "./iceberg-relation.ts";
import { emptySql, type RelationContext } from "./relation-context.ts";
import { escapeGlob, localPath } from "./paths.ts";
import { identifier, literal, valueLiteral } from "./text.ts";
import { icebergType } from "./types.ts";

/** Makes every relation known to the connection, in list order; later ones may read earlier ones. */
export async function createRelations(
  context: RelationContext,
  relations: readonly Relation[],
): Promise<void> {
  await checkSqlRelations(context.connection, relations);
  for (const relation of relations) {
    const sql = await relationSql(context, relation);
    const prefix = `create or replace temp view ${relationName(relation.name)} as `;
    try {
      await context.connection.run(prefix + sql);
    } catch (error) {
      throw engineError(error, Buffer.byteLength(prefix));
    }
  }
}

/** Views, ephemerals and helper queries stand under the same rules as models. */
async function checkSqlRelations(
  connection: DuckDBConnection,
  relations: readonly Relation[],
): Promise<void> {
  const names = relations.map(({ name }) => name.toLowerCase());
  const queries = relations.flatMap((relation, index) =>
    relation.kind === "sql" ? [{ sql: relation.sql, index }] : [],
  );
  if (queries.length === 0) return;
  const known = new Map<string, number>();
  names.forEach((name, index) => known.has(name) || known.set(name, index));
  const checked = await checkSelects(
    connection,
    queries.map(({ sql }) => sql),
    (name, query) => (known.get(name) ?? Number.POSITIVE_INFINITY) < queries[query]!.index,
  );
  for (const select of checked) if ("error" in select) throw select.error;
}

async function relationSql(context: RelationContext, relation: Relation): Promise<string> {
  switch (relation.kind) {
    case "iceberg":
      return icebergRelationSql(context, relation);
    case "landing":
      return context.landing(relation);
    case "sql":
      return relation.sql;
    case "csv":
      return csvSql(relation);
    case "rows":
      return rowsSql(relation);
    case "empty":
    default:
      return emptySql(relation.columns);
  }
}

function csvSql(relation: CsvRelation): string {
  const options = ["header = true", "auto_detect = true", "hive_partitioning = false", "sample_size = -1"];
  // An empty field is null, as in dbt's seeds; a quoted one stays empty text.
  if (relation.delimiter !== undefined) options.push(`delim = ${literal(relation.delimiter)}`);
  const types = Object.entries(relation.columns ?? {});
  if (types.length > 0) {
    const entries = types.map(([name, type]) => `${literal(name)}: ${literal(type)}`);
    options.push(`types = {${entries.join(", ")}}`);
  }
  return `select * from read_csv(${literal(escapeGlob(localPath(relation.path)))}, ${options.join(", ")})`;
}

function rowsSql(relation: RowsRelation): string {
  if (relation.rows.length === 0) return emptySql(relation.columns);
  const types = relation.columns.map(({ type }) => icebergType(type));
  const rows = relation.rows.map(
    (row) => `(${row.map((value, index) => valueLiteral(value, types[index]!)).join(", ")})`,
  );
  const names = relation.columns.map((_, index) => `c${index}`).join(", ");
  const columns = relation.columns.map((column, index) => castAs(`c${index}`, column)).join(", ");
  return `select ${columns} from (values ${rows.join(", ")}) as given(${names})`;
}

function castAs(expression: string, column: Column): string {
  return `cast(${expression} as ${column.type}) as ${identifier(column.name)}`;
}
