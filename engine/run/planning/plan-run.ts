// Selection + what the tables and landing zones say → the plan.
import type { CatalogTable } from "../../catalog/catalog.ts";
import { type LakeError, throwCollected } from "../../common/errors.ts";
import { normaliseSql } from "../../common/normalise-sql.ts";
import { selectNodesWithWarnings } from "../../graph/select.ts";
import type { TableMetadata } from "../../iceberg/types.ts";
import type { FingerprintContext } from "../../plan/fingerprint.ts";
import type { Plan } from "../../plan/types.ts";
import type { ProjectNode } from "../../project/types.ts";
import { explainSteps } from "./explain-steps.ts";
import { inputsOf, pinnedInputs, tableInputs } from "../inputs.ts";
import type { Inputs } from "../inputs.ts";
import { hasTable } from "../names.ts";
import { inputsOwner, stepsBefore, unitTestsFirst, waitingFor } from "./plan-order.ts";
import { loadPinned } from "../tables/pinned-tables.ts";
import { planTable } from "./plan-table.ts";
import { planTest, planUnitTest } from "./plan-test.ts";
import type { PlannedNode, Planner, RunNode } from "./planner.ts";
import { Renderer } from "../render-node.ts";
import { icebergSource } from "../relations.ts";
import { endedOf, seenTables, tablesOf } from "../environments/seen-tables.ts";
import type { SeenTable } from "../environments/seen-tables.ts";
import type { Session } from "../session.ts";
import type { StagedTable } from "../publishing/staged-table.ts";
import { takeOver } from "../publishing/take-over.ts";
import { readTestCache } from "../testing/test-cache.ts";
import type { TestCache } from "../testing/test-cache.ts";
import type { RunOptions } from "../types.ts";
import { UnitTestKeys } from "../testing/unit-test-key.ts";

/** Everything the plan was made from; the run goes on with it instead of asking again. */
export interface PlannedRun {
  readonly plan: Plan;
  readonly nodes: ReadonlyMap<string, PlannedNode>;
  readonly renderer: Renderer;
  /** Unique id → table as the target shows it, for every table that the run reads or writes. */
  readonly tables: ReadonlyMap<string, CatalogTable>;
  /** Clones among them whose base is gone. */
  readonly ended: ReadonlyMap<string, LakeError>;
  /** Source unique id → table, of the Iceberg sources that the run reads. */
  readonly sourceTables: ReadonlyMap<string, TableMetadata>;
  readonly testCache: TestCache;
  /** Test unique id → versions of the landing zones that it reads. */
  readonly landingVersions: ReadonlyMap<string, Readonly<Record<string, string>>>;
  readonly warnings: readonly string[];
  readonly fingerprintContext: FingerprintContext;
}

/** What a run with these options would do, and for changed code how it changed. */
export async function planRun(session: Session, options: RunOptions): Promise<Plan> {
  const planned = await planDetailed(session, options);
  return { ...planned.plan, steps: await explainSteps(session, planned) };
}

/** `staged`: tables that were made before, to be taken over where they still stand. */
export async function planDetailed(
  session: Session,
  options: RunOptions,
  staged: ReadonlyMap<string, StagedTable> = new Map(),
): Promise<PlannedRun> {
  const { graph, profile } = session;
  const found = select(session, options);
  const renderer = new Renderer(session);
  const inputs = new Map(found.nodes.map((node) => [node.uniqueId, inputsOf(graph, inputsOwner(node))]));
  const seen = await loadStates(session, found.nodes, inputs);
  const tables = tablesOf(seen);
  const { nodes: ready, warnings } = leaveOutUnready(found.nodes, inputs, tables);
  const selected = unitTestsFirst(ready);
  const testCache = await readTestCache(session);
  const fingerprintContext = {
    timezone: graph.project.settings.timezone,
    engine: await session.engineVersion(),
  };
  const sourceTables = await loadSources(session, inputs.values(), seen);
  const landingVersions = new Map<string, Readonly<Record<string, string>>>();
  const planner: Planner = {
    session,
    options,
    renderer,
    tables,
    seen,
    testCache,
    staged,
    landingVersions,
    sourceTables,
    fingerprintContext,
    normalise: remembering(normaliseSql),
  };
  const planned = new Map<string, PlannedNode>();
  const waiting = waitingFor(graph, selected);
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
        : takeOver(planner, await planTable(planner, node, nodeInputs, after, planned), planned),
    );
  }
  // `{{this}}` of a step on a clone is the base that the clone begins as.
  for (const [uniqueId, { clone, base }] of planned)
    if (clone !== null && base !== null) tables.set(uniqueId, base);
  const steps = [...planned.values()].map(({ step }) => step);
  const plan = { command: options.command, target: profile.name, steps };
  return {
    plan,
    nodes: planned,
    renderer,
    tables,
    ended: endedOf(seen),
    testCache,
    landingVersions,
    sourceTables,
    warnings: [...found.warnings, ...warnings],
    fingerprintContext,
  };
}

const typesOf: Readonly<Record<RunOptions["command"], readonly ProjectNode["resourceType"][]>> = {
  run: ["model"],
  seed: ["seed"],
  snapshot: ["snapshot"],
  test: ["test", "unit_test"],
  build: ["seed", "model", "snapshot", "test", "unit_test"],
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
): Promise<Map<string, SeenTable>> {
  const wanted = selected.flatMap((node) => {
    const own = node.resourceType === "unit_test" ? session.graph.nodes.get(node.attachedTo) : node;
    const read = inputs.get(node.uniqueId) as Inputs;
    const pinned = pinnedInputs(read).flatMap(({ of }) => (hasTable(of) ? [of] : []));
    return [...(hasTable(own) ? [own] : []), ...tableInputs(read), ...pinned];
  });
  return seenTables(session, wanted);
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

/** The metadata of every Iceberg source, and of every other state of a table, that the selection reads. */
async function loadSources(
  session: Session,
  inputs: Iterable<Inputs>,
  seen: ReadonlyMap<string, SeenTable>,
): Promise<Map<string, TableMetadata>> {
  const all = [...inputs];
  const { tables: sources, errors } = await loadPinned({ session, pins: all.flatMap(pinnedInputs), seen });
  throwCollected([...errors.values()]);
  for (const { leaves } of all) {
    for (const leaf of leaves) {
      if (leaf.resourceType !== "source" || leaf.type !== "iceberg" || sources.has(leaf.uniqueId)) continue;
      sources.set(leaf.uniqueId, await icebergSource(session, leaf));
    }
  }
  return sources;
}

function remembering(compute: (text: string) => string): (text: string) => string {
  const known = new Map<string, string>();
  return (text) => {
    let result = known.get(text);
    if (result === undefined) known.set(text, (result = compute(text)));
    return result;
  };
}
