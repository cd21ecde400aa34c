// A selection's tree → the nodes it means, and which tests come along.
import { methodMatches } from "./selection-methods.ts";
import type { Combination, Criterion, Selection } from "./selection-spec.ts";
import { nearMiss } from "./suggest-selection.ts";
import type { Graph, SelectionState } from "./types.ts";
import { ancestors, childrensParents, descendants } from "./walk.ts";

interface Evaluation {
  readonly graph: Graph;
  readonly state: SelectionState | undefined;
  readonly warnings: string[];
}

/** Selected for sure, and tests that wait for their other parents to be selected. */
interface Found {
  readonly direct: ReadonlySet<string>;
  readonly indirect: ReadonlySet<string>;
}

export function evaluateSelection(options: {
  readonly graph: Graph;
  readonly selection: Selection;
  readonly state: SelectionState | undefined;
}): { readonly selected: ReadonlySet<string>; readonly warnings: readonly string[] } {
  const { graph, selection, state } = options;
  const evaluation: Evaluation = { graph, state, warnings: [] };
  return { selected: evaluate(evaluation, selection).direct, warnings: evaluation.warnings };
}

function evaluate(evaluation: Evaluation, selection: Selection): Found {
  if (selection.kind === "criterion") return evaluateCriterion(evaluation, selection);
  const parts = selection.parts.map((part) => evaluate(evaluation, part));
  const direct = combine(
    selection.kind,
    parts.map((part) => part.direct),
  );
  const indirect = combine(
    selection.kind,
    parts.map((part) => part.indirect),
  );
  return { direct: withWaiting(evaluation.graph, selection, direct, indirect), indirect };
}

function combine(kind: Combination["kind"], sets: readonly ReadonlySet<string>[]): Set<string> {
  const [first = new Set<string>(), ...rest] = sets;
  if (kind === "union") return new Set(sets.flatMap((set) => [...set]));
  const keep =
    kind === "intersection"
      ? (id: string) => rest.every((set) => set.has(id))
      : (id: string) => !rest.some((set) => set.has(id));
  return new Set([...first].filter(keep));
}

function evaluateCriterion({ graph, state, warnings }: Evaluation, criterion: Criterion): Found {
  const matched = methodMatches({ graph, criterion, state });
  if (matched.size === 0 && !everythingPattern(criterion)) {
    const near = nearMiss(graph, criterion);
    warnings.push(`the selection ${criterion.text} matches nothing${near === undefined ? "" : `: ${near}`}`);
  }
  const selected = new Set(matched);
  const add = (ids: Iterable<string>): void => {
    for (const id of ids) selected.add(id);
  };
  if (criterion.childrensParents) add(childrensParents(graph, matched));
  if (criterion.parents !== null) add(ancestors(graph, matched, criterion.parents.depth));
  if (criterion.children !== null) add(descendants(graph, matched, criterion.children.depth));
  return withTests(graph, criterion, selected);
}

/** `source:*` in a project without sources is no mistake. */
function everythingPattern({ value }: Criterion): boolean {
  return value === "*";
}

/** The tests of what is selected: at once, or waiting, as the mode says. */
function withTests(graph: Graph, criterion: Criterion, selected: ReadonlySet<string>): Found {
  const mode = criterion.indirectSelection;
  const waiting = new Set<string>();
  if (mode === "empty") return { direct: selected, indirect: waiting };
  const direct = new Set(selected);
  const buildable = mode === "buildable" ? reach(graph, selected) : null;
  for (const id of selected) {
    for (const child of graph.children.get(id) ?? []) {
      const type = graph.nodes.get(child)?.resourceType;
      if (type !== "test" && type !== "unit_test") continue;
      const comes =
        mode === "eager" ||
        parentsWithin(graph, child, selected) ||
        (buildable !== null && parentsWithin(graph, child, buildable));
      if (comes) direct.add(child);
      else waiting.add(child);
    }
  }
  return { direct, indirect: waiting };
}

/** What `buildable` takes for present: the selected, their ancestors, and every source. */
function reach(graph: Graph, selected: ReadonlySet<string>): Set<string> {
  const found = new Set([...selected, ...ancestors(graph, selected)]);
  for (const [id, node] of graph.nodes) if (node.resourceType === "source") found.add(id);
  return found;
}

function parentsWithin(graph: Graph, id: string, within: ReadonlySet<string>): boolean {
  return (graph.parents.get(id) ?? []).every((parent) => within.has(parent));
}

/** Waiting tests whose parents came together only in this combination. */
function withWaiting(
  graph: Graph,
  { indirectSelection }: Combination,
  direct: ReadonlySet<string>,
  waiting: ReadonlySet<string>,
): ReadonlySet<string> {
  if (waiting.size === 0 || indirectSelection === "eager" || indirectSelection === "empty") return direct;
  const within =
    indirectSelection === "buildable" ? new Set([...direct, ...ancestors(graph, direct)]) : direct;
  return new Set([...direct, ...[...waiting].filter((id) => parentsWithin(graph, id, within))]);
}
