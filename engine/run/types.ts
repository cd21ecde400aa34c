// What a run tells while it works, and what it leaves behind.
import type { LakeError } from "../common/errors.ts";
import type { SelectionRequest } from "../graph/types.ts";
import type { Plan } from "../plan/types.ts";
import type { ChangedFiles } from "./landing/landing-state.ts";
import type { TableIdentifier } from "../catalog/catalog.ts";

/** dbt's words where they mean the same; `reused` is ours. */
export type NodeStatus = "success" | "reused" | "error" | "skipped" | "pass" | "warn" | "fail";

export interface TableReport {
  readonly identifier: TableIdentifier;
  readonly snapshotId: bigint | null;
  readonly rowsAdded: bigint;
  readonly rowsTotal: bigint;
  readonly filesAdded: number;
  readonly filesTotal: number;
  readonly bytesTotal: bigint;
  readonly partitions: number;
  readonly landingFiles: number;
  readonly rejectedRows: number;
}

/** Rows that differ from what a unit test expects, as text. */
export interface RowDiff {
  readonly columns: readonly string[];
  readonly rows: readonly {
    /** Only in the result, only expected, or both with other values: those cells hold `expected → result`. */
    readonly kind: "added" | "missing" | "changed";
    readonly cells: readonly string[];
  }[];
  /** How many rows were left out. */
  readonly more: number;
}

export interface NodeResult {
  readonly uniqueId: string;
  readonly resourceType: "model" | "seed" | "snapshot" | "test" | "unit_test" | "operation";
  readonly status: NodeStatus;
  /** One line for people: `appended 1,000,001 rows in 744 files`. */
  readonly message: string;
  /** What a unit test's rows differ in. */
  readonly diff?: RowDiff;
  /** Failing rows of a test; its severity decided the status. */
  readonly failures?: number;
  readonly startedMs: number;
  readonly elapsedMs: number;
  readonly table?: TableReport;
  readonly error?: LakeError;
  /** Relative to the project root, below `target/compiled`. */
  readonly compiledPath?: string;
  /** Namespace and name of the table that holds the failing rows. */
  readonly failuresTable?: TableIdentifier;
}

export interface RunResult {
  readonly runId: string;
  readonly command: string;
  readonly target: string;
  readonly startedMs: number;
  readonly elapsedMs: number;
  readonly results: readonly NodeResult[];
  /** Whether the catalog moved; false when tests or models failed before publishing. */
  readonly published: boolean;
  readonly success: boolean;
  /** Whether tables were left staged, to be looked at with `lake show --run`. */
  readonly staged: boolean;
  /** Why publishing failed, when all nodes were fine. */
  readonly error?: LakeError;
}

export type RunEvent =
  | { readonly kind: "run-started"; readonly runId: string; readonly plan: Plan; readonly threads: number }
  | {
      readonly kind: "node-started";
      readonly uniqueId: string;
      readonly index: number;
      readonly total: number;
      readonly reason: string;
    }
  | {
      readonly kind: "node-progress";
      readonly uniqueId: string;
      readonly rows?: number;
      readonly fraction?: number;
    }
  | {
      readonly kind: "node-finished";
      readonly result: NodeResult;
      readonly index: number;
      readonly total: number;
    }
  | { readonly kind: "publishing"; readonly tables: readonly TableIdentifier[] }
  | { readonly kind: "published"; readonly tables: readonly TableIdentifier[]; readonly elapsedMs: number }
  | { readonly kind: "warning"; readonly message: string }
  | { readonly kind: "log"; readonly message: string; readonly uniqueId?: string }
  | { readonly kind: "run-finished"; readonly result: RunResult };

export interface RunOptions extends SelectionRequest {
  readonly command: "run" | "build" | "test" | "seed" | "snapshot";
  readonly fullRefresh?: boolean;
  /** A full refresh may lose rows whose landing files are no longer there. */
  readonly allowLoss?: boolean;
  /** What to do about landing files that changed after they were taken in; `fail` when absent. */
  readonly changedFiles?: ChangedFiles;
  readonly noReuse?: boolean;
  /** Microbatch models build the batches of this time span and no others; texts of wall-clock time. */
  readonly eventTime?: { readonly start: string; readonly end: string };
  readonly failFast?: boolean;
  readonly storeFailures?: boolean;
  readonly warnError?: boolean;
  /** Binds and makes tables without rows. */
  readonly empty?: boolean;
  /** Share of landing files' rows or a row count, for a quick look: `0.01` or `1000`. */
  readonly sample?: string;
  readonly threads?: number;
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: RunEvent) => void;
  /** A failed run: what it staged and what passed on that is taken over where it still stands. */
  readonly retries?: string;
  /** The options of the command line, kept with a run that fails, to call it again. */
  readonly invocation?: Readonly<Record<string, unknown>>;
}
