// What a failed run left staged: readable by its id until it is cleaned.
import { tableName } from "../../catalog/catalog.ts";
import { parseTableMetadata } from "../../iceberg/metadata.ts";
import { readFailedRun } from "./failed-run.ts";
import { hasTable, lakeFolder, tableIdentifier } from "../names.ts";
import type { RunTables } from "../relations.ts";
import type { Session } from "../session.ts";

/** Puts the tables that the run staged in place of the published ones. Errors: `run/unknown-run`. */
export async function useStagedTables(options: {
  readonly session: Session;
  readonly tables: RunTables;
  readonly runId: string;
}): Promise<void> {
  const { session, tables, runId } = options;
  const storage = await session.storage();
  const failed = await readFailedRun(storage, lakeFolder(session.profile), runId);
  const staged = new Map(failed.tables.map(({ table, metadata }) => [table, metadata]));
  for (const node of session.graph.nodes.values()) {
    if (!hasTable(node)) continue;
    const path = staged.get(tableName(tableIdentifier(node, session.profile)));
    if (path !== undefined) tables.set(node.uniqueId, parseTableMetadata(await storage.read(path), path));
  }
}
