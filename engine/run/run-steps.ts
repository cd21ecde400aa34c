// The steps of a plan as jobs: what each does when its turn comes, and what stands in its place when it does not.
import { LakeError } from "../common/errors.ts";
import { buildTable } from "./writing/build-table.ts";
import type { BuildContext, BuiltTable } from "./writing/build-table.ts";
import type { InputColumns } from "./binding/input-columns.ts";
import type { PlannedNode } from "./planning/planner.ts";
import { rememberTest } from "./testing/remember-tests.ts";
import { builtMessage, tableReport } from "./writing/report-table.ts";
import { isBad } from "./run-results.ts";
import type { RunResults } from "./run-results.ts";
import { runTests, testGroups } from "./testing/run-tests.ts";
import type { Job } from "./scheduler.ts";
import type { StagedTable } from "./publishing/staged-table.ts";
import type { NodeResult, NodeStatus } from "./types.ts";
import { isVolatileUnitTest, runUnitTest } from "./testing/unit-tests.ts";

export interface Steps {
  readonly context: BuildContext;
  readonly results: RunResults;
  readonly columns: InputColumns;
  /** Called with every table that is complete, before its step counts as done. */
  readonly onStaged: (staged: StagedTable) => Promise<void>;
  /** `--fail-fast`: no further step starts. */
  readonly stop: () => void;
}

export function stepJobs(steps: Steps): Job<NodeResult[]>[] {
  const { results, context } = steps;
  const nodes = [...context.planned.nodes.values()];
  const groupOf = new Map<string, string>();
  const groups = testGroups(nodes.filter(runsTest)).map((group) => {
    const id = `tests of ${group[0]?.step.uniqueId ?? ""}`;
    for (const { step } of group) groupOf.set(step.uniqueId, id);
    return { id, group };
  });
  results.groupOf = groupOf;
  const after = (some: readonly PlannedNode[], own: string): string[] => {
    const ids = some.flatMap(({ step }) => step.after).map((id) => groupOf.get(id) ?? id);
    return [...new Set(ids)].filter((id) => id !== own);
  };
  const others = nodes.filter((node) => !runsTest(node));
  return [
    ...others.map((node) => ({
      id: node.step.uniqueId,
      after: after([node], node.step.uniqueId),
      run: () => (node.step.action === "test" ? unitTestStep(steps, node) : tableStep(steps, node)),
      skip: (because: string) => [results.skipped(node, because)],
    })),
    ...groups.map(({ id, group }) => ({
      id,
      after: after(group, id),
      run: () => testGroupStep(steps, group),
      skip: (because: string) => group.map((node) => results.skipped(node, because)),
    })),
  ];
}

function runsTest({ step }: PlannedNode): boolean {
  return step.action === "test" && step.resourceType === "test";
}

async function tableStep(steps: Steps, node: PlannedNode): Promise<NodeResult[]> {
  const { results, context } = steps;
  const { session, tables } = context;
  const { step } = node;
  const startedMs = session.now();
  const done = (status: NodeStatus, message: string, rest: Partial<NodeResult> = {}): NodeResult[] => {
    const elapsedMs = session.now() - startedMs;
    return [results.record({ ...results.resultOf(node, status, message), startedMs, elapsedMs, ...rest })];
  };
  const kept = results.kept(step);
  if (kept !== null && node.staged === undefined) return [kept];
  if (step.action === "inline") return done("success", step.reason);
  if (step.action === "reuse") return done("reused", step.reason);
  results.start(step.uniqueId, step.reason);
  try {
    if (node.staged !== undefined) {
      const { staged } = node;
      tables.set(step.uniqueId, staged.changes[0].preview);
      await steps.onStaged(staged);
      if (kept === null) return done("success", step.reason, { table: staged.report });
      return [kept.table === staged.report ? kept : results.record({ ...kept, table: staged.report })];
    }
    const built = await buildTable(context, node);
    tables.set(step.uniqueId, built.change.preview);
    const table = await tableReport(await session.storage(), built, built.change.preview);
    await steps.onStaged({
      uniqueId: step.uniqueId,
      runId: context.runId,
      mode: step.mode ?? "create",
      changes: [built.change, ...(built.quarantine === null ? [] : [built.quarantine])],
      landing: built.result.landing.map(({ path, sizeBytes, modifiedMs }) => ({
        path,
        sizeBytes,
        modifiedMs,
      })),
      report: table,
    });
    return done("success", builtMessage(built, table), { table, ...compiled(built) });
  } catch (error) {
    tables.forget(step.uniqueId);
    const failure = asLakeError(error);
    steps.stop();
    return done("error", failure.message, { error: failure });
  }
}

async function testGroupStep(steps: Steps, group: readonly PlannedNode[]): Promise<NodeResult[]> {
  const { results, context } = steps;
  for (const { step } of group) results.start(step.uniqueId, step.reason);
  const startedMs = context.session.now();
  let found: NodeResult[];
  try {
    found = await runTests(context, group);
  } catch (error) {
    const failure = asLakeError(error);
    const elapsedMs = context.session.now() - startedMs;
    found = group.map((node) => ({
      ...results.resultOf(node, "error", failure.message),
      error: failure,
      startedMs,
      elapsedMs,
    }));
  }
  const judged = found.map((result) =>
    context.options.warnError === true && result.status === "warn"
      ? { ...result, status: "fail" as const }
      : result,
  );
  for (const result of judged) {
    const node = group.find(({ step }) => step.uniqueId === result.uniqueId);
    if (node !== undefined) await rememberTest(context, node, result);
  }
  const recorded = judged.map((result) => results.record(result));
  if (recorded.some(isBad)) steps.stop();
  return recorded;
}

async function unitTestStep(steps: Steps, node: PlannedNode): Promise<NodeResult[]> {
  const { results, columns } = steps;
  const { session, planned } = steps.context;
  results.start(node.step.uniqueId, node.step.reason);
  const context = { session, renderer: planned.renderer, columns };
  const result = await runUnitTest(context, node);
  if (result.status === "pass" && !(await isVolatileUnitTest(context, node)))
    planned.testCache.set(result.uniqueId, { fingerprint: node.fingerprint, inputs: {} });
  else planned.testCache.delete(result.uniqueId);
  if (isBad(result)) steps.stop();
  return [results.record(result)];
}

function compiled(built: BuiltTable): Partial<NodeResult> {
  return built.compiledPath === null ? {} : { compiledPath: built.compiledPath };
}

export function asLakeError(error: unknown): LakeError {
  if (error instanceof LakeError) return error;
  throw error;
}
