// Questions to PyIceberg about a project's tables, many in one Python process.
import type { TestProject } from "../e2e/project.ts";
import { runPython } from "./pyiceberg.ts";

export type Question =
  | {
      readonly ask: "rows";
      readonly table: string;
      readonly filter?: string;
      readonly snapshot?: string;
      /** Give the stored rows, too. */
      readonly beside?: true;
    }
  | { readonly ask: "describe"; readonly table: string }
  /** `shared`: another engine wrote, too; only what lake added is held to lake's form. */
  | { readonly ask: "audit"; readonly table: string; readonly shared?: true }
  | { readonly ask: "filters"; readonly table: string; readonly column: string };

export interface Rows {
  /** In canonical form. */
  readonly rows: unknown[][];
  readonly files: number;
  /** The rows of those files, read without PyIceberg and without the filter; empty where not asked for. */
  readonly stored: unknown[][];
}

export interface Description {
  readonly location: string;
  readonly metadata: string;
  readonly fields: readonly (readonly [number, string, string])[];
  readonly spec: readonly (readonly [string, string])[];
  readonly history: readonly (bigint | number)[];
  readonly operations: readonly string[];
}

export interface AuditReport {
  readonly problems: readonly string[];
  readonly facts: {
    readonly snapshots: number;
    readonly manifests: number;
    readonly files: number;
    readonly bounds: number;
    /** Columns of files that have values and no bounds. */
    readonly unbounded: readonly string[];
  };
}

export interface FilterReport {
  /** Filters whose scan leaves out a file that holds a matching row. */
  readonly problems: readonly string[];
  /** Files in all those scans, and how many they would be without pruning. */
  readonly planned: number;
  readonly possible: number;
}

interface Answers {
  readonly rows: Rows;
  readonly describe: Description;
  readonly audit: AuditReport;
  readonly filters: FilterReport;
}
type Answer<Q> = Q extends { readonly ask: infer A extends keyof Answers } ? Answers[A] : never;

/** Where the project's SQLite catalog lies. */
export function catalogUri({ root }: TestProject, file = "lake.db"): string {
  return `sqlite:///${root}/${file}`;
}

export async function ask<const Q extends readonly Question[]>(
  uri: string,
  questions: Q,
): Promise<{ -readonly [K in keyof Q]: Answer<Q[K]> }> {
  const answers = await runPython("judge.py", [uri, "file:///nowhere", JSON.stringify(questions)]);
  return answers as { -readonly [K in keyof Q]: Answer<Q[K]> };
}
