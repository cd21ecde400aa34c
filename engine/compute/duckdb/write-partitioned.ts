// A partitioned write: rows gathered in memory or on disk, then several COPYs at once, one file per partition.
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import { lakeError } from "../../common/errors.ts";
import { mapLimited } from "../../common/limit.ts";
import type { DataFile } from "../../iceberg/types.ts";
import type { WriteRequest } from "../compute.ts";
import { copyFiles, derivedColumns, partitionNames, type FileLayout } from "./copy-files.ts";
import { readRows, type DuckDbSession } from "./session.ts";
import { identifier, literal } from "./text.ts";
import { stagedPlan, type WritePlan } from "./write-plan.ts";

/** One try of a write: another may follow with a plan that needs less memory. */
export interface Attempt {
  readonly session: DuckDbSession;
  readonly request: WriteRequest;
  readonly layout: FileLayout;
  readonly plan: WritePlan;
  readonly inputBytes: number;
  readonly longestLine: number;
  /** Whether landing files with values that span lines are read from copies. */
  readonly sealed: boolean;
  /** Whether it has the whole memory budget to itself. */
  readonly alone: boolean;
}

const partitionsPerCopy = 12;
const rowsPerCopy = 400_000;
/** The engine reads rows in vectors of this many and skips those that no row of a COPY can be in. */
const vectorRows = 2048;
const partitionsPerVector = 24;

/**
 * Into a table in memory as they come, then several COPYs at once, each with partitions of its own. Rows that
 * lie in the order of their partitions, as events mostly do, need no sort; others are staged from that table.
 */
export async function writeHeld(
  attempt: Attempt,
  connection: DuckDBConnection,
  select: string,
): Promise<DataFile[]> {
  const { layout, request, session } = attempt;
  const table = `memory.main.${identifier(`lake held ${request.writeId}`)}`;
  try {
    await connection.run(
      `create or replace table ${table} as select *${derivedColumns(layout)} from (${select})`,
    );
    if (!(await isClustered(connection, table, layout))) {
      const { buckets } = stagedPlan(attempt.inputBytes, session.settings.threads);
      return await writeBuckets(attempt, connection, { rows: table, buckets });
    }
    const { selects, rows } = await disjointSelects(connection, table, layout);
    const files = await copyAll(attempt, selects);
    const written = files.reduce((sum, file) => sum + file.recordCount, 0n);
    if (written !== rows)
      throw lakeError("compute/failed", { message: `${rows} rows were read and ${written} written` });
    return files;
  } finally {
    await session.withConnection((own) => own.run(`drop table if exists ${table}`)).catch(() => undefined);
  }
}

/** Whether a vector of rows holds few partitions, so that a COPY of some partitions reads few vectors. */
async function isClustered(
  connection: DuckDBConnection,
  table: string,
  layout: FileLayout,
): Promise<boolean> {
  const places = `select distinct rowid // ${vectorRows} as vector, ${partitionKey(layout)} as key from ${table}`;
  const sql = `select count(*) <= ${partitionsPerVector} * count(distinct vector) as yes from (${places})`;
  const [row] = await readRows(connection, sql);
  return row?.["yes"] === true;
}

/** One SELECT for each COPY: the hashes of its partitions, and their bounds, by which the engine skips vectors. */
async function disjointSelects(
  connection: DuckDBConnection,
  table: string,
  layout: FileLayout,
): Promise<{ readonly selects: string[]; readonly rows: bigint }> {
  const names = partitionNames(layout);
  const key = partitionKey(layout);
  const each = (item: (name: string, index: number) => string) => names.map(item).join(", ");
  const partitions =
    `select ${key} as key, count(*) as rows, ` +
    `${each((name, at) => `min(${name}) as lo${at}, max(${name}) as hi${at}, count(${name}) as known${at}`)} ` +
    `from ${table} group by all`;
  const ordered =
    `select *, row_number() over places as place, sum(rows) over places as so_far from (${partitions}) ` +
    `window places as (order by ${each((_, at) => `lo${at}`)}, key rows unbounded preceding)`;
  const copies = await readRows(
    connection,
    `select sum(rows)::bigint as rows, string_agg(key || '::ubigint', ', ') as keys, ` +
      `${each((_, at) => `case when sum(known${at}) = sum(rows) then [min(lo${at})::varchar, max(hi${at})::varchar] end as bounds${at}`)} ` +
      `from (${ordered}) group by (place - 1) // ${partitionsPerCopy} + so_far // ${rowsPerCopy} order by min(place)`,
  );
  const selects = copies.map((copy) => {
    const conditions = [`${key} in (${String(copy["keys"])})`];
    names.forEach((name, at) => {
      const bounds = copy[`bounds${at}`];
      if (!(bounds instanceof Object) || !("items" in bounds)) return;
      const [lowest, highest] = (bounds.items as readonly unknown[]).map((bound) => literal(String(bound)));
      conditions.push(`${name} between ${lowest} and ${highest}`);
    });
    return `select * from ${table} where ${conditions.join(" and ")}`;
  });
  return { selects, rows: copies.reduce((sum, copy) => sum + (copy["rows"] as bigint), 0n) };
}

function partitionKey(layout: FileLayout): string {
  return `hash(${partitionNames(layout).join(", ")})`;
}

/** Bucketed by partition on disk, in small row groups, then bucket by bucket, several at once. */
export async function writeStaged(
  attempt: Attempt,
  connection: DuckDBConnection,
  select: string,
  buckets: number,
): Promise<DataFile[]> {
  const rows = `(select *${derivedColumns(attempt.layout)} from (${select}))`;
  return writeBuckets(attempt, connection, { rows, buckets });
}

async function writeBuckets(
  attempt: Attempt,
  connection: DuckDBConnection,
  { rows, buckets }: { readonly rows: string; readonly buckets: number },
): Promise<DataFile[]> {
  const { layout, request, session } = attempt;
  const stage = join(session.scratchDirectory, `stage-${request.writeId}`);
  const bucket = `${partitionKey(layout)} % ${buckets}`;
  try {
    const bucketed = `select *, ${bucket} as lake_bucket from ${rows}`;
    await connection.run(
      `copy (${bucketed}) to ${literal(stage)} (format parquet, compression lz4_raw, row_group_size 16384, ` +
        `write_bloom_filter false, dictionary_size_limit 3000, partition_by (lake_bucket), write_partition_columns false)`,
    );
    const folders = await readdir(stage).catch(() => []);
    const selects = folders.map(
      (folder) =>
        `select * from read_parquet(${literal(`${join(stage, folder)}/*.parquet`)}, hive_partitioning = false)`,
    );
    return await copyAll(attempt, selects, (index) => rm(join(stage, folders[index]!), { recursive: true }));
  } finally {
    await rm(stage, { recursive: true, force: true });
  }
}

/** As many COPYs at once as there are threads: each writes its partitions on one. */
async function copyAll(
  attempt: Attempt,
  selects: readonly string[],
  afterEach?: (index: number) => Promise<void>,
): Promise<DataFile[]> {
  const { session, layout, request } = attempt;
  let rows = 0n;
  let done = 0;
  return withoutEngineThreads(session, async () => {
    const files = await mapLimited(selects, session.settings.threads, async (select, part) => {
      const written = await session.withConnection(
        (connection) => copyFiles({ connection, layout, select, part }),
        request.signal,
      );
      await afterEach?.(part);
      for (const file of written) rows += file.recordCount;
      done += 1;
      request.onProgress?.({ rows: Number(rows), fraction: done / selects.length });
      return written;
    });
    return files.flat();
  });
}

const copying = new WeakMap<DuckDbSession, number>();

/**
 * Every statement brings the thread that waits for it. With engine threads besides, those waiting spin
 * (1 to 2 s of processor time per million rows, measured), so while COPYs run side by side there are none.
 */
async function withoutEngineThreads<T>(session: DuckDbSession, work: () => Promise<T>): Promise<T> {
  const set = (threads: number) =>
    session.withConnection((connection) => connection.run(`set global threads = ${threads}`));
  const before = copying.get(session) ?? 0;
  copying.set(session, before + 1);
  if (before === 0) await set(1);
  try {
    return await work();
  } finally {
    const left = copying.get(session)! - 1;
    copying.set(session, left);
    if (left === 0) await set(session.settings.threads).catch(() => undefined);
  }
}
