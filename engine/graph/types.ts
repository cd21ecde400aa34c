// The project with its edges drawn.
import type { Project, ProjectNode } from "../project/types.ts";

export interface Graph {
  readonly project: Project;
  /** Unique id → node; the same objects as the project's. */
  readonly nodes: ReadonlyMap<string, ProjectNode>;
  /** Direct parents and children; every node has an entry. Tests are children of what they test. */
  readonly parents: ReadonlyMap<string, readonly string[]>;
  readonly children: ReadonlyMap<string, readonly string[]>;
  /** Parents before children; ties in unique-id order, so that the order is the same everywhere. */
  readonly order: readonly string[];
}

export interface SelectionRequest {
  readonly select?: readonly string[];
  readonly exclude?: readonly string[];
  readonly selector?: string;
  readonly resourceTypes?: readonly string[];
  readonly excludedResourceTypes?: readonly string[];
  readonly indirectSelection?: "eager" | "cautious" | "buildable" | "empty";
  /** For `state:`, `result:` and `source_status:`; each missing one is an error only when its method is used. */
  readonly state?: SelectionState;
}
export interface SelectionState {
  /** Unique id → checksum parts of another manifest. */
  readonly manifest?: ReadonlyMap<string, StateParts>;
  /** Unique id → status of an earlier run. */
  readonly results?: ReadonlyMap<string, string>;
  /** Source unique id → how fresh it was then, and how fresh it is now. */
  readonly sources?: ReadonlyMap<string, SourceState>;
  readonly currentSources?: ReadonlyMap<string, SourceState>;
}

/** Hashes of what a node's files say, by what `state:modified` tells apart. */
export interface StateParts {
  readonly body: string;
  readonly config: string;
  /** Where its table lies: schema and alias. */
  readonly relation: string;
  readonly contract: string;
  readonly macros: string;
}

export interface SourceState {
  /** `pass`, `warn`, `error` or `runtime error`. */
  readonly status: string;
  /** Null for a source without data. */
  readonly maxLoadedAtMs: number | null;
}
