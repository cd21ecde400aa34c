// Relations become temporary views of one connection, each named as models write it: one identifier.
import type { DuckDBConnection } from "@duckdb/node-api";
import type { Column, CsvRelation, Relation, RowsRelation } from "../compute.ts";
import { relationName } from "../compute.ts";
import { lakeError } from "../../common/errors.ts";
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
  refuseNamesakes(relations);
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

/** The later one would be read in place of the other, whatever its rows are. */
function refuseNamesakes(relations: readonly Relation[]): void {
  const known = new Map<string, Relation>();
  for (const relation of relations) {
    const name = relation.name.toLowerCase();
    const other = known.get(name);
    if (other !== undefined && other !== relation)
      throw new Error(`two relations are called ${relation.name}`);
    known.set(name, relation);
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
      return csvSql(context, relation);
    case "rows":
      return rowsSql(relation);
    case "empty":
    default:
      return emptySql(relation.columns);
  }
}

/** Nothing of the dialect is guessed: a guess that leaves out the lines that do not fit would lose rows. */
const csvDialect =
  "quote = '\"', escape = '\"', comment = '', skip = 0, strict_mode = true, null_padding = false, " +
  "ignore_errors = false, hive_partitioning = false, auto_detect = true";

async function csvSql({ connection }: RelationContext, relation: CsvRelation): Promise<string> {
  const path = literal(escapeGlob(localPath(relation.path)));
  const dialect = `${csvDialect}, delim = ${literal(relation.delimiter ?? ",")}`;
  await checkHeader(
    connection,
    relation.path,
    `read_csv(${path}, header = false, all_varchar = true, ${dialect})`,
  );
  const types = Object.entries(relation.columns ?? {}).map(
    ([name, type]) => `${literal(name)}: ${literal(type)}`,
  );
  const typed = types.length === 0 ? "" : `, types = {${types.join(", ")}}`;
  // An empty field is null, as in dbt's seeds; a quoted one stays empty text.
  return `select * from read_csv(${path}, header = true, sample_size = -1, ${dialect}${typed})`;
}

/** The engine renames a second column of one name, and reads an empty file as one without rows. */
async function checkHeader(connection: DuckDBConnection, path: string, relation: string): Promise<void> {
  let rows;
  try {
    rows = (await connection.runAndReadAll(`select * from ${relation} limit 1`)).getRows();
  } catch (error) {
    if (!/sniffing/i.test(String(error))) throw engineError(error);
    throw lakeError(
      "compute/bad-csv",
      { path, problem: "its lines do not all have as many fields as the first, or a quote is not closed" },
      {
        cause: error,
        hint: "`delimiter` in the seed's config says what stands between fields, if it is no comma",
      },
    );
  }
  const [header] = rows;
  if (header === undefined)
    throw lakeError("compute/bad-csv", { path, problem: "it has no line with the names of its columns" });
  const seen = new Map<string, string>();
  header.forEach((value, index) => {
    const column = typeof value === "string" ? value : "";
    const first = seen.get(column.toLowerCase());
    if (column === "") throw lakeError("compute/nameless-column", { position: index + 1 });
    if (first !== undefined) throw lakeError("compute/duplicate-column", { column, first });
    seen.set(column.toLowerCase(), column);
  });
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
