// What a table says of itself: which run of `lake` made its newest state, from which model and inputs.
// All of it stands in snapshot summaries (`lake.*`), so there is no state to keep beside the tables.
import { parseIntervals } from "./batches.ts";
import type { Interval } from "./batches.ts";
import type { CatalogTable } from "../catalog/catalog.ts";
import type { Schema, Snapshot, TableMetadata } from "../iceberg/types.ts";

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
  intervals: "lake.intervals",
  user: "lake.user",
  /** Of a compaction: the snapshot whose rows these are, which may have expired since. */
  rowsOf: "lake.rows-of",
  /** On the snapshot that a clone begins as: the version of the original's rows, which are the same. */
  cloneOf: "lake.clone-of",
} as const;

/** Table property: the definition (`tableDefinition`) that columns and layout of the table are known to follow. */
export const definitionProperty = "lake.definition";

/** Table property: the snapshot that the property `lake.ledger` belongs to. */
export const ledgerSnapshotKey = "lake.ledger-snapshot";

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
  /** Batches of event time that it holds; of microbatch models. */
  readonly intervals: readonly Interval[];
}

export interface TableState {
  readonly table: CatalogTable;
  /** Our newest commit on `main`, or null if the chain from the head does not reach one. */
  readonly ours: LakeCommit | null;
  /** Whether somebody else changed rows since (compaction does not count). */
  readonly foreignSince: boolean;
  /** What columns and layout follow; null where the table does not say. */
  readonly definition: string | null;
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
 * The version of a table's rows: its uuid, its newest ancestor that changed rows, and its columns.
 * Compaction (`replace`) keeps the version. Where that ancestor has expired, the oldest known one stands
 * in, which differs from what was recorded: a broken chain counts as changed (rule 19). A clone that nobody has
 * written yet has the version of its original.
 */
export function tableVersion(metadata: TableMetadata): string {
  return `${rowsOf(metadata)}#${columnsId(metadata)}`;
}

/** The id of the first schema with the current one's columns: with other comments, or with fewer nulls allowed, it is
 *  another schema, and gives the same rows. */
function columnsId({ schemas, "current-schema-id": currentId }: TableMetadata): number {
  if (schemas.length < 2) return currentId;
  const textOf = ({ fields }: Schema): string =>
    JSON.stringify(fields, (key, value: unknown) =>
      key === "doc" || key === "required" || key === "write-default"
        ? undefined
        : typeof value === "bigint"
          ? `${value}n`
          : value,
    );
  const current = schemas.find((schema) => schema["schema-id"] === currentId);
  const text = current === undefined ? "" : textOf(current);
  const same = schemas.filter((schema) => textOf(schema) === text).map((schema) => schema["schema-id"]);
  return Math.min(currentId, ...same);
}

/** `uuid@snapshot` of what made the head's rows what they are; the snapshot is `none` for a table without any. */
function rowsOf(metadata: TableMetadata): string {
  const ofTable = (snapshot: bigint | string): string => `${metadata["table-uuid"]}@${snapshot}`;
  let newest: Snapshot | null = null;
  for (const snapshot of ancestors(metadata)) {
    newest = snapshot;
    const original = snapshot.summary[summaryKeys.cloneOf];
    if (original !== undefined) return original;
    if (snapshot.summary.operation !== "replace") break;
    const stated = snapshot.summary[summaryKeys.rowsOf];
    if (stated !== undefined) return stated.includes("@") ? stated : ofTable(stated);
  }
  return ofTable(newest?.["snapshot-id"] ?? "none");
}

/**
 * What a compaction of ours says of itself: all that the head says of its rows. So the snapshots below it may
 * expire, with the files that it replaced, and the table is still known as ours, at the version that its readers
 * recorded.
 */
export function carriedSummary(table: CatalogTable): Readonly<Record<string, string>> {
  const { metadata } = table;
  if (metadata["current-snapshot-id"] === null) return {};
  const carried: Record<string, string> = { [summaryKeys.rowsOf]: rowsOf(metadata) };
  for (const snapshot of ancestors(metadata)) {
    const ledger = ledgerAt(metadata, snapshot);
    if (ledger !== undefined) carried[summaryKeys.ledger] ??= ledger;
    if (lakeCommit(snapshot) !== null) {
      if (!readTableState(table).foreignSince) Object.assign(carried, { ...ownKeys(snapshot), ...carried });
      break;
    }
  }
  return carried;
}

/** A rebuilt or corrected ledger stands in the property alone and wins for the snapshot that it names. */
function ledgerAt({ properties }: TableMetadata, snapshot: Snapshot): string | undefined {
  const isNamed = properties[ledgerSnapshotKey] === snapshot["snapshot-id"].toString();
  return (isNamed ? properties[summaryKeys.ledger] : undefined) ?? snapshot.summary[summaryKeys.ledger];
}

/** Not which run and commit it was: a compaction is another one. */
function ownKeys({ summary }: Snapshot): Record<string, string> {
  const left = new Set<string>([
    summaryKeys.commitId,
    summaryKeys.runId,
    summaryKeys.user,
    summaryKeys.rowsOf,
    "operation",
  ]);
  return Object.fromEntries(
    Object.entries(summary).filter(
      (entry): entry is [string, string] => entry[0].startsWith("lake.") && !left.has(entry[0]),
    ),
  );
}

/** The parts of a `tableVersion`; null for text that is none. */
export function parseVersion(
  version: string,
): { readonly uuid: string; readonly snapshotId: bigint | null; readonly schemaId: number } | null {
  const match = /^(.+)@(none|\d+)#(\d+)$/.exec(version);
  if (match === null) return null;
  const [, uuid = "", snapshot = "", schema] = match;
  return { uuid, snapshotId: snapshot === "none" ? null : BigInt(snapshot), schemaId: Number(schema) };
}

/**
 * The snapshot of this table that holds the rows of a version: the one that the version names, or, in a clone, the
 * one that it began as. Null is the table before its first snapshot; undefined where it holds no such rows.
 */
export function snapshotOfVersion(metadata: TableMetadata, version: string): bigint | null | undefined {
  const named = parseVersion(version);
  if (named === null) return undefined;
  const { uuid, snapshotId } = named;
  if (uuid === metadata["table-uuid"])
    return snapshotId === null || snapshotById(metadata, snapshotId) !== null ? snapshotId : undefined;
  const original = `${uuid}@${snapshotId}`;
  return metadata.snapshots.find(({ summary }) => summary[summaryKeys.cloneOf] === original)?.["snapshot-id"];
}

export function readTableState(table: CatalogTable): TableState {
  let foreignSince = false;
  let ours: LakeCommit | null = null;
  for (const snapshot of ancestors(table.metadata)) {
    ours = lakeCommit(snapshot);
    if (ours !== null) break;
    if (snapshot.summary.operation !== "replace") foreignSince = true;
  }
  const definition = table.metadata.properties[definitionProperty] ?? null;
  return { table, ours, foreignSince, definition, version: tableVersion(table.metadata) };
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
    intervals: parseIntervals(summary[summaryKeys.intervals]),
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
