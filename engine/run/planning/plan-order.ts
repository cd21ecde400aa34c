// Which steps wait for which: parents, unit tests before their model, error tests before what comes after them.
import type { Graph } from "../../graph/types.ts";
import type { DataTest, Model, Seed } from "../../project/types.ts";
import type { Inputs } from "../inputs.ts";
import type { Planner, RunNode } from "./planner.ts";

export interface Waiting {
  /** Unique ids of this run's nodes. */
  readonly selected: ReadonlySet<string>;
  readonly errorTests: ReadonlyMap<string, readonly string[]>;
  readonly unitTests: ReadonlyMap<string, readonly string[]>;
}

/** What the selected steps may have to wait for. */
export function waitingFor(graph: Graph, selected: readonly RunNode[]): Waiting {
  return {
    selected: new Set(selected.map((node) => node.uniqueId)),
    errorTests: errorTestsByInput(graph, selected),
    unitTests: unitTestsByModel(selected),
  };
}

/** What must be finished before a step: its parents, and when building also their error tests. */
export function stepsBefore(
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
export function unitTestsFirst(selected: readonly RunNode[]): readonly RunNode[] {
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
export function inputsOwner(node: RunNode): string {
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
