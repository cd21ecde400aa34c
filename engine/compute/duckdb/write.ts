// Writes a query's rows as data files of an Iceberg table: all of them and their landing counts, or none.
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import { isLakeError, lakeError, throwCollected, type LakeError } from "../../common/errors.ts";
import { mapLimited } from "../../common/limit.ts";
import type { DataFile } from "../../iceberg/types.ts";
import type { Column, LandingRelation, WriteRequest, WriteResult } from "../compute.ts";
import { copyFiles, fileLayout, partitionNames, writtenPath, type FileLayout } from "./copy-files.ts";
import { engineError } from "./errors.ts";
import { Ingest } from "./ingest.ts";
import { isLineTooLong, isSplitValue, nextLineBytes, usualLineBytes } from "./landing.ts";
import { MemoryBudget } from "./memory-budget.ts";
import { learnWrittenSchema } from "./parquet-schema.ts";
import { createRelations } from "./relations.ts";
import { checkSelects } from "./safety.ts";
import { readRows, type DuckDbSession } from "./session.ts";
import { identifier } from "./text.ts";
import { missingValue } from "./field-projection.ts";
import { sqlCast } from "./types.ts";
import { writeHeld, writeStaged, type Attempt } from "./write-partitioned.ts";
import { inputBytesOf, memoryNeeded, planWrite, stagedPlan } from "./write-plan.ts";

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
    sealed: false,
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

/** Out of memory is tried once more, alone and staged; a line longer than the reader's bound with a larger one; a
 *  file that the engine refuses whole for a value over several lines without it. */
function nextAttempt(attempt: Attempt, error: unknown): Attempt | null {
  if (isLakeError(error, "compute/out-of-memory") && !attempt.alone) {
    const partitioned = partitionNames(attempt.layout).length > 0;
    const plan = partitioned
      ? stagedPlan(attempt.inputBytes, attempt.session.settings.threads)
      : attempt.plan;
    return { ...attempt, plan, alone: true };
  }
  if (isLineTooLong(error)) return { ...attempt, longestLine: nextLineBytes(attempt.longestLine) };
  if (isSplitValue(error) && !attempt.sealed) return { ...attempt, sealed: true };
  return null;
}

function budgetOf(session: DuckDbSession): MemoryBudget {
  const known = budgets.get(session);
  if (known) return known;
  const made = new MemoryBudget(session.settings.memoryLimitBytes);
  budgets.set(session, made);
  return made;
}

async function writeOnce(attempt: Attempt): Promise<WriteResult> {
  const { session, request } = attempt;
  return session.withConnection(async (connection) => {
    const { longestLine, sealed } = attempt;
    const ingest = new Ingest({ session, connection, request, longestLine, sealed });
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
    if (field.required && field["write-default"] === undefined)
      errors.push(
        lakeError(
          "compute/missing-column",
          { column: field.name },
          { hint: "add it to the select list, or rebuild the table with --full-refresh" },
        ),
      );
    return `${missingValue(field, "write-default")} as ${identifier(field.name)}`;
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

/** Removes what this write left in the table's data folder. Empty folders stay: another writer may be about to fill them. */
async function removeWritten(layout: FileLayout): Promise<void> {
  const entries = await readdir(layout.localDirectory, { recursive: true, withFileTypes: true }).catch(
    () => [],
  );
  const ours = entries.filter((entry) => entry.isFile() && entry.name.includes(layout.writeId));
  await mapLimited(ours, 16, (entry) => rm(join(entry.parentPath, entry.name), { force: true }));
}
