// A table's newest state in another place: every file copied, or known to lie there already.
import { tableName } from "../catalog/catalog.ts";
import type { CatalogTable } from "../catalog/catalog.ts";
import { sha256 } from "../common/hash.ts";
import { lakeError } from "../common/errors.ts";
import type { ScanTask } from "../compute/compute.ts";
import { relationName } from "../compute/compute.ts";
import { placingProperties } from "../iceberg/clone-table.ts";
import { stageCopy } from "../iceberg/copy-table.ts";
import { currentSchema, defaultSortOrder, defaultSpec } from "../iceberg/metadata.ts";
import { pathKey } from "../iceberg/path-key.ts";
import { keepsLineage, withLineage } from "../iceberg/row-lineage.ts";
import { asRelation, planScan } from "../iceberg/scan.ts";
import type { DataFile, TableMetadata } from "../iceberg/types.ts";
import { carriedSummary, summaryKeys } from "../plan/table-state.ts";
import { copyLedger, ledgerProperties } from "../run/landing/ledger.ts";
import { lakeFolder } from "../run/names.ts";
import type { Session } from "../run/session.ts";
import type { Storage } from "../storage/storage.ts";
import { copyFiles } from "./copy-files.ts";
import type { CopyFile } from "./copy-files.ts";

export interface CopyOptions {
  readonly session: Session;
  readonly source: CatalogTable;
  /** Where the copy's metadata goes. */
  readonly location: string;
  /** Where its data goes; may hold files of earlier copies, which are not copied again. */
  readonly dataFolder: string;
  readonly ledgerFolder: string;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: (done: number, total: number) => void;
}

export interface CopiedTable {
  readonly metadata: TableMetadata;
  readonly copiedFiles: number;
  readonly copiedBytes: number;
  /** Files that an earlier copy had brought there. */
  readonly presentFiles: number;
}

/**
 * Files with deleted rows are written again without them; all others are copied byte for byte. Nothing is registered.
 * Errors: `upkeep/nothing-to-copy` for a table without rows ever written, those of reading and writing.
 */
export async function copyTable(options: CopyOptions): Promise<CopiedTable> {
  const { session, source } = options;
  const { metadata } = source;
  const storage = await session.storage();
  const snapshotId = metadata["current-snapshot-id"];
  if (snapshotId === null) throw lakeError("upkeep/nothing-to-copy", { table: tableName(source.identifier) });
  const tasks = await planScan({ storage, metadata });
  const whole = tasks.filter(({ deletes }) => deletes.length === 0);
  const present = await sizesIn(storage, options.dataFolder);
  const paths = new Map(whole.map(({ file }) => [file.path, pooledPath(options.dataFolder, file.path)]));
  const missing = whole.flatMap(({ file }): CopyFile[] => {
    const to = paths.get(file.path) as string;
    const sizeBytes = Number(file.sizeBytes);
    return present.get(pathKey(to)) === sizeBytes ? [] : [{ from: file.path, to, sizeBytes }];
  });
  let done = 0;
  await copyFiles({
    storage,
    files: missing,
    signal: options.signal,
    onFile: () => options.onProgress?.(++done, missing.length),
  });
  const cleaned = tasks.filter(({ deletes }) => deletes.length > 0);
  const add = cleaned.length === 0 ? [] : await writeCleaned(options, cleaned);
  const ledger = await copyLedger({
    storage,
    source,
    folder: options.ledgerFolder,
    commitId: session.newId(),
  });
  const properties = Object.fromEntries(
    Object.entries(metadata.properties).filter(
      ([key]) => !placingProperties.includes(key) && key !== "gc.enabled" && !key.startsWith("lake."),
    ),
  );
  const copied = await stageCopy({
    storage,
    source: metadata,
    snapshotId,
    location: options.location,
    pathOf: (path) => paths.get(path) ?? null,
    add,
    properties: {
      ...properties,
      ...(ledger !== null && {
        [ledgerProperties.ledger]: ledger,
        [ledgerProperties.snapshot]: String(snapshotId),
      }),
    },
    summary: { ...carriedSummary(source), ...(ledger !== null && { [summaryKeys.ledger]: ledger }) },
  });
  return {
    metadata: copied,
    copiedFiles: missing.length + add.length,
    copiedBytes:
      missing.reduce((sum, file) => sum + file.sizeBytes, 0) +
      add.reduce((sum, file) => sum + Number(file.sizeBytes), 0),
    presentFiles: whole.length - missing.length,
  };
}

async function sizesIn(storage: Storage, folder: string): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  for await (const { path, sizeBytes } of storage.list(`${folder}/`)) sizes.set(pathKey(path), sizeBytes);
  return sizes;
}

/** Two tables' files may have one name: what stands before it is told apart by its hash. */
function pooledPath(folder: string, path: string): string {
  const name = path.slice(path.lastIndexOf("/") + 1);
  return `${folder}/${sha256(pathKey(path)).slice(0, 12)}-${name}`;
}

/** Through the target's own folder: the engine writes nowhere else. */
async function writeCleaned(
  { session, source, dataFolder, signal }: CopyOptions,
  tasks: readonly ScanTask[],
): Promise<readonly DataFile[]> {
  const { metadata } = source;
  const lineage = keepsLineage(metadata);
  const [compute, storage] = await Promise.all([session.compute(), session.storage()]);
  const name = tableName(source.identifier);
  const writeId = session.newId();
  const { files } = await compute.write({
    id: `copy of ${name}`,
    sql: `select * from ${relationName(name)}`,
    relations: [{ ...asRelation({ name, metadata, tasks }), lineage }],
    schema: lineage ? withLineage(currentSchema(metadata)) : currentSchema(metadata),
    spec: defaultSpec(metadata),
    sortOrder: defaultSortOrder(metadata),
    dataLocation: `${lakeFolder(session.profile)}/copies/${writeId}`,
    properties: metadata.properties,
    writeId,
    ...(signal !== undefined && { signal }),
  });
  const moved = files.map((file) => ({ ...file, path: pooledPath(dataFolder, file.path) }));
  await copyFiles({
    storage,
    files: files.map((file, index) => ({
      from: file.path,
      to: moved[index]?.path ?? "",
      sizeBytes: Number(file.sizeBytes),
    })),
    signal,
  });
  await storage.delete(files.map((file) => file.path));
  return moved;
}
