// Selection: a request → unique ids, as dbt selects.
import { evaluateSelection } from "./evaluate-selection.ts";
import { difference, parseUnion } from "./selection-spec.ts";
import type { IndirectSelection, Selection } from "./selection-spec.ts";
import { selectorSelection } from "./yaml-selectors.ts";
import type { Graph, SelectionRequest } from "./types.ts";

export interface SelectedNodes {
  /** Unique ids in graph order. */
  readonly ids: readonly string[];
  /** One sentence for each criterion that nothing fits, with a suggestion where there is one. */
  readonly warnings: readonly string[];
}

/** What dbt selects when nothing is asked for. */
const everything = ["fqn:*", "source:*", "exposure:*"];

/**
 * The selected nodes in graph order. Errors: `graph/bad-selector`, `graph/unknown-method`,
 * `graph/unknown-selector`, `graph/missing-state` and those of selectors.yml.
 */
export function selectNodes(graph: Graph, request: SelectionRequest): readonly string[] {
  return selectNodesWithWarnings(graph, request).ids;
}

/** As `selectNodes`, and what found nothing. */
export function selectNodesWithWarnings(graph: Graph, request: SelectionRequest): SelectedNodes {
  const { state, resourceTypes = [], excludedResourceTypes = [] } = request;
  const selection = selectionOf(graph, request);
  const { selected, warnings } =
    selection === null
      ? { selected: graph.nodes, warnings: [] }
      : evaluateSelection({ graph, selection, state });
  const wanted = new Set(resourceTypes.map(resourceType));
  const everyType = wanted.size === 0 || wanted.has("all") || wanted.has("default");
  const unwanted = new Set(excludedResourceTypes.map(resourceType));
  const ids = graph.order.filter((id) => {
    if (!selected.has(id)) return false;
    const type = graph.nodes.get(id)?.resourceType ?? "";
    return (everyType || wanted.has(type)) && !unwanted.has(type);
  });
  return { ids, warnings };
}

/** dbt calls data tests `test` and, lately, `data_test`. */
function resourceType(name: string): string {
  return name === "data_test" ? "test" : name;
}

/** Null for everything. */
function selectionOf(graph: Graph, request: SelectionRequest): Selection | null {
  const indirect: IndirectSelection = request.indirectSelection ?? "eager";
  const { select = [], exclude = [], selector } = request;
  const { selectors } = graph.project;
  if (selector !== undefined)
    return selectorSelection({ selectors, name: selector, indirectSelection: indirect });
  if (select.length === 0 && exclude.length === 0) {
    const preset = selectors.find((candidate) => candidate.default);
    if (preset === undefined) return null;
    return selectorSelection({ selectors, name: preset.name, indirectSelection: indirect });
  }
  const included = select.length === 0 ? parseUnion(everything, indirect) : parseUnion(select, indirect);
  return exclude.length === 0 ? included : difference(included, parseUnion(exclude, indirect), indirect);
}
