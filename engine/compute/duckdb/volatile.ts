// Functions whose result depends on more than their arguments.
import type { DuckDBConnection } from "@duckdb/node-api";
import { parseSelects } from "./ast.ts";
import { inspect } from "./safety.ts";
import { readRows, type DuckDbSession } from "./session.ts";

/** See `Compute.volatileFunctions`. The clock's functions are among them: a later run has another clock. */
export async function volatileFunctions(session: DuckDbSession, sql: string): Promise<readonly string[]> {
  return session.withConnection(async (connection) => {
    const [parsed] = await parseSelects(connection, [sql]);
    if (!parsed || "error" in parsed) throw parsed?.error ?? new Error("nothing was parsed");
    const facts = inspect(parsed.node, () => true);
    if ("error" in facts) throw facts.error;
    const unstable = await unstableNames(connection);
    const found = facts.functions.filter((name) => unstable.has(name));
    return [...found, ...(facts.samples ? ["using sample"] : [])].sort();
  });
}

let names: Promise<ReadonlySet<string>> | undefined;

/** The engine's own list, read once: it is part of the program. `error()` gives no value that could differ. */
async function unstableNames(connection: DuckDBConnection): Promise<ReadonlySet<string>> {
  names ??= readUnstableNames(connection);
  try {
    return await names;
  } catch (error) {
    // One that was interrupted says nothing about the next.
    names = undefined;
    throw error;
  }
}

async function readUnstableNames(connection: DuckDBConnection): Promise<ReadonlySet<string>> {
  const rows = await readRows(
    connection,
    `select distinct function_name as name from duckdb_functions()
      where stability in ('VOLATILE', 'CONSISTENT_WITHIN_QUERY') and function_name <> 'error'`,
  );
  return new Set([...rows.map((row) => String(row["name"])), ...clockMacroNames]);
}

/** Replaced by macros, which have no stability of their own. */
const clockMacroNames = ["current_localtime", "current_localtimestamp"];
