// Few manifests instead of many, each of neighbouring partitions, and no delete file that reaches nothing.
import { tableName } from "../catalog/catalog.ts";
import type { CatalogTable, TableIdentifier } from "../catalog/catalog.ts";
import { isLakeError, lakeError } from "../common/errors.ts";
import { currentSchema, defaultSpec } from "../iceberg/metadata.ts";
import { forEachLiveFile, manifestsOf } from "../iceberg/reachable-files.ts";
import { planScan } from "../iceberg/scan.ts";
import { loadTable, publishChanges, stageChange } from "../iceberg/transaction.ts";
import type { ManifestFile } from "../iceberg/types.ts";
import { carriedSummary, headSnapshot } from "../plan/table-state.ts";
import type { Session } from "../run/session.ts";

export interface RewriteManifestsReport {
  readonly table: TableIdentifier;
  readonly manifestsBefore: number;
  readonly manifestsAfter: number;
  /** Delete files that apply to no data file any more. */
  readonly danglingDeletes: number;
}

export interface RewriteManifestsOptions {
  readonly session: Session;
  readonly identifier: TableIdentifier;
  readonly dryRun: boolean;
}

const attempts = 10;
const targetDefaultBytes = 8 * 1024 * 1024;

/** Errors: `catalog/table-not-found`, `catalog/conflict` when others were faster each time, `catalog/unknown-outcome`
 *  (nothing is deleted). */
export async function rewriteManifests(options: RewriteManifestsOptions): Promise<RewriteManifestsReport> {
  const { session, identifier, dryRun } = options;
  const [catalog, storage] = await Promise.all([session.catalog(), session.storage()]);
  for (let attempt = 1; ; attempt += 1) {
    const table = await loadTable({ catalog, storage, identifier });
    if (table === null) throw lakeError("catalog/table-not-found", { table: tableName(identifier) });
    const { dangling, ...plan } = await planRewrite(session, table);
    const report = { table: identifier, ...plan, danglingDeletes: dangling.size };
    const isWorthIt = plan.manifestsAfter < plan.manifestsBefore || dangling.size > 0;
    if (!isWorthIt) return { ...report, manifestsAfter: plan.manifestsBefore };
    if (dryRun) return report;
    try {
      return { ...report, manifestsAfter: await rewriteOnce(session, table, dangling) };
    } catch (error) {
      // A delete file that is gone meanwhile was dropped by another maintainer.
      const passes =
        isLakeError(error, "catalog/conflict") || isLakeError(error, "iceberg/missing-data-file");
      if (!passes || attempt >= attempts) throw error;
    }
  }
}

interface RewritePlan {
  readonly manifestsBefore: number;
  readonly manifestsAfter: number;
  readonly dangling: ReadonlySet<string>;
}

async function planRewrite(session: Session, { metadata }: CatalogTable): Promise<RewritePlan> {
  const storage = await session.storage();
  const head = headSnapshot(metadata);
  if (head === null) return { manifestsBefore: 0, manifestsAfter: 0, dangling: new Set() };
  const manifests = [...(await manifestsOf(storage, [head])).values()];
  const target = Number(metadata.properties["commit.manifest.target-size-bytes"] ?? targetDefaultBytes);
  const groups = Map.groupBy(manifests, ({ specId, content }) => `${specId} ${content}`);
  const manifestsAfter = [...groups.values()].reduce((sum, group) => sum + neededFor(group, target), 0);
  const dangling = new Set<string>();
  const deletes = manifests.filter(({ content }) => content === "deletes");
  if (deletes.length > 0) {
    await forEachLiveFile({ storage, metadata, manifests: deletes }, (path) => dangling.add(path));
    for (const task of await planScan({ storage, metadata }))
      for (const { path } of task.deletes) dangling.delete(path);
  }
  return { manifestsBefore: manifests.length, manifestsAfter, dangling };
}

function neededFor(group: readonly ManifestFile[], targetBytes: number): number {
  const bytes = group.reduce((sum, { lengthBytes }) => sum + Number(lengthBytes), 0);
  return Math.max(1, Math.ceil(bytes / targetBytes));
}

/** How many manifests the table has then. */
async function rewriteOnce(
  session: Session,
  base: CatalogTable,
  dangling: ReadonlySet<string>,
): Promise<number> {
  const [catalog, storage] = await Promise.all([session.catalog(), session.storage()]);
  const { metadata, identifier } = base;
  const staged = await stageChange({
    storage,
    nowMs: session.now(),
    request: {
      identifier,
      base,
      location: metadata.location,
      schema: currentSchema(metadata),
      spec: defaultSpec(metadata),
      properties: {},
      operation: {
        kind: "rewrite",
        add: [],
        removePaths: dangling,
        dataSequenceNumber: metadata["last-sequence-number"],
        regroupManifests: true,
      },
      summary: carriedSummary(base),
      commitId: session.newId(),
      formatVersion: 2,
    },
  });
  try {
    const [table] = await publishChanges({ catalog, storage, staged: [staged], nowMs: session.now() });
    const head = table === undefined ? null : headSnapshot(table.metadata);
    return (await manifestsOf(storage, head === null ? [] : [head])).size;
  } catch (error) {
    if (!isLakeError(error, "catalog/unknown-outcome")) await storage.delete(staged.writtenPaths);
    throw error;
  }
}
