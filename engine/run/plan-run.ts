// Selection + what the tables and landing zones say → the plan.
import { lakeError } from "../common/errors.ts";
import type { CatalogTable, TableIdentifier } from "../catalog/catalog.ts";
import { tableName } from "../catalog/catalog.ts";
import { normaliseSql } from "../common/normalise-sql.ts";
import { sha256 } from "../common/hash.ts";
import { selectNodesWithWarnings } from "../graph/select.ts";
import type { Graph } from "../graph/types.ts";
import { loadTables } from "../iceberg/transaction.ts";
import type { TableMetadata } from "../iceberg/types.ts";
import { builtinTests } from "../plan/data-tests.ts";
import { decide } from "../plan/decide.ts";
import type { InputState } from "../plan/decide.ts";
import { modelFingerprint, seedFingerprint, testFingerprint } from "../plan/fingerprint.ts";
import type { FingerprintContext } from "../plan/fingerprint.ts";
import { readTableState, tableVersion } from "../plan/table-state.ts";
import type { TableState } from "../plan/table-state.ts";
import type { Plan, PlanStep } from "../plan/types.ts";
import type { DataTest, Model, ProjectNode, Seed, UnitTest } from "../project/types.ts";
import { ingests, inputsOf, landingSources, tableInputs } from "./inputs.ts";
import type { Inputs } from "./inputs.ts";
import { landingVersion } from "./landing.ts";
import { landingState, listSource } from "./landing-state.ts";
import type { LandingState } from "./landing-state.ts";
import { hasTable, isInlined, relationOf, tableIdentifier } from "./names.ts";
import { Renderer } from "./render-node.ts";
import { icebergSource } from "./relations.ts";
import type { Session } from "./session.ts";
import { readTestCache } from "./test-cache.ts";
import type { TestCache } from "./test-cache.ts";
import type { RunOptions } from "./types.ts";
import { UnitTestKeys } from "./unit-test-key.ts";

/** Everything the plan was made from; the run goes on with it instead of asking again. */
export interface PlannedRun {
  readonly plan: Plan;
  readonly nodes: ReadonlyMap<string, PlannedNode>;
  readonly renderer: Renderer;
  /** Unique id → table as the catalog points at it, for every table that the run reads or writes. */
  readonly tables: ReadonlyMap<string, CatalogTable>;
  /** Source unique id → table, of the Iceberg sources that the run reads. */
  readonly sourceTables: ReadonlyMap<string, TableMetadata>;
  readonly testCache: TestCache;
  /** Test unique id → versions of the landing zones that it reads. */
  readonly landingVersions: ReadonlyMap<string, Readonly<Record<string, string>>>;
  readonly warnings: readonly string[];
  readonly fingerprintContext: FingerprintContext;
}

/** What a run may do something about. */
export type RunNode = Model | Seed | DataTest | UnitTest;

export interface PlannedNode {
  readonly node: RunNode;
  readonly step: PlanStep;
  readonly inputs: Inputs;
  readonly fingerprint: string;
  readonly state: TableState | null;
  readonly landing: LandingState | null;
}

export async function planRun(session: Session, options: RunOptions): Promise<Plan> {
  return (await planDetailed(session, options)).plan;
}

export async function planDetailed(session: Session, options: RunOptions): Promise<PlannedRun> {
  const { graph, profile } = session;
  const found = select(session, options);
  const renderer = new Renderer(session);
  const inputs = new Map(found.nodes.map((node) => [node.uniqueId, inputsOf(graph, inputsOwner(node))]));
  const tables = await loadStates(session, found.nodes, inputs);
  const { nodes: ready, warnings } = leaveOutUnready(found.nodes, inputs, tables);
  const selected = unitTestsFirst(ready);
  const testCache = await readTestCache(session);
  const fingerprintContext = {
    timezone: graph.project.settings.timezone,
    engine: await session.engineVersion(),
  };
  const sourceTables = await loadSources(session, inputs.values());
  const landingVersions = new Map<string, Readonly<Record<string, string>>>();
  const planner = {
    session,
    options,
    renderer,
    tables,
    testCache,
    landingVersions,
    sourceTables,
    fingerprintContext,
    normalise: remembering(normaliseSql),
  };
  const planned = new Map<string, PlannedNode>();
  const waiting = {
    selected: new Set(selected.map((node) => node.uniqueId)),
    errorTests: errorTestsByInput(graph, selected),
    unitTests: unitTestsByModel(selected),
  };
  const keys = new UnitTestKeys({ ...planner, context: fingerprintContext });
  for (const node of selected) {
    const nodeInputs = inputs.get(node.uniqueId) as Inputs;
    if (node.resourceType === "unit_test") {
      planned.set(node.uniqueId, planUnitTest(planner, node, nodeInputs, keys.of(node)));
      continue;
    }
    const after = stepsBefore(planner, node, nodeInputs, waiting);
    planned.set(
      node.uniqueId,
      node.resourceType === "test"
        ? await planTest(planner, node, nodeInputs, after, planned)
        : await planTable(planner, node, nodeInputs, after, planned),
    );
  }
  const steps = [...planned.values()].map(({ step }) => step);
  const plan = { command: options.command, target: profile.name, steps };
  return {
    plan,
    nodes: planned,
    renderer,
    tables,
    testCache,
    landingVersions,
    sourceTables,
    warnings: [...found.warnings, ...warnings],
    fingerprintContext,
  };
}

interface Planner {
  readonly session: Session;
  readonly options: RunOptions;
  readonly renderer: Renderer;
  readonly tables: ReadonlyMap<string, CatalogTable>;
  readonly testCache: TestCache;
  readonly landingVersions: Map<string, Readonly<Record<string, string>>>;
  readonly sourceTables: ReadonlyMap<string, TableMetadata>;
  readonly fingerprintContext: FingerprintContext;
  /** `normaliseSql`, each text once. */
  readonly normalise: (sql: string) => string;
}

const typesOf: Readonly<Record<RunOptions["command"], readonly ProjectNode["resourceType"][]>> = {
  run: ["model"],
  seed: ["seed"],
  test: ["test", "unit_test"],
  build: ["seed", "model", "test", "unit_test"],
};

function select(session: Session, options: RunOptions): { nodes: RunNode[]; warnings: readonly string[] } {
  const { ids, warnings } = selectNodesWithWarnings(session.graph, options);
  const types = new Set<string>(typesOf[options.command]);
  const wanted =
    options.resourceTypes === undefined
      ? types
      : new Set(options.resourceTypes.filter((type) => types.has(type)));
  const nodes = ids.flatMap((id) => {
    const node = session.graph.nodes.get(id);
    return node !== undefined && wanted.has(node.resourceType) ? [node as RunNode] : [];
  });
  return { nodes, warnings };
}

async function loadStates(
  session: Session,
  selected: readonly RunNode[],
  inputs: ReadonlyMap<string, Inputs>,
): Promise<Map<string, CatalogTable>> {
  const wanted = new Map<string, TableIdentifier>();
  const want = (node: Model | Seed): unknown =>
    wanted.set(node.uniqueId, tableIdentifier(node, session.profile));
  for (const node of selected) {
    const own = node.resourceType === "unit_test" ? session.graph.nodes.get(node.attachedTo) : node;
    if (hasTable(own)) want(own);
    for (const input of tableInputs(inputs.get(node.uniqueId) as Inputs)) want(input);
  }
  if (wanted.size === 0) return new Map();
  const [catalog, storage] = await Promise.all([session.catalog(), session.storage()]);
  const found = await loadTables({ catalog, storage, identifiers: [...wanted.values()] });
  return new Map(
    [...wanted].flatMap(([uniqueId, identifier]) => {
      const table = found.get(tableName(identifier));
      return table === undefined ? [] : [[uniqueId, table] as const];
    }),
  );
}

interface Waiting {
  /** Unique ids of this run's nodes. */
  readonly selected: ReadonlySet<string>;
  readonly errorTests: ReadonlyMap<string, readonly string[]>;
  readonly unitTests: ReadonlyMap<string, readonly string[]>;
}

/** What must be finished before a step: its parents, and when building also their error tests. */
function stepsBefore(
  { session: { graph }, options: { command } }: Planner,
  node: Model | Seed | DataTest,
  inputs: Inputs,
  { selected, errorTests, unitTests }: Waiting,
): readonly string[] {
  // What is inlined stands for what it reads.
  const near = new Set(graph.parents.get(node.uniqueId));
  for (const other of [...inputs.inlined, ...inputs.leaves]) near.add(other.uniqueId);
  const before = new Set([...near].filter((id) => selected.has(id)));
  if (command !== "build" || node.resourceType === "test") return [...before];
  for (const test of unitTests.get(node.uniqueId) ?? []) before.add(test);
  let ancestors: ReadonlySet<string> | null = null;
  for (const id of near) {
    for (const test of errorTests.get(id) ?? []) {
      // A test holds back only who comes after all that it reads, so that no circle of waiting arises.
      const reads = graph.parents.get(test) ?? [];
      if (reads.length > 1) ancestors ??= ancestorsOf(graph, node.uniqueId);
      if (reads.length === 1 || reads.every((read) => ancestors?.has(read))) before.add(test);
    }
  }
  return [...before];
}

/** A unit test stands on its model in the graph, but says something before the model is built. */
function unitTestsFirst(selected: readonly RunNode[]): readonly RunNode[] {
  const tests = selected.filter((node) => node.resourceType === "unit_test");
  if (tests.length === 0) return selected;
  const byModel = Map.groupBy(tests, (test) => test.attachedTo);
  const models = new Set(selected.map((node) => node.uniqueId));
  return selected.flatMap((node) =>
    node.resourceType === "unit_test"
      ? models.has(node.attachedTo)
        ? []
        : [node]
      : [...(byModel.get(node.uniqueId) ?? []), node],
  );
}

/** Whose inputs a node has: a unit test is given rows for those of its model. */
function inputsOwner(node: RunNode): string {
  return node.resourceType === "unit_test" ? node.attachedTo : node.uniqueId;
}

function unitTestsByModel(selected: readonly RunNode[]): ReadonlyMap<string, readonly string[]> {
  const tests = selected.filter((node) => node.resourceType === "unit_test");
  const ids = Map.groupBy(tests, (test) => test.attachedTo);
  return new Map([...ids].map(([model, found]) => [model, found.map(({ uniqueId }) => uniqueId)]));
}

/** Node → the selected tests of it that hold others back. Thousands of models may read one source: whoever
 *  looks for its tests must not meet them all. */
function errorTestsByInput(
  graph: Graph,
  selected: readonly RunNode[],
): ReadonlyMap<string, readonly string[]> {
  const tests = new Map<string, string[]>();
  for (const node of selected) {
    if (node.resourceType !== "test" || node.testConfig.severity !== "error") continue;
    for (const read of graph.parents.get(node.uniqueId) ?? []) {
      const known = tests.get(read);
      if (known === undefined) tests.set(read, [node.uniqueId]);
      else known.push(node.uniqueId);
    }
  }
  return tests;
}

function ancestorsOf(graph: Graph, uniqueId: string): ReadonlySet<string> {
  const found = new Set<string>();
  const open = [uniqueId];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    for (const parent of graph.parents.get(id) ?? []) {
      if (found.has(parent)) continue;
      found.add(parent);
      open.push(parent);
    }
  }
  return found;
}

/** Tests come along with the models that they read; one that also reads a table which is neither built nor
 *  part of this run cannot be run, and says so instead of failing the others. */
function leaveOutUnready(
  selected: readonly RunNode[],
  inputs: ReadonlyMap<string, Inputs>,
  tables: ReadonlyMap<string, CatalogTable>,
): { nodes: RunNode[]; warnings: string[] } {
  const ids = new Set(selected.map((node) => node.uniqueId));
  const warnings: string[] = [];
  const nodes = selected.filter((node) => {
    if (node.resourceType !== "test") return true;
    const missing = tableInputs(inputs.get(node.uniqueId) as Inputs).find(
      (input) => !ids.has(input.uniqueId) && !tables.has(input.uniqueId),
    );
    if (missing !== undefined)
      warnings.push(`the test ${node.name} is left out: it reads ${missing.name}, which is not built yet`);
    return missing === undefined;
  });
  return { nodes, warnings };
}

function remembering(compute: (text: string) => string): (text: string) => string {
  const known = new Map<string, string>();
  return (text) => {
    let result = known.get(text);
    if (result === undefined) known.set(text, (result = compute(text)));
    return result;
  };
}

async function planTable(
  planner: Planner,
  node: Model | Seed,
  inputs: Inputs,
  after: readonly string[],
  planned: ReadonlyMap<string, PlannedNode>,
): Promise<PlannedNode> {
  const { session, options, tables } = planner;
  const table = tables.get(node.uniqueId);
  const state = table === undefined ? null : readTableState(table);
  const fingerprint = fingerprintOf(planner, node, inputs);
  const ingesting = node.resourceType === "model" && ingests(node, inputs);
  if (node.resourceType === "model") checkStrategy(node);
  if (ingesting) checkIngestion(node, inputs);
  const fullRefresh = node.config.fullRefresh ?? options.fullRefresh ?? false;
  if (!isInlined(node)) refusePartial(planner, node, state);
  const landing = isInlined(node)
    ? null
    : await landingState({
        session,
        node,
        inputs,
        table: table ?? null,
        ingesting,
        fullRefresh,
        allowLoss: options.allowLoss ?? false,
      });
  const decision = decide(node.config.materialized, {
    state,
    fingerprint,
    fullRefresh,
    noReuse: options.noReuse ?? false,
    reuseVolatile: node.config.reuse === true,
    inputs: inputStates(planner, inputs, planned),
    landing: landing?.diff ?? null,
    landingFiles: landing?.files.length ?? 0,
    ingests: ingesting,
  });
  const step: PlanStep = {
    uniqueId: node.uniqueId,
    resourceType: node.resourceType,
    after,
    ...decision,
    ...(!isInlined(node) && { table: tableIdentifier(node, session.profile) }),
  };
  return { node, step, inputs, fingerprint, state, landing };
}

/** `--sample` and `--empty` make tables with a part of the rows: never over a whole one. */
function refusePartial(planner: Planner, node: Model | Seed, state: TableState | null): void {
  const { options, session } = planner;
  const flag = options.empty === true ? "--empty" : options.sample !== undefined ? "--sample" : null;
  if (flag === null || state === null || state.ours?.partial === true) return;
  throw lakeError(
    "run/partial-over-whole",
    { table: tableName(tableIdentifier(node, session.profile)), flag },
    { hint: "use another target or schema for a quick look" },
  );
}

/** Appending under another strategy's name would double rows. */
function checkStrategy(model: Model): void {
  const strategy = model.config.strategy ?? "append";
  if (model.config.materialized !== "incremental" || strategy === "append") return;
  throw lakeError(
    "run/strategy-not-available",
    { model: model.name, strategy },
    { at: { file: model.path }, hint: 'use strategy="append", or materialized="table" to rebuild it whole' },
  );
}

function checkIngestion(model: Model, inputs: Inputs): void {
  const sources = landingSources(inputs).map((source) => `${source.sourceName}.${source.name}`);
  if (sources.length > 1) {
    const hint = "make one incremental model for each source, and bring them together in the next";
    throw lakeError(
      "run/one-landing-source",
      { model: model.name, sources },
      { at: { file: model.path }, hint },
    );
  }
}

function fingerprintOf(planner: Planner, node: Model | Seed, inputs: Inputs): string {
  const { renderer, session, fingerprintContext: context } = planner;
  if (node.resourceType === "seed") return seedFingerprint(node, context);
  return modelFingerprint({
    model: node,
    sql: renderer.model(node, "both").sql,
    inlined: new Map(
      inputs.inlined.map((view) => [relationOf(view, session.profile), renderer.model(view, "both").sql]),
    ),
    landing: landingSources(inputs),
    context,
    normalise: planner.normalise,
  });
}

function inputStates(
  planner: Planner,
  inputs: Inputs,
  planned: ReadonlyMap<string, PlannedNode>,
): InputState[] {
  const states = tableInputs(inputs).map((input): InputState => {
    const table = planner.tables.get(input.uniqueId);
    const changes = planned.get(input.uniqueId)?.step.action === "build";
    const version = changes || table === undefined ? null : readTableState(table).version;
    return { uniqueId: input.uniqueId, name: input.name, version };
  });
  return [...states, ...sourceStates(planner, inputs)];
}

/** Tables of others have versions as ours do; what has none is never unchanged (rule 20). */
function sourceStates(planner: Planner, inputs: Inputs): InputState[] {
  return inputs.leaves.flatMap((leaf) => {
    if (leaf.resourceType !== "source" || leaf.type === "landing") return [];
    const metadata = planner.sourceTables.get(leaf.uniqueId);
    // The ledgers move with the tables that they belong to.
    if (leaf.type === "engine" && tableInputs(inputs).length > 0) return [];
    const version = metadata === undefined ? null : tableVersion(metadata);
    return [{ uniqueId: leaf.uniqueId, name: `${leaf.sourceName}.${leaf.name}`, version }];
  });
}

/** The metadata of every Iceberg source that the selection reads. */
async function loadSources(session: Session, inputs: Iterable<Inputs>): Promise<Map<string, TableMetadata>> {
  const sources = new Map<string, TableMetadata>();
  for (const { leaves } of inputs) {
    for (const leaf of leaves) {
      if (leaf.resourceType !== "source" || leaf.type !== "iceberg" || sources.has(leaf.uniqueId)) continue;
      sources.set(leaf.uniqueId, await icebergSource(session, leaf));
    }
  }
  return sources;
}

async function planTest(
  planner: Planner,
  test: DataTest,
  inputs: Inputs,
  after: readonly string[],
  planned: ReadonlyMap<string, PlannedNode>,
): Promise<PlannedNode> {
  const landing = await landingStates(planner.session, inputs);
  planner.landingVersions.set(
    test.uniqueId,
    Object.fromEntries(landing.map(({ uniqueId, version }) => [uniqueId, version ?? ""])),
  );
  const states = [...inputStates(planner, inputs, planned), ...landing];
  const versions = Object.fromEntries(states.map(({ uniqueId, version }) => [uniqueId, version]));
  const fingerprint = testKey(test, planner, inputs);
  const moved = states.find(({ version }) => version === null);
  const reason =
    moved !== undefined
      ? `${moved.name} changes in this run`
      : planner.options.noReuse === true
        ? "reuse is off"
        : planner.testCache.whyRun(test.uniqueId, fingerprint, versions as Record<string, string>);
  const step: PlanStep = {
    uniqueId: test.uniqueId,
    resourceType: "test",
    after,
    action: reason === null ? "reuse" : "test",
    reason: reason ?? "passed on the same rows",
  };
  return { node: test, step, inputs, fingerprint, state: null, landing: null };
}

/** It reads no table: once it passed, only a change of text can make it fail. */
function planUnitTest(planner: Planner, test: UnitTest, inputs: Inputs, fingerprint: string): PlannedNode {
  const reason =
    planner.options.noReuse === true
      ? "reuse is off"
      : planner.testCache.whyRun(test.uniqueId, fingerprint, {});
  const step: PlanStep = {
    uniqueId: test.uniqueId,
    resourceType: "unit_test",
    after: [],
    action: reason === null ? "reuse" : "test",
    reason: reason ?? "passed on the same text",
  };
  return { node: test, step, inputs, fingerprint, state: null, landing: null };
}

/** A landing zone's version is its listing. */
async function landingStates(session: Session, inputs: Inputs): Promise<InputState[]> {
  const states: InputState[] = [];
  for (const source of landingSources(inputs)) {
    const version = landingVersion(await listSource(session, source));
    states.push({ uniqueId: source.uniqueId, name: source.name, version });
  }
  return states;
}

/** What a test asks, of which views, and how it is judged; macros are covered by their rendered text. */
function testKey(test: DataTest, planner: Planner, inputs: Inputs): string {
  const { renderer, fingerprintContext, session } = planner;
  const custom = test.testType === "generic" && !builtinTests.includes(test.testName ?? "");
  const attached = test.attachedTo === undefined ? undefined : session.graph.nodes.get(test.attachedTo);
  const sql =
    test.testType === "singular"
      ? renderer.singularTest(test).sql
      : custom
        ? renderer.macroTest(test, attached?.name ?? "").sql
        : `${test.testName} ${test.columnName ?? ""} ${JSON.stringify(test.arguments ?? {})} ${attached?.uniqueId ?? ""}`;
  const views = inputs.inlined.map((view) => sha256(planner.normalise(renderer.model(view, "both").sql)));
  return testFingerprintOf([sql, ...views].join("\n"), test, fingerprintContext);
}

function testFingerprintOf(sql: string, test: DataTest, context: FingerprintContext): string {
  const { where, warnIf, errorIf, severity, limit } = test.testConfig;
  return testFingerprint(sql, { where, warnIf, errorIf, severity, limit }, context);
}
