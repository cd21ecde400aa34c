// For `lake plan`: what changed in the code of each model since its table was built.
import { mapLimited } from "../common/limit.ts";
import { normaliseSql } from "../common/normalise-sql.ts";
import { codeChanges } from "../plan/code-changes.ts";
import type { PlanStep } from "../plan/types.ts";
import { readCode } from "./built-code.ts";
import type { PlannedNode } from "./planner.ts";
import type { Session } from "./session.ts";

/** Files of kept code that are read at once. */
const filesAtOnce = 16;

/** The steps in their order; those of changed models with what changed. */
export async function explainSteps(
  session: Session,
  nodes: readonly PlannedNode[],
): Promise<readonly PlanStep[]> {
  const storage = await session.storage();
  return mapLimited(nodes, filesAtOnce, async ({ step, code, state, fingerprint }) => {
    const ours = state?.ours ?? null;
    if (code === null || ours === null || ours.partial || ours.fingerprint === fingerprint) return step;
    const before = ours.code === null ? null : await readCode(storage, ours.code);
    return { ...step, changes: before === null ? null : codeChanges(before, code, normaliseSql) };
  });
}
