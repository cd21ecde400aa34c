// What a step makes of the columns and layout of its table.
import type { EvolutionStep } from "../../plan/evolution.ts";
import { evolutionSteps } from "../../plan/evolution.ts";
import type { Model, Seed, TargetProfile } from "../../project/types.ts";
import { tableProperties } from "../names.ts";
import type { PlannedNode } from "../planning/planner.ts";
import type { Shape } from "./shapes.ts";

/** Empty for a table that is made anew, too. */
export function evolutionOf(
  { node, base, step }: PlannedNode,
  shape: Shape,
  profile: TargetProfile,
): readonly EvolutionStep[] {
  if (base === null) return [];
  const model = node as Model | Seed;
  return evolutionSteps({
    before: base.metadata,
    ...shape,
    properties: tableProperties(model, profile),
    formatVersion: model.config.formatVersion ?? 2,
    isRewrite: step.mode === "replace",
  });
}

/** Whether columns or layout may change: all else need not be bound to be planned. */
export function mayEvolve({ step, state, definition, base }: PlannedNode): boolean {
  return step.action === "build" && base !== null && state?.definition !== definition;
}
