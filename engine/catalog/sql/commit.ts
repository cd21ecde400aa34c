// Moving the pointers: one compare-and-set per table, all in one transaction of the database.
import { lakeError } from "../../common/errors.ts";
import { retry } from "../../common/retry.ts";
import { tableName, type TableCommit, type TableIdentifier } from "../catalog.ts";
import { databaseError, isConnectionFailure, isUniqueViolation } from "./database-errors.ts";
import { UnknownCommit, type Database, type Statements } from "./database.ts";
import type { SchemaVersion } from "./schema.ts";

export interface CommitContext {
  readonly database: Database;
  readonly catalogName: string;
  readonly schemaVersion: SchemaVersion;
}

const oneRow = "WHERE catalog_name = ? AND table_namespace = ? AND table_name = ?";

/** Leaves rows of views alone; V0 has no column that could tell them apart. */
export function onlyTables(schemaVersion: SchemaVersion): string {
  return schemaVersion === "v1" ? " AND (iceberg_type = 'TABLE' OR iceberg_type IS NULL)" : "";
}

/** All of the commits (checked, in name order) or none. Errors: as `Catalog.commit`. */
export async function commitTables(context: CommitContext, commits: readonly TableCommit[]): Promise<void> {
  try {
    await context.database.transaction(async (transaction) => {
      for (const commit of commits) {
        if (commit.baseMetadataLocation === null) await create(context, transaction, commit);
        else await move(context, transaction, commit, commit.baseMetadataLocation);
      }
    });
  } catch (error) {
    if (!(error instanceof UnknownCommit)) throw databaseError("commit", context.database.address, error);
    await settle(context, commits, error);
  }
}

async function create(context: CommitContext, transaction: Statements, commit: TableCommit): Promise<void> {
  const { identifier, newMetadataLocation } = commit;
  try {
    await transaction.change(insertStatement(context), [
      context.catalogName,
      identifier.namespace,
      identifier.name,
      newMetadataLocation,
    ]);
  } catch (error) {
    if (!isUniqueViolation(error)) throw error;
    const hint = "read the table again and commit on top of it; a view of this name counts too";
    throw lakeError("catalog/table-exists", { table: tableName(identifier) }, { hint, cause: error });
  }
}

function insertStatement({ schemaVersion }: CommitContext, orElse = ""): string {
  const columns = "catalog_name, table_namespace, table_name, metadata_location, previous_metadata_location";
  return schemaVersion === "v0"
    ? `INSERT INTO iceberg_tables (${columns}) VALUES (?, ?, ?, ?, NULL)${orElse}`
    : `INSERT INTO iceberg_tables (${columns}, iceberg_type) VALUES (?, ?, ?, ?, NULL, 'TABLE')${orElse}`;
}

async function move(
  context: CommitContext,
  transaction: Statements,
  commit: TableCommit,
  base: string,
): Promise<void> {
  const { identifier, newMetadataLocation } = commit;
  const key = [context.catalogName, identifier.namespace, identifier.name];
  const moved = await transaction.change(
    `UPDATE iceberg_tables SET metadata_location = ?, previous_metadata_location = ? ${oneRow} AND metadata_location = ?${onlyTables(context.schemaVersion)}`,
    [newMetadataLocation, base, ...key, base],
  );
  if (moved === 1) return;
  const row = await readPointer(context, transaction, identifier);
  throw lakeError(
    "catalog/conflict",
    { table: tableName(identifier), expected: base, found: row?.current ?? "no such table" },
    { retryable: true },
  );
}

interface Pointer {
  readonly current: string | null;
  readonly previous: string | null;
}

async function readPointer(
  context: CommitContext,
  statements: Statements,
  identifier: TableIdentifier,
  lock = "",
): Promise<Pointer | null> {
  const [row] = await statements.rows(
    `SELECT metadata_location, previous_metadata_location FROM iceberg_tables ${oneRow}${onlyTables(context.schemaVersion)}${lock}`,
    [context.catalogName, identifier.namespace, identifier.name],
  );
  if (row === undefined) return null;
  return { current: text(row["metadata_location"]), previous: text(row["previous_metadata_location"]) };
}

function text(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

type Outcome = "landed" | "not-landed" | "unknown";

/**
 * Decides a commit whose answer was lost. The tables move together, so one of them tells for all. Reading
 * alone would not do on PostgreSQL: the server may still be busy with our COMMIT. So the row is locked (or
 * inserted once more), which waits until the transaction that holds it has ended.
 */
async function settle(
  context: CommitContext,
  commits: readonly TableCommit[],
  cause: UnknownCommit,
): Promise<void> {
  const patience = { attempts: 5, firstDelayMs: 200, maxDelayMs: 2000, retryable: isConnectionFailure };
  const outcome = await retry(patience, () => lookAgain(context, commits)).catch((): Outcome => "unknown");
  if (outcome === "landed") return;
  const { database } = context;
  if (outcome === "not-landed") throw databaseError("commit", database.address, cause.cause);
  throw lakeError(
    "catalog/unknown-outcome",
    { tables: commits.map((commit) => tableName(commit.identifier)) },
    { hint: "nothing was deleted; look at the tables before you run again", cause: cause.cause },
  );
}

class Undo extends Error {}

async function lookAgain(context: CommitContext, commits: readonly TableCommit[]): Promise<Outcome> {
  const commit = commits.find(({ baseMetadataLocation }) => baseMetadataLocation !== null) ?? commits[0];
  if (commit === undefined) return "landed";
  let outcome: Outcome = "unknown";
  const undo = new Undo();
  try {
    await context.database.transaction(async (transaction) => {
      outcome = await outcomeOf(context, transaction, commit);
      throw undo;
    });
  } catch (error) {
    if (error !== undo) throw error;
  }
  return outcome;
}

async function outcomeOf(
  context: CommitContext,
  transaction: Statements,
  commit: TableCommit,
): Promise<Outcome> {
  const { identifier, baseMetadataLocation, newMetadataLocation } = commit;
  const postgres = context.database.address.kind === "postgresql";
  if (postgres) await transaction.change("SET LOCAL lock_timeout = '30s'");
  if (baseMetadataLocation === null) {
    const inserted = await transaction.change(insertStatement(context, " ON CONFLICT DO NOTHING"), [
      context.catalogName,
      identifier.namespace,
      identifier.name,
      newMetadataLocation,
    ]);
    if (inserted === 1) return "not-landed";
  }
  const pointer = await readPointer(context, transaction, identifier, postgres ? " FOR UPDATE" : "");
  if (pointer === null) return "unknown";
  if (pointer.current === newMetadataLocation || pointer.previous === newMetadataLocation) return "landed";
  return pointer.current === baseMetadataLocation ? "not-landed" : "unknown";
}
