interface Edges {
  readonly nodes: readonly string[];
  readonly parents: ReadonlyMap<string, readonly string[]>;
  readonly children: ReadonlyMap<string, readonly string[]>;
}

/** Parents before children, level by level, each level in id order; or a cycle, its first node repeated at the end. */
export function topologicalOrder({ nodes, parents, children }: Edges): {
  readonly order: readonly string[];
  readonly cycle: readonly string[] | null;
} {
  const waiting = new Map<string, number>();
  for (const id of nodes) waiting.set(id, parents.get(id)?.length ?? 0);
  const order: string[] = [];
  let level = nodes.filter((id) => waiting.get(id) === 0).sort();
  while (level.length > 0) {
    const next: string[] = [];
    for (const id of level) {
      order.push(id);
      for (const child of children.get(id) ?? []) {
        const left = (waiting.get(child) ?? 0) - 1;
        waiting.set(child, left);
        if (left === 0) next.push(child);
      }
    }
    level = next.sort();
  }
  if (order.length === nodes.length) return { order, cycle: null };
  const done = new Set(order);
  return { order, cycle: findCycle(nodes.filter((id) => !done.has(id)).sort(), parents, done) };
}

/** Every node that is left has a parent that is left: going up must come round. */
function findCycle(
  left: readonly string[],
  parents: ReadonlyMap<string, readonly string[]>,
  done: ReadonlySet<string>,
): readonly string[] {
  const path: string[] = [];
  const seen = new Map<string, number>();
  let current = left[0] as string;
  while (!seen.has(current)) {
    seen.set(current, path.length);
    path.push(current);
    current = parents.get(current)?.find((parent) => !done.has(parent)) as string;
  }
  const cycle = path.slice(seen.get(current));
  const start = cycle.indexOf([...cycle].sort()[0] as string);
  const turned = [...cycle.slice(start), ...cycle.slice(0, start)];
  return [...turned, turned[0] as string];
}
