import { tableName, type TableIdentifier } from "../catalog.ts";
import { onlyTables, type CommitContext } from "./commit.ts";
import type { Statements } from "./database.ts";

/** Two parameters each: SQLite takes 32,766 in one statement, PostgreSQL 65,535. */
const tablesPerStatement = 10_000;

/**
 * The pointers of all that exist, from one state of the catalog: a run must not see one half of another
 * run's publication.
 */
export async function locateTables(
  context: CommitContext,
  identifiers: readonly TableIdentifier[],
): Promise<Map<string, string>> {
  const located = new Map<string, string>();
  if (identifiers.length <= tablesPerStatement) {
    await locateSome(context, context.database, identifiers, located);
    return located;
  }
  await context.database.reading(async (statements) => {
    for (let at = 0; at < identifiers.length; at += tablesPerStatement) {
      await locateSome(context, statements, identifiers.slice(at, at + tablesPerStatement), located);
    }
  });
  return located;
}

async function locateSome(
  { catalogName, schemaVersion }: CommitContext,
  statements: Statements,
  identifiers: readonly TableIdentifier[],
  located: Map<string, string>,
): Promise<void> {
  if (identifiers.length === 0) return;
  const pairs = Array.from({ length: identifiers.length }, () => "(?, ?)").join(", ");
  const rows = await statements.rows(
    `SELECT table_namespace, table_name, metadata_location FROM iceberg_tables WHERE catalog_name = ? AND (table_namespace, table_name) IN (VALUES ${pairs})${onlyTables(schemaVersion)}`,
    [catalogName, ...identifiers.flatMap(({ namespace, name }) => [namespace, name])],
  );
  for (const row of rows) {
    // A row without a location is what an interrupted foreign migration leaves: no table.
    if (typeof row["metadata_location"] !== "string") continue;
    const identifier = { namespace: String(row["table_namespace"]), name: String(row["table_name"]) };
    located.set(tableName(identifier), row["metadata_location"]);
  }
}
