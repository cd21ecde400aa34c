// The table format's own words. Keys of metadata JSON stay as the specification spells them: what you
// read here is what stands in the file. Ids that exceed 53 bits (snapshots, sequence numbers, row ids)
// are bigint everywhere, in memory and through `common/json.ts`.

export type PrimitiveType =
  | "boolean"
  | "int"
  | "long"
  | "float"
  | "double"
  | "date"
  | "time"
  | "timestamp"
  | "timestamptz"
  | "timestamp_ns"
  | "timestamptz_ns"
  | "string"
  | "uuid"
  | "binary"
  | "unknown"
  | "variant"
  | `fixed[${number}]`
  | `decimal(${number}, ${number})`
  | `geometry${string}`
  | `geography${string}`;

export interface StructType {
  readonly type: "struct";
  readonly fields: readonly NestedField[];
}
export interface ListType {
  readonly type: "list";
  readonly "element-id": number;
  readonly element: IcebergType;
  readonly "element-required": boolean;
}
export interface MapType {
  readonly type: "map";
  readonly "key-id": number;
  readonly key: IcebergType;
  readonly "value-id": number;
  readonly value: IcebergType;
  readonly "value-required": boolean;
}
export type IcebergType = PrimitiveType | StructType | ListType | MapType;

export interface NestedField {
  readonly id: number;
  readonly name: string;
  readonly required: boolean;
  readonly type: IcebergType;
  readonly doc?: string;
  /** v3: JSON single-value forms (specification, appendix D). */
  readonly "initial-default"?: unknown;
  readonly "write-default"?: unknown;
}

export interface Schema extends StructType {
  readonly "schema-id": number;
  readonly "identifier-field-ids"?: readonly number[];
}

export interface PartitionField {
  readonly name: string;
  /** `identity`, `bucket[16]`, `truncate[4]`, `year`, `month`, `day`, `hour`, `void`, or one not known. */
  readonly transform: string;
  readonly "source-id": number;
  readonly "source-ids"?: readonly number[];
  readonly "field-id": number;
}
export interface PartitionSpec {
  readonly "spec-id": number;
  readonly fields: readonly PartitionField[];
}

export interface SortField {
  readonly transform: string;
  readonly "source-id": number;
  readonly direction: "asc" | "desc";
  readonly "null-order": "nulls-first" | "nulls-last";
}
export interface SortOrder {
  readonly "order-id": number;
  readonly fields: readonly SortField[];
}

export type Operation = "append" | "replace" | "overwrite" | "delete";

/** All values are text, as the specification asks; `operation` is always there. */
export interface SnapshotSummary {
  readonly operation: Operation;
  readonly [key: string]: string;
}

export interface Snapshot {
  readonly "snapshot-id": bigint;
  readonly "parent-snapshot-id"?: bigint;
  readonly "sequence-number": bigint;
  readonly "timestamp-ms": number;
  readonly summary: SnapshotSummary;
  readonly "manifest-list"?: string;
  /** v1 only. */
  readonly manifests?: readonly string[];
  readonly "schema-id"?: number;
  readonly "first-row-id"?: bigint;
  readonly "added-rows"?: bigint;
}

export interface SnapshotReference {
  readonly "snapshot-id": bigint;
  readonly type: "branch" | "tag";
  readonly "min-snapshots-to-keep"?: number;
  readonly "max-snapshot-age-ms"?: number;
  readonly "max-ref-age-ms"?: number;
}

export interface TableMetadata {
  readonly "format-version": 1 | 2 | 3;
  readonly "table-uuid": string;
  readonly location: string;
  readonly "last-sequence-number": bigint;
  readonly "last-updated-ms": number;
  readonly "last-column-id": number;
  readonly "current-schema-id": number;
  readonly schemas: readonly Schema[];
  readonly "default-spec-id": number;
  readonly "partition-specs": readonly PartitionSpec[];
  readonly "last-partition-id": number;
  readonly "default-sort-order-id": number;
  readonly "sort-orders": readonly SortOrder[];
  readonly properties: Readonly<Record<string, string>>;
  /** Null for none; -1 in files of Java is read as null and written as -1 in v1 and v2. */
  readonly "current-snapshot-id": bigint | null;
  readonly "next-row-id"?: bigint;
  readonly refs: Readonly<Record<string, SnapshotReference>>;
  readonly snapshots: readonly Snapshot[];
  readonly statistics: readonly Readonly<Record<string, unknown>>[];
  readonly "partition-statistics": readonly Readonly<Record<string, unknown>>[];
  readonly "snapshot-log": readonly { readonly "timestamp-ms": number; readonly "snapshot-id": bigint }[];
  readonly "metadata-log": readonly { readonly "timestamp-ms": number; readonly "metadata-file": string }[];
}

/** One value of a column or partition field, in the form that the engine compares and serialises:
 *  boolean; number for int, float, double, date (days); bigint for long, time and timestamps (µs or ns)
 *  and for decimals (unscaled); string for string and uuid; Uint8Array for binary and fixed. */
export type Value = null | boolean | number | bigint | string | Uint8Array;

/** A data or delete file as a manifest holds it. Maps are keyed by field id. */
export interface DataFile {
  readonly content: "data" | "position-deletes" | "equality-deletes";
  readonly path: string;
  readonly format: string;
  readonly specId: number;
  /** One value per field of the spec, in its order, already transformed. */
  readonly partition: readonly Value[];
  readonly recordCount: bigint;
  readonly sizeBytes: bigint;
  readonly columnSizes?: ReadonlyMap<number, bigint>;
  readonly valueCounts?: ReadonlyMap<number, bigint>;
  readonly nullValueCounts?: ReadonlyMap<number, bigint>;
  readonly nanValueCounts?: ReadonlyMap<number, bigint>;
  /** Single-value serialised (specification, appendix D). */
  readonly lowerBounds?: ReadonlyMap<number, Uint8Array>;
  readonly upperBounds?: ReadonlyMap<number, Uint8Array>;
  readonly keyMetadata?: Uint8Array;
  readonly splitOffsets?: readonly bigint[];
  readonly equalityIds?: readonly number[];
  readonly sortOrderId?: number;
  readonly firstRowId?: bigint;
  readonly referencedDataFile?: string;
  readonly contentOffset?: bigint;
  readonly contentSizeBytes?: bigint;
}

export interface ManifestEntry {
  readonly status: "existing" | "added" | "deleted";
  readonly snapshotId: bigint | null;
  /** Data sequence number; null until inherited from the manifest list. */
  readonly sequenceNumber: bigint | null;
  readonly fileSequenceNumber: bigint | null;
  readonly file: DataFile;
}

export interface FieldSummary {
  readonly containsNull: boolean;
  readonly containsNan?: boolean;
  readonly lowerBound?: Uint8Array;
  readonly upperBound?: Uint8Array;
}

/** One row of a manifest list. */
export interface ManifestFile {
  readonly path: string;
  readonly lengthBytes: bigint;
  readonly specId: number;
  readonly content: "data" | "deletes";
  readonly sequenceNumber: bigint;
  readonly minSequenceNumber: bigint;
  readonly addedSnapshotId: bigint;
  readonly addedFilesCount?: number;
  readonly existingFilesCount?: number;
  readonly deletedFilesCount?: number;
  readonly addedRowsCount?: bigint;
  readonly existingRowsCount?: bigint;
  readonly deletedRowsCount?: bigint;
  readonly partitions?: readonly FieldSummary[];
  readonly keyMetadata?: Uint8Array;
  readonly firstRowId?: bigint;
}

/** Updates and requirements as the REST catalog specification spells them: the language of every commit. */
export type TableUpdate =
  | { readonly action: "assign-uuid"; readonly uuid: string }
  | { readonly action: "upgrade-format-version"; readonly "format-version": 1 | 2 | 3 }
  | { readonly action: "add-schema"; readonly schema: Schema; readonly "last-column-id": number }
  | { readonly action: "set-current-schema"; readonly "schema-id": number }
  | { readonly action: "add-spec"; readonly spec: PartitionSpec }
  | { readonly action: "set-default-spec"; readonly "spec-id": number }
  | { readonly action: "add-sort-order"; readonly "sort-order": SortOrder }
  | { readonly action: "set-default-sort-order"; readonly "sort-order-id": number }
  | { readonly action: "add-snapshot"; readonly snapshot: Snapshot }
  | ({ readonly action: "set-snapshot-ref"; readonly "ref-name": string } & SnapshotReference)
  | { readonly action: "remove-snapshot-ref"; readonly "ref-name": string }
  | { readonly action: "remove-snapshots"; readonly "snapshot-ids": readonly bigint[] }
  | { readonly action: "set-location"; readonly location: string }
  | { readonly action: "set-properties"; readonly updates: Readonly<Record<string, string>> }
  | { readonly action: "remove-properties"; readonly removals: readonly string[] };

export type TableRequirement =
  | { readonly type: "assert-create" }
  | { readonly type: "assert-table-uuid"; readonly uuid: string }
  | {
      readonly type: "assert-ref-snapshot-id";
      readonly ref: string;
      readonly "snapshot-id": bigint | null;
    }
  | { readonly type: "assert-last-assigned-field-id"; readonly "last-assigned-field-id": number }
  | { readonly type: "assert-current-schema-id"; readonly "current-schema-id": number }
  | { readonly type: "assert-last-assigned-partition-id"; readonly "last-assigned-partition-id": number }
  | { readonly type: "assert-default-spec-id"; readonly "default-spec-id": number }
  | { readonly type: "assert-default-sort-order-id"; readonly "default-sort-order-id": number };
