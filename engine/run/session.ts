// Everything one command works with: the project, its graph, the target, and adapters opened when first used.
import type { Catalog } from "../catalog/catalog.ts";
import type { Compute, ComputeSettings } from "../compute/compute.ts";
import type { Graph } from "../graph/types.ts";
import type { TargetProfile } from "../project/types.ts";
import type { Storage } from "../storage/storage.ts";

/** Opens adapters; `wire.ts` is the only implementation and the only file that names an adapter. */
export interface Adapters {
  compute(settings: ComputeSettings): Promise<Compute>;
  catalog(profile: TargetProfile): Promise<Catalog>;
  storage(profile: TargetProfile): Promise<Storage>;
}

export interface SessionOptions {
  readonly graph: Graph;
  readonly profile: TargetProfile;
  readonly adapters: Adapters;
  /** Injected so that tests are repeatable. */
  readonly now?: () => number;
  readonly newId?: () => string;
}
