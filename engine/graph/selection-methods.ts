// One function for each selection method: which nodes fit a value.
import { lakeError } from "../common/errors.ts";
import { didYouMean } from "../common/suggest.ts";
import type { ProjectNode } from "../project/types.ts";
import { configMatches } from "./config-method.ts";
import { fnmatch, hasWildcard } from "./fnmatch.ts";
import { pathMatcher } from "./path-method.ts";
import type { Criterion } from "./selection-spec.ts";
import { resultMatches, sourceStatusMatches, stateMatches } from "./state-methods.ts";
import type { Graph, SelectionState } from "./types.ts";

export interface MethodOptions {
  readonly graph: Graph;
  readonly criterion: Criterion;
  readonly state: SelectionState | undefined;
}
/** Prepares once, then asks node by node. */
type Method = (options: MethodOptions) => (node: ProjectNode) => boolean;

const resourceTypes = ["model", "seed", "snapshot", "source", "test", "exposure", "data_test", "unit_test"];
const testTypes = ["generic", "singular", "data", "schema", "unit"];

const methods: Readonly<Record<string, Method>> = {
  fqn: ({ criterion: { value } }) => {
    const parts = value.split(".");
    return (node) =>
      node.resourceType === "source" || node.resourceType === "exposure"
        ? false
        : fqnMatches(node.fqn, parts, value);
  },
  tag:
    ({ criterion: { value } }) =>
    (node) =>
      tagsOf(node).some((tag) => fnmatch(tag, value)),
  path: ({ criterion: { value } }) => {
    const matches = pathMatcher(value);
    return (node) =>
      matches(node.path) || ("patchPath" in node && node.patchPath !== undefined && matches(node.patchPath));
  },
  file:
    ({ criterion: { value } }) =>
    (node) => {
      const file = node.path.slice(node.path.lastIndexOf("/") + 1);
      return fnmatch(file, value) || fnmatch(file.replace(/\.[^.]*$/, ""), value);
    },
  config: ({ criterion }) => configMatches(criterion),
  resource_type: ({ criterion }) => {
    const value = oneOf(criterion, resourceTypes);
    const wanted = value === "data_test" ? "test" : value;
    return (node) => fnmatch(node.resourceType, wanted);
  },
  source: ({ criterion }) =>
    namedParts(criterion, 3, (node) =>
      node.resourceType === "source" ? [node.fqn[0] as string, node.sourceName, node.name] : null,
    ),
  exposure: ({ criterion }) =>
    namedParts(criterion, 2, (node) =>
      node.resourceType === "exposure" ? [node.fqn[0] as string, node.name] : null,
    ),
  test_name:
    ({ criterion: { value } }) =>
    (node) =>
      node.resourceType === "unit_test"
        ? fnmatch(node.name, value)
        : node.resourceType === "test" && node.testName !== undefined && fnmatch(node.testName, value),
  test_type: ({ criterion }) => {
    const value = oneOf(criterion, testTypes);
    const wanted = value === "schema" ? "generic" : value;
    if (wanted === "unit") return (node) => node.resourceType === "unit_test";
    return (node) => node.resourceType === "test" && (wanted === "data" || node.testType === wanted);
  },
  package: ({ criterion: { value }, graph }) => {
    const wanted = value === "this" ? graph.project.settings.name : value;
    return (node) => fnmatch(node.fqn[0] as string, wanted);
  },
  group:
    ({ criterion: { value } }) =>
    (node) =>
      "config" in node &&
      "group" in node.config &&
      node.config.group !== undefined &&
      fnmatch(node.config.group, value),
  access: ({ criterion }) => {
    const value = oneOf(criterion, ["private", "protected", "public"]);
    return (node) => node.resourceType === "model" && (node.config.access ?? "protected") === value;
  },
  state: stateMatches,
  result: resultMatches,
  source_status: sourceStatusMatches,
  unit_test: ({ criterion }) =>
    namedParts(criterion, 2, (node) =>
      node.resourceType === "unit_test" ? [node.fqn[0] as string, node.name] : null,
    ),
};

export const methodNames: readonly string[] = Object.keys(methods);

/** Unique ids that fit. Errors: `graph/unknown-method`, `graph/bad-selector`, `graph/missing-state`. */
export function methodMatches(options: MethodOptions): Set<string> {
  const { graph, criterion } = options;
  const method = Object.hasOwn(methods, criterion.method) ? methods[criterion.method] : undefined;
  if (method === undefined) {
    const hint = didYouMean(criterion.method, methodNames);
    throw lakeError("graph/unknown-method", { method: criterion.method, known: methodNames }, { hint });
  }
  const fits = method(options);
  const found = new Set<string>();
  for (const [id, node] of graph.nodes) if (fits(node)) found.add(id);
  return found;
}

export function tagsOf(node: ProjectNode): readonly string[] {
  if (node.resourceType === "test") return node.testConfig.tags;
  return node.resourceType === "exposure" ? node.tags : node.config.tags;
}

/** dbt's rule: the leaf's name, or the beginning of the fqn with or without the project; wildcards run to the end. */
function fqnMatches(fqn: readonly string[], parts: readonly string[], value: string): boolean {
  const leaf = fqn.at(-1) as string;
  if (leaf === value || (hasWildcard(value) && fnmatch(leaf, value))) return true;
  return startsWith(fqn, parts, 0) || startsWith(fqn, parts, 1);
}

function startsWith(fqn: readonly string[], parts: readonly string[], from: number): boolean {
  if (fqn.length - from < parts.length) return false;
  for (const [index, part] of parts.entries()) {
    if (hasWildcard(part)) return fnmatch(fqn.slice(from + index).join("."), parts.slice(index).join("."));
    if (fqn[from + index] !== part) return false;
  }
  return true;
}

/** `table`'s parts from the right: `raw.events` is source and table, `events_project.raw.events` has the project too. */
function namedParts(
  criterion: Criterion,
  most: number,
  partsOf: (node: ProjectNode) => readonly string[] | null,
): (node: ProjectNode) => boolean {
  const wanted = criterion.value.split(".");
  if (wanted.length > most) {
    const problem = `expected at most ${most} parts, as in ${most === 3 ? "project.source.table" : "project.name"}`;
    throw lakeError("graph/bad-selector", { selector: criterion.text, problem });
  }
  const skip = wanted.length === most ? 0 : 1;
  return (node) => {
    const parts = partsOf(node);
    return parts !== null && wanted.every((part, index) => fnmatch(parts[index + skip] as string, part));
  };
}

function oneOf(criterion: Criterion, values: readonly string[]): string {
  if (values.includes(criterion.value) || hasWildcard(criterion.value)) return criterion.value;
  const problem = `${criterion.method} is one of ${values.join(", ")}`;
  const hint = didYouMean(criterion.value, values);
  throw lakeError("graph/bad-selector", { selector: criterion.text, problem }, { hint });
}
