// What a run will do, node by node, and why. `plan` prints it, `run` executes it.
import type { TableIdentifier } from "../catalog/catalog.ts";
import type { IncrementalStrategy } from "../project/types.ts";
import type { CodeChange } from "./code-changes.ts";
import type { EvolutionStep } from "./evolution.ts";

export type Action =
  /** Makes or changes a table. */
  | "build"
  /** Made before and still standing: published with this run without being made again. */
  | "staged"
  /** Fingerprint and inputs are unchanged: nothing to do. */
  | "reuse"
  /** Views and ephemerals: only bound and inlined. */
  | "inline"
  /** A data test or a unit test. */
  | "test";

export interface PlanStep {
  readonly uniqueId: string;
  readonly resourceType: "model" | "seed" | "snapshot" | "test" | "unit_test";
  readonly action: Action;
  /** One sentence for people: `new`, `2 new landing files`, `code changed`, `stg_events moved from 12 to 13`. */
  readonly reason: string;
  /** `evolve` changes names, types, comments or layout without writing a row. */
  readonly mode?: "create" | "replace" | "append" | "overwrite" | "evolve";
  /** How an incremental model changes a part of its table. */
  readonly strategy?: IncrementalStrategy;
  readonly table?: TableIdentifier;
  /** What changed in its code since its table was built; only `lake plan` looks. Null when that is not known. */
  readonly changes?: readonly CodeChange[] | null;
  /** What becomes of the columns and layout of a table that is there; only `lake plan` looks beforehand. */
  readonly evolution?: readonly EvolutionStep[];
  /** Why the build would refuse it; only `lake plan` looks beforehand. */
  readonly refused?: { readonly code: string; readonly message: string; readonly hint?: string };
  /** Steps of this plan that must be finished before. */
  readonly after: readonly string[];
}

export interface Plan {
  readonly command: "run" | "build" | "test" | "seed" | "snapshot";
  readonly target: string;
  readonly steps: readonly PlanStep[];
}

/** Whether a step changes a part of its table. */
export function changesPart(step: Pick<PlanStep, "mode">): boolean {
  return step.mode === "append" || step.mode === "overwrite";
}

/** Whether a step needs only what is new, so that `incremental` is true in its template. A snapshot compares all
 *  rows with those that it has. */
export function isIncremental(step: Pick<PlanStep, "mode" | "resourceType">): boolean {
  return changesPart(step) && step.resourceType !== "snapshot";
}
