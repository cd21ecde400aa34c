// Data tests: those of one table that only aggregate share one scan, the others count their failing rows.
import { LakeError, lakeError } from "../../common/errors.ts";
import { formatQuantity } from "../../common/format.ts";
import { meetsCondition } from "../../plan/data-tests.ts";
import type { DataTest } from "../../project/types.ts";
import { located } from "../binding/bind-nodes.ts";
import type { BuildContext } from "../writing/build-table.ts";
import { writeCompiled } from "../compiled.ts";
import { inputsOf } from "../inputs.ts";
import { isReadable, sqlName } from "../names.ts";
import type { PlannedNode } from "../planning/planner.ts";
import { relationsFor } from "../relations.ts";
import { storeFailures } from "../writing/store-failures.ts";
import { testSql } from "./test-sql.ts";
import type { RenderedTest } from "./test-sql.ts";
import type { NodeResult } from "../types.ts";

interface PreparedTest {
  readonly planned: PlannedNode;
  readonly test: DataTest;
  readonly sql: RenderedTest;
  readonly compiledPath: string;
}

/** Tests that read nothing but the table they stand on go together; every other one goes alone. */
export function testGroups(tests: readonly PlannedNode[]): PlannedNode[][] {
  const groups = new Map<string, PlannedNode[]>();
  for (const planned of tests) {
    const test = planned.node as DataTest;
    const alone =
      test.attachedTo === undefined ||
      planned.inputs.leaves.length !== 1 ||
      planned.inputs.inlined.length > 0;
    const key = alone ? test.uniqueId : test.attachedTo;
    groups.set(key, [...(groups.get(key) ?? []), planned]);
  }
  return [...groups.values()];
}

/** Results in the order of the tests; a test that could not be run is an `error`, never a pass. */
export async function runTests(context: BuildContext, tests: readonly PlannedNode[]): Promise<NodeResult[]> {
  const startedMs = context.session.now();
  const prepared = await Promise.all(tests.map((planned) => prepare(context, planned)));
  const shared = prepared.filter(({ sql }) => sql.aggregate !== null);
  const results = new Map<string, NodeResult>();
  for (const [id, failures] of await countShared(context, shared)) {
    const entry = prepared.find(({ test }) => test.uniqueId === id);
    if (entry !== undefined) results.set(id, await judge(context, entry, failures, startedMs));
  }
  for (const entry of prepared) {
    if (results.has(entry.test.uniqueId)) continue;
    const startedAlone = context.session.now();
    const failures = await countRows(context, entry);
    results.set(entry.test.uniqueId, await judge(context, entry, failures, startedAlone));
  }
  return prepared.map(({ test }) => results.get(test.uniqueId) as NodeResult);
}

async function prepare(context: BuildContext, planned: PlannedNode): Promise<PreparedTest> {
  const { session } = context;
  const test = planned.node as DataTest;
  const sql = testSql({ session, renderer: context.planned.renderer, test });
  const file =
    test.testType === "singular" ? test.path : `${test.path.replace(/\.ya?ml$/, "")}/${test.name}.sql`;
  return { planned, test, sql, compiledPath: await writeCompiled(session, file, sql.rows) };
}

/** One scan for all; on any error each is counted alone, so that the culprit is the one that is named. */
async function countShared(
  context: BuildContext,
  tests: readonly PreparedTest[],
): Promise<Map<string, number>> {
  const first = tests[0];
  if (first === undefined || tests.length === 1) return new Map();
  const { session } = context;
  const attached = session.graph.nodes.get(first.test.attachedTo ?? "");
  if (!isReadable(attached)) return new Map();
  const list = tests.map(({ sql }, index) => `${sql.aggregate} as "${index}"`).join(",\n  ");
  const sql = `select\n  ${list}\nfrom ${sqlName(attached, session.profile)}`;
  try {
    const compute = await session.compute();
    const { rows } = await compute.query({ sql, relations: await relations(context, first, sql) });
    const limit = (test: DataTest): number => test.testConfig.limit ?? Number.POSITIVE_INFINITY;
    return new Map(
      tests.map(({ test }, index) => [test.uniqueId, Math.min(Number(rows[0]?.[index]), limit(test))]),
    );
  } catch (error) {
    if (error instanceof LakeError) return new Map();
    throw error;
  }
}

async function countRows(context: BuildContext, entry: PreparedTest): Promise<number | LakeError> {
  const { test, sql } = entry;
  const limit = test.testConfig.limit === undefined ? "" : `\nlimit ${test.testConfig.limit}`;
  const counted = `select count(*) from (\n${sql.rows}\n${limit})`;
  try {
    const compute = await context.session.compute();
    const { rows } = await compute.query({
      sql: counted,
      relations: await relations(context, entry, sql.rows),
    });
    return Number(rows[0]?.[0]);
  } catch (error) {
    if (!(error instanceof LakeError)) throw error;
    const offset = Buffer.byteLength("select count(*) from (\n");
    const position =
      error.positionBytes === undefined ? undefined : Math.max(0, error.positionBytes - offset);
    const moved = new LakeError(error.code, error.message, {
      at: error.at,
      hint: error.hint,
      positionBytes: position,
      cause: error.cause,
    });
    return error.at === undefined
      ? located(moved, { sql: sql.rows, sourceMap: sql.sourceMap, at: test.at })
      : error;
  }
}

function relations(context: BuildContext, entry: PreparedTest, sql: string): ReturnType<typeof relationsFor> {
  const { session, tables, planned } = context;
  return relationsFor({
    session,
    renderer: planned.renderer,
    tables,
    node: entry.test.name,
    inputs: inputsOf(session.graph, entry.test.uniqueId),
    sql,
  });
}

async function judge(
  context: BuildContext,
  entry: PreparedTest,
  outcome: number | LakeError,
  startedMs: number,
): Promise<NodeResult> {
  const { test, compiledPath } = entry;
  const result = (
    status: NodeResult["status"],
    message: string,
    rest: Partial<NodeResult> = {},
  ): NodeResult => ({
    uniqueId: test.uniqueId,
    resourceType: "test",
    status,
    message,
    startedMs,
    elapsedMs: context.session.now() - startedMs,
    compiledPath,
    ...rest,
  });
  if (outcome instanceof LakeError) return result("error", outcome.message, { error: outcome });
  if (!Number.isSafeInteger(outcome) || outcome < 0) {
    const error = lakeError("run/test-not-one-count", { test: test.name }, { at: test.at });
    return result("error", error.message, { error });
  }
  const status = statusOf(test, outcome);
  if (status === "pass") return result("pass", "no failing rows", { failures: outcome });
  const stored =
    context.options.storeFailures === true || test.testConfig.storeFailures
      ? await storeFailures({
          context,
          test,
          rows: entry.sql.rows,
          relations: await relations(context, entry, entry.sql.rows),
        })
      : null;
  const rest = { failures: outcome, ...(stored !== null && { failuresTable: stored }) };
  return result(status, formatQuantity(outcome, "failing row"), rest);
}

function statusOf(test: DataTest, failures: number): "pass" | "warn" | "fail" {
  const { severity, errorIf, warnIf } = test.testConfig;
  if (severity === "error" && condition(test, failures, errorIf)) return "fail";
  return condition(test, failures, warnIf) ? "warn" : "pass";
}

function condition(test: DataTest, failures: number, text: string): boolean {
  const met = meetsCondition(failures, text);
  if (met === null) throw lakeError("plan/condition", { test: test.name, condition: text }, { at: test.at });
  return met;
}
