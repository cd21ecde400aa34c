// The parsed JSON of a metadata file → `TableMetadata`, checked field by field: what passes here is
// relied on everywhere else.
import { lakeError } from "../common/errors.ts";
import { childFields, highestFieldId, parseType } from "./schema.ts";
import type {
  NestedField,
  PartitionField,
  PartitionSpec,
  Schema,
  Snapshot,
  SnapshotReference,
  SnapshotSummary,
  SortOrder,
  StructType,
  TableMetadata,
} from "./types.ts";

/** What is wrong, without the path: `parseTableMetadata` adds it. */
export class MetadataProblem extends Error {}

type Fields = Readonly<Record<string, unknown>>;

const firstPartitionFieldId = 1000;

export function normaliseMetadata(json: unknown, path: string): TableMetadata {
  const file = fieldsOf(json, "the file");
  const version = versionOf(file, path);
  const schemas = schemasOf(file);
  const currentSchemaId = integer(file, "current-schema-id", schemas[0]?.["schema-id"] ?? 0);
  const specs = specsOf(file);
  const sortOrders = sortOrdersOf(file);
  const snapshots = list(file, "snapshots", []).map((item, index) => snapshotOf(item, `snapshots[${index}]`));
  const currentSnapshotId = currentSnapshotIdOf(file);
  const { schema: _schema, "partition-spec": _spec, ...kept } = file;
  const metadata: TableMetadata = {
    ...kept,
    "format-version": version,
    // Optional in v1: the location is the next best thing that stays the same.
    "table-uuid": version === 1 ? text(file, "table-uuid", text(file, "location")) : text(file, "table-uuid"),
    location: text(file, "location"),
    "last-sequence-number": version === 1 ? 0n : long(file, "last-sequence-number"),
    "last-updated-ms": integer(file, "last-updated-ms"),
    "last-column-id": integer(file, "last-column-id", Math.max(0, ...schemas.map(highestFieldId))),
    "current-schema-id": currentSchemaId,
    schemas,
    "default-spec-id": integer(file, "default-spec-id", specs.at(-1)?.["spec-id"] ?? 0),
    "partition-specs": specs,
    "last-partition-id": integer(file, "last-partition-id", highestPartitionId(specs)),
    "default-sort-order-id": integer(file, "default-sort-order-id", 0),
    "sort-orders": sortOrders,
    properties: texts(file, "properties"),
    "current-snapshot-id": currentSnapshotId,
    ...(version > 2 && { "next-row-id": long(file, "next-row-id") }),
    refs: refsOf(file, currentSnapshotId),
    snapshots,
    statistics: list(file, "statistics", []).map((item) => fieldsOf(item, "statistics")),
    "partition-statistics": list(file, "partition-statistics", []).map((item) =>
      fieldsOf(item, "statistics"),
    ),
    "snapshot-log": list(file, "snapshot-log", []).map((item) => {
      const entry = fieldsOf(item, "snapshot-log");
      return { "timestamp-ms": integer(entry, "timestamp-ms"), "snapshot-id": long(entry, "snapshot-id") };
    }),
    "metadata-log": list(file, "metadata-log", []).map((item) => {
      const entry = fieldsOf(item, "metadata-log");
      return {
        "timestamp-ms": integer(entry, "timestamp-ms"),
        "metadata-file": text(entry, "metadata-file"),
      };
    }),
  };
  checkReferences(metadata);
  return metadata;
}

function versionOf(file: Fields, path: string): 1 | 2 | 3 {
  const version = file["format-version"];
  if (version === 1 || version === 2 || version === 3) return version;
  if (typeof version !== "number") throw new MetadataProblem("it has no format-version");
  throw lakeError("iceberg/unsupported-version", { path, version: String(version) });
}

function schemasOf(file: Fields): Schema[] {
  const schemas = list(file, "schemas", []).map((item) => schemaOf(item));
  if (schemas.length > 0) return schemas;
  if (file["schema"] === undefined) throw new MetadataProblem("it has neither schemas nor schema");
  return [schemaOf(file["schema"])];
}

function schemaOf(json: unknown): Schema {
  const schema = fieldsOf(json, "a schema");
  const struct = parseType({ ...schema, type: "struct" });
  checkFields((struct as StructType).fields);
  return { ...(struct as StructType), "schema-id": integer(schema, "schema-id", 0) };
}

function checkFields(fields: readonly NestedField[]): void {
  for (const field of fields) {
    if (!Number.isSafeInteger(field.id)) throw new MetadataProblem("a column has no integer id");
    if (typeof field.name !== "string")
      throw new MetadataProblem(`the column with id ${field.id} has no name`);
    if (typeof field.type !== "string") checkFields(childFields(field.type));
  }
}

function specsOf(file: Fields): PartitionSpec[] {
  const specs = list(file, "partition-specs", []).map((item) => {
    const spec = fieldsOf(item, "a partition spec");
    return { ...spec, "spec-id": integer(spec, "spec-id", 0), fields: partitionFields(spec["fields"]) };
  });
  if (specs.length > 0) return specs;
  return [{ "spec-id": 0, fields: partitionFields(file["partition-spec"] ?? []) }];
}

/** Field ids are optional in v1: they count from 1000 in the order of the fields. */
export function partitionFields(json: unknown): PartitionField[] {
  if (!Array.isArray(json)) throw new MetadataProblem("a partition spec has no list of fields");
  return json.map((item, index) => {
    const field = fieldsOf(item, "a partition field");
    const sourceIds = field["source-ids"];
    const source =
      Array.isArray(sourceIds) && field["source-id"] === undefined ? sourceIds[0] : field["source-id"];
    return {
      ...field,
      name: text(field, "name"),
      transform: text(field, "transform"),
      "source-id": integer({ "source-id": source }, "source-id"),
      "field-id": integer(field, "field-id", firstPartitionFieldId + index),
    };
  });
}

function highestPartitionId(specs: readonly PartitionSpec[]): number {
  return Math.max(
    firstPartitionFieldId - 1,
    ...specs.flatMap((spec) => spec.fields.map((field) => field["field-id"])),
  );
}

function sortOrdersOf(file: Fields): SortOrder[] {
  const orders = list(file, "sort-orders", []).map((item) => {
    const order = fieldsOf(item, "a sort order");
    return {
      ...order,
      "order-id": integer(order, "order-id"),
      fields: list(order, "fields", []) as unknown as SortOrder["fields"],
    };
  });
  return orders.length > 0 ? orders : [{ "order-id": 0, fields: [] }];
}

function snapshotOf(json: unknown, where: string): Snapshot {
  const snapshot = fieldsOf(json, where);
  const summary: Record<string, string> = { ...texts(snapshot, "summary") };
  // Optional in v1: a snapshot whose operation nobody recorded may have done anything.
  if (summary["operation"] === undefined) summary["operation"] = "overwrite";
  const manifestList = snapshot["manifest-list"];
  const manifests = snapshot["manifests"];
  if (typeof manifestList !== "string" && !Array.isArray(manifests)) {
    throw new MetadataProblem(`${where} has no manifest-list`);
  }
  const { "parent-snapshot-id": parent, ...rest } = snapshot;
  return {
    ...rest,
    "snapshot-id": long(snapshot, "snapshot-id"),
    ...(typeof parent === "bigint" && parent !== -1n && { "parent-snapshot-id": parent }),
    "sequence-number": long(snapshot, "sequence-number", 0n),
    "timestamp-ms": integer(snapshot, "timestamp-ms"),
    summary: summary as unknown as SnapshotSummary,
  };
}

function currentSnapshotIdOf(file: Fields): bigint | null {
  const id = file["current-snapshot-id"];
  if (id === undefined || id === null || id === -1n) return null;
  return long(file, "current-snapshot-id");
}

function refsOf(file: Fields, currentSnapshotId: bigint | null): Record<string, SnapshotReference> {
  const refs: Record<string, SnapshotReference> = {};
  const given = file["refs"];
  if (given !== undefined && given !== null) {
    for (const [name, json] of Object.entries(fieldsOf(given, "refs"))) {
      const ref = fieldsOf(json, `refs.${name}`);
      const type = text(ref, "type").toLowerCase();
      if (type !== "branch" && type !== "tag") throw new MetadataProblem(`refs.${name} is a ${type}`);
      setOwn(refs, name, { ...ref, "snapshot-id": long(ref, "snapshot-id"), type });
    }
  }
  const main = refs["main"];
  if (main !== undefined && main.type !== "branch") throw new MetadataProblem("main is not a branch");
  if (main === undefined && currentSnapshotId !== null) {
    setOwn(refs, "main", { "snapshot-id": currentSnapshotId, type: "branch" });
  }
  return refs;
}

function checkReferences(metadata: TableMetadata): void {
  const { schemas, "partition-specs": specs, snapshots } = metadata;
  if (!schemas.some((schema) => schema["schema-id"] === metadata["current-schema-id"])) {
    throw new MetadataProblem(`its current schema ${metadata["current-schema-id"]} is not among its schemas`);
  }
  if (!specs.some((spec) => spec["spec-id"] === metadata["default-spec-id"])) {
    throw new MetadataProblem(
      `its default partition spec ${metadata["default-spec-id"]} is not among its specs`,
    );
  }
  const current = metadata["current-snapshot-id"];
  if (current === null) return;
  if (!snapshots.some((snapshot) => snapshot["snapshot-id"] === current)) {
    throw new MetadataProblem(`its current snapshot ${current} is not among its snapshots`);
  }
  if (metadata.refs["main"]?.["snapshot-id"] !== current) {
    throw new MetadataProblem(`its current snapshot ${current} is not the head of main`);
  }
}

function fieldsOf(value: unknown, what: string): Fields {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Fields;
  throw new MetadataProblem(`${what} is not an object`);
}

function list(fields: Fields, key: string, absent: readonly unknown[]): readonly unknown[] {
  const value = own(fields, key) ?? absent;
  if (Array.isArray(value)) return value as readonly unknown[];
  throw new MetadataProblem(`${key} is not a list`);
}

function text(fields: Fields, key: string, absent?: string): string {
  const value = own(fields, key) ?? absent;
  if (typeof value === "string") return value;
  throw new MetadataProblem(`${key} is ${value === undefined ? "missing" : "not text"}`);
}

function texts(fields: Fields, key: string): Record<string, string> {
  const result: Record<string, string> = {};
  const value = own(fields, key);
  if (value === undefined || value === null) return result;
  for (const [name, item] of Object.entries(fieldsOf(value, key))) {
    if (typeof item === "object" && item !== null) throw new MetadataProblem(`${key}.${name} is not text`);
    setOwn(result, name, String(item));
  }
  return result;
}

function integer(fields: Fields, key: string, absent?: number): number {
  const value = own(fields, key) ?? absent;
  if (typeof value === "number" && Number.isSafeInteger(value)) return value;
  throw new MetadataProblem(`${key} is ${value === undefined ? "missing" : "not an integer"}`);
}

function long(fields: Fields, key: string, absent?: bigint): bigint {
  const value = own(fields, key) ?? absent;
  if (typeof value === "bigint") return value;
  throw new MetadataProblem(`${key} is ${value === undefined ? "missing" : "not an integer"}`);
}

function own(fields: Fields, key: string): unknown {
  return Object.hasOwn(fields, key) ? fields[key] : undefined;
}

function setOwn<T>(object: Record<string, T>, key: string, value: T): void {
  Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
}
