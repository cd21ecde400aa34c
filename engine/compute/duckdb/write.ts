// Writes a query's rows as data files of an Iceberg table: all of them and their landing counts, or none.
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import { isLakeError, lakeError, throwCollected, type LakeError } from "../../common/errors.ts";
import { mapLimited } from "../../common/limit.ts";
import type { DataFile } from "../../iceberg/types.ts";
import type { Column, LandingRelation, WriteRequest, WriteResult } from "../compute.ts";
import {
  copyFiles,
  derivedColumns,
  fileLayout,
  partitionNames,
  writtenPath,
  type FileLayout,
} from "./copy-files.ts";
import { engineError } from "./errors.ts";
import { Ingest } from "./ingest.ts";
import { isLineTooLong, nextLineBytes, usualLineBytes } from "./landing.ts";
import { MemoryBudget } from "./memory-budget.ts";
import { learnWrittenSchema } from "./parquet-schema.ts";
import { createRelations } from "./relations.ts";
import { checkSelects } from "./safety.ts";
import { readRows, type DuckDbSession } from "./session.ts";
import { identifier, literal } from "./text.ts";
import { duckdbType, sqlCast } from "./types.ts";
import { inputBytesOf, memoryNeeded, planWrite, stagedPlan, type WritePlan } from "./write-plan.ts";

const budgets = new WeakMap<DuckDbSession, MemoryBudget>();

/**
 * The rows of `request.sql` as data files. Files of a failed or aborted write are gone when it rejects.
 * Errors: `compute/*`; `compute/bad-record` and its kin for landing files.
 */
export async function writeTable(session: DuckDbSession, request: WriteRequest): Promise<WriteResult> {
  const { memoryLimitBytes, threads } = session.settings;
  const target = session.files.target(request.dataLocation, request.writeId);
  const layout = fileLayout(request, target.directory);
  const inputBytes = inputBytesOf(request.relations);
  const partitioned = partitionNames(layout).length > 0;
  const plan = planWrite({ partitioned, inputBytes, memoryLimitBytes, threads });
  await mkdir(layout.localDirectory, { recursive: true });
  return session.files.with(request, async (relations) => {
    const result = await writeAttempts({
      session,
      request: { ...request, relations },
      layout,
      plan,
      inputBytes,
    });
    try {
      await target.publish(result.files);
    } catch (error) {
      await target.discard();
      throw error;
    }
    return result;
  });
}

async function writeAttempts(
  first: Pick<Attempt, "session" | "request" | "layout" | "plan" | "inputBytes">,
): Promise<WriteResult> {
  const { session, layout, inputBytes } = first;
  const { memoryLimitBytes } = session.settings;
  const budget = budgetOf(session);
  let attempt: Attempt = {
    ...first,
    longestLine: usualLineBytes,
    alone: false,
  };
  for (;;) {
    const current = attempt;
    const share = current.alone ? memoryLimitBytes : memoryNeeded(current.plan, inputBytes, memoryLimitBytes);
    try {
      return await budget.with(share, () => writeOnce(current));
    } catch (error) {
      await removeWritten(layout);
      const next = nextAttempt(current, error);
      if (next === null) throw error;
      attempt = next;
    }
  }
}

/** Out of memory is tried once more, alone and staged; a line longer than the reader's bound with a larger one. */
function nextAttempt(attempt: Attempt, error: unknown): Attempt | null {
  if (isLakeError(error, "compute/out-of-memory") && !attempt.alone) {
    const partitioned = partitionNames(attempt.layout).length > 0;
    const plan = partitioned
      ? stagedPlan(attempt.inputBytes, attempt.session.settings.threads)
      : attempt.plan;
    return { ...attempt, plan, alone: true };
  }
  if (isLineTooLong(error)) return { ...attempt, longestLine: nextLineBytes(attempt.longestLine) };
  return null;
}

function budgetOf(session: DuckDbSession): MemoryBudget {
  const known = budgets.get(session);
  if (known) return known;
  const made = new MemoryBudget(session.settings.memoryLimitBytes);
  budgets.set(session, made);
  return made;
}

interface Attempt {
  readonly session: DuckDbSession;
  readonly request: WriteRequest;
  readonly layout: FileLayout;
  readonly plan: WritePlan;
  readonly inputBytes: number;
  readonly longestLine: number;
  /** Whether it has the whole memory budget to itself. */
  readonly alone: boolean;
}

async function writeOnce(attempt: Attempt): Promise<WriteResult> {
  const { session, request } = attempt;
  return session.withConnection(async (connection) => {
    const ingest = new Ingest({ session, connection, request, longestLine: attempt.longestLine });
    try {
      const landing = (relation: LandingRelation) => ingest.landingSql(relation);
      await createRelations({ session, connection, landing }, request.relations);
      const select = await projection(connection, request);
      // The check of every byte runs beside the read of the rows.
      ingest.startVerification();
      const files = await runPlan(attempt, connection, select);
      await learnWrittenSchema(
        session,
        connection,
        files.map((file) => writtenPath(attempt.layout, file)),
      );
      const { counts, rejected } = await ingest.finish();
      const rows = files.reduce((sum, file) => sum + file.recordCount, 0n);
      request.onProgress?.({ rows: Number(rows), fraction: 1 });
      return { files, rows, landing: counts, rejected };
    } catch (error) {
      throw await ingest.explain(error);
    } finally {
      await ingest.close();
    }
  }, request.signal);
}

/** The query with its columns matched by name to the table's, in the table's order and types. */
async function projection(connection: DuckDBConnection, request: WriteRequest): Promise<string> {
  const names = new Set(request.relations.map(({ name }) => name.toLowerCase()));
  const [checked] = await checkSelects(connection, [request.sql], (name) => names.has(name));
  if (!checked) throw lakeError("compute/not-one-select", { found: "none" });
  if ("error" in checked) throw checked.error;
  const columns = await describe(connection, request.sql);
  const list = matchColumns(columns, request).join(", ");
  return `select ${list} from (${request.sql}\n) as "the query"`;
}

async function describe(connection: DuckDBConnection, sql: string): Promise<Column[]> {
  const prefix = "describe ";
  try {
    const rows = await readRows(connection, prefix + sql);
    return rows.map((row) => ({ name: String(row["column_name"]), type: String(row["column_type"]) }));
  } catch (error) {
    throw engineError(error);
  }
}

function matchColumns(columns: readonly Column[], { schema, ignoredColumns = [] }: WriteRequest): string[] {
  const errors: LakeError[] = [];
  const ignored = new Set(ignoredColumns.map((name) => name.toLowerCase()));
  const byName = new Map(columns.map((column) => [column.name.toLowerCase(), column]));
  const list = schema.fields.map((field) => {
    const column = byName.get(field.name.toLowerCase());
    byName.delete(field.name.toLowerCase());
    if (column) return `${sqlCast(column, field.type)} as ${identifier(field.name)}`;
    if (field.required)
      errors.push(
        lakeError(
          "compute/missing-column",
          { column: field.name },
          { hint: "add it to the select list, or rebuild the table with --full-refresh" },
        ),
      );
    return `cast(null as ${duckdbType(field.type)}) as ${identifier(field.name)}`;
  });
  for (const { name } of byName.values()) {
    if (ignored.has(name.toLowerCase())) continue;
    const known = schema.fields.map((field) => field.name).join(", ");
    errors.push(lakeError("compute/unexpected-column", { column: name }, { hint: `the table has ${known}` }));
  }
  throwCollected(errors);
  return list;
}

async function runPlan(attempt: Attempt, connection: DuckDBConnection, select: string): Promise<DataFile[]> {
  const { layout, plan, inputBytes } = attempt;
  switch (plan.kind) {
    case "single":
      return copyFiles({
        connection,
        layout,
        select,
        part: 0,
        mayExceedTarget: inputBytes > layout.targetFileSizeBytes,
      });
    case "held":
      return writeHeld(attempt, connection, select);
    case "staged":
      return writeStaged(attempt, connection, select, plan.buckets);
  }
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
async function writeHeld(
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
async function writeStaged(
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

/** Removes what this write left in the table's data folder. Empty folders stay: another writer may be about to fill them. */
async function removeWritten(layout: FileLayout): Promise<void> {
  const entries = await readdir(layout.localDirectory, { recursive: true, withFileTypes: true }).catch(
    () => [],
  );
  const ours = entries.filter((entry) => entry.isFile() && entry.name.includes(layout.writeId));
  await mapLimited(ours, 16, (entry) => rm(join(entry.parentPath, entry.name), { force: true }));
}
