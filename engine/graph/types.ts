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
  readonly indirectSelection?: "eager" | "cautious" | "buildable" | "empty";
  /** For `state:`, `result:` and `source_status:`; each missing one is an error only when its method is used. */
  readonly state?: SelectionState;
}
export interface SelectionState {
  /** Unique id → checksum parts of another manifest. */
  readonly manifest?: ReadonlyMap<
    string,
    { readonly body: string; readonly config: string; readonly contract: string; readonly macros: string }
  >;
  /** Unique id → status of an earlier run. */
  readonly results?: ReadonlyMap<string, string>;
  /** Source unique id → `pass` | `warn` | `error` | `fresher`. */
  readonly sources?: ReadonlyMap<string, string>;
}
