// What a table says of itself: which run of `lake` made its newest state, from which model and inputs.
// All of it stands in snapshot summaries (`lake.*`), so there is no state to keep beside the tables.
import type { CatalogTable } from "../catalog/catalog.ts";
import type { Snapshot, TableMetadata } from "../iceberg/types.ts";

/** Keys of the snapshot summary that are ours. */
export const summaryKeys = {
  commitId: "lake.commit-id",
  runId: "lake.run-id",
  node: "lake.node",
  fingerprint: "lake.fingerprint",
  inputs: "lake.inputs",
  ledger: "lake.ledger",
  code: "lake.code",
  volatile: "lake.volatile",
  user: "lake.user",
} as const;

/** Stands before the fingerprint of a table that holds only a part of its rows. */
export const partialPrefix = "partial ";

export interface LakeCommit {
  readonly snapshotId: bigint;
  readonly node: string;
  readonly fingerprint: string;
  /** Built with --sample or --empty: the next whole run starts over. */
  readonly partial: boolean;
  /** Unique id of each input → its version when this state was built. */
  readonly inputs: Readonly<Record<string, string>>;
  readonly ledger: string | null;
  /** Path of the code that it was built with. */
  readonly code: string | null;
  /** Functions whose result differs from run to run, if the statement used any. */
  readonly volatile: readonly string[];
}

export interface TableState {
  readonly table: CatalogTable;
  /** Our newest commit on `main`, or null if the chain from the head does not reach one. */
  readonly ours: LakeCommit | null;
  /** Whether somebody else changed rows since (compaction does not count). */
  readonly foreignSince: boolean;
  /** See `tableVersion`. */
  readonly version: string;
}

export function headSnapshot(metadata: TableMetadata): Snapshot | null {
  return snapshotById(metadata, metadata["current-snapshot-id"]);
}

export function snapshotById(metadata: TableMetadata, id: bigint | null | undefined): Snapshot | null {
  if (id === null || id === undefined) return null;
  return metadata.snapshots.find((snapshot) => snapshot["snapshot-id"] === id) ?? null;
}

/** A snapshot (the head) and its ancestors, newest first, as far as the metadata still holds them. */
export function* ancestors(
  metadata: TableMetadata,
  from: bigint | null = metadata["current-snapshot-id"],
): Generator<Snapshot> {
  const byId = new Map(metadata.snapshots.map((snapshot) => [snapshot["snapshot-id"], snapshot]));
  let id: bigint | null | undefined = from;
  while (id !== null && id !== undefined) {
    const snapshot = byId.get(id);
    if (snapshot === undefined) return;
    yield snapshot;
    id = snapshot["parent-snapshot-id"];
  }
}

/**
 * The version of a table's rows: its uuid, its newest ancestor that changed rows, and its schema.
 * Compaction (`replace`) keeps the version. Where that ancestor has expired, the oldest known one stands
 * in, which differs from what was recorded: a broken chain counts as changed (rule 19).
 */
export function tableVersion(metadata: TableMetadata): string {
  let newest: Snapshot | null = null;
  for (const snapshot of ancestors(metadata)) {
    newest = snapshot;
    if (snapshot.summary.operation !== "replace") break;
  }
  return `${metadata["table-uuid"]}@${newest?.["snapshot-id"] ?? "none"}#${metadata["current-schema-id"]}`;
}

export function readTableState(table: CatalogTable): TableState {
  let foreignSince = false;
  let ours: LakeCommit | null = null;
  for (const snapshot of ancestors(table.metadata)) {
    ours = lakeCommit(snapshot);
    if (ours !== null) break;
    if (snapshot.summary.operation !== "replace") foreignSince = true;
  }
  return { table, ours, foreignSince, version: tableVersion(table.metadata) };
}

function lakeCommit(snapshot: Snapshot): LakeCommit | null {
  const { summary } = snapshot;
  const fingerprint = summary[summaryKeys.fingerprint];
  if (fingerprint === undefined) return null;
  return {
    snapshotId: snapshot["snapshot-id"],
    node: summary[summaryKeys.node] ?? "",
    fingerprint,
    partial: fingerprint.startsWith(partialPrefix),
    inputs: parseInputs(summary[summaryKeys.inputs]),
    ledger: summary[summaryKeys.ledger] ?? null,
    code: summary[summaryKeys.code] ?? null,
    volatile: (summary[summaryKeys.volatile] ?? "").split(",").filter((name) => name !== ""),
  };
}

function parseInputs(text: string | undefined): Record<string, string> {
  if (text === undefined) return {};
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return {};
    return Object.fromEntries(
      Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
    );
  } catch {
    // Somebody edited the summary: no inputs recorded means that every input counts as moved.
    return {};
  }
}
