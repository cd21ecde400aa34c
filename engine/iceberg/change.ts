// A change of one table, from intent (`ChangeRequest`) through files on storage (`StagedChange`) to the
// pointer move (`TableCommit` of the catalog). Rules: `engine/README.md`, "Staging and publishing".
import type { CatalogTable, TableIdentifier } from "../catalog/catalog.ts";
import type {
  DataFile,
  PartitionSpec,
  Schema,
  SortOrder,
  TableMetadata,
  TableRequirement,
  TableUpdate,
} from "./types.ts";

export type ChangeOperation =
  | { readonly kind: "append"; readonly add: readonly DataFile[] }
  /** Everything old goes, history stays: `materialized="table"`, full refresh. */
  | { readonly kind: "replace-all"; readonly add: readonly DataFile[] }
  /**
   * The named live data files go, others come (merge, delete+insert, replace_partitions); `addDeletes` are position
   * delete files or deletion vectors, of the partition and spec of the data file that each refers to. A data file has
   * one vector: those of `replaceVectorsOf` take in what was deleted before.
   */
  | {
      readonly kind: "overwrite";
      readonly add: readonly DataFile[];
      readonly removePaths: ReadonlySet<string>;
      readonly addDeletes?: readonly DataFile[];
      readonly replaceVectorsOf?: ReadonlySet<string>;
    }
  /**
   * The same rows in other files (compaction): `removePaths` names data files, and delete files that no longer
   * apply to any. What is added keeps the sequence number of the state that it was read at, so that equality
   * deletes which came later still reach it.
   */
  | {
      readonly kind: "rewrite";
      readonly add: readonly DataFile[];
      readonly removePaths: ReadonlySet<string>;
      readonly dataSequenceNumber: bigint;
      /** Writes the manifests anew, too: few and each of neighbouring partitions. */
      readonly regroupManifests?: boolean;
    }
  /** Schema, spec or properties only: no snapshot. */
  | { readonly kind: "none" };

export interface ChangeRequest {
  readonly identifier: TableIdentifier;
  /** What the change was computed on; null creates the table. */
  readonly base: CatalogTable | null;
  /** Only read when the table is created. */
  readonly location: string;
  /** With final field ids (see `schema.ts`: `assignFreshIds`, `evolveSchema`). */
  readonly schema: Schema;
  readonly spec: PartitionSpec;
  /** The table's default from now on; absent: as it is. */
  readonly sortOrder?: SortOrder;
  /** Set on top of what the table has; never removes. */
  readonly properties: Readonly<Record<string, string>>;
  readonly operation: ChangeOperation;
  /** `lake.*` keys for the snapshot summary; totals and counts are computed. */
  readonly summary: Readonly<Record<string, string>>;
  /** Stable over attempts, stands in the summary as `lake.commit-id`. */
  readonly commitId: string;
  readonly formatVersion: 2 | 3;
  /** The table property that is to hold the new snapshot's id; staged again, it names the new one again. */
  readonly snapshotIdProperty?: string;
  /** Tags that change with the commit: one on its snapshot, unless another writer has set it meanwhile; those that end. */
  readonly tags?: { readonly add?: TagName; readonly remove: readonly string[] };
}

export interface TagName {
  readonly name: string;
  readonly maxRefAgeMs: number;
}

/** Written completely (data, manifests, manifest list), not yet visible to anybody. */
export interface StagedChange {
  readonly request: ChangeRequest;
  readonly requirements: readonly TableRequirement[];
  readonly updates: readonly TableUpdate[];
  /** The state that the run itself reads; publishing writes fresh metadata with the publish time. */
  readonly preview: TableMetadata;
  /** Null when the change makes no snapshot. */
  readonly snapshotId: bigint | null;
  /** Every file that staging wrote or took over, for checks before publishing and for cleaning. */
  readonly writtenPaths: readonly string[];
}
