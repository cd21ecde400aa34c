// Answers queries: rows as people read them.
import type { DuckDBConnection, DuckDBResultReader } from "@duckdb/node-api";
import { lakeError } from "../../common/errors.ts";
import type { Column, LandingRelation, QueryRequest, QueryResult, Relation } from "../compute.ts";
import { engineError, executionError } from "./errors.ts";
import { plainValue } from "./plain-value.ts";
import { createRelations } from "./relations.ts";
import { checkSelects } from "./safety.ts";
import { clockMacros, type DuckDbSession } from "./session.ts";
import { typeText } from "./types.ts";

export interface QueryContext {
  readonly session: DuckDbSession;
  /** See `RelationContext.landing`. */
  readonly landing: (connection: DuckDBConnection, relation: LandingRelation) => Promise<string>;
}

/** One SELECT over the relations. `limit` rows at most are fetched; the statement keeps its own order. */
export async function query(context: QueryContext, request: QueryRequest): Promise<QueryResult> {
  return withRelations(context, request, async (connection) => {
    await checkStatement(connection, request.sql, request.relations);
    try {
      const { limit } = request;
      const reader =
        limit === undefined
          ? await connection.runAndReadAll(request.sql)
          : await connection.streamAndReadUntil(request.sql, limit);
      return resultOf(reader, limit);
    } catch (error) {
      const readsViews = request.relations.some(({ kind }) => kind === "sql");
      throw readsViews ? executionError(error) : engineError(error);
    }
  });
}

/** The statements of a trusted operation, in order; the last one's rows are the answer. */
export async function operate(
  context: QueryContext,
  statements: string,
  relations: readonly Relation[],
): Promise<QueryResult> {
  return withRelations(context, { sql: statements, relations }, async (connection) => {
    try {
      return resultOf(await connection.runAndReadAll(statements));
    } catch (error) {
      throw engineError(error);
    }
  });
}

/** A connection that knows the relations, whose files are there while `work` runs. */
function withRelations<T>(
  { session, landing }: QueryContext,
  { sql, relations, nowMs }: Pick<QueryRequest, "sql" | "relations" | "nowMs">,
  work: (connection: DuckDBConnection) => Promise<T>,
): Promise<T> {
  return session.files.with({ sql, relations }, (local) =>
    session.withConnection(async (connection) => {
      for (const statement of nowMs === undefined ? [] : clockMacros(nowMs, "temp"))
        await connection.run(statement);
      await createRelations(
        { session, connection, landing: (relation) => landing(connection, relation) },
        local,
      );
      return work(connection);
    }),
  );
}

async function checkStatement(
  connection: DuckDBConnection,
  sql: string,
  relations: readonly Relation[],
): Promise<void> {
  const names = new Set(relations.map(({ name }) => name.toLowerCase()));
  const [select] = await checkSelects(connection, [sql], (name) => names.has(name));
  if (!select) throw lakeError("compute/not-one-select", { found: "none" });
  if ("error" in select) throw select.error;
}

function resultOf(reader: DuckDBResultReader, limit?: number): QueryResult {
  const names = reader.columnNames();
  const columns: Column[] = reader.columnTypes().map((type, index) => ({
    name: names[index]!,
    type: typeText(type),
  }));
  const rows = limit === undefined ? reader.getRows() : reader.getRows().slice(0, limit);
  return { columns, rows: rows.map((row) => row.map((value) => plainValue(value))) };
}
