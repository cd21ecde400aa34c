// Walks along the edges.
import type { Graph } from "./types.ts";

type Edges = ReadonlyMap<string, readonly string[]>;

/** Everything reachable within `depth` steps (null: all), the start left out unless it is met again. */
export function reachable(edges: Edges, start: Iterable<string>, depth: number | null): Set<string> {
  const found = new Set<string>();
  let level = [...start];
  for (let left = depth ?? Infinity; level.length > 0 && left > 0; left--) {
    const next: string[] = [];
    for (const id of level) {
      for (const neighbour of edges.get(id) ?? []) {
        if (found.has(neighbour)) continue;
        found.add(neighbour);
        next.push(neighbour);
      }
    }
    level = next;
  }
  return found;
}

export function ancestors(graph: Graph, start: Iterable<string>, depth: number | null = null): Set<string> {
  return reachable(graph.parents, start, depth);
}

export function descendants(graph: Graph, start: Iterable<string>, depth: number | null = null): Set<string> {
  return reachable(graph.children, start, depth);
}

/** `@a`: a, its descendants, and the ancestors of all of them. */
export function childrensParents(graph: Graph, start: ReadonlySet<string>): Set<string> {
  const below = new Set([...start, ...descendants(graph, start)]);
  return new Set([...below, ...ancestors(graph, below)]);
}
