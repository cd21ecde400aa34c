// The compute seam: an engine that binds SQL, answers queries, and writes a query's rows as data files.
import type { DataFile, PartitionSpec, Schema, SortOrder, Value } from "../iceberg/types.ts";
import type { Predicate } from "../iceberg/predicate.ts";
import type { LakeError } from "../common/errors.ts";

/** A column as the engine describes it; `type` is the engine's own spelling (`STRUCT(a BIGINT)[]`). */
export interface Column {
  readonly name: string;
  readonly type: string;
}

/** Files of an Iceberg table that a scan must read, already pruned, with what applies to each. */
export interface IcebergRelation {
  readonly kind: "iceberg";
  readonly name: string;
  readonly schema: Schema;
  readonly tasks: readonly ScanTask[];
  /** Columns that a reader fills in from `schema.name-mapping.default` when files carry no field ids. */
  readonly nameMapping?: unknown;
  /** A further column of this name: the place in `tasks`, from 0, of the file that the row lies in. */
  readonly fileColumn?: string;
  /** A further column of this name: the row's place in its file, from 0. */
  readonly rowColumn?: string;
  /** Two further columns, `_row_id` and `_last_updated_sequence_number` (format v3). */
  readonly lineage?: boolean;
}
export interface ScanTask {
  readonly file: DataFile;
  readonly sequenceNumber: bigint;
  readonly deletes: readonly DataFile[];
  /** Field id → what a file of this partition spec has in an identity column that it leaves out. One map for each spec. */
  readonly constants?: ReadonlyMap<number, (file: DataFile) => Value>;
}

/** One declared column of a landing source; nested paths are dotted (`event_properties.recipe_id`). */
export interface LandingColumn {
  readonly name: string;
  readonly type: string;
  readonly required?: boolean;
}
export interface LandingFile {
  readonly path: string;
  readonly sizeBytes: number;
}
/** New JSON-lines files of a landing zone, read as text and checked against the declaration. */
export interface LandingRelation {
  readonly kind: "landing";
  readonly name: string;
  readonly format: "jsonl";
  readonly files: readonly LandingFile[];
  readonly columns: readonly LandingColumn[];
  readonly onBadRecord: "fail" | "quarantine";
  /** Where the source is declared, for messages. */
  readonly declaredAt: { readonly file: string; readonly line?: number };
}

/** A view, an ephemeral model or a helper query over relations before it in the list. */
export interface SqlRelation {
  readonly kind: "sql";
  readonly name: string;
  readonly sql: string;
}
/** A CSV file of the project (seeds, fixtures). `columns` fixes types by name; others are inferred. */
export interface CsvRelation {
  readonly kind: "csv";
  readonly name: string;
  readonly path: string;
  readonly delimiter?: string;
  readonly columns?: Readonly<Record<string, string>>;
}
/** Rows held in memory (fixtures, ledgers). */
export interface RowsRelation {
  readonly kind: "rows";
  readonly name: string;
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly Value[])[];
}
/** No rows: for binding, and for `--empty`. */
export interface EmptyRelation {
  readonly kind: "empty";
  readonly name: string;
  readonly columns: readonly Column[];
}
/** What stands behind a name that rendered SQL uses. Names are given unquoted, `namespace.table`, and
 *  appear in the SQL as ONE quoted identifier: `"namespace.table"` (see `relationName`). */
export type Relation =
  | IcebergRelation
  | LandingRelation
  | SqlRelation
  | CsvRelation
  | RowsRelation
  | EmptyRelation;

export interface BindRequest {
  readonly id: string;
  /** The relation name under which later requests see the result's columns. */
  readonly name: string;
  readonly sql: string;
  /** What the very text gave against the very inputs before: it is not bound again, only seen by later requests. */
  readonly columns?: readonly Column[];
  /** Nobody reads its columns, as of a data test: they may be nameless, or have one name twice. */
  readonly rowsOnly?: boolean;
}
export type BindResult =
  | {
      readonly id: string;
      readonly columns: readonly Column[];
      /** Names of the relations that the statement reads: its columns depend on these and its text alone.
       *  Absent where the engine does not say, and for a request that brought its columns. */
      readonly inputs?: readonly string[];
    }
  | { readonly id: string; readonly error: LakeError };

export interface QueryRequest {
  readonly sql: string;
  readonly relations: readonly Relation[];
  readonly limit?: number;
  /** Another clock than the engine's own (`ComputeSettings.nowMs`). */
  readonly nowMs?: number;
}
export interface QueryResult {
  readonly columns: readonly Column[];
  /** JSON-able values as people read them: numbers that fit, otherwise text; null; nested arrays and objects. */
  readonly rows: readonly (readonly unknown[])[];
}

export interface WriteRequest {
  /** For messages and progress. */
  readonly id: string;
  readonly sql: string;
  readonly relations: readonly Relation[];
  /** The table's schema; the query's columns are matched by name, cast, and missing optional ones are null. */
  readonly schema: Schema;
  /** Columns of the query that the table does not have and that stay out; any other such column is an error. */
  readonly ignoredColumns?: readonly string[];
  readonly spec: PartitionSpec;
  /** The order of the rows in each file; none when absent. */
  readonly sortOrder?: SortOrder;
  /** What follows ORDER BY in place of `sortOrder`: SQL over the table's columns, by the caller's own making. */
  readonly orderBy?: string;
  /** The folder that data files go to (`<location>/data`), as it is to be spelled in metadata. */
  readonly dataLocation: string;
  /** Table properties that steer writing (`write.parquet.compression-codec`, …). */
  readonly properties: Readonly<Record<string, string>>;
  /** Unique for this write; part of every file's name, so that leftovers can be told apart. */
  readonly writeId: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { readonly rows: number; readonly fraction?: number }) => void;
}
/** What a landing file gave: lines that became rows of the source, and lines that did not. */
export interface LandingCount {
  readonly path: string;
  readonly sizeBytes: number;
  /** SHA-256 of the file's bytes as stored, hex. */
  readonly contentHash: string;
  readonly modifiedMs: number;
  readonly validRows: number;
  readonly rejectedRows: number;
}
export interface RejectedRecord {
  readonly path: string;
  /** From 1, by bytes of the (decompressed) file. */
  readonly line: number;
  readonly reason: string;
  readonly raw: Uint8Array;
}
export interface WriteResult {
  readonly files: readonly DataFile[];
  readonly rows: bigint;
  readonly landing: readonly LandingCount[];
  /** Only under `on_bad_record: quarantine`; bounded by the adapter, which fails beyond its limit. */
  readonly rejected: readonly RejectedRecord[];
}

export interface KeepRequest extends Pick<
  WriteRequest,
  "id" | "sql" | "relations" | "schema" | "ignoredColumns" | "signal" | "onProgress"
> {
  /** Under which later requests read the rows. */
  readonly name: string;
}
/** A query's rows, kept beside the engine: worked out once, read as often as needed. */
export interface KeptRows extends WriteResult {
  /** Its files carry counts and bounds like those of a table. */
  readonly relation: IcebergRelation;
  /** Gives the space back; what is still kept when the engine closes goes with it. */
  release(): Promise<void>;
}

export interface ComputeSettings {
  /** IANA name; part of every fingerprint. */
  readonly timezone: string;
  readonly threads: number;
  readonly memoryLimitBytes: number;
  readonly tempDirectory: string;
  /** Folders that statements of models may touch; everything else is refused by the engine. */
  readonly allowedDirectories: readonly string[];
  /** The run's clock: what `now()`, `current_date` and their kin give in every statement. Default: when opened. */
  readonly nowMs?: number;
}

/**
 * Errors are `compute/*`; those that concern a statement carry `positionBytes` into its SQL, which `run/` maps back to the model's own file and line.
 */
export interface Compute {
  readonly engine: "duckdb" | "spark";
  /** For fingerprints: results may differ between versions. */
  readonly version: string;
  /** Engine columns → an Iceberg schema (fresh ids from 1, `schema-id` 0). Collects `compute/no-iceberg-type`,
   *  `compute/duplicate-column` and `compute/nameless-column` for all columns at once. */
  toSchema(columns: readonly Column[]): Schema;
  /** An Iceberg schema → engine columns, in order. */
  toColumns(schema: Schema): readonly Column[];
  /** The columns that a landing source with this declaration shows to SQL. */
  landingColumns(declared: readonly LandingColumn[]): readonly Column[];
  /** A condition that every row which `sql` needs of the relation meets, or null when there is none for sure. */
  predicateFor?(sql: string, relation: string, schema: Schema): Promise<Predicate | null>;
  /** Binds many statements without reading data, in the given order, each against the ones before it. */
  bind(requests: readonly BindRequest[], inputs: readonly EmptyRelation[]): Promise<readonly BindResult[]>;
  query(request: QueryRequest): Promise<QueryResult>;
  write(request: WriteRequest): Promise<WriteResult>;
  /** As `write`, except that the rows go to no table. */
  keep(request: KeepRequest): Promise<KeptRows>;
  /** Runs the statements of an operation, in order, outside the gate that models run behind. */
  operate(statements: string, relations: readonly Relation[]): Promise<QueryResult>;
  /** Whether two runs of the SQL over the same rows may differ (`random()`, `uuid()`, …): names of the culprits. */
  volatileFunctions(sql: string): Promise<readonly string[]>;
  close(): Promise<void>;
}

/** How a relation's name is written in SQL. */
export function relationName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
