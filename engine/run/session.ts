// Everything one command works with: the project, its graph, the target, and adapters opened when first used.
import { randomUUID } from "node:crypto";
import type { Catalog } from "../catalog/catalog.ts";
import type { Compute, ComputeSettings } from "../compute/compute.ts";
import type { Graph } from "../graph/types.ts";
import { stableStringify } from "../common/hash.ts";
import type { TargetProfile } from "../project/types.ts";
import type { Storage } from "../storage/storage.ts";
import { parentsOf } from "./names.ts";
import { computeSettings } from "./compute-settings.ts";
import { sourceLocations } from "./source-locations.ts";

/** Opens adapters; `wire.ts` is the only implementation and the only file that names an adapter. */
export interface Adapters {
  compute(profile: TargetProfile, settings: ComputeSettings, storage: Storage): Promise<Compute>;
  /** Name and version of the engine, without opening it: part of every fingerprint (rule 19). */
  engineVersion(profile: TargetProfile): Promise<string>;
  catalog(profile: TargetProfile): Promise<Catalog>;
  storage(profile: TargetProfile): Promise<Storage>;
}

export interface SessionOptions {
  readonly graph: Graph;
  readonly profile: TargetProfile;
  readonly adapters: Adapters;
  /** `--defer`: what this target does not have is read from there. An environment reads its parents anyway. */
  readonly defer?: TargetProfile;
  /** The environment that templates may read, through the project's allow-list. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Injected so that tests are repeatable. */
  readonly now?: () => number;
  readonly newId?: () => string;
}

/** Adapters are opened once, on first use, and closed together. */
export class Session {
  readonly graph: Graph;
  readonly profile: TargetProfile;
  /** The targets whose tables are read where this one has none of its own, nearest first. */
  readonly below: readonly TargetProfile[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly now: () => number;
  readonly newId: () => string;
  readonly #adapters: Adapters;
  #compute: Promise<Compute> | null = null;
  #catalog: Promise<Catalog> | null = null;
  /** Catalogs of the targets that this one stands on, by how they are reached. */
  readonly #parents = new Map<string, Promise<Catalog>>();
  #storage: Promise<Storage> | null = null;

  constructor(options: SessionOptions) {
    this.graph = options.graph;
    this.profile = options.profile;
    this.below =
      options.defer === undefined ? parentsOf(options.profile) : [options.defer, ...parentsOf(options.defer)];
    this.env = options.env ?? {};
    this.now = options.now ?? Date.now;
    this.newId = options.newId ?? randomUUID;
    this.#adapters = options.adapters;
  }

  compute(): Promise<Compute> {
    this.#compute ??= this.#openCompute();
    return this.#compute;
  }

  async #openCompute(): Promise<Compute> {
    const { graph, profile } = this;
    const storage = await this.storage();
    // Known before the engine opens: once it runs statements of a model, it takes no further folders.
    const foreignLocations = await sourceLocations(this);
    const settings = computeSettings({
      graph,
      profile,
      below: this.below,
      storage,
      foreignLocations,
      nowMs: this.now(),
    });
    return this.#adapters.compute(profile, settings, storage);
  }

  engineVersion(): Promise<string> {
    return this.#adapters.engineVersion(this.profile);
  }

  catalog(): Promise<Catalog> {
    this.#catalog ??= this.#adapters.catalog(this.profile).then(async (catalog) => {
      await catalog.initialise();
      return catalog;
    });
    return this.#catalog;
  }

  /** The catalog of this target or of one that it stands on; the latter is only read, so nothing is made in it. */
  catalogOf(profile: TargetProfile): Promise<Catalog> {
    const reached = ({ catalog, warehouse }: TargetProfile): string => stableStringify([catalog, warehouse]);
    const key = reached(profile);
    if (key === reached(this.profile)) return this.catalog();
    let catalog = this.#parents.get(key);
    if (catalog === undefined) this.#parents.set(key, (catalog = this.#adapters.catalog(profile)));
    return catalog;
  }

  storage(): Promise<Storage> {
    this.#storage ??= this.#adapters.storage(this.profile);
    return this.#storage;
  }

  async close(): Promise<void> {
    const opened = [this.#compute, this.#catalog, ...this.#parents.values()];
    this.#parents.clear();
    this.#compute = null;
    this.#catalog = null;
    await Promise.all(
      opened.map(async (adapter) => {
        // An adapter that failed to open has told its caller already.
        const ready = await adapter?.catch(() => null);
        await ready?.close();
      }),
    );
  }
}

export function createSession(options: SessionOptions): Session {
  return new Session(options);
}
