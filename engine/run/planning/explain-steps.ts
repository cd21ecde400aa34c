// For `lake plan`: what changed in the code of each model since its table was built, and what becomes of the columns
// and layout of its table.
import { mapLimited } from "../../common/limit.ts";
import { normaliseSql } from "../../common/normalise-sql.ts";
import { codeChanges } from "../../plan/code-changes.ts";
import type { PlanStep } from "../../plan/types.ts";
import { bindPlan } from "../binding/bind-plan.ts";
import { readCode } from "./built-code.ts";
import { evolutionOf, mayEvolve } from "../binding/evolution-of.ts";
import type { PlannedRun } from "./plan-run.ts";
import { RunTables } from "../relations.ts";
import type { Session } from "../session.ts";

/** Files of kept code that are read at once. */
const filesAtOnce = 16;

/** The steps in their order; those of changed models with what changes. */
export async function explainSteps(session: Session, planned: PlannedRun): Promise<readonly PlanStep[]> {
  const storage = await session.storage();
  const evolved = await evolutions(session, planned);
  return mapLimited([...planned.nodes.values()], filesAtOnce, async (node) => {
    const { code, state, fingerprint } = node;
    const step = { ...node.step, ...evolved.get(node.step.uniqueId) };
    const ours = state?.ours ?? null;
    if (code === null || ours === null || ours.partial || ours.fingerprint === fingerprint) return step;
    const before = ours.code === null ? null : await readCode(storage, ours.code);
    return { ...step, changes: before === null ? null : codeChanges(before, code, normaliseSql) };
  });
}

/** By binding, without reading data; nothing where no table may evolve. */
async function evolutions(
  session: Session,
  planned: PlannedRun,
): Promise<ReadonlyMap<string, Pick<PlanStep, "evolution" | "refused">>> {
  const nodes = [...planned.nodes.values()].filter(mayEvolve);
  if (nodes.length === 0) return new Map();
  const tables = new RunTables(planned);
  const { shapes, errors } = await bindPlan({ session, planned, tables, emit: () => undefined });
  const refused = [...errors].map(([uniqueId, { code, message, hint }]) => {
    return [uniqueId, { refused: { code, message, ...(hint !== undefined && { hint }) } }] as const;
  });
  const found = nodes.flatMap((node) => {
    const shape = shapes.get(node.step.uniqueId);
    const evolution = shape === undefined ? [] : evolutionOf(node, shape, session.profile);
    return evolution.length === 0 ? [] : [[node.step.uniqueId, { evolution }] as const];
  });
  return new Map<string, Pick<PlanStep, "evolution" | "refused">>([...found, ...refused]);
}
