// What a failed run leaves for whoever looks at it, takes over what it staged, or cleans up.
import { lakeError } from "../../common/errors.ts";
import { mapLimited } from "../../common/limit.ts";
import type { Catalog, CatalogTable } from "../../catalog/catalog.ts";
import { tableName } from "../../catalog/catalog.ts";
import { serialiseTableMetadata } from "../../iceberg/metadata.ts";
import { fromStagedRecord, toStagedRecord } from "../../iceberg/staged-record.ts";
import type { StagedRecord } from "../../iceberg/staged-record.ts";
import { loadTables } from "../../iceberg/transaction.ts";
import type { LandingVersion } from "../../plan/landing-diff.ts";
import type { Storage } from "../../storage/storage.ts";
import { encodeRecord, readRecord, recordNames, recordPath } from "./run-records.ts";
import type { StagedTable } from "../publishing/staged-table.ts";
import type { TableReport } from "../types.ts";

export interface FailedRun {
  readonly version: 2;
  readonly runId: string;
  readonly command: string;
  readonly startedMs: number;
  readonly failedMs: number;
  /** Whether nothing of it was published; false where the catalog's answer never came. */
  readonly certain: boolean;
  /** The options of the command line, to call it again. */
  readonly invocation?: Readonly<Record<string, unknown>>;
  readonly tables: readonly FailedTable[];
}

/** One staged change; those of one node stand one after another, the node's own table first. */
export interface FailedTable extends StagedRecord {
  /** `namespace.name`. */
  readonly table: string;
  /** The file with the metadata as the run saw it. */
  readonly metadata: string;
  readonly node: string;
  readonly runId: string;
  readonly mode: StagedTable["mode"];
  readonly landing: readonly LandingVersion[];
  readonly report: Readonly<Record<keyof TableReport, unknown>>;
}

export interface FailedRunRequest extends Omit<FailedRun, "version" | "tables"> {
  readonly storage: Storage;
  readonly folder: string;
  readonly staged: readonly StagedTable[];
}

/** The record comes last: what it names is there. */
export async function writeFailedRun(request: FailedRunRequest): Promise<void> {
  const { storage, folder, staged, ...run } = request;
  const flat = staged.flatMap((table) => table.changes.map((change) => ({ ...table, change })));
  const tables = await mapLimited(flat, 8, async (one): Promise<FailedTable> => {
    const table = tableName(one.change.request.identifier);
    const metadata = recordPath(folder, run.runId, `${table}.metadata.json`);
    await storage.write(metadata, serialiseTableMetadata(one.change.preview));
    const { uniqueId: node, runId, mode, landing, report } = one;
    return { ...toStagedRecord(one.change), table, metadata, node, runId, mode, landing, report };
  });
  const record: FailedRun = { version: 2, ...run, tables };
  await storage.write(recordPath(folder, run.runId, recordNames.failed), encodeRecord(record));
}

/** Errors: `run/unknown-run`. */
export async function readFailedRun(storage: Storage, folder: string, runId: string): Promise<FailedRun> {
  const isId = /^[A-Za-z0-9-]+$/.test(runId);
  const found = isId
    ? await readRecord<FailedRun>(storage, recordPath(folder, runId, recordNames.failed))
    : null;
  if (found !== null) return found;
  const hint = "`lake staged` lists those that failed before they were published";
  throw lakeError("run/unknown-run", { runId }, { hint });
}

/** What of it can still be published: on tables that stand where they stood. By unique id. */
export async function stagedTablesOf(options: {
  readonly catalog: Catalog;
  readonly storage: Storage;
  readonly failed: FailedRun;
}): Promise<Map<string, StagedTable>> {
  const { catalog, storage, failed } = options;
  const identifiers = failed.tables.map(({ identifier }) => identifier);
  const current = await loadTables({ catalog, storage, identifiers });
  const byNode = Map.groupBy(failed.tables, ({ node }) => node);
  const found = await mapLimited([...byNode], 8, async ([node, records]) => {
    const staged = await restored(storage, records, current);
    return staged === null ? [] : [[node, staged] as const];
  });
  return new Map(found.flat());
}

async function restored(
  storage: Storage,
  records: readonly FailedTable[],
  current: ReadonlyMap<string, CatalogTable>,
): Promise<StagedTable | null> {
  const [own] = records;
  const moved = records.some(({ table, base }) => (current.get(table)?.metadataLocation ?? null) !== base);
  if (own === undefined || moved || !(await allThere(storage, records))) return null;
  const [change, ...others] = await mapLimited(records, 8, (record) =>
    fromStagedRecord(storage, record, current.get(record.table) ?? null),
  );
  if (change === undefined) return null;
  const { node: uniqueId, runId, mode, landing } = own;
  return { uniqueId, runId, mode, landing, report: reportOf(own), changes: [change, ...others] };
}

/** Other engines' orphan removal does not know staged files (rule 6). */
async function allThere(storage: Storage, records: readonly FailedTable[]): Promise<boolean> {
  const paths = records.flatMap((record) => {
    const ledger = record.summary["lake.ledger"];
    return ledger === undefined ? record.paths : [...record.paths, ledger];
  });
  const found = await mapLimited(paths, 16, (path) => storage.stat(path));
  return found.every((file) => file !== null);
}

function reportOf({ report }: FailedTable): TableReport {
  const big = (value: unknown): bigint => BigInt(value as bigint | number);
  return {
    ...(report as unknown as TableReport),
    snapshotId: report.snapshotId === null ? null : big(report.snapshotId),
    rowsAdded: big(report.rowsAdded),
    rowsTotal: big(report.rowsTotal),
    bytesTotal: big(report.bytesTotal),
  };
}
