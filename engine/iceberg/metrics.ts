// What a data file's manifest entry says about its columns, from the statistics that the engine returns.
import { lakeError } from "../common/errors.ts";
import { truncateLower, truncateUpper } from "./bounds.ts";
import { childFields } from "./field-ids.ts";
import type {
  DataFile,
  IcebergType,
  NestedField,
  PartitionSpec,
  PrimitiveType,
  Schema,
  Value,
} from "./types.ts";
import { parseEngineText, serialiseValue } from "./values.ts";

type MetricsMode =
  | { readonly kind: "none" | "counts" | "full" }
  | { readonly kind: "truncate"; readonly width: number };

interface ColumnPlan {
  readonly id: number;
  readonly name: string;
  readonly type: PrimitiveType;
  readonly mode: MetricsMode;
  /** Inside a list or map only sizes are recorded, as iceberg-java does. */
  readonly repeated: boolean;
  /** No null can be right: the column and all that it lies in are required. */
  readonly required: boolean;
}

/** What does not change from file to file of one write. */
export interface MetricsPlan {
  readonly specId: number;
  readonly partitionFields: number;
  /** Keyed as the engine spells paths: quoted names joined by dots. */
  readonly columns: ReadonlyMap<string, ColumnPlan>;
}

/** A row of `COPY … (RETURN_STATS)`. */
export interface FileStatistics {
  readonly plan: MetricsPlan;
  /** As it is to stand in the manifest. */
  readonly path: string;
  readonly recordCount: bigint;
  readonly sizeBytes: bigint;
  /** Quoted path (`"s"."a"`) → statistic → text. */
  readonly columnStatistics: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** One value per field of the spec, already transformed. */
  readonly partition: readonly Value[];
  /** When known to be one, `has_nan` can be believed: DuckDB 1.5 reports the last row group's alone. */
  readonly rowGroups?: number;
  readonly splitOffsets?: readonly bigint[];
}

const defaultMode: MetricsMode = { kind: "truncate", width: 16 };
const modeProperty = "write.metadata.metrics.";

/** Prepares `dataFileFromStats` for all files of one write. */
export function metricsPlan({
  schema,
  spec,
  properties,
}: {
  readonly schema: Schema;
  readonly spec: PartitionSpec;
  readonly properties: Readonly<Record<string, string>>;
}): MetricsPlan {
  const columns = new Map<string, ColumnPlan>();
  const given = properties[`${modeProperty}default`];
  const fallback = given === undefined ? defaultMode : parseMode(given);
  const inferred = Number(properties[`${modeProperty}max-inferred-column-defaults`] ?? 100);
  const visit = (
    field: NestedField,
    above: readonly string[],
    repeated: boolean,
    required: boolean,
  ): void => {
    const path = [...above, field.name];
    const allRequired = required && field.required;
    if (typeof field.type !== "string") {
      const inside = repeated || field.type.type !== "struct";
      for (const child of childFields(field.type)) visit(child, path, inside, allRequired);
      return;
    }
    const own = properties[`${modeProperty}column.${path.join(".")}`];
    const limited = given === undefined && columns.size >= inferred;
    const mode = own !== undefined ? parseMode(own) : limited ? ({ kind: "none" } as const) : fallback;
    const key = path.map((name) => `"${name.replaceAll('"', '""')}"`).join(".");
    const name = path.join(".");
    columns.set(key, { id: field.id, name, type: field.type, mode, repeated, required: allRequired });
  };
  for (const field of schema.fields) visit(field, [], false, true);
  return { specId: spec["spec-id"], partitionFields: spec.fields.length, columns };
}

/** As iceberg-java: case does not count, and what it cannot read is the default. */
function parseMode(text: string): MetricsMode {
  const name = text.trim().toLowerCase();
  if (name === "none" || name === "counts" || name === "full") return { kind: name };
  const width = Number(/^truncate\((\d+)\)$/.exec(name)?.[1] ?? 0);
  return width > 0 ? { kind: "truncate", width } : defaultMode;
}

/**
 * The manifest's view of a file that the engine wrote. `iceberg/null-in-required` when a required column
 * holds nulls, `iceberg/missing-statistics` when the statistics do not belong to the schema.
 */
export function dataFileFromStats(statistics: FileStatistics): DataFile {
  const { plan, path, recordCount, partition } = statistics;
  if (partition.length !== plan.partitionFields) {
    const problem = `it has ${partition.length} partition values, expected ${plan.partitionFields}`;
    throw lakeError("iceberg/missing-statistics", { path, problem });
  }
  const columnSizes = new Map<number, bigint>();
  const valueCounts = new Map<number, bigint>();
  const nullValueCounts = new Map<number, bigint>();
  const nanValueCounts = new Map<number, bigint>();
  const lowerBounds = new Map<number, Uint8Array>();
  const upperBounds = new Map<number, Uint8Array>();
  for (const [key, column] of statistics.columnStatistics) {
    const columnPlan = plan.columns.get(key);
    if (!columnPlan) {
      const problem = `its statistics name the column ${key}, which the schema does not have`;
      throw lakeError("iceberg/missing-statistics", { path, problem });
    }
    const { id, type, mode, repeated } = columnPlan;
    const size = column.get("column_size_bytes");
    if (size !== undefined) columnSizes.set(id, BigInt(size));
    const nulls = column.get("null_count");
    if (!repeated) refuseNulls(columnPlan, nulls, path);
    if (repeated || mode.kind === "none") continue;
    valueCounts.set(id, recordCount);
    if (nulls !== undefined) nullValueCounts.set(id, BigInt(nulls));
    const floating = type === "float" || type === "double";
    if (floating && statistics.rowGroups === 1 && column.get("has_nan") === "false") {
      nanValueCounts.set(id, 0n);
    }
    if (mode.kind === "counts") continue;
    const lower = bound(type, column.get("min"), "lower", mode);
    const upper = bound(type, column.get("max"), "upper", mode);
    if (lower) lowerBounds.set(id, lower);
    if (upper) upperBounds.set(id, upper);
  }
  return {
    content: "data",
    path,
    format: "PARQUET",
    specId: plan.specId,
    partition,
    recordCount,
    sizeBytes: statistics.sizeBytes,
    columnSizes,
    valueCounts,
    nullValueCounts,
    nanValueCounts,
    lowerBounds,
    upperBounds,
    ...(statistics.splitOffsets && { splitOffsets: statistics.splitOffsets }),
    sortOrderId: 0,
  };
}

function refuseNulls(column: ColumnPlan, nulls: string | undefined, path: string): void {
  if (!column.required || nulls === undefined || nulls === "0") return;
  const hint = "filter the rows out, or give them a value with coalesce()";
  throw lakeError("iceberg/null-in-required", { column: column.name, count: nulls, path }, { hint });
}

/** Undefined where there is no sound bound: no statistic, NaN, a prefix that cannot be incremented. */
function bound(
  type: IcebergType,
  text: string | undefined,
  side: "lower" | "upper",
  mode: MetricsMode,
): Uint8Array | undefined {
  if (text === undefined) return undefined;
  let value: Value | undefined = parseEngineText(type, text);
  if (typeof value === "number" && Number.isNaN(value)) return undefined;
  // The engine prints one zero for a column that holds both (specification, "Bounds for -0.0").
  if (value === 0 && (type === "float" || type === "double")) value = side === "lower" ? -0 : 0;
  if (mode.kind === "truncate" && (type === "string" || type === "binary")) {
    value = side === "lower" ? truncateLower(value, mode.width) : truncateUpper(value, mode.width);
  }
  return value === undefined ? undefined : serialiseValue(type, value);
}
