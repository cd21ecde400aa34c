// The commit of a compaction, beside other writers.
import type { CatalogTable } from "../catalog/catalog.ts";
import { tableName } from "../catalog/catalog.ts";
import { isLakeError, lakeError } from "../common/errors.ts";
import type { ScanTask } from "../compute/compute.ts";
import type { StagedChange } from "../iceberg/change.ts";
import { currentSchema, defaultSpec } from "../iceberg/metadata.ts";
import { planScan } from "../iceberg/scan.ts";
import { loadTable, publishChanges, stageChange } from "../iceberg/transaction.ts";
import type { DataFile } from "../iceberg/types.ts";
import { carriedSummary, headSnapshot } from "../plan/table-state.ts";
import type { Session } from "../run/session.ts";

const attempts = 10;

export interface RewriteRequest {
  readonly session: Session;
  /** The state that the files were read at. */
  readonly table: CatalogTable;
  /** The data files that go, with the deletes that were applied while they were read. */
  readonly tasks: readonly ScanTask[];
  readonly add: readonly DataFile[];
  readonly commitId: string;
}

/**
 * Commits the rewrite, again on the newest state when another writer was faster. Errors: `iceberg/cannot-restage`
 * when a file that was read is gone or got new deletes, `catalog/conflict` when others were faster each time,
 * `catalog/unknown-outcome` (nothing is deleted).
 */
export async function publishRewrite(request: RewriteRequest): Promise<void> {
  const { session, table } = request;
  const [catalog, storage] = await Promise.all([session.catalog(), session.storage()]);
  const { identifier } = table;
  // Each batch of one compaction commits on top of the one before.
  let base = (await loadTable({ catalog, storage, identifier })) ?? table;
  for (let attempt = 1; ; attempt += 1) {
    if (base.metadataLocation !== table.metadataLocation) await checkStillThere(request, base);
    const staged = await stageRewrite(request, base);
    try {
      await publishChanges({ catalog, storage, staged: [staged], nowMs: session.now() });
      return;
    } catch (error) {
      if (!isLakeError(error, "catalog/conflict")) throw error;
      const added = new Set(request.add.map((file) => file.path));
      await storage.delete(staged.writtenPaths.filter((path) => !added.has(path)));
      if (attempt >= attempts) throw error;
      const now = await loadTable({ catalog, storage, identifier });
      if (now === null) throw error;
      base = now;
    }
  }
}

async function stageRewrite(request: RewriteRequest, base: CatalogTable): Promise<StagedChange> {
  const { session, table, tasks, add, commitId } = request;
  const { metadata } = base;
  return stageChange({
    storage: await session.storage(),
    nowMs: session.now(),
    request: {
      identifier: base.identifier,
      base,
      location: metadata.location,
      schema: currentSchema(metadata),
      spec: defaultSpec(metadata),
      properties: {},
      operation: {
        kind: "rewrite",
        add,
        removePaths: new Set(tasks.map(({ file }) => file.path)),
        dataSequenceNumber: headSnapshot(table.metadata)?.["sequence-number"] ?? 0n,
      },
      summary: carriedSummary(base),
      commitId,
      formatVersion: metadata["format-version"] === 3 ? 3 : 2,
    },
  });
}

/** Equality deletes that came meanwhile still reach the new files, by sequence number; deletes by position do not. */
async function checkStillThere({ session, table, tasks }: RewriteRequest, now: CatalogTable): Promise<void> {
  const refuse = (problem: string): Error =>
    lakeError("iceberg/cannot-restage", { table: tableName(table.identifier), problem });
  const { metadata } = now;
  if (metadata["table-uuid"] !== table.metadata["table-uuid"])
    throw refuse("another table stands under the name");
  if (metadata["default-spec-id"] !== table.metadata["default-spec-id"])
    throw refuse("another writer changed the partition spec");
  const live = new Map(
    (await planScan({ storage: await session.storage(), metadata })).map((task) => [task.file.path, task]),
  );
  const positions = ({ deletes }: ScanTask): string =>
    deletes
      .filter(({ content }) => content === "position-deletes")
      .map(({ path, contentOffset }) => `${path}@${contentOffset ?? ""}`)
      .sort()
      .join();
  for (const task of tasks) {
    const found = live.get(task.file.path);
    if (found === undefined) throw refuse(`${task.file.path} is gone`);
    if (positions(found) !== positions(task)) throw refuse(`rows of ${task.file.path} were deleted`);
  }
}
