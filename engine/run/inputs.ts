// What a node reads, through the views and ephemerals in between.
import type { Graph } from "../graph/types.ts";
import type { Model, Seed, Source } from "../project/types.ts";
import { hasTable, isInlined, isReadable } from "./names.ts";

export interface Inputs {
  /** Tables and sources at the end of every path, each once, in the order of first mention. */
  readonly leaves: readonly (Model | Seed | Source)[];
  /** Views and ephemerals on the way, each after those it reads. */
  readonly inlined: readonly Model[];
}

/** Direct and inlined inputs of any node, also of a data test. */
export function inputsOf(graph: Graph, uniqueId: string): Inputs {
  const leaves = new Map<string, Model | Seed | Source>();
  const inlined = new Map<string, Model>();
  const visit = (id: string): void => {
    for (const parentId of graph.parents.get(id) ?? []) {
      const parent = graph.nodes.get(parentId);
      if (!isReadable(parent) || inlined.has(parentId)) continue;
      if (isInlined(parent)) {
        visit(parentId);
        inlined.set(parentId, parent as Model);
      } else {
        leaves.set(parentId, parent);
      }
    }
  };
  visit(uniqueId);
  return { leaves: [...leaves.values()], inlined: [...inlined.values()] };
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
