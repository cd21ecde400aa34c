// Which snapshots a table may forget, and which files nobody needs then (iceberg-java's RemoveSnapshots with
// ReachableFileCleanup).
import { lakeError } from "../common/errors.ts";
import type { Storage } from "../storage/storage.ts";
import { forEachLiveFile, isOwnFile, manifestsOf, statisticsPaths } from "./reachable-files.ts";
import type { Snapshot, SnapshotReference, TableMetadata, TableUpdate } from "./types.ts";

export interface ExpiryPolicy {
  /** Snapshots younger than this stay. */
  readonly maxAgeMs: number;
  /** Of each branch, at least so many stay. */
  readonly minSnapshots: number;
  /** Tags and branches (never main) whose snapshot is older go; null: never. */
  readonly maxRefAgeMs: number | null;
}

const dayMs = 86_400_000;

/** The policy that stands in the table's own properties; Java's defaults where it has none. */
export function expiryPolicy(metadata: TableMetadata): ExpiryPolicy {
  const number = (key: string): number | null => {
    const value = Number(metadata.properties[key] ?? "");
    return metadata.properties[key] !== undefined && Number.isFinite(value) && value >= 0 ? value : null;
  };
  return {
    maxAgeMs: number("history.expire.max-snapshot-age-ms") ?? 5 * dayMs,
    minSnapshots: Math.max(1, number("history.expire.min-snapshots-to-keep") ?? 1),
    maxRefAgeMs: number("history.expire.max-ref-age-ms"),
  };
}

export interface Expiry {
  readonly snapshots: readonly Snapshot[];
  /** Names of tags and branches that go. */
  readonly refs: readonly string[];
}

/**
 * What the policy lets go. A ref's own retention wins over the policy. Snapshots of a branch stay down to the
 * newest for which `isAnchor` is true: those between it and the head prove where the rows came from.
 * Errors: `iceberg/gc-disabled` where the table's files are not its own.
 */
export function planExpiry(
  metadata: TableMetadata,
  policy: ExpiryPolicy,
  nowMs: number,
  isAnchor: (snapshot: Snapshot) => boolean,
): Expiry {
  if (metadata.properties["gc.enabled"] === "false") {
    throw lakeError(
      "iceberg/gc-disabled",
      { table: metadata.location },
      { hint: "its files may belong to another table (a clone): maintain the original instead" },
    );
  }
  const byId = new Map(metadata.snapshots.map((snapshot) => [snapshot["snapshot-id"], snapshot]));
  const refs = Object.entries(metadata.refs).filter(
    ([name, ref]) => name !== "main" && isAged(ref, byId, policy, nowMs),
  );
  const goes = new Set(refs.map(([name]) => name));
  const retained = Object.entries(metadata.refs).filter(([name]) => !goes.has(name));
  const keep = new Set<bigint>();
  const reachable = new Set<bigint>();
  for (const [, ref] of retained) {
    if (ref.type === "tag") {
      keep.add(ref["snapshot-id"]);
      reachable.add(ref["snapshot-id"]);
      continue;
    }
    const chain = [...ancestry(byId, ref["snapshot-id"])];
    for (const snapshot of chain) reachable.add(snapshot["snapshot-id"]);
    for (const snapshot of retainedOf(chain, ref, policy, nowMs, isAnchor)) keep.add(snapshot["snapshot-id"]);
  }
  const isYoung = (snapshot: Snapshot): boolean => snapshot["timestamp-ms"] >= nowMs - policy.maxAgeMs;
  const snapshots = metadata.snapshots.filter((snapshot) => {
    const id = snapshot["snapshot-id"];
    // A snapshot that no ref reaches may be staged work of another engine (write-audit-publish).
    return !keep.has(id) && (reachable.has(id) || !isYoung(snapshot));
  });
  return { snapshots, refs: [...goes] };
}

function isAged(
  ref: SnapshotReference,
  byId: ReadonlyMap<bigint, Snapshot>,
  policy: ExpiryPolicy,
  nowMs: number,
): boolean {
  const snapshot = byId.get(ref["snapshot-id"]);
  if (snapshot === undefined) return true;
  const maxAgeMs = ref["max-ref-age-ms"] ?? policy.maxRefAgeMs;
  return maxAgeMs !== null && nowMs - snapshot["timestamp-ms"] > maxAgeMs;
}

function* ancestry(byId: ReadonlyMap<bigint, Snapshot>, from: bigint): Generator<Snapshot> {
  let snapshot = byId.get(from);
  while (snapshot !== undefined) {
    yield snapshot;
    const parent = snapshot["parent-snapshot-id"];
    snapshot = parent === undefined ? undefined : byId.get(parent);
  }
}

/** From the head down to the first that is neither young, nor among the newest, nor above the anchor. */
function retainedOf(
  chain: readonly Snapshot[],
  ref: SnapshotReference,
  policy: ExpiryPolicy,
  nowMs: number,
  isAnchor: (snapshot: Snapshot) => boolean,
): readonly Snapshot[] {
  const cutOffMs = nowMs - (ref["max-snapshot-age-ms"] ?? policy.maxAgeMs);
  const minimum = ref["min-snapshots-to-keep"] ?? policy.minSnapshots;
  const anchor = chain.findIndex(isAnchor);
  const end = chain.findIndex(
    (snapshot, index) => index >= minimum && index > anchor && snapshot["timestamp-ms"] < cutOffMs,
  );
  return end < 0 ? chain : chain.slice(0, end);
}

/** The updates that make the table forget. */
export function expiryUpdates({ snapshots, refs }: Expiry): TableUpdate[] {
  return [
    ...refs.map((name): TableUpdate => ({ action: "remove-snapshot-ref", "ref-name": name })),
    ...(snapshots.length === 0
      ? []
      : [
          {
            action: "remove-snapshots" as const,
            "snapshot-ids": snapshots.map((snapshot) => snapshot["snapshot-id"]),
          },
        ]),
  ];
}

export interface ExpiredFiles {
  readonly data: readonly string[];
  readonly manifests: readonly string[];
  readonly manifestLists: readonly string[];
  readonly statistics: readonly string[];
  /** Files outside the table's own folders: they stay, since others may use them. */
  readonly foreign: number;
}

/**
 * The files that `before` (the metadata with the expired snapshots) needs and `remaining` does not: set
 * differences of what is reachable. Whatever cannot be read ends it with an error, and nothing is to be deleted then.
 */
export async function expiredFiles(request: {
  readonly storage: Storage;
  readonly before: TableMetadata;
  readonly expired: readonly Snapshot[];
  readonly remaining: readonly Snapshot[];
}): Promise<ExpiredFiles> {
  const { storage, before, expired, remaining } = request;
  const [old, kept] = await Promise.all([manifestsOf(storage, expired), manifestsOf(storage, remaining)]);
  const gone = [...old.values()].filter((manifest) => !kept.has(manifest.path));
  const data = new Set<string>();
  await forEachLiveFile({ storage, metadata: before, manifests: gone }, (path) => data.add(path));
  if (data.size > 0)
    await forEachLiveFile({ storage, metadata: before, manifests: kept.values() }, (path) =>
      data.delete(path),
    );
  const lists = new Set(remaining.map((snapshot) => snapshot["manifest-list"]));
  const ids = new Set(expired.map((snapshot) => snapshot["snapshot-id"]));
  const stays = new Set(statisticsPaths(before, new Set(remaining.map((one) => one["snapshot-id"]))));
  const groups = {
    data: [...data],
    manifests: gone.map((manifest) => manifest.path),
    manifestLists: expired.flatMap(({ "manifest-list": list }) =>
      list === undefined || lists.has(list) ? [] : [list],
    ),
    statistics: statisticsPaths(before, ids).filter((path) => !stays.has(path)),
  };
  const own = (paths: readonly string[]): readonly string[] =>
    paths.filter((path) => isOwnFile(before, path));
  const all = Object.values(groups).flat();
  return {
    data: own(groups.data),
    manifests: own(groups.manifests),
    manifestLists: own(groups.manifestLists),
    statistics: own(groups.statistics),
    foreign: all.length - own(all).length,
  };
}
