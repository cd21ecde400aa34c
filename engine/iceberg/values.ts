// Single values: their bytes (specification, appendix D) and their order. Texts live in `value-text.ts`.
import { lakeError } from "../common/errors.ts";
import { typeText } from "./type-text.ts";
import type { IcebergType, Value } from "./types.ts";

export { parseEngineText, valueFromJson, valueToJson, valueToSqlLiteral, valueToText } from "./value-text.ts";

const utf8 = new TextEncoder();
const fromUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** What a value is made of, whatever its type is called: one switch for bytes, order and text. */
type Kind =
  | "boolean"
  | "int"
  | "long"
  | "float"
  | "double"
  | "decimal"
  | "string"
  | "uuid"
  | "bytes"
  | "other";

export function valueKind(type: IcebergType): Kind {
  switch (type) {
    case "boolean":
    case "float":
    case "double":
    case "string":
    case "uuid":
      return type;
    case "int":
    case "date":
      return "int";
    case "long":
    case "time":
    case "timestamp":
    case "timestamptz":
    case "timestamp_ns":
    case "timestamptz_ns":
      return "long";
    case "binary":
      return "bytes";
    default:
      if (typeof type !== "string") return "other";
      if (type.startsWith("decimal")) return "decimal";
      return type.startsWith("fixed") ? "bytes" : "other";
  }
}

/** The bytes of a value that is not null, as bounds and partition summaries hold them. */
export function serialiseValue(type: IcebergType, value: Value): Uint8Array {
  const view = (size: number): DataView => new DataView(new ArrayBuffer(size));
  const done = (bytes: DataView): Uint8Array => new Uint8Array(bytes.buffer);
  switch (valueKind(type)) {
    case "boolean":
      if (typeof value !== "boolean") break;
      return Uint8Array.of(value ? 1 : 0);
    case "int": {
      if (typeof value !== "number" || !Number.isInteger(value)) break;
      const bytes = view(4);
      bytes.setInt32(0, value, true);
      return done(bytes);
    }
    case "long": {
      if (typeof value !== "bigint") break;
      const bytes = view(8);
      bytes.setBigInt64(0, value, true);
      return done(bytes);
    }
    case "float": {
      if (typeof value !== "number") break;
      const bytes = view(4);
      bytes.setFloat32(0, value, true);
      return done(bytes);
    }
    case "double": {
      if (typeof value !== "number") break;
      const bytes = view(8);
      bytes.setFloat64(0, value, true);
      return done(bytes);
    }
    case "decimal":
      if (typeof value !== "bigint") break;
      return bigintToBytes(value);
    case "string":
      if (typeof value !== "string") break;
      return encodeText(value);
    case "uuid":
      if (typeof value !== "string") break;
      return uuidToBytes(value);
    case "bytes":
      if (!(value instanceof Uint8Array)) break;
      return value;
    case "other":
      break;
  }
  throw lakeError("iceberg/bad-value", { text: String(value), type: typeText(type) });
}

/** Bounds are short and mostly ASCII, for which the encoder's call costs more than its work. */
function encodeText(text: string): Uint8Array {
  if (text.length > 32) return utf8.encode(text);
  const bytes = new Uint8Array(text.length);
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit > 0x7f) return utf8.encode(text);
    bytes[index] = unit;
  }
  return bytes;
}

/** The value of bounds' bytes; widths from before a promotion (int in a long column) are accepted. */
export function deserialiseValue(type: IcebergType, bytes: Uint8Array): Value {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const size = bytes.byteLength;
  switch (valueKind(type)) {
    case "boolean":
      if (size === 1) return bytes[0] !== 0;
      break;
    case "int":
      if (size === 4) return view.getInt32(0, true);
      break;
    case "long":
      if (size === 8) return view.getBigInt64(0, true);
      if (size === 4) return promotedLong(type, view.getInt32(0, true));
      break;
    case "float":
      if (size === 4) return view.getFloat32(0, true);
      break;
    case "double":
      if (size === 8) return view.getFloat64(0, true);
      if (size === 4) return view.getFloat32(0, true);
      break;
    case "decimal":
      if (size > 0) return bytesToBigint(bytes);
      break;
    case "string":
      return decodeText(type, bytes);
    case "uuid":
      if (size === 16) return bytesToUuid(bytes);
      break;
    case "bytes":
      return bytes;
    case "other":
      break;
  }
  throw badBytes(type, bytes);
}

/** A value in the form of the type that its column was widened to. */
export function promoteValue(type: IcebergType, value: Value): Value {
  if (typeof value !== "number") return value;
  const kind = valueKind(type);
  return kind === "long" ? promotedLong(type, value) : kind === "decimal" ? BigInt(value) : value;
}

/** Four bytes in a long column are an int, in a timestamp column a date (format v3). */
function promotedLong(type: IcebergType, value: number): bigint {
  if (type === "long" || type === "time") return BigInt(value);
  const perDay = type === "timestamp_ns" || type === "timestamptz_ns" ? 86_400_000_000_000n : 86_400_000_000n;
  return BigInt(value) * perDay;
}

function decodeText(type: IcebergType, bytes: Uint8Array): string {
  try {
    return fromUtf8.decode(bytes);
  } catch {
    throw badBytes(type, bytes);
  }
}

function badBytes(type: IcebergType, bytes: Uint8Array): Error {
  return lakeError("iceberg/bad-value-bytes", { bytes: bytesToHex(bytes), type: typeText(type) });
}

/** The shortest two's complement, big-endian, as Java's `BigInteger.toByteArray`. */
export function bigintToBytes(value: bigint): Uint8Array {
  let length = 1;
  while (BigInt.asIntN(length * 8, value) !== value) length++;
  const bytes = new Uint8Array(length);
  let rest = BigInt.asUintN(length * 8, value);
  for (let index = length - 1; index >= 0; index--) {
    bytes[index] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return bytes;
}

export function bytesToBigint(bytes: Uint8Array): bigint {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return BigInt.asIntN(bytes.length * 8, value);
}

export function bytesToHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function uuidToBytes(text: string): Uint8Array {
  const hex = text.replaceAll("-", "");
  if (!/^[0-9a-fA-F]{32}$/.test(hex)) throw lakeError("iceberg/bad-value", { text, type: "uuid" });
  return Uint8Array.from({ length: 16 }, (_, index) =>
    Number.parseInt(hex.slice(index * 2, index * 2 + 2), 16),
  );
}

function bytesToUuid(bytes: Uint8Array): string {
  const hex = bytesToHex(bytes);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/**
 * The order of bounds: strings by code points (UTF-8 bytes), bytes unsigned, -0.0 before +0.0, NaN after
 * everything, null before everything.
 */
export function compareValues(type: IcebergType, a: Value, b: Value): number {
  if (a === null || b === null) return Number(b === null) - Number(a === null);
  if (typeof a === "string" && typeof b === "string") {
    return type === "uuid" ? compareBasic(a.toLowerCase(), b.toLowerCase()) : compareCodePoints(a, b);
  }
  if (typeof a === "number" && typeof b === "number") return compareNumbers(a, b);
  if (typeof a === "bigint" && typeof b === "bigint") return compareBasic(a, b);
  if (typeof a === "boolean" && typeof b === "boolean") return Number(a) - Number(b);
  if (a instanceof Uint8Array && b instanceof Uint8Array) return compareBytes(a, b);
  throw lakeError("iceberg/bad-value", { text: `${String(a)} beside ${String(b)}`, type: typeText(type) });
}

function compareBasic<T extends string | bigint>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function compareNumbers(a: number, b: number): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
  if (a === 0 && b === 0) return Number(Object.is(b, -0)) - Number(Object.is(a, -0));
  return a < b ? -1 : a > b ? 1 : 0;
}

/** UTF-16 puts astral characters (surrogates, D800–DFFF) before U+E000–U+FFFF; UTF-8 puts them last. */
function compareCodePoints(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index++) {
    const x = a.charCodeAt(index);
    const y = b.charCodeAt(index);
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x1_0000 : unit;
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index++) {
    const difference = (a[index] as number) - (b[index] as number);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}
