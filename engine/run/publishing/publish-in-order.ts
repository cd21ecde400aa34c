// Tables one after another, inputs before those that read them: for catalogs that cannot move them together.
import { LakeError, isLakeError } from "../../common/errors.ts";
import { tableName } from "../../catalog/catalog.ts";
import type { StagedChange } from "../../iceberg/change.ts";
import { loadTable, publishChanges, restageAppend } from "../../iceberg/transaction.ts";
import type { PublishRequest } from "../../iceberg/transaction.ts";
import type { Session } from "../session.ts";

export interface OrderedUnit {
  /** Unique id of the node. */
  readonly node: string;
  /** Unique ids of the nodes of this run whose tables it was made from. */
  readonly reads: readonly string[];
  /** Names of its table and of its quarantine. */
  readonly tables: readonly string[];
  /** What is still to be done to them, in that order. */
  readonly changes: readonly StagedChange[];
  /** Why it must not be published, found before anything moved. */
  readonly refused?: LakeError;
}

export interface SkippedUnit {
  readonly node: string;
  readonly tables: readonly string[];
  /** What stood in the way; null where only one of its inputs was skipped. */
  readonly error: LakeError | null;
  /** Unique id of the input that was skipped. */
  readonly because: string | null;
}

export interface OrderedResult {
  readonly published: readonly string[];
  readonly skipped: readonly SkippedUnit[];
}

/**
 * Publishes each unit whose inputs were published. A table that was dropped, made again or moved by another writer
 * is skipped with those that read it: the next run makes them again (rule 8). Errors: whatever leaves it open
 * whether a commit landed, or keeps the catalog from being asked; then the rest is still to be done.
 */
export async function publishInOrder({
  session,
  units,
  verifyAfterMs,
  checkHeld,
}: {
  readonly session: Session;
  readonly units: readonly OrderedUnit[];
  readonly verifyAfterMs?: number;
  /** Asked before each unit: between two the machine may have slept, and others taken the run for dead. */
  readonly checkHeld?: () => Promise<void>;
}): Promise<OrderedResult> {
  const [catalog, storage] = await Promise.all([session.catalog(), session.storage()]);
  const verify = verifyAfterMs === undefined ? {} : { verifyAfterMs };
  const skipped = new Map<string, SkippedUnit>();
  const published: string[] = [];
  for (const { node, reads, tables, changes, refused } of units) {
    const because = reads.find((id) => skipped.has(id)) ?? null;
    if (because !== null || refused !== undefined) {
      skipped.set(node, { node, tables, error: refused ?? null, because });
      continue;
    }
    await checkHeld?.();
    try {
      await publishUnit({ catalog, storage, staged: changes, nowMs: session.now(), ...verify });
      published.push(...changes.map(({ request }) => tableName(request.identifier)));
    } catch (error) {
      if (!isFinal(error)) throw error;
      skipped.set(node, { node, tables, error, because: null });
    }
  }
  return { published, skipped: [...skipped.values()] };
}

/** The lines in quarantine belong to a table that shows its rows by now: they are appended to whatever came between. */
async function publishUnit(request: PublishRequest): Promise<void> {
  const { catalog, storage, staged, nowMs } = request;
  const [own, ...companions] = staged;
  if (own === undefined) return;
  await publishChanges({ ...request, staged: [own] });
  for (let change of companions) {
    for (let attempt = 1; ; attempt += 1) {
      try {
        await publishChanges({ ...request, staged: [change] });
        break;
      } catch (error) {
        const { identifier } = change.request;
        if (attempt >= 3 || !isLakeError(error, "catalog/conflict")) throw error;
        const current = await loadTable({ catalog, storage, identifier });
        if (current === null) throw error;
        change = await restageAppend({ storage, staged: change, current, nowMs, independent: true });
      }
    }
  }
}

/** The catalog has answered, and what it says will not change by asking again. */
function isFinal(error: unknown): error is LakeError {
  return (
    isLakeError(error, "catalog/conflict") ||
    isLakeError(error, "catalog/table-exists") ||
    isLakeError(error, "iceberg/staged-file-gone") ||
    isLakeError(error, "iceberg/cannot-restage") ||
    isLakeError(error, "catalog/hive-columns") ||
    isLakeError(error, "catalog/hive-type")
  );
}
