// Forgetting old snapshots of a table, and deleting the files that only they needed.
import { tableName } from "../catalog/catalog.ts";
import type { CatalogTable, TableIdentifier } from "../catalog/catalog.ts";
import { lakeError } from "../common/errors.ts";
import { expiredFiles, expiryPolicy, expiryUpdates, planExpiry } from "../iceberg/expire-snapshots.ts";
import type { ExpiredFiles, Expiry, ExpiryPolicy } from "../iceberg/expire-snapshots.ts";
import { commitUpdates, loadTable } from "../iceberg/transaction.ts";
import type { Snapshot, TableMetadata } from "../iceberg/types.ts";
import { ancestors, summaryKeys } from "../plan/table-state.ts";
import type { Session } from "../run/session.ts";

export interface ExpireReport {
  readonly table: TableIdentifier;
  readonly snapshots: readonly bigint[];
  /** Names of the tags and branches that went. */
  readonly refs: readonly string[];
  /** How many files of each kind were deleted, or would be. */
  readonly files: Readonly<Record<"data" | "manifests" | "manifestLists" | "statistics", number>>;
  /** Files that no snapshot needs any more but which lie outside the table's folders: they stay. */
  readonly foreignFiles: number;
}

export interface ExpireOptions {
  readonly session: Session;
  readonly identifier: TableIdentifier;
  /** Over what the table's properties say (`history.expire.*`). */
  readonly policy?: Partial<ExpiryPolicy>;
  readonly dryRun: boolean;
}

/**
 * The metadata is committed first; only then are files deleted, so that no reader meets a snapshot without files.
 * Stopped in between, it leaves files that `removeOrphanFiles` finds. Errors: `catalog/table-not-found`,
 * `iceberg/gc-disabled`, those of reading manifests (nothing is deleted then), those of the commit.
 */
export async function expireSnapshots(options: ExpireOptions): Promise<ExpireReport> {
  const { session, identifier, dryRun } = options;
  const [catalog, storage] = await Promise.all([session.catalog(), session.storage()]);
  const nowMs = session.now();
  const plan = (table: CatalogTable): Expiry => {
    const { metadata } = table;
    const anchors = anchorsOf(metadata);
    const isAnchor = (snapshot: Snapshot): boolean => anchors.has(snapshot["snapshot-id"]);
    return planExpiry(metadata, { ...expiryPolicy(metadata), ...options.policy }, nowMs, isAnchor);
  };
  let before = await loadTable({ catalog, storage, identifier });
  if (before === null) throw lakeError("catalog/table-not-found", { table: tableName(identifier) });
  let expiry = plan(before);
  if (!dryRun) {
    await commitUpdates({
      catalog,
      storage,
      identifier,
      nowMs,
      make: (table) => {
        [before, expiry] = [table, plan(table)];
        return expiryUpdates(expiry);
      },
    });
  }
  const { metadata } = before;
  const ids = new Set(expiry.snapshots.map((snapshot) => snapshot["snapshot-id"]));
  const remaining = metadata.snapshots.filter((snapshot) => !ids.has(snapshot["snapshot-id"]));
  const files = await expiredFiles({ storage, before: metadata, expired: expiry.snapshots, remaining });
  // Data first: whatever stops it, what is left is still named by a file that names others.
  if (!dryRun) for (const group of groupsOf(files)) if (group.length > 0) await storage.delete(group);
  return {
    table: identifier,
    snapshots: [...ids],
    refs: expiry.refs,
    files: {
      data: files.data.length,
      manifests: files.manifests.length,
      manifestLists: files.manifestLists.length,
      statistics: files.statistics.length,
    },
    foreignFiles: files.foreign,
  };
}

function groupsOf(files: ExpiredFiles): readonly (readonly string[])[] {
  return [files.data, files.manifests, files.manifestLists, files.statistics];
}

/** Our newest commits on main, by fingerprint and by ledger: the chain from the head down to them proves what the
 *  table holds (rules 15 and 19). */
function anchorsOf(metadata: TableMetadata): ReadonlySet<bigint> {
  const chain = [...ancestors(metadata)];
  const depth = Math.max(
    chain.findIndex(({ summary }) => summary[summaryKeys.fingerprint] !== undefined),
    chain.findIndex(({ summary }) => summary[summaryKeys.ledger] !== undefined),
  );
  const anchor = chain[depth];
  return new Set(anchor === undefined ? [] : [anchor["snapshot-id"]]);
}
