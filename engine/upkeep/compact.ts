// Many small files, and files with many deleted rows, become few: the same rows in other files.
import { tableName } from "../catalog/catalog.ts";
import type { CatalogTable, TableIdentifier } from "../catalog/catalog.ts";
import { isLakeError, lakeError } from "../common/errors.ts";
import type { ScanTask, WriteRequest, WriteResult } from "../compute/compute.ts";
import { relationName } from "../compute/compute.ts";
import { currentSchema, defaultSortOrder, defaultSpec } from "../iceberg/metadata.ts";
import { batchBins, defaultCompaction, planCompaction } from "../iceberg/plan-compaction.ts";
import type { CompactionBin, CompactionPolicy } from "../iceberg/plan-compaction.ts";
import { keepsLineage, withLineage } from "../iceberg/row-lineage.ts";
import { asRelation, planScan } from "../iceberg/scan.ts";
import { loadTable } from "../iceberg/transaction.ts";
import type { DataFile, TableMetadata } from "../iceberg/types.ts";
import type { CompactionOrder } from "../project/types.ts";
import type { Session } from "../run/session.ts";
import { publishRewrite } from "./publish-rewrite.ts";
import { rowOrder } from "./row-order.ts";
import type { RowOrder } from "./row-order.ts";

export interface CompactReport {
  readonly table: TableIdentifier;
  readonly filesBefore: number;
  readonly filesAfter: number;
  readonly sizeBytesBefore: bigint;
  readonly sizeBytesAfter: bigint;
  /** Each a snapshot that is complete in itself. */
  readonly commits: number;
}

export interface CompactOptions extends Partial<CompactionOrder> {
  readonly session: Session;
  readonly identifier: TableIdentifier;
  readonly policy?: Partial<CompactionPolicy>;
  readonly dryRun: boolean;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

/** So much is read, written and committed at a time. */
const batchBytes = 2 * 1024 ** 3;

/**
 * Each batch is a commit: stopped at any moment, the table holds the same rows. A batch whose files another writer
 * rewrote or deleted rows from meanwhile is left out, and the next run takes it up.
 * Errors: `catalog/table-not-found`, `upkeep/bad-order`, `upkeep/rows-changed` (nothing is committed), those of
 * reading, writing and committing.
 */
export async function compact(options: CompactOptions): Promise<CompactReport> {
  const { session, identifier, dryRun } = options;
  const [catalog, storage] = await Promise.all([session.catalog(), session.storage()]);
  const table = await loadTable({ catalog, storage, identifier });
  if (table === null) throw lakeError("catalog/table-not-found", { table: tableName(identifier) });
  const { metadata } = table;
  const tasks = await planScan({ storage, metadata });
  const policy: CompactionPolicy = {
    targetFileSizeBytes: Number(metadata.properties["write.target-file-size-bytes"] ?? 512 * 1024 ** 2),
    ...defaultCompaction,
    ...options.policy,
  };
  const order = rowOrder(metadata, { strategy: options.strategy ?? "binpack", by: options.by ?? [] });
  const planned = planCompaction(tasks, policy);
  const batches = batchBins(order === null ? planned : wholePartitions(planned, metadata), batchBytes);
  const total = batches.reduce((sum, batch) => sum + batch.length, 0);
  const report = { filesBefore: 0, filesAfter: 0, sizeBytesBefore: 0n, sizeBytesAfter: 0n, commits: 0 };
  let done = 0;
  for (const batch of batches) {
    options.signal?.throwIfAborted();
    const old = batch.flatMap((bin) => bin.tasks);
    const written = dryRun ? expected(batch, policy) : await rewrite(options, table, { batch, order });
    done += batch.length;
    options.onProgress?.(done, total);
    if (written === null) continue;
    report.filesBefore += old.length;
    report.filesAfter += written.files;
    report.sizeBytesBefore += old.reduce((sum, { file }) => sum + file.sizeBytes, 0n);
    report.sizeBytesAfter += written.sizeBytes;
    report.commits += 1;
  }
  return { table: identifier, ...report };
}

interface Written {
  readonly files: number;
  readonly sizeBytes: bigint;
}

/** What a dry run can say: as many bytes as before, in files of the target size. */
function expected(batch: readonly CompactionBin[], policy: CompactionPolicy): Written {
  const files = batch.map((bin) => Math.max(1, Math.ceil(bin.sizeBytes / policy.targetFileSizeBytes)));
  return {
    files: files.reduce((sum, count) => sum + count, 0),
    sizeBytes: BigInt(batch.reduce((sum, bin) => sum + bin.sizeBytes, 0)),
  };
}

/** Rows are put in order over all of a partition's files. Those of an older spec are left to `binpack`. */
function wholePartitions(
  groups: readonly (readonly CompactionBin[])[],
  metadata: TableMetadata,
): readonly (readonly CompactionBin[])[] {
  const specId = defaultSpec(metadata)["spec-id"];
  return groups.flatMap((bins) => {
    const tasks = bins.flatMap((bin) => bin.tasks);
    if (tasks[0]?.file.specId !== specId) return [];
    return [[{ tasks, sizeBytes: bins.reduce((sum, bin) => sum + bin.sizeBytes, 0) }]];
  });
}

interface Batch {
  readonly batch: readonly CompactionBin[];
  readonly order: RowOrder | null;
}

/** Null where another writer changed the files meanwhile. */
async function rewrite(options: CompactOptions, table: CatalogTable, batch: Batch): Promise<Written | null> {
  const { session, identifier } = options;
  const storage = await session.storage();
  const name = tableName(identifier);
  const commitId = session.newId();
  const tasks = batch.batch.flatMap((bin) => bin.tasks);
  const files = await writeBatch(options, table, { ...batch, commitId });
  checkRows(
    name,
    tasks,
    files.reduce((sum, file) => sum + file.recordCount, 0n),
  );
  try {
    await publishRewrite({ session, table, tasks, add: files, commitId });
  } catch (error) {
    if (isLakeError(error, "catalog/unknown-outcome")) throw error;
    await storage.delete(files.map((file) => file.path));
    if (isLakeError(error, "iceberg/cannot-restage")) return null;
    throw error;
  }
  return { files: files.length, sizeBytes: files.reduce((sum, file) => sum + file.sizeBytes, 0n) };
}

/** In order, each partition is written by itself, so that its files follow one another at the target size. */
async function writeBatch(
  { session, identifier, signal }: CompactOptions,
  table: CatalogTable,
  { batch, order, commitId }: Batch & { readonly commitId: string },
): Promise<DataFile[]> {
  const { metadata } = table;
  const [compute, storage] = await Promise.all([session.compute(), session.storage()]);
  const name = tableName(identifier);
  const lineage = keepsLineage(metadata);
  const write = (
    tasks: readonly ScanTask[],
    request: Pick<WriteRequest, "spec" | "sortOrder" | "orderBy" | "writeId" | "dataLocation">,
  ): Promise<WriteResult> =>
    compute.write({
      id: `compaction of ${name}`,
      sql: `select * from ${relationName(name)}`,
      relations: [{ ...asRelation({ name, metadata, tasks }), lineage }],
      schema: lineage ? withLineage(currentSchema(metadata)) : currentSchema(metadata),
      properties: metadata.properties,
      ...(signal !== undefined && { signal }),
      ...request,
    });
  const dataLocation = metadata.properties["write.data.path"] ?? `${metadata.location}/data`;
  if (order === null) {
    const { files } = await write(
      batch.flatMap((bin) => bin.tasks),
      { spec: defaultSpec(metadata), sortOrder: defaultSortOrder(metadata), dataLocation, writeId: commitId },
    );
    return [...files];
  }
  const written: DataFile[] = [];
  try {
    for (const [index, { tasks }] of batch.entries()) {
      const { files } = await write(tasks, {
        spec: { "spec-id": 0, fields: [] },
        ...(order.sortOrder !== undefined && { sortOrder: order.sortOrder }),
        ...(order.sql !== undefined && { orderBy: order.sql }),
        dataLocation,
        writeId: `${commitId}-${String(index).padStart(6, "0")}`,
      });
      const [{ file }] = tasks as [ScanTask];
      written.push(...files.map((one) => ({ ...one, specId: file.specId, partition: file.partition })));
    }
    return written;
  } catch (error) {
    await storage.delete(written.map(({ path }) => path));
    throw error;
  }
}

/** The format's own counts against what was written: a row too few or too many is never published. */
function checkRows(table: string, tasks: readonly ScanTask[], rows: bigint): void {
  const held = tasks.reduce((sum, { file }) => sum + file.recordCount, 0n);
  const untouched = tasks
    .filter(({ deletes }) => deletes.length === 0)
    .reduce((sum, { file }) => sum + file.recordCount, 0n);
  if (rows <= held && rows >= untouched) return;
  throw lakeError("upkeep/rows-changed", {
    table,
    expected: Number(held),
    found: Number(rows),
  });
}
