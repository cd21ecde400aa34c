// Moves the catalog to what a run staged: all tables together where the catalog can, else one after another under
// a record that says so.
import { lakeError } from "../../common/errors.ts";
import type { Catalog } from "../../catalog/catalog.ts";
import { tableName } from "../../catalog/catalog.ts";
import type { StagedChange } from "../../iceberg/change.ts";
import { checkPublishable, publishChanges } from "../../iceberg/transaction.ts";
import type { TargetProfile } from "../../project/types.ts";
import { publishInOrder } from "./publish-in-order.ts";
import type { SkippedUnit } from "./publish-in-order.ts";
import type { RunJournal } from "../journal/run-journal.ts";
import type { Session } from "../session.ts";
import { changesOf } from "./staged-table.ts";
import type { StagedTable } from "./staged-table.ts";

export interface PublishUnits {
  readonly session: Session;
  readonly journal: RunJournal;
  /** Inputs before those that read them. */
  readonly staged: readonly StagedTable[];
  /** Unique ids of what a node reads. */
  readonly readsOf: (uniqueId: string) => readonly string[];
}

/**
 * Publishes all, or all but what is returned: tables that another writer took away after the first one had moved,
 * and those that read them. Errors: those of `publishChanges`, where nothing has moved if it is a conflict;
 * `run/publishing-cut` where the rest is left to the next command that writes the target.
 */
export async function publish(request: PublishUnits): Promise<readonly SkippedUnit[]> {
  const { session, journal, staged, readsOf } = request;
  const [catalog, storage] = await Promise.all([session.catalog(), session.storage()]);
  const changes = changesOf(staged);
  await ensureNamespaces(session, changes);
  const nowMs = session.now();
  if (catalog.capabilities.atomicMultiTable || changes.length === 1) {
    await publishChanges({ catalog, storage, staged: changes, nowMs });
    return [];
  }
  await checkPublishable({ catalog, storage, staged: changes, nowMs });
  const units = staged.map((table) => ({
    node: table.uniqueId,
    reads: readsOf(table.uniqueId),
    tables: table.changes.map(({ request }) => tableName(request.identifier)),
    changes: table.changes,
  }));
  const end = await journal.beginPublishing(units);
  try {
    const { skipped } = await publishInOrder({ session, units, checkHeld: () => journal.checkHeld() });
    await end();
    return skipped;
  } catch (cause) {
    const { runId } = journal;
    const problem = cause instanceof Error ? cause.message : String(cause);
    const hint = `the next command that writes this target publishes the rest, as does lake recover ${runId}`;
    throw lakeError("run/publishing-cut", { runId, problem }, { cause, hint });
  }
}

export async function ensureNamespaces(session: Session, changes: readonly StagedChange[]): Promise<void> {
  const catalog = await session.catalog();
  const made = changes.filter(({ request }) => request.base === null);
  for (const namespace of new Set(made.map(({ request }) => request.identifier.namespace)))
    await ensureNamespace(catalog, namespace, session.profile);
}

/** Properties of an environment's namespaces: the target's name, and the one that it stands on. */
export const environmentKeys = { name: "lake.environment", from: "lake.environment-from" } as const;

/** Two runs may make it at the same moment: what counts is that it is there afterwards. */
export async function ensureNamespace(
  catalog: Catalog,
  namespace: string,
  { name, parent }: TargetProfile,
): Promise<void> {
  if ((await catalog.namespaceProperties(namespace)) !== null) return;
  try {
    const marks = parent && { [environmentKeys.name]: name, [environmentKeys.from]: parent.name };
    await catalog.createNamespace(namespace, marks);
  } catch (error) {
    if ((await catalog.namespaceProperties(namespace)) === null) throw error;
  }
}
