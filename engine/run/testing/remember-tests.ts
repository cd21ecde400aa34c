// Which passes of tests hold beyond this run: those on rows and text that say all there is to know.
import type { DataTest } from "../../project/types.ts";
import type { PlannedRun } from "../planning/plan-run.ts";
import type { PlannedNode } from "../planning/planner.ts";
import type { RunTables } from "../relations.ts";
import type { Session } from "../session.ts";
import { testSql } from "./test-sql.ts";
import type { NodeResult } from "../types.ts";

export interface TestMemory {
  readonly session: Session;
  readonly planned: PlannedRun;
  readonly tables: RunTables;
}

/** A pass holds for the rows that were tested, wherever they get published; not for a test that asks the clock. */
export async function rememberTest(
  memory: TestMemory,
  node: PlannedNode,
  { uniqueId, status }: NodeResult,
): Promise<void> {
  const { testCache, landingVersions } = memory.planned;
  if (status !== "pass" || (await isVolatile(memory, node))) {
    testCache.delete(uniqueId);
    return;
  }
  const inputs = memory.tables.versions(node.inputs.leaves.map((leaf) => leaf.uniqueId));
  testCache.set(uniqueId, {
    fingerprint: node.fingerprint,
    inputs: { ...inputs, ...landingVersions.get(uniqueId) },
  });
}

async function isVolatile({ session, planned }: TestMemory, { node, inputs }: PlannedNode): Promise<boolean> {
  const { renderer } = planned;
  const own = testSql({ session, renderer, test: node as DataTest }).rows;
  const compute = await session.compute();
  for (const sql of [own, ...inputs.inlined.map((view) => renderer.model(view, false).sql)]) {
    if ((await compute.volatileFunctions(sql)).length > 0) return true;
  }
  return false;
}
