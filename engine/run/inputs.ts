// What a node reads, through the views and ephemerals in between.
import type { Graph } from "../graph/types.ts";
import type { Model, Seed, Source } from "../project/types.ts";
import type { RefCall, SourceCall } from "../template/types.ts";
import { hasTable, isInlined, isReadable, pinnedAs } from "./names.ts";
import type { PinnedTable, Readable } from "./names.ts";

export interface Inputs {
  /** Tables and sources at the end of every path, each once, in the order of first mention. */
  readonly leaves: readonly Readable[];
  /** Views and ephemerals on the way, each after those it reads. */
  readonly inlined: readonly Model[];
}

/** Direct and inlined inputs of any node, also of a data test. */
export function inputsOf(graph: Graph, uniqueId: string): Inputs {
  const leaves = new Map<string, Readable>();
  const inlined = new Map<string, Model>();
  const visit = (id: string): void => {
    for (const input of directInputs(graph, id)) {
      const { uniqueId: inputId } = input;
      if (inlined.has(inputId)) continue;
      if (isInlined(input)) {
        visit(inputId);
        inlined.set(inputId, input as Model);
      } else {
        leaves.set(inputId, input);
      }
    }
  };
  visit(uniqueId);
  return { leaves: [...leaves.values()], inlined: [...inlined.values()] };
}

/** What a node itself names, each table once for each state that it is read in. */
export function directInputs(graph: Graph, uniqueId: string): readonly Readable[] {
  const parents = (graph.parents.get(uniqueId) ?? [])
    .map((id) => graph.nodes.get(id))
    .filter((parent) => isReadable(parent));
  const node = graph.nodes.get(uniqueId);
  if (node === undefined || !("references" in node)) return parents;
  const calls = [...node.references.refs, ...node.references.sources];
  if (calls.every(({ pin }) => pin === undefined)) return parents;
  return parents.flatMap((parent) => {
    const own = calls.filter((call) => isMeant(call, parent));
    const isAttached = node.resourceType === "test" && node.attachedTo === parent.uniqueId;
    return [
      ...(isAttached && own.length === 0 ? [parent] : []),
      ...own.map((call) => pinnedAs(parent, call)),
    ];
  });
}

function isMeant(call: RefCall | SourceCall, node: Model | Seed | Source): boolean {
  if ("table" in call) {
    return node.resourceType === "source" && node.sourceName === call.source && node.name === call.table;
  }
  return node.resourceType !== "source" && node.name === call.name;
}

/** The tables whose other states are read. */
export function pinnedInputs(inputs: Inputs): readonly PinnedTable[] {
  return pinnedAmong(inputs.leaves);
}

export function pinnedAmong(nodes: readonly Readable[]): readonly PinnedTable[] {
  return nodes.filter((node) => node.resourceType === "pinned");
}

export function landingSources(inputs: Inputs): readonly Source[] {
  return inputs.leaves.filter(
    (leaf): leaf is Source => leaf.resourceType === "source" && leaf.type === "landing",
  );
}

export function tableInputs(inputs: Inputs): readonly (Model | Seed)[] {
  return inputs.leaves.filter((leaf): leaf is Model | Seed => hasTable(leaf));
}

/** A model that takes in landing files one by one and remembers which. */
export function ingests(model: Model, inputs: Inputs): boolean {
  return model.config.materialized === "incremental" && landingSources(inputs).length > 0;
}
