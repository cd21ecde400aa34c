// A catalog in the tables of Iceberg's JDBC catalog, on SQLite or PostgreSQL: what PyIceberg's SqlCatalog,
// Spark and Trino (`jdbc`) read and write under the same catalog name.
import { lakeError } from "../../common/errors.ts";
import { tableName, type Catalog, type TableIdentifier } from "../catalog.ts";
import { commitTables, onlyTables, type CommitContext } from "./commit.ts";
import { databaseError, isUniqueViolation } from "./database-errors.ts";
import { openDatabase, type Database, type Row } from "./database.ts";
import { locateTables } from "./locate.ts";
import { checkCommits, checkNewNamespace, checkNewTable } from "../names.ts";
import { createNamespace, dropNamespace, listNamespaces, namespaceProperties } from "./namespaces.ts";
import { createSchema, detectSchemaVersion, type SchemaVersion } from "./schema.ts";

export interface SqlCatalogOptions {
  /** Part of every row's key: two tools see the same tables only under the same name. */
  readonly name: string;
  /** `sqlite:////folder/lake.db`, `sqlite:///relative/lake.db` or `postgresql://user:password@host/database`. */
  readonly uri: string;
}

/**
 * Opens the catalog; connects when first used. A database without the catalog's tables reads as an empty
 * catalog; `initialise` makes them. Errors: `catalog/bad-uri`, `catalog/unreachable`, `catalog/failed`.
 */
export async function openSqlCatalog({ name, uri }: SqlCatalogOptions): Promise<Catalog> {
  const database = await openDatabase(uri);
  const version = versionReader(database);

  const reading = async <T>(
    action: string,
    empty: T,
    act: (context: CommitContext) => Promise<T>,
  ): Promise<T> =>
    doing(database, action, async () => {
      const schemaVersion = await version.read();
      return schemaVersion === "none" ? empty : act({ database, catalogName: name, schemaVersion });
    });
  const writing = async <T>(action: string, act: (context: CommitContext) => Promise<T>): Promise<T> =>
    doing(database, action, async () => {
      if ((await version.read()) === "none") await version.create();
      return act({ database, catalogName: name, schemaVersion: await version.read() });
    });

  return {
    name,
    capabilities: { atomicMultiTable: true },
    initialise: () => doing(database, "make the tables", () => version.create()),
    locate: (identifiers) =>
      reading("look up tables", new Map<string, string>(), (context) => locateTables(context, identifiers)),
    commit: async (commits) => {
      const ordered = checkCommits(commits);
      if (ordered.length > 0) await writing("commit", (context) => commitTables(context, ordered));
    },
    drop: (identifier) => writing("drop a table", (context) => dropTable(context, identifier)),
    rename: (from, to) => writing("rename a table", (context) => renameTable(context, from, to)),
    list: (namespace) => reading("list tables", [], (context) => listTables(context, namespace)),
    listNamespaces: () => reading("list namespaces", [], listNamespaces),
    createNamespace: async (namespace, properties = {}) => {
      checkNewNamespace(namespace);
      await writing("create a namespace", (context) => createNamespace(context, namespace, properties));
    },
    namespaceProperties: (namespace) =>
      reading("read a namespace", null, (context) => namespaceProperties(context, namespace)),
    dropNamespace: (namespace) => writing("drop a namespace", (context) => dropNamespace(context, namespace)),
    close: () => database.close(),
  };
}

async function doing<T>(database: Database, action: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    throw databaseError(action, database.address, error);
  }
}

interface VersionReader {
  read(): Promise<SchemaVersion>;
  create(): Promise<void>;
}

/** Asks once; "none" is asked again, because another program may make the tables at any time. */
function versionReader(database: Database): VersionReader {
  let known: SchemaVersion = "none";
  const read = async (): Promise<SchemaVersion> => {
    if (known === "none") known = await detectSchemaVersion(database);
    return known;
  };
  return { read, create: () => createSchema(database) };
}

async function dropTable(context: CommitContext, identifier: TableIdentifier): Promise<void> {
  const dropped = await context.database.change(
    `DELETE FROM iceberg_tables WHERE catalog_name = ? AND table_namespace = ? AND table_name = ?${onlyTables(context.schemaVersion)}`,
    [context.catalogName, identifier.namespace, identifier.name],
  );
  if (dropped === 0) throw lakeError("catalog/table-not-found", { table: tableName(identifier) });
}

async function renameTable(
  context: CommitContext,
  from: TableIdentifier,
  to: TableIdentifier,
): Promise<void> {
  checkNewTable(to);
  try {
    const renamed = await context.database.change(
      `UPDATE iceberg_tables SET table_namespace = ?, table_name = ? WHERE catalog_name = ? AND table_namespace = ? AND table_name = ?${onlyTables(context.schemaVersion)}`,
      [to.namespace, to.name, context.catalogName, from.namespace, from.name],
    );
    if (renamed === 0) throw lakeError("catalog/table-not-found", { table: tableName(from) });
  } catch (error) {
    if (!isUniqueViolation(error)) throw error;
    throw lakeError("catalog/table-exists", { table: tableName(to) }, { cause: error });
  }
}

async function listTables(context: CommitContext, namespace: string): Promise<readonly TableIdentifier[]> {
  const rows = await context.database.rows(
    `SELECT table_name FROM iceberg_tables WHERE catalog_name = ? AND table_namespace = ?${onlyTables(context.schemaVersion)} ORDER BY table_name`,
    [context.catalogName, namespace],
  );
  return rows.map((row: Row) => ({ namespace, name: String(row["table_name"]) }));
}
