// `lake history`: every snapshot that a table still holds, and what the project knows of it.
import type { TableIdentifier } from "../../catalog/catalog.ts";
import type { Operation, Snapshot, SnapshotReference, TableMetadata } from "../../iceberg/types.ts";
import { ancestors, partialPrefix, summaryKeys } from "../../plan/table-state.ts";
import { findTable } from "./find-table.ts";
import type { Session } from "../session.ts";

export interface HistoryEntry {
  readonly snapshotId: bigint;
  readonly parentId: bigint | null;
  readonly timestampMs: number;
  readonly operation: Operation;
  readonly rowsAdded: bigint;
  readonly rowsRemoved: bigint;
  readonly filesAdded: bigint;
  readonly filesRemoved: bigint;
  /** Delete files and deletion vectors, not rows. */
  readonly deleteFilesAdded: bigint;
  readonly deleteFilesRemoved: bigint;
  /** Null where the snapshot does not say. */
  readonly rowsTotal: bigint | null;
  readonly schemaId: number | null;
  readonly runId: string | null;
  readonly node: string | null;
  /** Of the model when it made the snapshot. */
  readonly fingerprint: string | null;
  /** The account that ran `lake`, otherwise the engine that wrote. */
  readonly who: string | null;
  /** The newest state, one that it was made from, or one that no longer leads to it. */
  readonly state: "current" | "ancestor" | "aside";
  /** Tags and branches that name it, `main` apart. */
  readonly refs: readonly string[];
}

export interface TableHistory {
  readonly table: TableIdentifier;
  readonly uuid: string;
  readonly location: string;
  /** Newest first. */
  readonly snapshots: readonly HistoryEntry[];
  readonly refs: Readonly<Record<string, SnapshotReference>>;
  /** The moves of `main`, oldest first: what a time in `at=` is looked up in. */
  readonly log: TableMetadata["snapshot-log"];
}

/** Errors: `run/unknown-table`. */
export async function tableHistory(session: Session, name: string): Promise<TableHistory> {
  const { identifier, table } = await findTable(session, name);
  const { metadata } = table;
  const line = new Set([...ancestors(metadata)].map((snapshot) => snapshot["snapshot-id"]));
  const snapshots = metadata.snapshots
    .map((snapshot, index) => ({ snapshot, index }))
    .sort((a, b) => b.snapshot["timestamp-ms"] - a.snapshot["timestamp-ms"] || b.index - a.index)
    .map(({ snapshot }) => historyEntry(metadata, snapshot, line));
  return {
    table: identifier,
    uuid: metadata["table-uuid"],
    location: metadata.location,
    snapshots,
    refs: metadata.refs,
    log: metadata["snapshot-log"],
  };
}

function historyEntry(metadata: TableMetadata, snapshot: Snapshot, line: ReadonlySet<bigint>): HistoryEntry {
  const { summary } = snapshot;
  const id = snapshot["snapshot-id"];
  const count = (key: string): bigint => countOf(summary[key]) ?? 0n;
  const fingerprint = summary[summaryKeys.fingerprint];
  return {
    snapshotId: id,
    parentId: snapshot["parent-snapshot-id"] ?? null,
    timestampMs: snapshot["timestamp-ms"],
    operation: summary.operation,
    rowsAdded: count("added-records"),
    rowsRemoved:
      count("deleted-records") + count("added-position-deletes") - count("removed-position-deletes"),
    filesAdded: count("added-data-files"),
    filesRemoved: count("deleted-data-files"),
    deleteFilesAdded: count("added-delete-files"),
    deleteFilesRemoved: count("removed-delete-files"),
    rowsTotal: countOf(summary["total-records"]),
    schemaId: snapshot["schema-id"] ?? null,
    runId: summary[summaryKeys.runId] ?? null,
    node: summary[summaryKeys.node] ?? null,
    fingerprint:
      fingerprint?.startsWith(partialPrefix) === true
        ? fingerprint.slice(partialPrefix.length)
        : (fingerprint ?? null),
    who: summary[summaryKeys.user] ?? foreignWriter(summary),
    state: id === metadata["current-snapshot-id"] ? "current" : line.has(id) ? "ancestor" : "aside",
    refs: Object.entries(metadata.refs)
      .filter(([name, reference]) => name !== "main" && reference["snapshot-id"] === id)
      .map(([name]) => name)
      .sort(),
  };
}

function countOf(text: string | undefined): bigint | null {
  return text !== undefined && /^\d+$/.test(text) ? BigInt(text) : null;
}

/** What other engines write of themselves. */
function foreignWriter(summary: Snapshot["summary"]): string | null {
  const engine = summary["engine-name"];
  if (engine !== undefined) return [engine, summary["engine-version"]].filter(Boolean).join(" ");
  if (summary["spark.app.id"] !== undefined) return "spark";
  if (summary["trino_query_id"] !== undefined) return "trino";
  return summary[summaryKeys.runId] === undefined ? null : "lake";
}
