// All of a table's upkeep, in the order in which each step leaves work for the next.
import type { TableIdentifier } from "../catalog/catalog.ts";
import { isLakeError } from "../common/errors.ts";
import type { Session } from "../run/session.ts";
import { compact } from "./compact.ts";
import type { CompactReport } from "./compact.ts";
import { expireSnapshots } from "./expire-snapshots.ts";
import type { ExpireReport } from "./expire-snapshots.ts";
import { removeOrphanFiles } from "./remove-orphan-files.ts";
import type { OrphanReport } from "./remove-orphan-files.ts";
import { rewriteManifests } from "./rewrite-manifests.ts";
import type { RewriteManifestsReport } from "./rewrite-manifests.ts";
import type { SelectedTable } from "./select-tables.ts";

export interface MaintainReport {
  readonly table: TableIdentifier;
  /** Null where the policy leaves the step out, or the table does not allow it. */
  readonly compact: CompactReport | null;
  readonly manifests: RewriteManifestsReport | null;
  readonly expire: ExpireReport | null;
  readonly orphans: OrphanReport | null;
}

export interface MaintainOptions {
  readonly session: Session;
  readonly table: SelectedTable;
  readonly dryRun: boolean;
  readonly signal?: AbortSignal;
  readonly onStep?: (step: string) => void;
}

/** 3 days: no write takes so long. */
const orphanAgeMs = 3 * 86_400_000;

/** Each step is complete in itself: stopped between two, the table is in order. Errors: those of the steps. */
export async function maintain(options: MaintainOptions): Promise<MaintainReport> {
  const { session, dryRun, signal } = options;
  const { identifier, policy } = options.table;
  const common = { session, identifier, dryRun };
  const step = async <T>(name: string, wanted: boolean, work: () => Promise<T>): Promise<T | null> => {
    if (!wanted) return null;
    signal?.throwIfAborted();
    options.onStep?.(name);
    try {
      return await work();
    } catch (error) {
      // A clone has no files of its own to delete.
      if (isLakeError(error, "iceberg/gc-disabled")) return null;
      throw error;
    }
  };
  const { expireSnapshots: expiry, removeOrphanFiles: orphans } = policy;
  return {
    table: identifier,
    compact: await step("compacting", policy.compact !== false, () =>
      compact({
        ...common,
        ...(typeof policy.compact === "object" && policy.compact),
        ...(signal !== undefined && { signal }),
      }),
    ),
    manifests: await step("rewriting manifests", policy.rewriteManifests, () => rewriteManifests(common)),
    expire: await step("expiring snapshots", expiry !== false, () =>
      expireSnapshots({ ...common, ...(typeof expiry === "number" && { policy: { maxAgeMs: expiry } }) }),
    ),
    orphans: await step("removing orphan files", orphans !== false, () =>
      removeOrphanFiles({ ...common, olderThanMs: typeof orphans === "number" ? orphans : orphanAgeMs }),
    ),
  };
}
