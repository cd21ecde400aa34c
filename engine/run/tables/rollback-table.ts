// `lake rollback`: a table's newest state becomes an older one again. No file is written or deleted; which landing
// files the table holds goes back with the rows, so that the next build takes in what is missing.
import type { CatalogTable, TableIdentifier } from "../../catalog/catalog.ts";
import { tableName } from "../../catalog/catalog.ts";
import { isLakeError, lakeError } from "../../common/errors.ts";
import { commitUpdates } from "../../iceberg/commit-updates.ts";
import { parseTableMetadata } from "../../iceberg/metadata.ts";
import { metadataAt, resolvePoint } from "../../iceberg/point-in-time.ts";
import type { Snapshot, TableMetadata, TableUpdate } from "../../iceberg/types.ts";
import { ancestors, headSnapshot, summaryKeys } from "../../plan/table-state.ts";
import type { Storage } from "../../storage/storage.ts";
import { findOwnTable } from "./find-table.ts";
import { findLedger, ledgerProperties, mentionsLedger, readLedger } from "../landing/ledger.ts";
import { rollbackQuarantine } from "../writing/quarantine.ts";
import type { Session } from "../session.ts";

export interface RollbackRequest {
  readonly table: string;
  /** Snapshot id, tag, branch or time. */
  readonly to: string;
  /** Also to a state that the newest was not made from. */
  readonly allowAside?: boolean;
  readonly dryRun?: boolean;
}

export interface TableStateBrief {
  readonly snapshotId: bigint;
  readonly timestampMs: number;
  /** Null where the snapshot does not say. */
  readonly rows: bigint | null;
}

export interface RollbackResult {
  readonly table: TableIdentifier;
  readonly from: TableStateBrief | null;
  readonly to: TableStateBrief;
  readonly moved: boolean;
  /** The schema that readers see stays; this is that of the snapshot, where it differs. */
  readonly olderSchemaId: number | null;
  /** Landing files that the table no longer holds: the next build takes them in again. */
  readonly landingFilesReleased: number;
  /** Whether the quarantine table went back as well. */
  readonly quarantineMoved: boolean;
  readonly warnings: readonly string[];
  readonly dryRun: boolean;
}

/**
 * Errors: `run/unknown-table`, `run/not-an-ancestor`, `run/moved-meanwhile`, `iceberg/unknown-point`,
 * `iceberg/before-history`, `catalog/unknown-outcome`.
 */
export async function rollbackTable(session: Session, request: RollbackRequest): Promise<RollbackResult> {
  const { dryRun = false } = request;
  const { identifier, table: first } = await findOwnTable(session, request.table);
  const [catalog, storage] = await Promise.all([session.catalog(), session.storage()]);
  const start = headSnapshot(first.metadata);
  const goal = target(session, first, request);
  const ledger = await ledgerAfter(storage, first, goal);
  const updates = (table: CatalogTable): TableUpdate[] => {
    const head = table.metadata["current-snapshot-id"];
    if (head === goal["snapshot-id"]) return [];
    // A writer that was faster must not be rolled back unseen.
    if (head !== (start?.["snapshot-id"] ?? null)) {
      throw lakeError("run/moved-meanwhile", { table: tableName(identifier), snapshot: String(head) });
    }
    return [
      {
        action: "set-snapshot-ref",
        "ref-name": "main",
        ...(table.metadata.refs["main"] ?? { type: "branch" }),
        "snapshot-id": goal["snapshot-id"],
      },
      ...ledger.updates,
    ];
  };
  const moved = updates(first).length > 0;
  if (!dryRun) await commitUpdates({ catalog, storage, identifier, nowMs: session.now(), make: updates });
  const line = [...ancestors(first.metadata, goal["snapshot-id"])];
  const schemaId = goal["schema-id"];
  return {
    table: identifier,
    from: start && brief(start),
    to: brief(goal),
    moved,
    olderSchemaId:
      schemaId === undefined || schemaId === first.metadata["current-schema-id"] ? null : schemaId,
    landingFilesReleased: ledger.released,
    quarantineMoved: await rollbackQuarantine({ session, identifier, line, dryRun }),
    warnings: ledger.warnings,
    dryRun,
  };
}

function brief(snapshot: Snapshot): TableStateBrief {
  const rows = snapshot.summary["total-records"];
  return {
    snapshotId: snapshot["snapshot-id"],
    timestampMs: snapshot["timestamp-ms"],
    rows: rows !== undefined && /^\d+$/.test(rows) ? BigInt(rows) : null,
  };
}

function target(
  session: Session,
  { identifier, metadata }: CatalogTable,
  request: RollbackRequest,
): Snapshot {
  const table = tableName(identifier);
  const timeZone = session.graph.project.settings.timezone;
  const { snapshot } = resolvePoint({ metadata, table, text: request.to, timeZone });
  const id = snapshot["snapshot-id"];
  if (request.allowAside === true || [...ancestors(metadata)].some((one) => one["snapshot-id"] === id)) {
    return snapshot;
  }
  throw lakeError(
    "run/not-an-ancestor",
    { table, snapshot: String(id), head: String(metadata["current-snapshot-id"]) },
    { hint: "--allow-aside goes there all the same; `lake history` shows which states led to the newest" },
  );
}

interface LedgerAfter {
  readonly updates: readonly TableUpdate[];
  readonly released: number;
  readonly warnings: readonly string[];
}

/** The property that repeats the ledger's pointer must name a snapshot that is an ancestor afterwards (rule 15). */
async function ledgerAfter(storage: Storage, table: CatalogTable, goal: Snapshot): Promise<LedgerAfter> {
  const { metadata } = table;
  if (!mentionsLedger(metadata)) return { updates: [], released: 0, warnings: [] };
  const name = tableName(table.identifier);
  const schemaId = metadata["current-schema-id"];
  const then = metadataAt(metadata, { kind: "snapshot", snapshot: goal, schemaId });
  try {
    const corrected = await correctedLedger(storage, metadata, goal["snapshot-id"]);
    const pointer = corrected ?? (await findLedger(storage, then, name));
    const held = pointer === null ? 0 : countFiles(await readLedger(storage, pointer));
    const released = Math.max(0, (await heldNow(storage, metadata, name)) - held);
    const owner =
      corrected !== null
        ? goal
        : [...ancestors(then)].find((one) => one.summary[summaryKeys.ledger] === pointer);
    // Without an owner it is the property itself that proves the pointer, and it stays.
    if (pointer === null || owner === undefined) return { updates: [], released, warnings: [] };
    const values = {
      [ledgerProperties.ledger]: pointer,
      [ledgerProperties.snapshot]: String(owner["snapshot-id"]),
    };
    return { updates: [{ action: "set-properties", updates: values }], released, warnings: [] };
  } catch (error) {
    if (!isLakeError(error)) throw error;
    const warning = `which landing files the table holds cannot be proven there: ${error.message}; \`lake ledger\` can rebuild it`;
    return { updates: [], released: 0, warnings: [warning] };
  }
}

/**
 * A ledger that was rebuilt or corrected stood in the table's properties alone, and a later commit put its own
 * there: the newest metadata file of that state still holds it.
 */
async function correctedLedger(
  storage: Storage,
  metadata: TableMetadata,
  goal: bigint,
): Promise<string | null> {
  for (const { "metadata-file": file } of metadata["metadata-log"].toReversed()) {
    let older;
    try {
      older = parseTableMetadata(await storage.read(file), file);
    } catch {
      // Cleaned away: so are those before it.
      return null;
    }
    if (older["current-snapshot-id"] !== goal) continue;
    const isNamed = older.properties[ledgerProperties.snapshot] === String(goal);
    return isNamed ? (older.properties[ledgerProperties.ledger] ?? null) : null;
  }
  return null;
}

async function heldNow(storage: Storage, metadata: TableMetadata, name: string): Promise<number> {
  try {
    const pointer = await findLedger(storage, metadata, name);
    return pointer === null ? 0 : countFiles(await readLedger(storage, pointer));
  } catch (error) {
    // A rollback may be the way out of a state whose ledger is lost.
    if (isLakeError(error)) return 0;
    throw error;
  }
}

function countFiles({
  files,
}: {
  readonly files: ReadonlyMap<string, ReadonlyMap<string, unknown>>;
}): number {
  return [...files.values()].reduce((sum, ofSource) => sum + ofSource.size, 0);
}
