// A table that a run has made and not yet published: enough to publish it, or to take it over in another run.
import type { StagedChange } from "../../iceberg/change.ts";
import type { LandingVersion } from "../../plan/landing-diff.ts";
import type { PlanStep } from "../../plan/types.ts";
import type { TableReport } from "../types.ts";

export interface StagedTable {
  readonly uniqueId: string;
  /** The run that made it. */
  readonly runId: string;
  readonly mode: NonNullable<PlanStep["mode"]>;
  /** The table's own, then that of its quarantine where there is one: they are published together. */
  readonly changes: readonly [StagedChange, ...StagedChange[]];
  /** The landing files that were read. */
  readonly landing: readonly LandingVersion[];
  readonly report: TableReport;
}

export function changesOf(staged: Iterable<StagedTable>): StagedChange[] {
  return [...staged].flatMap(({ changes }) => changes);
}
