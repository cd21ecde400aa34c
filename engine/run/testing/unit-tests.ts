// Unit tests: a model's SQL over given rows, in the engine's memory; no table is read or written.
import { LakeError, lakeError, throwCollected } from "../../common/errors.ts";
import { formatQuantity } from "../../common/format.ts";
import type { Column, Compute, QueryResult, Relation } from "../../compute/compute.ts";
import { relationName } from "../../compute/compute.ts";
import { inputText } from "../../project/input-text.ts";
import type { Model, UnitTest, UnitTestInput } from "../../project/types.ts";
import type { Rendered } from "../../template/types.ts";
import { located } from "../binding/bind-nodes.ts";
import { writeCompiled } from "../compiled.ts";
import type { InputColumns } from "../binding/input-columns.ts";
import { pinnedAs, relationOf, thisRelation } from "../names.ts";
import type { Readable } from "../names.ts";
import type { PlannedNode } from "../planning/planner.ts";
import type { Renderer } from "../render-node.ts";
import type { Session } from "../session.ts";
import type { NodeResult } from "../types.ts";
import { diffRows } from "./unit-test-diff.ts";
import { fixtureRelations, valueError } from "./unit-test-rows.ts";
import type { FixtureOptions } from "./unit-test-rows.ts";

export interface UnitTestContext {
  readonly session: Session;
  readonly renderer: Renderer;
  readonly columns: InputColumns;
}

type Given = UnitTest["given"][number];

/** Never throws what the test or the model is at fault for: that is its result. */
export async function runUnitTest(context: UnitTestContext, planned: PlannedNode): Promise<NodeResult> {
  const { session } = context;
  const test = planned.node as UnitTest;
  const startedMs = session.now();
  let compiledPath: string | undefined;
  const result = (
    status: "pass" | "fail" | "error",
    message: string,
    rest: Partial<NodeResult>,
  ): NodeResult => ({
    uniqueId: test.uniqueId,
    resourceType: "unit_test",
    status,
    message,
    startedMs,
    elapsedMs: session.now() - startedMs,
    ...(compiledPath !== undefined && { compiledPath }),
    ...rest,
  });
  try {
    const { rendered, model } = renderUnitTest(context, test);
    const file = `${test.path.replace(/\.ya?ml$/, "")}/${test.name}.sql`;
    compiledPath = await writeCompiled(session, file, rendered.sql);
    const different = await compare(context, { test, model, rendered });
    if (different === null) return result("pass", "rows as expected", { failures: 0 });
    const message = `${formatQuantity(different.differing, "row differs", "rows differ")} from what is expected`;
    return result("fail", message, { failures: different.differing, diff: different.diff });
  } catch (error) {
    if (!(error instanceof LakeError)) throw error;
    return result("error", error.message, { error });
  }
}

const clock = new Set([
  "now",
  "today",
  "current_date",
  "get_current_time",
  "get_current_timestamp",
  "transaction_timestamp",
  "current_localtime",
  "current_localtimestamp",
]);

/** Whether the same rows may give another answer next time: chance, or a clock that is not frozen. */
export async function isVolatileUnitTest(context: UnitTestContext, planned: PlannedNode): Promise<boolean> {
  const test = planned.node as UnitTest;
  const compute = await context.session.compute();
  const fixtures = [...test.given.map(({ fixture }) => fixture), test.expect];
  const statements = fixtures.flatMap((fixture) => (fixture.kind === "sql" ? [fixture.sql] : []));
  for (const sql of [renderUnitTest(context, test).rendered.sql, ...statements]) {
    const found = await compute.volatileFunctions(sql);
    if (found.some((name) => test.overrides.nowMs === undefined || !clock.has(name))) return true;
  }
  return false;
}

interface Subject {
  readonly test: UnitTest;
  readonly model: Model;
  readonly rendered: Rendered;
}

export function renderUnitTest(
  { session, renderer }: Pick<UnitTestContext, "session" | "renderer">,
  test: UnitTest,
): { readonly rendered: Rendered; readonly model: Model } {
  const model = session.graph.nodes.get(test.attachedTo) as Model;
  return { model, rendered: renderer.unitTest(test, model) };
}

async function compare(context: UnitTestContext, subject: Subject): Promise<ReturnType<typeof diffRows>> {
  const compute = await context.session.compute();
  const { test } = subject;
  const actual = await modelRows(context, compute, subject);
  const name = "expected";
  const what = "the expected rows";
  const options = { compute, fixture: test.expect, name, columns: actual.columns, test: test.name, what };
  const { relations, listed } = await fixtureRelations(options, "left out");
  // No rows expected, no columns named: nothing may come out.
  const columns = listed.length === 0 ? actual.columns : listed;
  const expected =
    listed.length === 0 ? [] : (await fixtureRows(compute, { ...options, ...clockOf(test), relations })).rows;
  const positions = columns.map((column) => actual.columns.indexOf(column));
  return diffRows({
    columns,
    expected,
    actual: actual.rows.map((row) => positions.map((position) => row[position])),
  });
}

interface Described extends Pick<FixtureOptions, "fixture" | "test" | "what" | "name"> {
  readonly relations: readonly Relation[];
  readonly nowMs?: number;
}

function clockOf({ overrides: { nowMs } }: UnitTest): { readonly nowMs?: number } {
  return nowMs === undefined ? {} : { nowMs };
}

/** The rows of one fixture alone: a value that its column cannot hold is the file's mistake. */
async function fixtureRows(compute: Compute, described: Described): Promise<QueryResult> {
  const { name, relations, nowMs } = described;
  const sql = `select * from ${relationName(name)}`;
  try {
    return await compute.query({ sql, relations, ...(nowMs !== undefined && { nowMs }) });
  } catch (error) {
    if (!(error instanceof LakeError)) throw error;
    throw valueError(described, error.message);
  }
}

async function modelRows(context: UnitTestContext, compute: Compute, subject: Subject): Promise<QueryResult> {
  const { test, model, rendered } = subject;
  const frozen = clockOf(test);
  const inputs: Described[] = [];
  for (const { given, node } of neededInputs(context, subject)) {
    const { fixture } = given;
    const what = inputText(given.input);
    const isThis = given.input.kind === "this";
    const { profile } = context.session;
    const name = isThis ? thisRelation(model, profile) : relationOf(node, profile);
    const columns: readonly Column[] = isThis
      ? await context.columns.before(model)
      : await context.columns.of(node);
    const options = { compute, fixture, name, columns, test: test.name, what };
    inputs.push({ ...options, ...frozen, ...(await fixtureRelations(options, "null")) });
  }
  try {
    const relations = inputs.flatMap((input) => input.relations);
    return await compute.query({ sql: rendered.sql, relations, ...frozen });
  } catch (error) {
    if (!(error instanceof LakeError)) throw error;
    for (const input of inputs) await fixtureRows(compute, input);
    throw located(error, { ...rendered, at: { file: model.path } });
  }
}

/** What the rendered SQL reads, each with its rows; all that are missing are named at once. */
function neededInputs(
  { renderer }: UnitTestContext,
  { test, model, rendered }: Subject,
): { readonly given: Given; readonly node: Readable }[] {
  const { refs, sources, usesThis } = rendered.references;
  const needed = new Map<string, Readable>();
  const need = (input: UnitTestInput, node: Readable | undefined): void => {
    if (node !== undefined) needed.set(inputText(input), node);
  };
  for (const call of refs) {
    const node = renderer.names.ref(call.name);
    need({ kind: "ref", ...call }, node && pinnedAs(node, call));
  }
  for (const call of sources) {
    const node = renderer.names.source(call.source, call.table);
    need({ kind: "source", ...call }, node && pinnedAs(node, call));
  }
  if (usesThis) need({ kind: "this" }, model);
  const given = new Map(test.given.map((one) => [inputText(one.input), one]));
  throwCollected(
    [...needed.keys()]
      .filter((input) => !given.has(input))
      .map((input) =>
        lakeError(
          "run/unit-test-input-missing",
          { test: test.name, model: model.name, input },
          { at: test.at, hint: `add "- input: ${input}" under given, with rows: [] for none` },
        ),
      ),
  );
  return [...needed].map(([input, node]) => ({ given: given.get(input) as Given, node }));
}
