// The columns of statements, asked of the engine's binder alone: nothing is optimised and nothing runs.
import { randomUUID } from "node:crypto";
import type { DuckDBConnection, DuckDBPreparedStatement } from "@duckdb/node-api";
import type { Column } from "../compute.ts";
import { identifier } from "./text.ts";
import { typeText } from "./types.ts";

/**
 * The columns of each statement. Fails as a whole where one cannot be bound, with an error that says nothing
 * of the place: ask one by one then.
 *
 * Each statement is a scalar subquery that gives its row as a struct, so that one DESCRIBE answers for all:
 * half the time of a DESCRIBE each, joined by UNION ALL, and a quarter of the memory. The outer query has no
 * FROM clause, so that no statement sees columns of another.
 */
export async function describeBatch(
  connection: DuckDBConnection,
  statements: readonly string[],
): Promise<Column[][]> {
  // A name that no statement can hold: a column of it would be taken for the row.
  const row = identifier(`row ${randomUUID()}`);
  const parts = statements.map((sql) => `(select ${row} from (${subquery(sql)}) as ${row}) as ${row}`);
  const reader = await connection.runAndReadAll(`describe select ${parts.join(", ")}`);
  const described = reader.getRows().map((columns) => structColumns(String(columns[1])));
  const renamed = described.flatMap((columns, index) => (mayBeRenamed(columns) ? [index] : []));
  for (const index of renamed) described[index] = await describeExactly(connection, statements[index]!);
  return described;
}

/** The columns of one statement; an error's position counts from the statement's start. */
export async function describeOne(connection: DuckDBConnection, sql: string): Promise<Column[]> {
  try {
    return await describeExactly(connection, sql);
  } catch {
    // What cannot be described may still be prepared.
    const statement = await connection.prepare(sql);
    const columns = preparedColumns(statement);
    statement.destroySync();
    return columns;
  }
}

async function describeExactly(connection: DuckDBConnection, sql: string): Promise<Column[]> {
  const reader = await connection.runAndReadAll(
    `select column_name, column_type from (describe ${subquery(sql)})`,
  );
  return reader.getRows().map(([name, type]) => ({ name: String(name), type: String(type) }));
}

/** The parser accepts what ends in semicolons, a subquery does not. (One that a comment follows is left: it
 *  fails here and is prepared by itself.) The line feed ends a comment that the statement may end with. */
function subquery(sql: string): string {
  return `${sql.replace(/[;\s]+$/, "")}\n`;
}

/** A subquery's second column `a` is called `a_1`, which only the plain DESCRIBE tells from a real `a_1`. */
function mayBeRenamed(columns: readonly Column[]): boolean {
  if (!columns.some(({ name }) => /_\d+$/.test(name))) return false;
  const names = new Set(columns.map(({ name }) => name.toLowerCase()));
  return columns.some(({ name }) => {
    const plain = name.replace(/_\d+$/, "");
    return plain !== name && names.has(plain.toLowerCase());
  });
}

/** `STRUCT(a BIGINT, "b c" VARCHAR[])` → its fields, with types spelled as they stand. */
export function structColumns(type: string): Column[] {
  const columns: Column[] = [];
  let depth = 0;
  let start = "STRUCT(".length;
  for (let at = start; at < type.length; at += 1) {
    const character = type[at];
    if (character === '"' || character === "'") at = type.indexOf(character, at + 1);
    else if (character === "(") depth += 1;
    else if (character === ")" && depth > 0) depth -= 1;
    else if (depth === 0 && (character === "," || character === ")")) {
      columns.push(fieldOf(type.slice(start, at).trim()));
      start = at + 1;
    }
  }
  return columns;
}

function fieldOf(text: string): Column {
  const word = /^(?:"((?:[^"]|"")*)"|(\S+)) /.exec(text);
  if (word === null) throw new Error(`no name and type: ${text}`);
  return { name: word[1]?.replaceAll('""', '"') ?? word[2]!, type: text.slice(word[0].length) };
}

function preparedColumns(statement: DuckDBPreparedStatement): Column[] {
  return Array.from({ length: statement.columnCount }, (_, index) => ({
    name: statement.columnName(index),
    type: typeText(statement.columnType(index)),
  }));
}
