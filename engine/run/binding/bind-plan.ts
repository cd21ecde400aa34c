// Binds all that a plan will run, and finds the shape of every table that it will write.
import type { LakeError } from "../../common/errors.ts";
import { isIncremental } from "../../plan/types.ts";
import type { Model } from "../../project/types.ts";
import { bindNodes } from "./bind-nodes.ts";
import type { Bound } from "./bind-nodes.ts";
import type { PlannedRun } from "../planning/plan-run.ts";
import type { PlannedNode } from "../planning/planner.ts";
import type { RunTables } from "../relations.ts";
import type { Session } from "../session.ts";
import { nullObjections } from "./null-objections.ts";
import { catalogObjections, shapesOf } from "./shapes.ts";
import type { Shapes } from "./shapes.ts";
import type { RunEvent } from "../types.ts";

export interface BoundPlan {
  readonly columns: Bound["columns"];
  readonly shapes: Shapes["shapes"];
  /** Unique id → why its statement, contract or schema change cannot be; empty when all is well. */
  readonly errors: ReadonlyMap<string, LakeError>;
}

/** Nothing is read or written; all errors at once. */
export async function bindPlan(options: {
  readonly session: Session;
  readonly planned: PlannedRun;
  readonly tables: RunTables;
  readonly emit: (event: RunEvent) => void;
}): Promise<BoundPlan> {
  const { session, planned, tables, emit } = options;
  const all = [...planned.nodes.values()];
  const proven = new Set(all.filter(isProven).flatMap(provenWith));
  // A unit test binds its model to rows of its own.
  const nodes = all.flatMap(({ step, node }) =>
    proven.has(step.uniqueId) || node.resourceType === "unit_test" ? [] : [node],
  );
  if (nodes.length === 0) return { columns: new Map(), shapes: new Map(), errors: new Map() };
  const bound = await bindNodes({
    session,
    renderer: planned.renderer,
    tables,
    nodes,
    incremental: (model: Model) => {
      const step = planned.nodes.get(model.uniqueId)?.step;
      if (step === undefined) return false;
      // Of a table that evolves the next run's columns count.
      return isIncremental(step) || (step.mode === "evolve" && model.config.materialized === "incremental");
    },
  });
  const { columns } = bound;
  if (columns.size === 0) return { columns, shapes: new Map(), errors: bound.errors };
  const compute = await session.compute();
  const { shapes, errors } = shapesOf({ planned, columns, compute, emit });
  const nulls = await nullObjections(await session.storage(), planned, shapes);
  const objections = await catalogObjections(await session.catalog(), planned, shapes);
  return { columns, shapes, errors: new Map([...bound.errors, ...errors, ...nulls, ...objections]) };
}

/** Whether the very statement has run before: with nothing new, binding it again would cost the engine's start. */
function isProven({ step, state, fingerprint }: PlannedNode): boolean {
  return (
    step.action === "reuse" && (step.resourceType === "test" || state?.ours?.fingerprint === fingerprint)
  );
}

/** A statement has run with the views that it reads: its fingerprint covers their text. */
function provenWith({ step, inputs }: PlannedNode): string[] {
  return [step.uniqueId, ...inputs.inlined.map((view) => view.uniqueId)];
}
