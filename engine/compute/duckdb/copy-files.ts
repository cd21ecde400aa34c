// One COPY statement and what it says about the files it wrote.
import { rm } from "node:fs/promises";
import { dirname } from "node:path";
import type { DuckDBConnection, DuckDBMapValue, DuckDBValue } from "@duckdb/node-api";
import { lakeError } from "../../common/errors.ts";
import { printJson } from "../../common/json.ts";
import { dataFileFromStats, metricsPlan, type MetricsPlan } from "../../iceberg/metrics.ts";
import { partitionFieldTypes } from "../../iceberg/partition.ts";
import { unsorted } from "../../iceberg/sort-order.ts";
import { parseTransform, transformSql } from "../../iceberg/transforms.ts";
import type {
  DataFile,
  IcebergType,
  NestedField,
  PartitionSpec,
  Schema,
  SortOrder,
  Value,
} from "../../iceberg/types.ts";
import { parseEngineText } from "../../iceberg/values.ts";
import { escapeGlob } from "./paths.ts";
import { readRows } from "./session.ts";
import { identifier, literal } from "./text.ts";

/** A field of the partition spec as the COPY sees it. */
interface PartitionColumn {
  /** The column that PARTITION_BY names. */
  readonly name: string;
  /** What gives its value, where it is not a column of the table itself. */
  readonly derived?: string;
  readonly parse: (text: string) => Value;
}

/** What does not change from COPY to COPY of one write. */
export interface FileLayout {
  readonly dataLocation: string;
  readonly localDirectory: string;
  readonly writeId: string;
  /** In the spec's order; null for `void`, whose value is always null. */
  readonly partitions: readonly (PartitionColumn | null)[];
  /** The table's own columns are the partition columns: they are written, too. */
  readonly plainColumns: boolean;
  readonly fieldIds: string;
  readonly formatOptions: string;
  /** What follows `order by` for the rows of each file; empty for none. */
  readonly orderBy: string;
  readonly sortOrderId: number;
  readonly targetFileSizeBytes: number;
  readonly metrics: MetricsPlan;
  /** NaN counts are to be believed for files of one row group only; footers tell how many there are. */
  readonly countRowGroups: boolean;
}

export interface LayoutRequest {
  readonly schema: Schema;
  readonly spec: PartitionSpec;
  readonly dataLocation: string;
  readonly writeId: string;
  readonly properties: Readonly<Record<string, string>>;
  readonly sortOrder?: SortOrder;
  readonly orderBy?: string;
}

export function fileLayout(request: LayoutRequest, localDirectory: string): FileLayout {
  const { schema, spec, dataLocation, writeId, properties } = request;
  if (/^[a-z][a-z0-9+.-]*:/i.test(localDirectory)) {
    throw lakeError("compute/unsupported-feature", { what: `the data location ${dataLocation}` });
  }
  const partitions = partitionColumns(schema, spec);
  return {
    dataLocation: dataLocation.replace(/\/+$/, ""),
    localDirectory,
    writeId,
    partitions,
    plainColumns: partitions.every((column) => column !== null && column.derived === undefined),
    fieldIds: fieldIdsOf(schema.fields),
    formatOptions: formatOptions(properties),
    orderBy: request.orderBy ?? orderBySql(request.sortOrder ?? unsorted, schema),
    sortOrderId: request.sortOrder?.["order-id"] ?? 0,
    targetFileSizeBytes: positive(properties, "write.target-file-size-bytes", 512 << 20),
    metrics: metricsPlan({ schema, spec, properties }),
    countRowGroups: hasFloats(schema),
  };
}

function partitionColumns(schema: Schema, spec: PartitionSpec): (PartitionColumn | null)[] {
  const types = partitionFieldTypes(spec, schema);
  const taken = new Set(schema.fields.map(({ name }) => name.toLowerCase()));
  const plain = spec.fields.every((field) => field.transform === "identity");
  return spec.fields.map((field, index) => {
    if (parseTransform(field.transform).kind === "void") return null;
    const source = sourceOf(schema, field["source-id"]);
    if (!source) {
      throw lakeError("compute/unsupported-feature", {
        what: `partition field ${field.name}, whose column is gone,`,
      });
    }
    const type = types[index]!;
    const topLevel = schema.fields.some(({ id }) => id === field["source-id"]);
    if (plain && topLevel && !isRespelled(type)) {
      return { name: source.field.name, parse: (text) => parseEngineText(type, text) };
    }
    let name = field.name;
    while (taken.has(name.toLowerCase())) name += "_part";
    taken.add(name.toLowerCase());
    const value = transformSql(field.transform, source.sql, source.field.type);
    return { name, ...spelled(value, type) };
  });
}

/**
 * Types whose partition key, as the engine prints it, depends on the session, cannot be read back, or
 * (floats) is one for two values: the engine groups -0.0 with 0.0, which are two partitions to Iceberg.
 */
function isRespelled(type: IcebergType): boolean {
  return typeof type === "string" && /^(?:binary|fixed|time|float|double)/.test(type);
}

function spelled(value: string, type: IcebergType): { derived: string; parse: (text: string) => Value } {
  const name = typeof type === "string" ? type : "";
  if (name === "binary" || name.startsWith("fixed[")) {
    return { derived: `hex(${value})`, parse: (text) => new Uint8Array(Buffer.from(text, "hex")) };
  }
  if (type === "float" || type === "double") {
    // NaN has a sign to the engine, but is one value.
    return {
      derived: `if(isnan(${value}), 'nan', cast(${value} as varchar))`,
      parse: (text) => parseEngineText(type, text),
    };
  }
  if (name.startsWith("time")) {
    const unit = name.endsWith("_ns") ? "epoch_ns" : "epoch_us";
    const number = `cast(${unit}(${value}) as bigint)`;
    return { derived: type === "time" ? number : finiteOr(value, number), parse: (text) => BigInt(text) };
  }
  return { derived: value, parse: (text) => parseEngineText(type, text) };
}

/** The engine has no number for its infinite times; files hold them as the largest and the smallest one. */
function finiteOr(value: string, number: string): string {
  const limit = `if(${value} > '1970-01-01', 9223372036854775807, -9223372036854775807)`;
  return `if(isinf(${value}), ${limit}, ${number})`;
}

/** A partition source may lie inside structs; the path to it is an expression of the engine. */
function sourceOf(
  schema: Schema,
  id: number,
): { readonly field: NestedField; readonly sql: string } | undefined {
  const search = (
    fields: readonly NestedField[],
    above: string,
  ): { field: NestedField; sql: string } | undefined => {
    for (const field of fields) {
      const sql = above + identifier(field.name);
      if (field.id === id) return { field, sql };
      if (typeof field.type !== "string" && field.type.type === "struct") {
        const found = search(field.type.fields, `${sql}.`);
        if (found) return found;
      }
    }
    return undefined;
  };
  return search(schema.fields, "");
}

function orderBySql(order: SortOrder, schema: Schema): string {
  return order.fields
    .map((field) => {
      const source = sourceOf(schema, field["source-id"]);
      if (!source) {
        throw lakeError("compute/unsupported-feature", { what: "a sort order whose column is gone" });
      }
      const value = transformSql(field.transform, source.sql, source.field.type);
      return `${value} ${field.direction} ${field["null-order"].replace("-", " ")}`;
    })
    .join(", ");
}

/** `{a: 1, l: {__duckdb_field_id: 2, element: 3}}`: ids at every depth. */
function fieldIdsOf(fields: readonly NestedField[]): string {
  return `{${fields.map(({ id, name, type }) => `${identifier(name)}: ${fieldId(id, type)}`).join(", ")}}`;
}

function fieldId(id: number, type: IcebergType): string {
  if (typeof type === "string") return String(id);
  const own = `__duckdb_field_id: ${id}`;
  switch (type.type) {
    case "struct":
      return `{${[own, ...type.fields.map((field) => `${identifier(field.name)}: ${fieldId(field.id, field.type)}`)].join(", ")}}`;
    case "list":
      return `{${own}, element: ${fieldId(type["element-id"], type.element)}}`;
    case "map":
      return `{${own}, key: ${fieldId(type["key-id"], type.key)}, value: ${fieldId(type["value-id"], type.value)}}`;
  }
}

const codecs: Readonly<Record<string, string>> = {
  zstd: "zstd",
  snappy: "snappy",
  gzip: "gzip",
  lz4: "lz4_raw",
  lz4_raw: "lz4_raw",
  brotli: "brotli",
  none: "uncompressed",
  uncompressed: "uncompressed",
};

const bloomProperty = /^write\.parquet\.bloom-filter-enabled\.column\./;

function formatOptions(properties: Readonly<Record<string, string>>): string {
  const given = properties["write.parquet.compression-codec"] ?? "zstd";
  const codec = codecs[given.toLowerCase()];
  if (codec === undefined) {
    throw lakeError("compute/bad-property", {
      property: "write.parquet.compression-codec",
      value: given,
      expected: `one of ${Object.keys(codecs).join(", ")}`,
    });
  }
  // Iceberg's default is no bloom filters; for many small files they cost a tenth of the write.
  const bloom = Object.entries(properties).some(
    ([name, value]) => bloomProperty.test(name) && value === "true",
  );
  const options = ["format parquet", `compression ${codec}`, `write_bloom_filter ${bloom}`];
  // Pages of small files are no larger at level 1 than at zstd's own default of 3.
  if (codec === "zstd") {
    options.push(`compression_level ${positive(properties, "write.parquet.compression-level", 1)}`);
  }
  if (properties["write.parquet.row-group-size-bytes"] !== undefined) {
    options.push(`row_group_size_bytes ${positive(properties, "write.parquet.row-group-size-bytes", 0)}`);
  }
  if (properties["write.parquet.row-group-limit"] !== undefined) {
    options.push(`row_group_size ${positive(properties, "write.parquet.row-group-limit", 0)}`);
  }
  return options.join(", ");
}

function positive(properties: Readonly<Record<string, string>>, property: string, fallback: number): number {
  const value = properties[property];
  if (value === undefined) return fallback;
  const number = Number(value);
  if (Number.isSafeInteger(number) && number > 0) return number;
  throw lakeError("compute/bad-property", { property, value, expected: "a whole number above 0" });
}

function hasFloats(schema: Schema): boolean {
  return /"(?:float|double)"/.test(printJson(schema.fields));
}

/** The columns that a COPY's input needs beside the table's own. */
export function derivedColumns(layout: FileLayout): string {
  return layout.partitions
    .map((column) =>
      column?.derived === undefined ? "" : `, ${column.derived} as ${identifier(column.name)}`,
    )
    .join("");
}

/** The columns that PARTITION_BY names; empty for a table without partitions (or `void` ones only). */
export function partitionNames(layout: FileLayout): string[] {
  return layout.partitions.flatMap((column) => (column === null ? [] : [identifier(column.name)]));
}

/** Writes the rows of `select` (the table's columns, then the derived ones) and gives the files. */
export async function copyFiles({
  connection,
  layout,
  select,
  part,
  mayExceedTarget = false,
}: {
  readonly connection: DuckDBConnection;
  readonly layout: FileLayout;
  readonly select: string;
  /** Which of the write's COPYs this is; part of the file names. */
  readonly part: number;
  /** Whether a file without partitions may grow beyond the target size and is to be split there. */
  readonly mayExceedTarget?: boolean;
}): Promise<DataFile[]> {
  const names = partitionNames(layout);
  const pattern = `${String(part).padStart(5, "0")}-${layout.writeId}-{uuidv7}`;
  const options = [layout.formatOptions, `field_ids ${layout.fieldIds}`, "return_stats"];
  let target = layout.localDirectory;
  if (names.length > 0) {
    // A struct field as source is derived, and derived columns are no columns of the table.
    const written = layout.plainColumns;
    options.push(`partition_by (${names.join(", ")})`, `write_partition_columns ${written}`);
    options.push("append", `filename_pattern ${literal(pattern)}`);
  } else if (mayExceedTarget) {
    options.push(
      `file_size_bytes ${layout.targetFileSizeBytes}`,
      "append",
      `filename_pattern ${literal(pattern)}`,
    );
  } else target = `${target}/${pattern.replace("-{uuidv7}", "")}.parquet`;
  const copied = await copyInOrder(connection, layout, { select, target, options });
  const written: Row[] = [];
  for (const row of copied) {
    if ((row["count"] as bigint) === 0n) continue;
    const isLarge = Number(row["file_size_bytes"]) > splitAbove * layout.targetFileSizeBytes;
    written.push(...(isLarge ? await split({ connection, layout, pattern }, row) : [row]));
  }
  const rowGroups = layout.countRowGroups ? await rowGroupCounts(connection, written) : undefined;
  return written.map((row) => dataFileOf(layout, row, rowGroups));
}

function copyInOrder(
  connection: DuckDBConnection,
  layout: FileLayout,
  copy: { readonly select: string; readonly target: string; readonly options: readonly string[] },
): Promise<Row[]> {
  // Ordered at the outermost place, or by the one thread that a partitioned COPY has: only so it is kept.
  const ordered =
    layout.orderBy === "" ? copy.select : `select * from (${copy.select}) order by ${layout.orderBy}`;
  const sql = `copy (${ordered}) to ${literal(copy.target)} (${copy.options.join(", ")})`;
  return readRows(connection, sql);
}

/** Files of this many target sizes are split: then no part is too small. */
const splitAbove = 1.5;
const usualRowsOfGroup = 122_880;
const rowsOfVector = 2048;

/**
 * A partition is written as one file, since the engine takes no target size there; what grew too large is written again,
 * in one go, or in order part by part: several threads would take turns at files of a size.
 */
async function split(
  {
    connection,
    layout,
    pattern,
  }: { readonly connection: DuckDBConnection; readonly layout: FileLayout; readonly pattern: string },
  row: Row,
): Promise<Row[]> {
  const path = String(row["filename"]);
  const [sizeBytes, count] = [Number(row["file_size_bytes"]), Number(row["count"])];
  // A row group holds whole vectors, and a file whole row groups.
  const parts = Math.min(Math.round(sizeBytes / layout.targetFileSizeBytes), Math.ceil(count / rowsOfVector));
  if (parts < 2) return [row];
  const rowsOfPart = Math.ceil(count / parts);
  const options = [
    layout.formatOptions,
    `field_ids ${layout.fieldIds}`,
    "return_stats",
    "append",
    `filename_pattern ${literal(pattern)}`,
  ];
  if (rowsOfPart < usualRowsOfGroup && !layout.formatOptions.includes("row_group_size"))
    options.push(`row_group_size ${Math.ceil(rowsOfPart / rowsOfVector) * rowsOfVector}`);
  const from = `from read_parquet(${literal(escapeGlob(path))}, hive_partitioning = false)`;
  const copy = (select: string, size: number): Promise<Row[]> =>
    copyInOrder(connection, layout, {
      select,
      target: dirname(path),
      options: [...options, `file_size_bytes ${Math.floor(size)}`],
    });
  const rows: Row[] = [];
  if (layout.orderBy === "") {
    // A file ends with the row group that passes the size.
    rows.push(...(await copy(`select * ${from}`, (0.9 * sizeBytes) / parts)));
  } else {
    for (let part = 0; part < parts; part++) {
      const [first, end] = [part * rowsOfPart, (part + 1) * rowsOfPart];
      const select = `select * ${from} where file_row_number >= ${first} and file_row_number < ${end}`;
      rows.push(...(await copy(select, 2 * sizeBytes)));
    }
  }
  await rm(path);
  return rows.map((part) => ({ ...part, partition_keys: row["partition_keys"] ?? null }));
}

/** Where the engine wrote a file that `copyFiles` gave. */
export function writtenPath(layout: FileLayout, file: DataFile): string {
  return layout.localDirectory + file.path.slice(layout.dataLocation.length);
}

type Row = Record<string, DuckDBValue>;

async function rowGroupCounts(
  connection: DuckDBConnection,
  files: readonly Row[],
): Promise<Map<string, number>> {
  if (files.length === 0) return new Map();
  const paths = files.map((row) => literal(String(row["filename"]).replace(/[*?[]/g, "[$&]")));
  const sql = `select file_name, num_row_groups from parquet_file_metadata([${paths.join(", ")}])`;
  const rows = await readRows(connection, sql);
  return new Map(rows.map((row) => [String(row["file_name"]), Number(row["num_row_groups"])]));
}

function dataFileOf(
  layout: FileLayout,
  row: Row,
  rowGroups: ReadonlyMap<string, number> | undefined,
): DataFile {
  const filename = String(row["filename"]);
  const keys = entriesOf(row["partition_keys"]);
  const groups = rowGroups?.get(filename);
  const file = dataFileFromStats({
    plan: layout.metrics,
    path: layout.dataLocation + filename.slice(layout.localDirectory.length),
    recordCount: row["count"] as bigint,
    sizeBytes: row["file_size_bytes"] as bigint,
    columnStatistics: new Map(
      [...entriesOf(row["column_statistics"])].map(([path, statistics]) => [path, textsOf(statistics)]),
    ),
    // Never from the path: folder names are encoded, and a null is a word there.
    partition: layout.partitions.map((column) => {
      const value = column === null ? null : keys.get(column.name);
      return value === null || value === undefined ? null : column!.parse(String(value));
    }),
    ...(groups !== undefined && { rowGroups: groups }),
  });
  return { ...file, sortOrderId: layout.sortOrderId };
}

function entriesOf(value: DuckDBValue | undefined): Map<string, DuckDBValue> {
  if (value === undefined || value === null || typeof value !== "object" || !("entries" in value))
    return new Map();
  const { entries } = value as DuckDBMapValue;
  return new Map(entries.map((entry) => [String(entry.key), entry.value]));
}

function textsOf(value: DuckDBValue): Map<string, string> {
  const texts = new Map<string, string>();
  for (const [key, text] of entriesOf(value)) if (text !== null) texts.set(key, String(text));
  return texts;
}
