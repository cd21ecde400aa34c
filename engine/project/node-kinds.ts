// Which nodes are made of SQL, and which become tables.
import type { Model, ProjectNode, Seed } from "./types.ts";

/** Models and snapshots. */
export function isModel(node: ProjectNode | undefined): node is Model {
  return node?.resourceType === "model" || node?.resourceType === "snapshot";
}

/** What `ref` may name. */
export function isTableNode(node: ProjectNode | undefined): node is Model | Seed {
  return isModel(node) || node?.resourceType === "seed";
}
