// Partition transforms: parsing, result types and values. In the engine's SQL: `transform-sql.ts`.
import { lakeError } from "../common/errors.ts";
import { civilFromDays, floorDivide } from "./calendar.ts";
import { murmur3 } from "./murmur3.ts";
import { typeText } from "./type-text.ts";
import type { IcebergType, Value } from "./types.ts";
import { bigintToBytes, serialiseValue, valueKind } from "./values.ts";

export type Transform =
  | { readonly kind: "identity" | "year" | "month" | "day" | "hour" | "void" }
  | { readonly kind: "bucket" | "truncate"; readonly width: number }
  /** From a newer specification or an extension: never evaluated, never used for pruning. */
  | { readonly kind: "unknown"; readonly text: string };

/** Reads a transform as metadata spells it (`bucket[16]`); what it does not know is `unknown`. */
export function parseTransform(text: string): Transform {
  const plain = text.trim().toLowerCase();
  switch (plain) {
    case "identity":
    case "year":
    case "month":
    case "day":
    case "hour":
    case "void":
      return { kind: plain };
    default: {
      const wide = /^(bucket|truncate)\[(\d+)\]$/.exec(plain);
      const width = Number(wide?.[2] ?? 0);
      if (!wide || width < 1 || width > 2_147_483_647) return { kind: "unknown", text };
      return { kind: wide[1] as "bucket" | "truncate", width };
    }
  }
}

export function transformText(transform: Transform): string {
  if (transform.kind === "unknown") return transform.text;
  return "width" in transform ? `${transform.kind}[${transform.width}]` : transform.kind;
}

const bucketSources: ReadonlySet<string> = new Set(["int", "long", "decimal", "string", "uuid", "bytes"]);
const truncateSources: ReadonlySet<string> = new Set(["decimal", "string"]);
const timestamps: ReadonlySet<IcebergType> = new Set([
  "timestamp",
  "timestamptz",
  "timestamp_ns",
  "timestamptz_ns",
] as const);

/** Whether the specification allows the transform on columns of the type. */
export function transformAccepts(transform: Transform, type: IcebergType): boolean {
  switch (transform.kind) {
    case "void":
      return true;
    case "identity":
      return typeof type === "string" && valueKind(type) !== "other";
    case "bucket":
      return bucketSources.has(valueKind(type));
    case "truncate":
      return type === "int" || type === "long" || type === "binary" || truncateSources.has(valueKind(type));
    case "year":
    case "month":
    case "day":
      return type === "date" || timestamps.has(type);
    case "hour":
      return timestamps.has(type);
    case "unknown":
      return false;
  }
}

/** The type of partition values. `iceberg/unknown-transform`, `iceberg/transform-type`. */
export function transformResultType(transform: string, sourceType: IcebergType): IcebergType {
  const parsed = accepted(transform, sourceType);
  switch (parsed.kind) {
    case "identity":
    case "truncate":
    case "void":
      return sourceType;
    case "day":
      return "date";
    default:
      return "int";
  }
}

function accepted(transform: string, sourceType: IcebergType): Transform {
  const parsed = parseTransform(transform);
  if (parsed.kind === "unknown") throw lakeError("iceberg/unknown-transform", { transform });
  if (!transformAccepts(parsed, sourceType)) {
    throw lakeError("iceberg/transform-type", { transform, type: typeText(sourceType) });
  }
  return parsed;
}

/** The partition value of a source value; null gives null. */
export function applyTransform(transform: string, sourceType: IcebergType, value: Value): Value {
  return transformFunction(transform, sourceType)(value);
}

/** `applyTransform` for many values. */
export function transformFunction(transform: string, sourceType: IcebergType): (value: Value) => Value {
  const parsed = accepted(transform, sourceType);
  switch (parsed.kind) {
    case "identity":
      return (value) => value;
    case "bucket": {
      const { width } = parsed;
      return (value) => (value === null ? null : (hashValue(sourceType, value) & 0x7fff_ffff) % width);
    }
    case "truncate": {
      const { width } = parsed;
      return (value) => (value === null ? null : wrap(sourceType, truncate(value, width)));
    }
    case "year":
    case "month":
    case "day":
    case "hour": {
      const { kind } = parsed;
      return (value) => (value === null ? null : ordinal(kind, sourceType, value));
    }
    default:
      return () => null;
  }
}

/** The specification's 32-bit hash (appendix B) of a value that is not null. */
export function hashValue(type: IcebergType, value: Value): number {
  switch (valueKind(type)) {
    case "int":
      return murmur3(serialiseValue("long", BigInt(value as number)));
    case "decimal":
      return murmur3(bigintToBytes(value as bigint));
    case "long":
      if (type === "timestamp_ns" || type === "timestamptz_ns") {
        return murmur3(serialiseValue("long", floorDivide(value as bigint, 1000n)));
      }
      return murmur3(serialiseValue("long", value));
    default:
      return murmur3(serialiseValue(type, value));
  }
}

function truncate(value: Value, width: number): Value {
  if (typeof value === "number") return value - (((value % width) + width) % width);
  if (typeof value === "bigint") {
    const wide = BigInt(width);
    return value - (((value % wide) + wide) % wide);
  }
  if (typeof value === "string") return codePointPrefix(value, width);
  return value instanceof Uint8Array ? value.subarray(0, width) : value;
}

/** What Java's arithmetic does below the smallest int or long. */
function wrap(type: IcebergType, value: Value): Value {
  if (type === "int") return Number(value) | 0;
  return type === "long" ? BigInt.asIntN(64, value as bigint) : value;
}

/** The first `count` code points. */
export function codePointPrefix(text: string, count: number): string {
  if (text.length <= count) return text;
  let end = 0;
  for (let seen = 0; seen < count && end < text.length; seen++) {
    end += (text.codePointAt(end) as number) > 0xffff ? 2 : 1;
  }
  return text.slice(0, end);
}

/** Hours beyond an int stay at its ends (Java wraps, and would prune rows around infinity wrongly). */
function ordinal(kind: "year" | "month" | "day" | "hour", type: IcebergType, value: Value): number {
  if (type === "date") return dayOrdinal(kind, value as number);
  const nanos = type === "timestamp_ns" || type === "timestamptz_ns";
  const perHour = nanos ? 3_600_000_000_000n : 3_600_000_000n;
  const hours = Number(floorDivide(value as bigint, perHour));
  if (kind === "hour") return Math.max(-2_147_483_648, Math.min(2_147_483_647, hours));
  return dayOrdinal(kind, Math.floor(hours / 24));
}

function dayOrdinal(kind: "year" | "month" | "day" | "hour", days: number): number {
  if (kind === "day") return days;
  const { year, month } = civilFromDays(days);
  return kind === "year" ? year - 1970 : (year - 1970) * 12 + month - 1;
}
