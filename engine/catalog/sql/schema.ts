// The catalog's two tables, exactly as Iceberg's JDBC catalog (Java's `JdbcUtil`) and PyIceberg make them.
import { isMissingColumn, isMissingTable, isUniqueViolation, codeOf } from "./database-errors.ts";
import type { Database } from "./database.ts";

/**
 * V1 has the column `iceberg_type`, which tells views from tables; V0 was made by Java's default and by
 * PyIceberg before 0.12. What exists is used as it is: adding the column under an older client's feet is
 * for the owner of the catalog to decide.
 */
export type SchemaVersion = "none" | "v0" | "v1";

// V1, as PyIceberg 0.12 makes it; Java finds the column and switches to V1 by itself.
const createTables = [
  `CREATE TABLE IF NOT EXISTS iceberg_tables (
    catalog_name VARCHAR(255) NOT NULL,
    table_namespace VARCHAR(255) NOT NULL,
    table_name VARCHAR(255) NOT NULL,
    metadata_location VARCHAR(1000),
    previous_metadata_location VARCHAR(1000),
    iceberg_type VARCHAR(5),
    PRIMARY KEY (catalog_name, table_namespace, table_name)
  )`,
  `CREATE TABLE IF NOT EXISTS iceberg_namespace_properties (
    catalog_name VARCHAR(255) NOT NULL,
    namespace VARCHAR(255) NOT NULL,
    property_key VARCHAR(255) NOT NULL,
    property_value VARCHAR(1000),
    PRIMARY KEY (catalog_name, namespace, property_key)
  )`,
];

export async function detectSchemaVersion(database: Database): Promise<SchemaVersion> {
  try {
    await database.rows("SELECT iceberg_type FROM iceberg_tables LIMIT 0");
    return "v1";
  } catch (error) {
    if (isMissingTable(error)) return "none";
    if (isMissingColumn(error)) return "v0";
    throw error;
  }
}

/** Makes what is missing, in one transaction, and changes nothing that is there. */
export async function createSchema(database: Database): Promise<void> {
  const present = await detectSchemaVersion(database);
  if (present !== "none") {
    const properties = await database
      .rows("SELECT 1 FROM iceberg_namespace_properties LIMIT 0")
      .catch((error: unknown) => {
        if (isMissingTable(error)) return null;
        throw error;
      });
    if (properties !== null) return;
  }
  try {
    await database.transaction(async (transaction) => {
      for (const statement of createTables) await transaction.change(statement);
    });
  } catch (error) {
    // PostgreSQL: of two sessions that make one table at once, one is refused although it said IF NOT EXISTS.
    if (!isUniqueViolation(error) && !["42P07", "42710"].includes(codeOf(error))) throw error;
    await createSchema(database);
  }
}
