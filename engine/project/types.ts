// A project as its files say, before any edge is drawn. Plain data: it can be printed, cached, compared.
import type { Json } from "../common/json.ts";
import type { Location } from "../common/errors.ts";
import type { LandingColumn } from "../compute/compute.ts";
import type { MacroSource, References, StatePin } from "../template/types.ts";

export type Materialisation = "view" | "ephemeral" | "table" | "incremental" | "snapshot" | "seed";
export type IncrementalStrategy = "append" | "merge" | "delete+insert" | "replace_partitions" | "microbatch";

/** What `lake maintain` does to a table; an age in milliseconds in place of the usual one. */
export interface Maintenance {
  readonly compact: boolean | CompactionOrder;
  readonly rewriteManifests: boolean;
  readonly expireSnapshots: boolean | number;
  readonly removeOrphanFiles: boolean | number;
}

/** How a compaction puts rows in order. */
export interface CompactionOrder {
  readonly strategy: "binpack" | "sort" | "zorder";
  readonly by: readonly string[];
}

/** How a snapshot finds the rows that changed, and how it writes its history; dbt's names. */
export interface SnapshotConfig {
  readonly strategy: "timestamp" | "check";
  /** The column that says since when a row is as it is. */
  readonly updatedAt?: string;
  /** Columns that make a new version when they differ. */
  readonly checkCols?: "all" | readonly string[];
  readonly hardDeletes: "ignore" | "invalidate" | "new_record";
  /** What the columns of the history are called. */
  readonly columns: SnapshotColumns;
  /** SQL of the end of what still holds; null when absent. */
  readonly validToCurrent?: string;
}

export interface SnapshotColumns {
  readonly scdId: string;
  readonly updatedAt: string;
  readonly validFrom: string;
  readonly validTo: string;
  /** Only with `hard_deletes: new_record`. */
  readonly isDeleted: string;
}

/** Config after folder defaults (`lake.yml`), properties (yml) and `{{config}}`, the nearer winning;
 *  `tags` and `meta` accumulate. Keys that the engine does not know are refused with a suggestion. */
export interface NodeConfig {
  readonly enabled: boolean;
  readonly materialized: Materialisation;
  /** Namespace in the catalog; default the target's `schema`. */
  readonly schema?: string;
  /** Table name in the catalog; default the node's name. */
  readonly alias?: string;
  readonly tags: readonly string[];
  readonly meta: Readonly<Record<string, Json>>;
  readonly group?: string;
  readonly access?: "private" | "protected" | "public";
  readonly strategy?: IncrementalStrategy;
  readonly uniqueKey?: readonly string[];
  /** Of a snapshot. */
  readonly snapshot?: SnapshotConfig;
  /** Partition fields as written: `year`, `day(ts)`, `bucket(16, id)`, `truncate(4, name)`. */
  readonly partitionBy?: readonly string[];
  readonly sortedBy?: readonly string[];
  readonly formatVersion?: 2 | 3;
  readonly properties?: Readonly<Record<string, string>>;
  /** The column that says when a row happened: of a microbatch model, and of the inputs that it reads batch by batch. */
  readonly eventTime?: string;
  readonly batchSize?: "hour" | "day" | "month" | "year";
  /** The first batch: a date or time of the project's time zone. */
  readonly begin?: string;
  /** Batches before the newest that are built again whenever an input moved. */
  readonly lookback?: number;
  readonly onSchemaChange?: "ignore" | "fail" | "append_new_columns" | "sync_all_columns";
  readonly fullRefresh?: boolean;
  readonly reuse?: boolean;
  readonly publish?: "run" | "each";
  readonly maintain?: Maintenance;
  readonly contract?: { readonly enforced: boolean };
  /** Seeds. */
  readonly columnTypes?: Readonly<Record<string, string>>;
  readonly delimiter?: string;
  readonly quoteColumns?: boolean;
  readonly onBadRecord?: "fail" | "quarantine";
}

export interface ColumnProperties {
  readonly name: string;
  readonly description?: string;
  readonly dataType?: string;
  /** Earlier names: a column of the table that has one of them gets this name and keeps its data. */
  readonly was?: readonly string[];
  /** What rows have that are older than the column, and what writers put where they have no value; tables of format 3. */
  readonly default?: string;
  readonly constraints?: readonly { readonly type: string; readonly expression?: string }[];
  readonly meta?: Readonly<Record<string, Json>>;
  readonly tags?: readonly string[];
}

interface NodeBase {
  /** `model.<project>.<name>`, `test.<project>.<name>.<hash>`, … as dbt spells them. */
  readonly uniqueId: string;
  readonly name: string;
  /** `[project, …folders below the resource path, name]`. */
  readonly fqn: readonly string[];
  /** Relative to the project's root, with `/`. */
  readonly path: string;
  readonly description?: string;
  readonly config: NodeConfig;
  /** SHA-256 of the file's text. */
  readonly checksum: string;
}

/** A SELECT with a name: a model, or a snapshot, which keeps the history of its rows. */
export interface Model extends NodeBase {
  readonly resourceType: "model" | "snapshot";
  readonly text: string;
  readonly references: References;
  readonly columns: readonly ColumnProperties[];
  readonly constraints: readonly {
    readonly type: string;
    readonly columns?: readonly string[];
    readonly expression?: string;
  }[];
  /** Where its properties stand, if they do. */
  readonly patchPath?: string;
  /** Of a snapshot that has no file of its own: where it is declared. */
  readonly at?: Location;
}

export interface Seed extends NodeBase {
  readonly resourceType: "seed";
  readonly columns: readonly ColumnProperties[];
  readonly patchPath?: string;
}

/** `type: landing` (files of JSON lines), `type: iceberg` (a table by catalog name or metadata path), or one
 *  that the engine provides. */
export interface Source extends NodeBase {
  readonly resourceType: "source";
  readonly sourceName: string;
  readonly identifier: string;
  readonly type: "landing" | "iceberg" | "engine";
  /** Landing: folder (relative to the target's `landing` or absolute) and file-name patterns. */
  readonly location?: string;
  readonly files?: readonly string[];
  readonly format?: "jsonl";
  readonly landingColumns?: readonly LandingColumn[];
  readonly onBadRecord: "fail" | "quarantine";
  readonly columns: readonly ColumnProperties[];
  readonly loadedAtField?: string;
  readonly freshness?: {
    readonly warnAfter?: { readonly count: number; readonly period: "minute" | "hour" | "day" };
    readonly errorAfter?: { readonly count: number; readonly period: "minute" | "hour" | "day" };
    readonly filter?: string;
  };
  readonly at: Location;
}

export interface TestConfig {
  readonly enabled: boolean;
  readonly severity: "error" | "warn";
  readonly warnIf: string;
  readonly errorIf: string;
  readonly where?: string;
  readonly limit?: number;
  readonly storeFailures: boolean;
  readonly tags: readonly string[];
  readonly meta: Readonly<Record<string, Json>>;
}

export interface DataTest {
  readonly resourceType: "test";
  readonly uniqueId: string;
  readonly name: string;
  readonly fqn: readonly string[];
  readonly path: string;
  readonly description?: string;
  readonly checksum: string;
  readonly testType: "generic" | "singular";
  /** Generic: `not_null`, …; its column, if it stands under one; arguments without the config. */
  readonly testName?: string;
  readonly columnName?: string;
  readonly arguments?: Readonly<Record<string, Json>>;
  /** Generic: unique id of the model, seed or source that it is declared on. */
  readonly attachedTo?: string;
  /** Singular: the template. */
  readonly text?: string;
  readonly references: References;
  readonly testConfig: TestConfig;
  readonly at: Location;
}

/** Rows that a unit test gives or expects, as its file has them. */
export type Fixture =
  | {
      readonly kind: "rows";
      readonly columns: readonly string[];
      /** As many values as columns; the engine casts them. */
      readonly rows: readonly (readonly Json[])[];
      readonly at: Location;
    }
  | { readonly kind: "sql"; readonly sql: string; readonly at: Location };

export type UnitTestInput =
  | { readonly kind: "ref"; readonly name: string; readonly pin?: StatePin }
  | { readonly kind: "source"; readonly source: string; readonly table: string; readonly pin?: StatePin }
  | { readonly kind: "this" };

export interface UnitTestOverrides {
  readonly vars: Readonly<Record<string, Json>>;
  /** Macro → the text that stands where it is called. */
  readonly macros: Readonly<Record<string, string>>;
  readonly envVars: Readonly<Record<string, string>>;
  /** The frozen clock. */
  readonly nowMs?: number;
}

/** Rows in, rows out: one model's SQL over given inputs. */
export interface UnitTest {
  readonly resourceType: "unit_test";
  /** `unit_test.<project>.<model>.<name>`. */
  readonly uniqueId: string;
  readonly name: string;
  readonly fqn: readonly string[];
  readonly path: string;
  readonly description?: string;
  readonly config: UnitTestConfig;
  readonly checksum: string;
  /** Unique id of the model. */
  readonly attachedTo: string;
  /** Whether the model is rendered as on its later runs. */
  readonly incremental: boolean;
  readonly given: readonly {
    readonly input: UnitTestInput;
    readonly fixture: Fixture;
    readonly at: Location;
  }[];
  readonly expect: Fixture;
  readonly overrides: UnitTestOverrides;
  readonly at: Location;
}

export interface UnitTestConfig {
  readonly enabled: boolean;
  readonly tags: readonly string[];
  readonly meta: Readonly<Record<string, Json>>;
}

export interface Exposure {
  readonly resourceType: "exposure";
  readonly uniqueId: string;
  readonly name: string;
  readonly fqn: readonly string[];
  readonly path: string;
  readonly type: string;
  readonly owner: Readonly<Record<string, Json>>;
  readonly url?: string;
  readonly label?: string;
  readonly maturity?: "high" | "medium" | "low";
  readonly description?: string;
  readonly tags: readonly string[];
  readonly meta: Readonly<Record<string, Json>>;
  readonly references: References;
}

export type ProjectNode = Model | Seed | Source | DataTest | UnitTest | Exposure;

export interface Group {
  readonly name: string;
  /** The file that declares it. */
  readonly path: string;
  readonly owner: Readonly<Record<string, Json>>;
}

export interface ProjectSettings {
  readonly name: string;
  readonly version?: string;
  readonly profile: string;
  readonly modelPaths: readonly string[];
  readonly seedPaths: readonly string[];
  readonly snapshotPaths: readonly string[];
  readonly testPaths: readonly string[];
  readonly macroPaths: readonly string[];
  readonly targetPath: string;
  /** IANA time zone of the session. */
  readonly timezone: string;
  readonly vars: Readonly<Record<string, Json>>;
  /** The same without `--vars`: what the files say. */
  readonly declaredVars: Readonly<Record<string, Json>>;
  /** Environment variables that templates may read. */
  readonly envVars: readonly string[];
}

export interface Project {
  /** Absolute path of the folder that holds `lake.yml`. */
  readonly root: string;
  readonly settings: ProjectSettings;
  readonly nodes: ReadonlyMap<string, ProjectNode>;
  readonly macros: ReadonlyMap<string, readonly MacroSource[]>;
  readonly groups: ReadonlyMap<string, Group>;
  /** YAML selectors (`selectors.yml`) as written. */
  readonly selectors: readonly {
    readonly name: string;
    readonly default: boolean;
    readonly definition: Json;
    readonly at: Location;
  }[];
  /** SHA-256 over every file that the project was read from. */
  readonly contentHash: string;
  /** What is odd but no error: properties of a model that does not exist, settings of an unused folder. */
  readonly warnings?: readonly ProjectWarning[];
}

export interface ProjectWarning {
  readonly message: string;
  readonly at: Location;
}

/** `profiles.yml`, one output, after environment variables and defaults. */
export interface TargetProfile {
  readonly profile: string;
  readonly name: string;
  /** Default namespace of models. */
  readonly schema: string;
  readonly warehouse: string;
  /** Base of relative landing locations. */
  readonly landing: string;
  readonly catalog: Readonly<Record<string, Json>> & { readonly type: string };
  readonly compute: Readonly<Record<string, Json>> & { readonly type: string };
  readonly storage: Readonly<Record<string, Json>>;
  readonly threads: number;
  /** Of an environment (`from`): the target whose published tables it reads where it has none of its own. */
  readonly parent?: TargetProfile;
  /** Of a target that environments stand on: how long a base of clones outlives the next one (rule 23). */
  readonly keepBaseMs?: number;
}
