// What a failed run left staged: readable by its id until it is cleaned.
import { isLakeError, lakeError } from "../common/errors.ts";
import { tableName } from "../catalog/catalog.ts";
import { parseTableMetadata } from "../iceberg/metadata.ts";
import { hasTable, lakeFolder, tableIdentifier } from "./names.ts";
import type { RunTables } from "./relations.ts";
import { recordNames, recordPath } from "./run-records.ts";
import type { Session } from "./session.ts";

interface RunRecord {
  readonly tables: readonly { readonly table: string; readonly metadata: string }[];
}

/** Puts the tables that the run staged in place of the published ones. Errors: `run/unknown-run`. */
export async function useStagedTables(options: {
  readonly session: Session;
  readonly tables: RunTables;
  readonly runId: string;
}): Promise<void> {
  const { session, tables, runId } = options;
  const storage = await session.storage();
  const record = await readRecord(session, runId);
  const staged = new Map(record.tables.map(({ table, metadata }) => [table, metadata]));
  for (const node of session.graph.nodes.values()) {
    if (!hasTable(node)) continue;
    const path = staged.get(tableName(tableIdentifier(node, session.profile)));
    if (path !== undefined) tables.set(node.uniqueId, parseTableMetadata(await storage.read(path), path));
  }
}

async function readRecord(session: Session, runId: string): Promise<RunRecord> {
  const storage = await session.storage();
  const unknown = (cause: unknown): Error =>
    lakeError(
      "run/unknown-run",
      { runId },
      { cause, hint: "only runs that failed before they were published leave one" },
    );
  if (!/^[A-Za-z0-9-]+$/.test(runId)) throw unknown(undefined);
  try {
    const text = new TextDecoder().decode(
      await storage.read(recordPath(lakeFolder(session.profile), runId, recordNames.failed)),
    );
    return JSON.parse(text) as RunRecord;
  } catch (error) {
    if (isLakeError(error, "storage/not-found") || error instanceof SyntaxError) throw unknown(error);
    throw error;
  }
}
