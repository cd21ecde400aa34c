// On a target that environments stand on: its runs keep bases for their clones, so that a pull request's job need
// not write there.
import { mapLimited } from "../../common/limit.ts";
import type { ChangeRequest } from "../../iceberg/change.ts";
import { commitUpdates } from "../../iceberg/transaction.ts";
import type { TableMetadata, TableUpdate } from "../../iceberg/types.ts";
import { basesOf, changeBases, endlessMs } from "../../plan/base-tags.ts";
import type { PlannedNode } from "../planning/planner.ts";
import type { Session } from "../session.ts";

const concurrency = 4;

/** What a change of the table does to its bases; nothing where nobody stands on the target. */
export function baseTags(session: Session, base: TableMetadata | null): Pick<ChangeRequest, "tags"> {
  const { keepBaseMs } = session.profile;
  if (keepBaseMs === undefined) return {};
  const { tag, remove } = changeBases(base, keepBaseMs, session.now());
  return { tags: { remove, ...(tag !== undefined && { add: { name: tag, maxRefAgeMs: endlessMs } }) } };
}

/**
 * A base for tables that the run found unchanged but whose newest base is none or not of their head: built before
 * anybody stood on the target, or written by another engine. Commits metadata only.
 */
export async function keepBases(session: Session, nodes: Iterable<PlannedNode>): Promise<void> {
  const { keepBaseMs } = session.profile;
  if (keepBaseMs === undefined) return;
  const nowMs = session.now();
  const updates = (metadata: TableMetadata): TableUpdate[] => {
    const head = metadata["current-snapshot-id"];
    const newest = basesOf(metadata).at(-1);
    const { tag, remove } = changeBases(metadata, keepBaseMs, nowMs);
    if (head === null || tag === undefined || newest?.snapshotId === head) return [];
    return [
      {
        action: "set-snapshot-ref",
        "ref-name": tag,
        type: "tag",
        "snapshot-id": head,
        "max-ref-age-ms": endlessMs,
      },
      ...remove.map((name) => ({ action: "remove-snapshot-ref" as const, "ref-name": name })),
    ];
  };
  const stale = [...nodes].flatMap(({ step, base }) =>
    step.action === "reuse" && base !== null && updates(base.metadata).length > 0 ? [base.identifier] : [],
  );
  if (stale.length === 0) return;
  const [catalog, storage] = await Promise.all([session.catalog(), session.storage()]);
  await mapLimited(stale, concurrency, (identifier) =>
    commitUpdates({ catalog, storage, identifier, nowMs, make: ({ metadata }) => updates(metadata) }),
  );
}
