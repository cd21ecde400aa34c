// Project → Graph: edges, checks of what is referred to, one order for everybody.
import { lakeError, throwCollected } from "../common/errors.ts";
import type { LakeError, Location } from "../common/errors.ts";
import { didYouMean } from "../common/suggest.ts";
import { isTableNode } from "../project/node-kinds.ts";
import type { Project, ProjectNode } from "../project/types.ts";
import { topologicalOrder } from "./topological-order.ts";
import type { Graph } from "./types.ts";

/**
 * Draws the edges. Disabled nodes and what only tests them are left out. All errors are thrown together:
 * `graph/unknown-ref`, `graph/unknown-source`, `graph/disabled-ref`, `graph/private-ref`, `graph/cycle`.
 */
export function buildGraph(project: Project): Graph {
  const names = new Names(project);
  const errors: LakeError[] = [];
  const nodes = enabledNodes(project, names);
  const parents = new Map<string, readonly string[]>();
  const children = new Map<string, string[]>();
  for (const id of nodes.keys()) children.set(id, []);
  for (const node of nodes.values()) {
    const found = parentsOf(node, names, nodes, errors);
    parents.set(node.uniqueId, found);
    for (const parent of found) children.get(parent)?.push(node.uniqueId);
  }
  for (const list of children.values()) if (list.length > 1) list.sort();
  throwCollected(errors);
  const { order, cycle } = topologicalOrder({ nodes: [...nodes.keys()], parents, children });
  if (cycle !== null) throw cycleError(cycle, nodes);
  return { project, nodes, parents, children, order };
}

/** `ref` and `source` by name, disabled ones too. */
class Names {
  readonly refs = new Map<string, ProjectNode>();
  readonly sources = new Map<string, ProjectNode>();

  constructor(project: Project) {
    for (const node of project.nodes.values()) {
      if (isTableNode(node)) this.refs.set(node.name, node);
      else if (node.resourceType === "source") this.sources.set(`${node.sourceName}.${node.name}`, node);
    }
  }
}

function isEnabled(node: ProjectNode): boolean {
  if (node.resourceType === "exposure") return true;
  return node.resourceType === "test" ? node.testConfig.enabled : node.config.enabled;
}

function enabledNodes(project: Project, names: Names): ReadonlyMap<string, ProjectNode> {
  if ([...project.nodes.values()].every(isEnabled)) return project.nodes;
  const nodes = new Map<string, ProjectNode>();
  for (const [id, node] of project.nodes) {
    if (!isEnabled(node)) continue;
    if (node.resourceType === "unit_test") {
      const attached = project.nodes.get(node.attachedTo);
      if (attached !== undefined && !isEnabled(attached)) continue;
    }
    // A test of a disabled node, or that compares with one, has nothing to look at.
    if (node.resourceType === "test" && node.testType === "generic") {
      const attached = project.nodes.get(node.attachedTo ?? "");
      if (attached !== undefined && !isEnabled(attached)) continue;
      const targets = [
        ...node.references.refs.map(({ name }) => names.refs.get(name)),
        ...node.references.sources.map(({ source, table }) => names.sources.get(`${source}.${table}`)),
      ];
      if (targets.some((target) => target !== undefined && !isEnabled(target))) continue;
    }
    nodes.set(id, node);
  }
  return nodes;
}

function parentsOf(
  node: ProjectNode,
  names: Names,
  nodes: ReadonlyMap<string, ProjectNode>,
  errors: LakeError[],
): readonly string[] {
  if (node.resourceType === "seed" || node.resourceType === "source") return [];
  // What it is given stands for the model's inputs, which it never reads.
  if (node.resourceType === "unit_test") return [node.attachedTo];
  const found: string[] = [];
  if (node.resourceType === "test" && node.attachedTo !== undefined && nodes.has(node.attachedTo)) {
    found.push(node.attachedTo);
  }
  for (const { name, pin, at } of node.references.refs) {
    const target = names.refs.get(name);
    if (target !== undefined && pin !== undefined) refuseStateless({ node, target, name, at }, errors);
    if (target !== undefined && isOpen(target)) found.push(target.uniqueId);
    else addChecked({ node, target, name, at, kind: "ref", names }, found, errors);
  }
  for (const { source, table, pin, at } of node.references.sources) {
    const name = `${source}.${table}`;
    const target = names.sources.get(name);
    if (target !== undefined && pin !== undefined) refuseStateless({ node, target, name, at }, errors);
    if (target !== undefined && isOpen(target)) found.push(target.uniqueId);
    else addChecked({ node, target, name, at, kind: "source", names }, found, errors);
  }
  return found.length < 2 ? found : [...new Set(found)].sort();
}

/** What is no table has no states to read: a view, an ephemeral, a landing zone. */
function refuseStateless(
  { node, target, name, at }: Pick<Reference, "node" | "name" | "at"> & { readonly target: ProjectNode },
  errors: LakeError[],
): void {
  const hasStates =
    target.resourceType === "seed" ||
    target.resourceType === "snapshot" ||
    (target.resourceType === "source" && target.type === "iceberg") ||
    (target.resourceType === "model" && !["view", "ephemeral"].includes(target.config.materialized));
  if (hasStates) return;
  const kind = target.resourceType === "model" ? target.config.materialized : target.resourceType;
  const hint = "name the state of a table that it reads, or ask the whole query with `lake query --at`";
  errors.push(
    lakeError("graph/no-history", { name, kind, node: `${node.resourceType} ${node.name}` }, { at, hint }),
  );
}

/** Whether anything may refer to it: nearly every node, which need not be asked more. */
function isOpen(target: ProjectNode): boolean {
  return isEnabled(target) && (target.resourceType !== "model" || target.config.access !== "private");
}

interface Reference {
  readonly node: ProjectNode;
  readonly target: ProjectNode | undefined;
  readonly name: string;
  readonly at: Location;
  readonly kind: "ref" | "source";
  readonly names: Names;
}

function addChecked(reference: Reference, found: string[], errors: LakeError[]): void {
  const error = problemWith(reference);
  if (error !== null) errors.push(error);
  else if (reference.target !== undefined) found.push(reference.target.uniqueId);
}

function problemWith(reference: Reference): LakeError | null {
  const { node, target, name, at, kind, names } = reference;
  const title = `${node.resourceType} ${node.name}`;
  if (target === undefined) {
    const hint =
      didYouMean(name, (kind === "ref" ? names.refs : names.sources).keys()) ?? otherKind(reference);
    const code = kind === "ref" ? "graph/unknown-ref" : "graph/unknown-source";
    return lakeError(code, { name, node: title }, { at, hint });
  }
  if (!isEnabled(target)) {
    const hint = "enable it, or disable what refers to it";
    return lakeError("graph/disabled-ref", { name, node: title, file: target.path }, { at, hint });
  }
  if (target.resourceType !== "model" || target.config.access !== "private") return null;
  const group = target.config.group;
  // Tests of a private model are its own; others need to be in its group.
  if (node.resourceType === "test" && node.attachedTo === target.uniqueId) return null;
  const own = isTableNode(node) ? node.config.group : undefined;
  if (group === undefined || own === group || node.resourceType === "test") return null;
  const hint = `put ${node.name} into the group ${group}, or give ${name} the access protected`;
  return lakeError("graph/private-ref", { name, node: title, group }, { at, hint });
}

function otherKind({ kind, name, names }: { kind: string; name: string; names: Names }): string | undefined {
  if (kind !== "ref") return undefined;
  const source = [...names.sources.keys()].find((key) => key.endsWith(`.${name}`));
  return source === undefined
    ? undefined
    : `it is a source: {{source ${source
        .split(".")
        .map((part) => `"${part}"`)
        .join(" ")}}}`;
}

function cycleError(cycle: readonly string[], nodes: ReadonlyMap<string, ProjectNode>): LakeError {
  const members = cycle.map((id) => nodes.get(id) as ProjectNode);
  const names = members.map(({ name }) => name);
  const first = members[0] as ProjectNode;
  const files = members.slice(0, -1).map(({ name, path }) => `${name} is ${path}`);
  return lakeError(
    "graph/cycle",
    { path: names },
    { at: referenceTo(first, names[1] as string), hint: `remove one of the references: ${files.join(", ")}` },
  );
}

function referenceTo(node: ProjectNode, name: string): Location {
  const refs = "references" in node ? node.references.refs : [];
  return refs.find((ref) => ref.name === name)?.at ?? { file: node.path };
}
