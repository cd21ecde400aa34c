// `publish: each`: tables that a failure elsewhere in the run does not hold back.
import { hasTable } from "../names.ts";
import type { PlannedRun } from "../planning/plan-run.ts";
import type { RunResults } from "../run-results.ts";
import type { StagedTable } from "./staged-table.ts";

/**
 * Of a run in which something failed, the staged tables that are published all the same: those whose config says
 * `publish: each`, if all tests that read them passed, and if everything that they read of this run is published, too.
 */
export function publishedEach(
  { nodes }: PlannedRun,
  staged: ReadonlyMap<string, StagedTable>,
  results: RunResults,
): readonly StagedTable[] {
  const held = new Set<string>();
  for (const { node, inputs, step } of nodes.values()) {
    if (node.resourceType !== "test" || !results.isBad(step.uniqueId)) continue;
    for (const { uniqueId } of inputs.leaves) held.add(uniqueId);
  }
  const published: StagedTable[] = [];
  // Inputs stand before those that read them.
  for (const table of staged.values()) {
    const planned = nodes.get(table.uniqueId);
    const reads = planned?.inputs.leaves ?? [];
    const node = planned?.node;
    const isOwn = hasTable(node) && node.config.publish === "each";
    const isFree = !held.has(table.uniqueId) && !results.isBad(table.uniqueId);
    if (isOwn && isFree && reads.every(({ uniqueId }) => !held.has(uniqueId))) published.push(table);
    else held.add(table.uniqueId);
  }
  return published;
}
