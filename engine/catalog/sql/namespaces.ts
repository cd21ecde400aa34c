// Namespaces as Java and PyIceberg keep them: one is there when a table lies in it or when it has a
// property; the property `exists` = 'true' stands for one that has neither.
import { lakeError } from "../../common/errors.ts";
import type { CommitContext } from "./commit.ts";

/** Adds what is missing and changes nothing that is there. */
export async function createNamespace(
  { database, catalogName }: CommitContext,
  namespace: string,
  properties: Readonly<Record<string, string>>,
): Promise<void> {
  await database.transaction(async (transaction) => {
    for (const [key, value] of Object.entries({ exists: "true", ...properties })) {
      await transaction.change(
        "INSERT INTO iceberg_namespace_properties (catalog_name, namespace, property_key, property_value) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        [catalogName, namespace, key, value],
      );
    }
  });
}

export async function listNamespaces({ database, catalogName }: CommitContext): Promise<readonly string[]> {
  const rows = await database.rows(
    "SELECT table_namespace AS namespace FROM iceberg_tables WHERE catalog_name = ? UNION SELECT namespace FROM iceberg_namespace_properties WHERE catalog_name = ? ORDER BY namespace",
    [catalogName, catalogName],
  );
  return rows.map((row) => String(row["namespace"]));
}

/** Null where there is no such namespace. */
export async function namespaceProperties(
  { database, catalogName }: CommitContext,
  namespace: string,
): Promise<Readonly<Record<string, string>> | null> {
  const rows = await database.rows(
    "SELECT property_key, property_value FROM iceberg_namespace_properties WHERE catalog_name = ? AND namespace = ?",
    [catalogName, namespace],
  );
  if (rows.length > 0) {
    return Object.fromEntries(
      rows.map((row) => [String(row["property_key"]), textOf(row["property_value"])]),
    );
  }
  const tables = await database.rows(
    "SELECT 1 FROM iceberg_tables WHERE catalog_name = ? AND table_namespace = ? LIMIT 1",
    [catalogName, namespace],
  );
  return tables.length > 0 ? {} : null;
}

/** Only an empty one; a view of another engine keeps it as well as a table. */
export async function dropNamespace(
  { database, catalogName }: CommitContext,
  namespace: string,
): Promise<void> {
  await database.transaction(async (transaction) => {
    const [table] = await transaction.rows(
      "SELECT table_name FROM iceberg_tables WHERE catalog_name = ? AND table_namespace = ? LIMIT 1",
      [catalogName, namespace],
    );
    if (table !== undefined) {
      const hint = `drop its tables first, such as ${namespace}.${String(table["table_name"])}`;
      throw lakeError("catalog/namespace-not-empty", { namespace }, { hint });
    }
    const dropped = await transaction.change(
      "DELETE FROM iceberg_namespace_properties WHERE catalog_name = ? AND namespace = ?",
      [catalogName, namespace],
    );
    if (dropped === 0) throw lakeError("catalog/namespace-not-found", { namespace });
  });
}

/** Java's DDL lets the value be NULL. */
function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
