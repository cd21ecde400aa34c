// Plan → tables, tests, published catalog. With `build` nothing is published before everything passed.
import { LakeError, lakeError } from "../common/errors.ts";
import type { StagedChange } from "../iceberg/change.ts";
import { abandonChange } from "../iceberg/transaction.ts";
import { summaryKeys } from "../plan/table-state.ts";
import type { DataTest, Model } from "../project/types.ts";
import { bindNodes } from "./bind-nodes.ts";
import type { Bound } from "./bind-nodes.ts";
import { buildTable } from "./build-table.ts";
import type { BuildContext, BuiltTable } from "./build-table.ts";
import { openJournal } from "./journal.ts";
import type { Journal } from "./journal.ts";
import { lakeFolder } from "./names.ts";
import { planDetailed } from "./plan-run.ts";
import type { PlannedRun } from "./plan-run.ts";
import type { PlannedNode } from "./planner.ts";
import { publish } from "./publish.ts";
import { RunTables } from "./relations.ts";
import { builtMessage, tableReport } from "./report-table.ts";
import { runTests, testGroups } from "./run-tests.ts";
import { runJobs } from "./scheduler.ts";
import type { Job } from "./scheduler.ts";
import type { Session } from "./session.ts";
import { catalogObjections, shapesOf } from "./shapes.ts";
import type { Shapes } from "./shapes.ts";
import { testSql } from "./test-sql.ts";
import { InputColumns } from "./input-columns.ts";
import { isVolatileUnitTest, runUnitTest } from "./unit-tests.ts";
import type { NodeResult, NodeStatus, RunEvent, RunOptions, RunResult } from "./types.ts";

/** Runs the selection. Failures of nodes are results; what concerns the whole run is thrown. */
export async function executeRun(session: Session, options: RunOptions): Promise<RunResult> {
  const startedMs = session.now();
  const runId = session.newId();
  const planned = await planDetailed(session, options);
  const run = new Run({ session, options, planned, runId, startedMs });
  return run.execute();
}

const bad: ReadonlySet<NodeStatus> = new Set(["error", "fail", "skipped"]);

/** The lifetime of one run: what is staged, what came out, and whether it may go on. */
class Run {
  readonly #session: Session;
  readonly #options: RunOptions;
  readonly #planned: PlannedRun;
  readonly #runId: string;
  readonly #startedMs: number;
  readonly #tables: RunTables;
  readonly #staged = new Map<string, StagedChange[]>();
  readonly #results = new Map<string, NodeResult>();
  /** Test → the group that it runs in. */
  readonly #groupOf = new Map<string, string>();
  readonly #failFast = new AbortController();
  readonly #signal: AbortSignal;
  #started = 0;
  #published = false;
  #leftStaged = false;

  constructor(parts: {
    session: Session;
    options: RunOptions;
    planned: PlannedRun;
    runId: string;
    startedMs: number;
  }) {
    this.#session = parts.session;
    this.#options = parts.options;
    this.#planned = parts.planned;
    this.#runId = parts.runId;
    this.#startedMs = parts.startedMs;
    this.#tables = new RunTables(parts.planned.tables, parts.planned.sourceTables);
    const signals = [
      this.#failFast.signal,
      ...(parts.options.signal === undefined ? [] : [parts.options.signal]),
    ];
    this.#signal = AbortSignal.any(signals);
  }

  async execute(): Promise<RunResult> {
    const { plan, warnings } = this.#planned;
    const threads = this.#options.threads ?? this.#session.profile.threads;
    this.#emit({ kind: "run-started", runId: this.#runId, plan, threads });
    for (const message of warnings) this.#emit({ kind: "warning", message });
    const bound = await this.#bind();
    const { shapes, errors } = await this.#shapes(bound);
    if (errors.size > 0) return this.#doesNotBind(errors);
    const journal = openJournal({
      storage: await this.#session.storage(),
      folder: lakeFolder(this.#session.profile),
      runId: this.#runId,
      command: this.#options.command,
      startedMs: this.#startedMs,
    });
    try {
      await runJobs({
        jobs: this.#jobs({ shapes, bound: bound.columns }, journal),
        concurrency: threads,
        ok: (_id, results) => results.every((result) => !bad.has(result.status)),
        stop: () => this.#signal.aborted,
      });
      const failure = await this.#publishAll(journal);
      return this.#finish(failure);
    } finally {
      await this.#planned.testCache.save(this.#session);
    }
  }

  #emit(event: RunEvent): void {
    this.#options.onEvent?.(event);
  }

  /** Binds all that will run; one error stops the run before anything is read or written. */
  async #bind(): Promise<Bound> {
    const all = [...this.#planned.nodes.values()];
    const proven = new Set(all.filter(isProven).flatMap(provenWith));
    // A unit test binds its model to rows of its own.
    const active = all.flatMap(({ step, node }) =>
      proven.has(step.uniqueId) || node.resourceType === "unit_test" ? [] : [node],
    );
    if (active.length === 0)
      return { columns: new Map(), errors: new Map(), failed: new Set(), sql: new Map() };
    return bindNodes({
      session: this.#session,
      renderer: this.#planned.renderer,
      tables: this.#tables,
      nodes: active,
      incremental: (model: Model) => this.#planned.nodes.get(model.uniqueId)?.step.mode === "append",
    });
  }

  async #shapes(bound: Bound): Promise<Shapes> {
    if (bound.columns.size === 0) return { shapes: new Map(), errors: bound.errors };
    const { shapes, errors } = shapesOf({
      planned: this.#planned,
      columns: bound.columns,
      compute: await this.#session.compute(),
      emit: (event) => this.#emit(event),
    });
    const objections = await catalogObjections(await this.#session.catalog(), this.#planned, shapes);
    return { shapes, errors: new Map([...bound.errors, ...errors, ...objections]) };
  }

  /** All errors at once, and nothing is read or written. */
  #doesNotBind(errors: ReadonlyMap<string, LakeError>): RunResult {
    for (const node of this.#planned.nodes.values()) {
      const error = errors.get(node.step.uniqueId);
      if (error === undefined) this.#skipped(node, "");
      else this.#record({ ...this.#resultOf(node, "error", error.message), error });
    }
    // A view that is not selected itself may be at fault.
    const [hidden] = [...errors].filter(([id]) => !this.#planned.nodes.has(id)).map(([, error]) => error);
    return this.#finish(hidden);
  }

  #jobs(
    { shapes, bound }: { readonly shapes: BuildContext["shapes"]; readonly bound: Bound["columns"] },
    journal: Journal,
  ): Job<NodeResult[]>[] {
    const context: BuildContext = {
      session: this.#session,
      planned: this.#planned,
      tables: this.#tables,
      shapes,
      options: this.#options,
      runId: this.#runId,
      signal: this.#signal,
      emit: (event) => this.#emit(event),
    };
    const columns = new InputColumns({
      session: this.#session,
      renderer: this.#planned.renderer,
      tables: this.#tables,
      shapes,
      bound,
    });
    const runsTest = ({ step }: PlannedNode): boolean =>
      step.action === "test" && step.resourceType === "test";
    const tests = [...this.#planned.nodes.values()].filter(runsTest);
    const groups = testGroups(tests).map((group) => {
      const id = `tests of ${group[0]?.step.uniqueId ?? ""}`;
      for (const { step } of group) this.#groupOf.set(step.uniqueId, id);
      return { id, group };
    });
    const after = (nodes: readonly PlannedNode[], own: string): string[] =>
      [...new Set(nodes.flatMap(({ step }) => step.after).map((id) => this.#groupOf.get(id) ?? id))].filter(
        (id) => id !== own,
      );
    const others = [...this.#planned.nodes.values()].filter((node) => !runsTest(node));
    return [
      ...others.map((node) => ({
        id: node.step.uniqueId,
        after: after([node], node.step.uniqueId),
        run: () =>
          node.step.action === "test"
            ? this.#runUnitTest(columns, node)
            : this.#runNode(context, node, journal),
        skip: (because: string) => [this.#skipped(node, because)],
      })),
      ...groups.map(({ id, group }) => ({
        id,
        after: after(group, id),
        run: () => this.#runTestGroup(context, group),
        skip: (because: string) => group.map((node) => this.#skipped(node, because)),
      })),
    ];
  }

  async #runNode(context: BuildContext, node: PlannedNode, journal: Journal): Promise<NodeResult[]> {
    const { step } = node;
    const startedMs = this.#session.now();
    const done = (status: NodeStatus, message: string, rest: Partial<NodeResult> = {}): NodeResult[] => [
      this.#record({
        uniqueId: step.uniqueId,
        resourceType: step.resourceType,
        status,
        message,
        startedMs,
        elapsedMs: this.#session.now() - startedMs,
        ...rest,
      }),
    ];
    if (step.action !== "build") return done(step.action === "inline" ? "success" : "reused", step.reason);
    this.#start(step.uniqueId, step.reason);
    try {
      await journal.open();
      const built = await buildTable(context, node);
      const changes = [built.change, ...(built.quarantine === null ? [] : [built.quarantine])];
      this.#staged.set(step.uniqueId, changes);
      this.#tables.set(step.uniqueId, built.change.preview);
      // Without tests to wait for, each table is published as soon as it is complete.
      if (this.#options.command !== "build") await this.#publish([step.uniqueId]);
      const storage = await this.#session.storage();
      const table = await tableReport(
        storage,
        built,
        this.#tables.get(step.uniqueId) ?? built.change.preview,
      );
      return done("success", builtMessage(built, table), { table, ...compiled(built) });
    } catch (error) {
      this.#tables.forget(step.uniqueId);
      const failure = asLakeError(error);
      if (this.#options.failFast === true) this.#failFast.abort();
      return done("error", failure.message, { error: failure });
    }
  }

  async #runTestGroup(context: BuildContext, group: readonly PlannedNode[]): Promise<NodeResult[]> {
    for (const { step } of group) this.#start(step.uniqueId, step.reason);
    const startedMs = this.#session.now();
    let results: NodeResult[];
    try {
      results = await runTests(context, group);
    } catch (error) {
      const failure = asLakeError(error);
      results = group.map(({ step }) => ({
        uniqueId: step.uniqueId,
        resourceType: "test",
        status: "error",
        message: failure.message,
        error: failure,
        startedMs,
        elapsedMs: this.#session.now() - startedMs,
      }));
    }
    const judged = results.map((result) =>
      this.#options.warnError === true && result.status === "warn"
        ? { ...result, status: "fail" as const }
        : result,
    );
    for (const result of judged) await this.#remember(group, result);
    const recorded = judged.map((result) => this.#record(result));
    if (this.#options.failFast === true && recorded.some(({ status }) => bad.has(status)))
      this.#failFast.abort();
    return recorded;
  }

  async #runUnitTest(columns: InputColumns, node: PlannedNode): Promise<NodeResult[]> {
    this.#start(node.step.uniqueId, node.step.reason);
    const { renderer, testCache } = this.#planned;
    const context = { session: this.#session, renderer, columns };
    const result = await runUnitTest(context, node);
    if (result.status === "pass" && !(await isVolatileUnitTest(context, node)))
      testCache.set(result.uniqueId, { fingerprint: node.fingerprint, inputs: {} });
    else testCache.delete(result.uniqueId);
    if (this.#options.failFast === true && bad.has(result.status)) this.#failFast.abort();
    return [this.#record(result)];
  }

  /** A pass holds for the rows that were tested, wherever they get published; not for a test that asks the clock. */
  async #remember(group: readonly PlannedNode[], result: NodeResult): Promise<void> {
    const node = group.find(({ step }) => step.uniqueId === result.uniqueId);
    if (node === undefined) return;
    const { testCache, landingVersions } = this.#planned;
    if (result.status !== "pass" || (await this.#isVolatile(node))) {
      testCache.delete(result.uniqueId);
      return;
    }
    const inputs = this.#tables.versions(node.inputs.leaves.map((leaf) => leaf.uniqueId));
    testCache.set(result.uniqueId, {
      fingerprint: node.fingerprint,
      inputs: { ...inputs, ...landingVersions.get(result.uniqueId) },
    });
  }

  async #isVolatile({ node, inputs }: PlannedNode): Promise<boolean> {
    const { renderer } = this.#planned;
    const own = testSql({ session: this.#session, renderer, test: node as DataTest }).rows;
    const compute = await this.#session.compute();
    for (const sql of [own, ...inputs.inlined.map((view) => renderer.model(view, "both").sql)]) {
      if ((await compute.volatileFunctions(sql)).length > 0) return true;
    }
    return false;
  }

  /** Gives the reason when the catalog did not take what was staged. */
  async #publishAll(journal: Journal): Promise<LakeError | undefined> {
    const open = [...this.#staged.keys()];
    const failed = [...this.#results.values()].some(({ status }) => bad.has(status));
    const staged = [...this.#staged.values()].flat();
    if (this.#signal.aborted && this.#options.signal?.aborted === true) {
      const storage = await this.#session.storage();
      for (const change of staged) await abandonChange({ storage, staged: change });
      await storage.delete(staged.flatMap(({ request }) => request.summary[summaryKeys.ledger] ?? []));
      await journal.close();
      const done = [...this.#results.values()].filter(({ status }) => !bad.has(status)).length;
      return lakeError("run/interrupted", { done, total: this.#planned.nodes.size });
    }
    if (failed) {
      await journal.fail(staged);
      this.#leftStaged = staged.length > 0;
      return undefined;
    }
    if (open.length > 0) {
      try {
        await this.#publish(open);
      } catch (error) {
        await journal.fail(staged);
        this.#leftStaged = staged.length > 0;
        return asLakeError(error);
      }
    }
    await journal.close();
    return undefined;
  }

  async #publish(uniqueIds: readonly string[]): Promise<void> {
    const staged = uniqueIds.flatMap((id) => this.#staged.get(id) ?? []);
    const startedMs = this.#session.now();
    const identifiers = staged.map(({ request }) => request.identifier);
    this.#emit({ kind: "publishing", tables: identifiers });
    await publish(this.#session, staged);
    this.#published = true;
    for (const id of uniqueIds) this.#staged.delete(id);
    this.#emit({ kind: "published", tables: identifiers, elapsedMs: this.#session.now() - startedMs });
  }

  #start(uniqueId: string, reason: string): void {
    this.#started++;
    const total = this.#planned.nodes.size;
    this.#emit({ kind: "node-started", uniqueId, index: this.#started, total, reason });
  }

  #record(result: NodeResult): NodeResult {
    this.#results.set(result.uniqueId, result);
    const total = this.#planned.nodes.size;
    this.#emit({ kind: "node-finished", result, index: this.#results.size, total });
    return result;
  }

  #skipped(node: PlannedNode, because: string): NodeResult {
    const name = this.#session.graph.nodes.get(because)?.name ?? this.#badTestsOf(because);
    return this.#record(
      this.#resultOf(node, "skipped", because === "" ? "not started" : `${name} did not succeed`),
    );
  }

  /** The names of the failed tests of a group. */
  #badTestsOf(groupId: string): string {
    const names = [...this.#results.values()].flatMap(({ uniqueId, status }) => {
      const test = this.#session.graph.nodes.get(uniqueId);
      return bad.has(status) &&
        status !== "skipped" &&
        test?.resourceType === "test" &&
        this.#groupOf.get(uniqueId) === groupId
        ? [test.name]
        : [];
    });
    return names.join(", ") || "an earlier step";
  }

  #resultOf(node: PlannedNode, status: NodeStatus, message: string): NodeResult {
    const { uniqueId, resourceType } = node.step;
    return { uniqueId, resourceType, status, message, startedMs: this.#session.now(), elapsedMs: 0 };
  }

  #finish(error?: LakeError): RunResult {
    const results = this.#planned.plan.steps.flatMap(({ uniqueId }) => {
      const result = this.#results.get(uniqueId);
      return result === undefined ? [] : [result];
    });
    const result: RunResult = {
      runId: this.#runId,
      command: this.#options.command,
      target: this.#session.profile.name,
      startedMs: this.#startedMs,
      elapsedMs: this.#session.now() - this.#startedMs,
      results,
      published: this.#published,
      staged: this.#leftStaged,
      success: error === undefined && results.every(({ status }) => !bad.has(status)),
      ...(error !== undefined && { error }),
    };
    this.#emit({ kind: "run-finished", result });
    return result;
  }
}

/** Whether the very statement has run before: with nothing new, binding it again would cost the engine's start. */
function isProven({ step, state, fingerprint }: PlannedNode): boolean {
  return (
    step.action === "reuse" && (step.resourceType === "test" || state?.ours?.fingerprint === fingerprint)
  );
}

/** A statement has run with the views that it reads: its fingerprint covers their text. */
function provenWith({ step, inputs }: PlannedNode): string[] {
  return [step.uniqueId, ...inputs.inlined.map((view) => view.uniqueId)];
}

function compiled(built: BuiltTable): Partial<NodeResult> {
  return built.compiledPath === null ? {} : { compiledPath: built.compiledPath };
}

function asLakeError(error: unknown): LakeError {
  if (error instanceof LakeError) return error;
  throw error;
}
