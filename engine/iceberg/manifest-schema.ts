// The Avro schemas of manifests and manifest lists, name for name and key for key as iceberg-java writes
// them: Spark needs the record names, Redshift the places without a union, everyone the field ids.
import { lakeError } from "../common/errors.ts";
import type { AvroField, AvroNamedSchema, AvroSchema } from "./avro-schema.ts";
import { typeText } from "./type-text.ts";
import type { IcebergType, PartitionSpec } from "./types.ts";

type FormatVersion = 2 | 3;

interface Field extends AvroField {
  readonly doc?: string;
  readonly default?: null;
  readonly "iceberg-field-name"?: string;
}

function required(id: number, name: string, type: AvroSchema, doc?: string): Field {
  return { name, type, ...(doc !== undefined && { doc }), "field-id": id };
}

function optional(id: number, name: string, type: AvroSchema, doc?: string): Field {
  return { name, type: ["null", type], ...(doc !== undefined && { doc }), default: null, "field-id": id };
}

/** A map with integer keys: Avro's own maps have text keys only. */
function idMap(keyId: number, valueId: number, value: string): AvroSchema {
  return {
    type: "array",
    items: {
      type: "record",
      name: `k${keyId}_v${valueId}`,
      fields: [required(keyId, "key", "int"), required(valueId, "value", value)],
    },
    logicalType: "map",
  };
}

function list(elementId: number, items: AvroSchema): AvroSchema {
  return { type: "array", items, "element-id": elementId } as AvroNamedSchema;
}

/** The schema of one manifest; `types` are those of the spec's fields. */
export function manifestEntrySchema(request: {
  readonly formatVersion: FormatVersion;
  readonly spec: PartitionSpec;
  readonly types: readonly IcebergType[];
}): AvroNamedSchema {
  const dataFile = dataFileFields(request.formatVersion, partitionRecord(request.spec, request.types));
  return {
    type: "record",
    name: "manifest_entry",
    fields: [
      required(0, "status", "int"),
      optional(1, "snapshot_id", "long"),
      optional(3, "sequence_number", "long"),
      optional(4, "file_sequence_number", "long"),
      required(2, "data_file", { type: "record", name: "r2", fields: dataFile }),
    ],
  };
}

function dataFileFields(formatVersion: FormatVersion, partition: AvroSchema): Field[] {
  const v3 = formatVersion === 3;
  return [
    required(134, "content", "int", "Contents of the file: 0=data, 1=position deletes, 2=equality deletes"),
    required(100, "file_path", "string", "Location URI with FS scheme"),
    required(101, "file_format", "string", "File format name: avro, orc, or parquet"),
    required(102, "partition", partition, "Partition data tuple, schema based on the partition spec"),
    required(103, "record_count", "long", "Number of records in the file"),
    required(104, "file_size_in_bytes", "long", "Total file size in bytes"),
    optional(108, "column_sizes", idMap(117, 118, "long"), "Map of column id to total size on disk"),
    optional(
      109,
      "value_counts",
      idMap(119, 120, "long"),
      "Map of column id to total count, including null and NaN",
    ),
    optional(110, "null_value_counts", idMap(121, 122, "long"), "Map of column id to null value count"),
    optional(
      137,
      "nan_value_counts",
      idMap(138, 139, "long"),
      "Map of column id to number of NaN values in the column",
    ),
    optional(125, "lower_bounds", idMap(126, 127, "bytes"), "Map of column id to lower bound"),
    optional(128, "upper_bounds", idMap(129, 130, "bytes"), "Map of column id to upper bound"),
    optional(131, "key_metadata", "bytes", "Encryption key metadata blob"),
    optional(132, "split_offsets", list(133, "long"), "Splittable offsets"),
    optional(135, "equality_ids", list(136, "int"), "Equality comparison field IDs"),
    optional(140, "sort_order_id", "int", "Sort order ID"),
    ...(v3
      ? [optional(142, "first_row_id", "long", "The first row ID assigned to the first row in the data file")]
      : []),
    optional(
      143,
      "referenced_data_file",
      "string",
      "Fully qualified location (URI with FS scheme) of a data file that all deletes reference",
    ),
    ...(v3
      ? [
          optional(144, "content_offset", "long", "The offset in the file where the content starts"),
          optional(
            145,
            "content_size_in_bytes",
            "long",
            "The length of referenced content stored in the file",
          ),
        ]
      : []),
  ];
}

function partitionRecord(spec: PartitionSpec, types: readonly IcebergType[]): AvroSchema {
  const defined = new Set<string>();
  const fields = spec.fields.map((field, index): Field => {
    const name = avroName(field.name);
    const plain = optional(
      field["field-id"],
      name,
      partitionType(types[index] ?? "unknown", field["field-id"], defined),
    );
    return name === field.name ? plain : { ...plain, "iceberg-field-name": field.name };
  });
  return { type: "record", name: "r102", fields };
}

/**
 * Avro allows a name to be defined once per schema. Java refers to the first definition from the second
 * field of a type; PyIceberg cannot read such a reference ("Type not recognized"), so the second gets its own name.
 */
function partitionType(type: IcebergType, fieldId: number, defined: Set<string>): AvroSchema {
  const schema = avroType(type);
  if (typeof schema === "string") return schema;
  const node = schema as AvroNamedSchema;
  if (node.name === undefined) return schema;
  const name = defined.has(node.name) ? `${node.name}_${fieldId}` : node.name;
  defined.add(name);
  return { ...node, name };
}

/** The fewest bytes that hold every decimal of each precision, as the specification asks. */
export function decimalBytes(precision: number): number {
  let bytes = 1;
  while (2n ** BigInt(8 * bytes - 1) <= 10n ** BigInt(precision) - 1n) bytes += 1;
  return bytes;
}

function avroType(type: IcebergType): AvroSchema {
  switch (type) {
    case "boolean":
    case "int":
    case "long":
    case "float":
    case "double":
    case "string":
      return type;
    case "binary":
      return "bytes";
    case "date":
      return { type: "int", logicalType: "date" };
    case "time":
      return { type: "long", logicalType: "time-micros" };
    case "timestamp":
    case "timestamptz":
      return adjusted("timestamp-micros", type === "timestamptz");
    case "timestamp_ns":
    case "timestamptz_ns":
      return adjusted("timestamp-nanos", type === "timestamptz_ns");
    case "uuid":
      return { type: "fixed", name: "uuid_fixed", size: 16, logicalType: "uuid" };
    case "unknown":
    case "variant":
      // The source column is gone (only void is left of its field): every value is null.
      return "int";
    default:
      return namedType(type);
  }
}

function adjusted(logicalType: string, toUtc: boolean): AvroSchema {
  return { type: "long", logicalType, "adjust-to-utc": toUtc } as AvroNamedSchema;
}

function namedType(type: IcebergType): AvroSchema {
  const text = typeof type === "string" ? type : "";
  const fixed = /^fixed\[(\d+)\]$/.exec(text);
  if (fixed) return { type: "fixed", name: `fixed_${fixed[1]}`, size: Number(fixed[1]) };
  const decimal = /^decimal\((\d+),\s*(\d+)\)$/.exec(text);
  if (decimal) {
    const [precision, scale] = [Number(decimal[1]), Number(decimal[2])];
    return {
      type: "fixed",
      name: `decimal_${precision}_${scale}`,
      size: decimalBytes(precision),
      logicalType: "decimal",
      precision,
      scale,
    } as AvroNamedSchema;
  }
  throw lakeError("iceberg/unknown-type", { text: typeText(type) });
}

/** Names of Avro are letters, digits and underscores; Java replaces the rest like this. */
function avroName(name: string): string {
  let result = "";
  for (let index = 0; index < name.length; index += 1) {
    const character = name.charAt(index);
    if (/[A-Za-z_]/.test(character) || (index > 0 && /\d/.test(character))) result += character;
    else if (/\d/.test(character)) result += `_${character}`;
    else result += `_x${character.charCodeAt(0).toString(16).toUpperCase()}`;
  }
  return result;
}

const fieldSummary: AvroSchema = {
  type: "record",
  name: "r508",
  fields: [
    required(509, "contains_null", "boolean", "True if any file has a null partition value"),
    optional(518, "contains_nan", "boolean", "True if any file has a nan partition value"),
    optional(510, "lower_bound", "bytes", "Partition lower bound for all files"),
    optional(511, "upper_bound", "bytes", "Partition upper bound for all files"),
  ],
};

/** The schema of a manifest list. */
export function manifestFileSchema(formatVersion: FormatVersion): AvroNamedSchema {
  return {
    type: "record",
    name: "manifest_file",
    fields: [
      required(500, "manifest_path", "string", "Location URI with FS scheme"),
      required(501, "manifest_length", "long", "Total file size in bytes"),
      required(502, "partition_spec_id", "int", "Spec ID used to write"),
      required(517, "content", "int", "Contents of the manifest: 0=data, 1=deletes"),
      required(515, "sequence_number", "long", "Sequence number when the manifest was added"),
      required(516, "min_sequence_number", "long", "Lowest sequence number in the manifest"),
      required(503, "added_snapshot_id", "long", "Snapshot ID that added the manifest"),
      required(504, "added_files_count", "int", "Added entry count"),
      required(505, "existing_files_count", "int", "Existing entry count"),
      required(506, "deleted_files_count", "int", "Deleted entry count"),
      required(512, "added_rows_count", "long", "Added rows count"),
      required(513, "existing_rows_count", "long", "Existing rows count"),
      required(514, "deleted_rows_count", "long", "Deleted rows count"),
      optional(507, "partitions", list(508, fieldSummary), "Summary for each partition"),
      optional(519, "key_metadata", "bytes", "Encryption key metadata blob"),
      ...(formatVersion === 3
        ? [optional(520, "first_row_id", "long", "Starting row ID to assign to new rows in ADDED data files")]
        : []),
    ],
  };
}
