// Partition specs from `partition_by`, and partition values as types, keys and paths.
import { lakeError } from "../common/errors.ts";
import { didYouMean } from "../common/suggest.ts";
import { dateText, twoDigits, yearText } from "./calendar.ts";
import { fieldsById } from "./field-ids.ts";
import {
  parseTransform,
  transformAccepts,
  transformResultType,
  transformText,
  type Transform,
} from "./transform.ts";
import { typeText } from "./type-text.ts";
import type {
  IcebergType,
  NestedField,
  PartitionField,
  PartitionSpec,
  Schema,
  StructType,
  Value,
} from "./types.ts";
import { bytesToHex, valueToText } from "./values.ts";

export interface PartitionByRequest {
  /** `year`, `day(ts)`, `bucket(16, id)`, … in order; none for an unpartitioned table. */
  readonly texts: readonly string[];
  readonly schema: Schema;
  readonly existingSpecs: readonly PartitionSpec[];
  /** The table's own: it stays where the terms say the same, whatever its fields are called (a renamed column). */
  readonly defaultSpec?: PartitionSpec | undefined;
  readonly lastPartitionId: number;
}

/** Java starts partition field ids at 1000. */
export const noPartitionId = 999;

/**
 * The spec that the terms describe: an existing one when its fields are the same, otherwise one with the
 * next id, whose fields keep their ids from earlier specs. Errors: `iceberg/partition-*`,
 * `iceberg/unknown-transform`, `iceberg/transform-type`.
 */
export function parsePartitionBy(request: PartitionByRequest): {
  readonly spec: PartitionSpec;
  readonly lastPartitionId: number;
} {
  const { texts, schema, existingSpecs, defaultSpec, lastPartitionId } = request;
  const wanted = texts.map((text) => parseTerm(text, schema));
  refuseDuplicates(texts, wanted, schema);
  const means = (
    spec: PartitionSpec,
    same: (field: PartitionField, term: Term | undefined) => boolean,
  ): boolean =>
    spec.fields.length === wanted.length && spec.fields.every((field, index) => same(field, wanted[index]));
  const same =
    defaultSpec !== undefined && means(defaultSpec, partitionsAlike)
      ? defaultSpec
      : existingSpecs.find((spec) => means(spec, equalTerm));
  if (same) return { spec: same, lastPartitionId };
  let last = Math.max(lastPartitionId, noPartitionId);
  const known = existingSpecs.flatMap((spec) => spec.fields);
  const fields = wanted.map((term) => {
    const earlier =
      known.find((field) => equalTerm(field, term)) ??
      known.find((field) => field["source-id"] === term["source-id"] && field.transform === term.transform);
    return { ...term, "field-id": earlier?.["field-id"] ?? ++last };
  });
  const specId = Math.max(-1, ...existingSpecs.map((spec) => spec["spec-id"])) + 1;
  return { spec: { "spec-id": specId, fields }, lastPartitionId: last };
}

type Term = Omit<PartitionField, "field-id">;

function equalTerm(field: PartitionField, term: Term | undefined): boolean {
  return field.name === term?.name && partitionsAlike(field, term);
}

function partitionsAlike(field: PartitionField, term: Term | undefined): boolean {
  return (
    term !== undefined &&
    field["source-id"] === term["source-id"] &&
    transformText(parseTransform(field.transform)) === term.transform
  );
}

const timeNames: Readonly<Record<string, string>> = {
  years: "year",
  months: "month",
  days: "day",
  hours: "hour",
  date: "day",
  date_hour: "hour",
};

/** A column or a transform of one, as `partition_by` and `sorted_by` write it. */
export function parseTerm(text: string, schema: Schema): Term {
  const trimmed = text.trim();
  const call = /^([A-Za-z_]+)\s*\((.*)\)$/s.exec(trimmed);
  if (!call) return termOf(text, { kind: "identity" }, trimmed, schema);
  const parts = (call[2] as string).split(",").map((part) => part.trim());
  const name = (call[1] as string).toLowerCase();
  const kind = timeNames[name] ?? name;
  if (kind === "bucket" || kind === "truncate") {
    // Spark writes bucket(16, id), Trino bucket(id, 16).
    const numberAt = parts.findIndex((part) => /^\d+$/.test(part));
    const width = Number(parts[numberAt]);
    if (parts.length !== 2 || numberAt < 0 || width < 1 || width > 2_147_483_647) {
      throw lakeError("iceberg/partition-syntax", { text });
    }
    return termOf(text, { kind, width }, parts[1 - numberAt] as string, schema);
  }
  const transform = parseTransform(kind);
  if (transform.kind === "unknown") {
    throw lakeError("iceberg/unknown-transform", { transform: name }, suggestion(name, transformNames));
  }
  if (parts.length !== 1 || parts[0] === "") throw lakeError("iceberg/partition-syntax", { text });
  return termOf(text, transform, parts[0] as string, schema);
}

const transformNames = ["identity", "bucket", "truncate", "year", "month", "day", "hour", "void"];

function termOf(text: string, transform: Transform, column: string, schema: Schema): Term {
  const found = findColumn(column, schema);
  if (!found) {
    const names = columnNames(schema);
    throw lakeError("iceberg/partition-column", { text, column }, suggestion(unquote(column), names));
  }
  const { field, path } = found;
  if (!transformAccepts(transform, field.type)) {
    throw lakeError(
      "iceberg/transform-type",
      { transform: transformText(transform), column: path.join("."), type: typeText(field.type) },
      { hint: `transforms that fit: ${fitting(field.type).join(", ") || "none"}` },
    );
  }
  return {
    name: fieldName(path.join("."), transform),
    transform: transformText(transform),
    "source-id": field.id,
  };
}

function fitting(type: IcebergType): string[] {
  return transformNames.filter((name) => {
    const transform = parseTransform(name === "bucket" || name === "truncate" ? `${name}[1]` : name);
    return name !== "void" && transformAccepts(transform, type);
  });
}

/** As iceberg-java names them. */
function fieldName(column: string, transform: Transform): string {
  switch (transform.kind) {
    case "identity":
      return column;
    case "truncate":
      return `${column}_trunc`;
    case "void":
      return `${column}_null`;
    default:
      return `${column}_${transform.kind}`;
  }
}

function unquote(column: string): string {
  return column.startsWith('"') && column.endsWith('"') ? column.slice(1, -1).replaceAll('""', '"') : column;
}

function findColumn(
  column: string,
  schema: Schema,
): { readonly field: NestedField; readonly path: readonly string[] } | undefined {
  const whole = unquote(column);
  const paths = [[whole], whole.split(".")];
  for (const same of [exactly, ignoringCase]) {
    for (const path of paths) {
      const found = walk(path, schema, same);
      if (found) return found;
    }
  }
  return undefined;
}

const exactly = (a: string, b: string): boolean => a === b;
const ignoringCase = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();

function walk(
  path: readonly string[],
  struct: StructType,
  same: (a: string, b: string) => boolean,
): { readonly field: NestedField; readonly path: readonly string[] } | undefined {
  const field = struct.fields.find((candidate) => same(candidate.name, path[0] ?? ""));
  if (!field) return undefined;
  if (path.length === 1) return { field, path: [field.name] };
  // A partition source must not lie in a list or a map (specification, "Partitioning").
  if (typeof field.type === "string" || field.type.type !== "struct") return undefined;
  const inner = walk(path.slice(1), field.type, same);
  return inner && { field: inner.field, path: [field.name, ...inner.path] };
}

function columnNames(schema: Schema): string[] {
  return [...fieldsById(schema).values()]
    .filter(({ parents }) => parents.every((parent) => parent.type === "struct"))
    .map(({ path }) => path.join("."));
}

function refuseDuplicates(texts: readonly string[], terms: readonly Term[], schema: Schema): void {
  for (const [index, term] of terms.entries()) {
    const text = texts[index] as string;
    const twin = terms.findIndex((other) => equalKind(other, term));
    if (twin < index) {
      const problem = `repeats ${texts[twin]}; one transform of a kind per column is allowed`;
      throw lakeError("iceberg/partition-duplicate", { text, problem });
    }
    const clash = schema.fields.find((field) => field.name === term.name && term.transform !== "identity");
    if (clash) {
      const problem = `would be named ${term.name}, which is a column of the table`;
      throw lakeError("iceberg/partition-duplicate", { text, problem });
    }
  }
}

function equalKind(a: Term, b: Term): boolean {
  if (a.name === b.name) return true;
  if (a["source-id"] !== b["source-id"]) return false;
  const [left, right] = [parseTransform(a.transform).kind, parseTransform(b.transform).kind];
  const times = new Set(["year", "month", "day", "hour"]);
  return left === right || (times.has(left) && times.has(right));
}

/** The type of each partition value, in the order of the spec's fields. */
export function partitionFieldTypes(spec: PartitionSpec, schema: Schema): readonly IcebergType[] {
  const byId = fieldsById(schema);
  return spec.fields.map((field) => {
    const source = byId.get(field["source-id"]);
    // A dropped source leaves void behind; a transform of a newer specification has no known type.
    if (!source || parseTransform(field.transform).kind === "unknown") return "unknown";
    return transformResultType(field.transform, source.field.type);
  });
}

/** `year=2025/name=a%2Fb`, encoded as iceberg-java does it. For people and folder names, never read back. */
export function partitionPath(
  spec: PartitionSpec,
  types: readonly IcebergType[],
  values: readonly Value[],
): string {
  return spec.fields
    .map((field, index) => {
      const text = humanValue(field.transform, types[index] ?? "unknown", values[index] ?? null);
      return `${urlEncode(field.name)}=${urlEncode(text)}`;
    })
    .join("/");
}

function humanValue(transform: string, type: IcebergType, value: Value): string {
  if (value === null) return "null";
  const { kind } = parseTransform(transform);
  if (kind === "year") return yearText(1970 + Number(value));
  if (kind === "month") return monthText(Number(value));
  if (kind === "day") return dateText(Number(value));
  if (kind === "hour") {
    const hours = Number(value);
    return `${dateText(Math.floor(hours / 24))}-${twoDigits(((hours % 24) + 24) % 24)}`;
  }
  if (value instanceof Uint8Array) return base64(value);
  return valueToText(type, value);
}

function monthText(months: number): string {
  return `${yearText(1970 + Math.floor(months / 12))}-${twoDigits((((months % 12) + 12) % 12) + 1)}`;
}

function base64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

/** Java's `URLEncoder`: letters, digits and `.-*_` stay, a space becomes `+`. */
function urlEncode(text: string): string {
  return encodeURIComponent(text.replaceAll(/\p{Cs}/gu, "\uFFFD"))
    .replaceAll("%20", "+")
    .replaceAll(/[!'()~]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}

/**
 * One text per partition, equal exactly for equal partitions: the spec's id belongs to it, because
 * tuples of different specs can look the same; floats count by their bits, with one NaN.
 */
export function partitionKey(specId: number, values: readonly Value[]): string {
  return JSON.stringify([specId, ...values.map(keyPart)]);
}

function keyPart(value: Value): null | boolean | string {
  if (value === null || typeof value === "boolean") return value;
  if (typeof value === "string") return `s${value}`;
  // An int or date and the same number as a long or timestamp are one partition value after promotion.
  if (typeof value === "bigint") return `n${value}`;
  if (typeof value === "number") return Object.is(value, -0) ? "n-0" : `n${value}`;
  return `x${bytesToHex(value)}`;
}

function suggestion(word: string, candidates: readonly string[]): { readonly hint: string } {
  const listed = candidates.slice(0, 12).join(", ");
  const all = `there are ${listed}${candidates.length > 12 ? ", …" : ""}`;
  return { hint: didYouMean(word, candidates) ?? all };
}
