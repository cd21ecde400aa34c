// One database, SQLite or PostgreSQL, through knex: statements, and transactions whose end is known.
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import type { Knex } from "knex";
import { retry } from "../../common/retry.ts";
import { databaseError, isContention, isRefusal } from "./database-errors.ts";
import { parseDatabaseUri, type DatabaseAddress } from "./database-uri.ts";

export type Row = Readonly<Record<string, unknown>>;

export interface Statements {
  /** The rows of a SELECT; for anything else the number of rows it changed. */
  rows(sql: string, bindings?: readonly string[]): Promise<readonly Row[]>;
  change(sql: string, bindings?: readonly string[]): Promise<number>;
}

/** COMMIT was sent and its answer did not come: the transaction may have landed, or may still land. */
export class UnknownCommit extends Error {}

export interface Database extends Statements {
  readonly address: DatabaseAddress;
  /** All of `act` or nothing. Contention (a busy SQLite file, a deadlock) runs it again from the start. */
  transaction<T>(act: (statements: Statements) => Promise<T>): Promise<T>;
  /** Several SELECTs on one state of the database. */
  reading<T>(act: (statements: Statements) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

// SQLite's own waiting blocks the whole process, so it is kept short and the rest is waited out here:
// in all some 30 seconds, far longer than any honest transaction on these tables.
const contention = { attempts: 160, firstDelayMs: 5, maxDelayMs: 250, retryable: isContention };
const sqliteBusyMs = 20;
const connectTimeoutMs = 10_000;

export async function openDatabase(uri: string): Promise<Database> {
  const address = parseDatabaseUri(uri);
  const { default: knex } = await import("knex");
  if (address.kind === "sqlite") {
    try {
      await mkdir(dirname(address.file), { recursive: true });
    } catch (error) {
      throw databaseError("open the database", address, error);
    }
  }
  return databaseOf(knex(settingsOf(address)), address);
}

/** Knex prints failures to the standard output besides throwing them, in the middle of our own reports. */
const silent = {
  warn: () => undefined,
  error: () => undefined,
  deprecate: () => undefined,
  debug: () => undefined,
};

function settingsOf(address: DatabaseAddress): Knex.Config {
  if (address.kind === "sqlite") {
    const afterCreate = (
      connection: { pragma(text: string): unknown },
      done: (error: unknown) => void,
    ): void => {
      connection.pragma(`busy_timeout = ${sqliteBusyMs}`);
      // A commit that was acknowledged must outlive a power cut.
      connection.pragma("synchronous = FULL");
      done(null);
    };
    return {
      client: "better-sqlite3",
      connection: { filename: address.file },
      pool: { min: 0, max: 1, afterCreate },
      useNullAsDefault: true,
      compileSqlOnError: false,
      log: silent,
    };
  }
  return {
    client: "pg",
    // Named so that knex does not ask the server for its version on every connection.
    version: "12",
    connection: {
      connectionString: address.connectionString,
      connectionTimeoutMillis: connectTimeoutMs,
      keepAlive: true,
      application_name: "lake",
    },
    pool: { min: 0, max: 4 },
    acquireConnectionTimeout: 2 * connectTimeoutMs,
    compileSqlOnError: false,
    log: silent,
  };
}

function databaseOf(knex: Knex, address: DatabaseAddress): Database {
  const run = async (sql: string, bindings: readonly string[], connection?: unknown): Promise<unknown> => {
    const raw = knex.raw(sql, [...bindings]);
    return connection === undefined ? raw : raw.connection(connection);
  };
  const statements = (connection?: unknown): Statements => ({
    rows: async (sql, bindings = []) => rowsOf(await run(sql, bindings, connection)),
    change: async (sql, bindings = []) => changesOf(await run(sql, bindings, connection)),
  });
  const begin = address.kind === "sqlite" ? "BEGIN IMMEDIATE" : "BEGIN ISOLATION LEVEL READ COMMITTED";
  const beginReading =
    address.kind === "sqlite" ? "BEGIN" : "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY";

  const inTransaction = async <T>(first: string, act: (statements: Statements) => Promise<T>): Promise<T> => {
    const connection: unknown = await knex.client.acquireConnection();
    try {
      await run(first, [], connection);
      let result: T;
      try {
        result = await act(statements(connection));
      } catch (error) {
        // Where ROLLBACK itself fails the connection is broken, and the server rolls back.
        await run("ROLLBACK", [], connection).catch(() => undefined);
        throw error;
      }
      await commit((sql) => run(sql, [], connection));
      return result;
    } finally {
      await knex.client.releaseConnection(connection);
    }
  };
  const single = statements();
  return {
    address,
    rows: (sql, bindings) => retry(contention, () => single.rows(sql, bindings)),
    change: (sql, bindings) => retry(contention, () => single.change(sql, bindings)),
    transaction: (act) => retry(contention, () => inTransaction(begin, act)),
    reading: (act) => retry(contention, () => inTransaction(beginReading, act)),
    close: () => knex.destroy(),
  };
}

/**
 * A reader in the way leaves SQLite's transaction open at COMMIT, and lets no new reader in: so COMMIT is
 * said again a few times before everything is run from the start.
 */
async function commit(run: (sql: string) => Promise<unknown>): Promise<void> {
  const busy = (error: unknown): boolean => isContention(error) && !isRefusal(error);
  try {
    await retry({ ...contention, attempts: 8, retryable: busy }, () => run("COMMIT"));
  } catch (error) {
    await run("ROLLBACK").catch(() => undefined);
    if (isRefusal(error) || busy(error)) throw error;
    throw new UnknownCommit("no answer to COMMIT", { cause: error });
  }
}

function rowsOf(response: unknown): readonly Row[] {
  if (Array.isArray(response)) return response as readonly Row[];
  if (typeof response === "object" && response !== null && "rows" in response)
    return response.rows as readonly Row[];
  return [];
}

function changesOf(response: unknown): number {
  if (typeof response !== "object" || response === null) return 0;
  if ("rowCount" in response) return Number(response.rowCount);
  return "changes" in response ? Number(response.changes) : 0;
}
