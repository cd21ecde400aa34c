// What the planning of every node works with, and what its inputs look like from there.
import type { CatalogTable } from "../../catalog/catalog.ts";
import type { TableMetadata } from "../../iceberg/types.ts";
import type { InputState } from "../../plan/decide.ts";
import type { FingerprintContext, ModelCode } from "../../plan/fingerprint.ts";
import { readTableState, tableVersion } from "../../plan/table-state.ts";
import type { TableState } from "../../plan/table-state.ts";
import type { PlanStep } from "../../plan/types.ts";
import type { DataTest, Model, Seed, UnitTest } from "../../project/types.ts";
import type { ClonePlan } from "../environments/clones.ts";
import { pinnedInputs, tableInputs } from "../inputs.ts";
import type { Inputs } from "../inputs.ts";
import type { LandingState } from "../landing/landing-state.ts";
import type { Renderer } from "../render-node.ts";
import type { SeenTable } from "../environments/seen-tables.ts";
import type { BatchPlan } from "./plan-batches.ts";
import type { Session } from "../session.ts";
import type { StagedTable } from "../publishing/staged-table.ts";
import type { TestCache } from "../testing/test-cache.ts";
import type { RunOptions } from "../types.ts";

/** What a run may do something about. */
export type RunNode = Model | Seed | DataTest | UnitTest;

export interface PlannedNode {
  readonly node: RunNode;
  readonly step: PlanStep;
  readonly inputs: Inputs;
  readonly fingerprint: string;
  /** Of a table: what its columns and layout follow; see `tableDefinition`. */
  readonly definition: string;
  /** Of a model. */
  readonly code: ModelCode | null;
  readonly state: TableState | null;
  readonly landing: LandingState | null;
  /** The table that a step which builds changes; null where it makes one. */
  readonly base: CatalogTable | null;
  /** Of a microbatch model that is built. */
  readonly batches?: BatchPlan;
  /** Of a step that takes over what was staged before. */
  readonly staged?: StagedTable;
  /** In an environment: what the base is cloned from before the step writes. */
  readonly clone: ClonePlan | null;
}

export interface Planner {
  readonly session: Session;
  readonly options: RunOptions;
  readonly renderer: Renderer;
  readonly tables: ReadonlyMap<string, CatalogTable>;
  /** The same tables, with the target that each belongs to. */
  readonly seen: ReadonlyMap<string, SeenTable>;
  readonly testCache: TestCache;
  /** Unique id → what was staged before, to be taken over where it still stands. */
  readonly staged: ReadonlyMap<string, StagedTable>;
  readonly landingVersions: Map<string, Readonly<Record<string, string>>>;
  /** Tables of others, and other states of tables, by the unique id of the input. */
  readonly sourceTables: ReadonlyMap<string, TableMetadata>;
  readonly fingerprintContext: FingerprintContext;
  /** `normaliseSql`, each text once. */
  readonly normalise: (sql: string) => string;
}

export function inputStates(
  planner: Planner,
  inputs: Inputs,
  planned: ReadonlyMap<string, PlannedNode>,
): InputState[] {
  const states = tableInputs(inputs).map((input): InputState => {
    const table = planner.tables.get(input.uniqueId);
    const node = planned.get(input.uniqueId);
    const version =
      node?.staged !== undefined
        ? tableVersion(node.staged.changes[0].preview)
        : (node !== undefined && changesVersion(node)) || table === undefined
          ? null
          : readTableState(table).version;
    return { uniqueId: input.uniqueId, name: input.name, version };
  });
  const pinned = pinnedInputs(inputs).map(({ uniqueId, name }): InputState => {
    const metadata = planner.sourceTables.get(uniqueId);
    return { uniqueId, name, version: metadata === undefined ? null : tableVersion(metadata) };
  });
  return [...states, ...pinned, ...sourceStates(planner, inputs)];
}

/** With the statement that built it, a table that evolves keeps its columns; with another they may change. */
function changesVersion({ step, state, fingerprint }: PlannedNode): boolean {
  if (step.action !== "build") return false;
  return step.mode !== "evolve" || state?.ours?.fingerprint !== fingerprint;
}

/** Tables of others have versions as ours do; what has none is never unchanged (rule 20). */
function sourceStates(planner: Planner, inputs: Inputs): InputState[] {
  return inputs.leaves.flatMap((leaf) => {
    if (leaf.resourceType !== "source" || leaf.type === "landing") return [];
    const metadata = planner.sourceTables.get(leaf.uniqueId);
    // The ledgers move with the tables that they belong to.
    if (leaf.type === "engine" && tableInputs(inputs).length > 0) return [];
    const version = metadata === undefined ? null : tableVersion(metadata);
    return [{ uniqueId: leaf.uniqueId, name: `${leaf.sourceName}.${leaf.name}`, version }];
  });
}
