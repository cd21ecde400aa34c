// Single values as text: the engine's, SQL's, JSON's (specification, appendix D) and people's.
import { lakeError } from "../common/errors.ts";
import { printJson } from "../common/json.ts";
import {
  civilFromDays,
  dateText,
  daysFromCivil,
  floorDivide,
  timestampText,
  timeText,
  twoDigits,
} from "./calendar.ts";
import { decimalOf, typeText } from "./type-text.ts";
import type { IcebergType, Value } from "./types.ts";

const dateInfinity = 2_147_483_647;
const timestampInfinity = 9_223_372_036_854_775_807n;

/**
 * Reads a value as DuckDB prints it (statistics of `COPY … RETURN_STATS`, casts to VARCHAR): hex for
 * bytes, `1` for true, `(BC)` behind the date, `infinity`. `iceberg/bad-value` for anything else.
 */
export function parseEngineText(type: IcebergType, text: string): Value {
  const value = parseText(type, text);
  if (value === undefined) throw lakeError("iceberg/bad-value", { text, type: typeText(type) });
  return value;
}

function parseText(type: IcebergType, text: string): Value | undefined {
  switch (type) {
    case "boolean":
      return text === "1" || text === "true" ? true : text === "0" || text === "false" ? false : undefined;
    case "int":
      return /^-?\d+$/.test(text) ? Number(text) : undefined;
    case "long":
      return /^-?\d+$/.test(text) ? BigInt(text) : undefined;
    case "float":
      return mapDefined(parseDouble(text), Math.fround);
    case "double":
      return parseDouble(text);
    case "date":
      return parseDate(text);
    case "time":
      return parseTime(text, 6);
    case "timestamp":
    case "timestamptz":
      return parseTimestamp(text, 6);
    case "timestamp_ns":
    case "timestamptz_ns":
      return parseTimestamp(text, 9);
    case "string":
      return text;
    case "uuid":
      return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text) ? text.toLowerCase() : undefined;
    case "binary":
      return parseHex(text);
    default: {
      const decimal = decimalOf(type);
      if (decimal) return parseDecimal(text, decimal.scale);
      return typeof type === "string" && type.startsWith("fixed") ? parseHex(text) : undefined;
    }
  }
}

function mapDefined(value: number | undefined, map: (value: number) => number): number | undefined {
  return value === undefined ? undefined : map(value);
}

function parseDouble(text: string): number | undefined {
  const named = /^([+-]?)(inf|infinity|nan)$/i.exec(text);
  if (named) {
    if (named[2]?.toLowerCase() === "nan") return Number.NaN;
    return named[1] === "-" ? -Infinity : Infinity;
  }
  const value = text.trim() === "" ? Number.NaN : Number(text);
  return Number.isNaN(value) ? undefined : value;
}

function parseDecimal(text: string, scale: number): bigint | undefined {
  const match = /^(-?)(\d*)(?:\.(\d*))?$/.exec(text);
  if (!match || (match[2] === "" && (match[3] ?? "") === "")) return undefined;
  const fraction = match[3] ?? "";
  if (fraction.length > scale && /[1-9]/.test(fraction.slice(scale))) return undefined;
  const unscaled = BigInt(`${match[2]}${fraction.slice(0, scale).padEnd(scale, "0")}` || "0");
  return match[1] === "-" ? -unscaled : unscaled;
}

function parseHex(text: string): Uint8Array | undefined {
  if (!/^([0-9a-f]{2})*$/i.test(text)) return undefined;
  return Uint8Array.from({ length: text.length / 2 }, (_, index) =>
    Number.parseInt(text.slice(index * 2, index * 2 + 2), 16),
  );
}

function parseDate(text: string): number | undefined {
  if (text === "infinity") return dateInfinity;
  if (text === "-infinity") return -dateInfinity;
  const match = /^([+-]?\d+)-(\d\d)-(\d\d)( \(BC\))?$/.exec(text);
  if (!match) return undefined;
  const year = match[4] ? 1 - Number(match[1]) : Number(match[1]);
  return daysFromCivil({ year, month: Number(match[2]), day: Number(match[3]) });
}

function parseTime(text: string, digits: 6 | 9): bigint | undefined {
  const match = /^(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?$/.exec(text);
  if (!match) return undefined;
  const seconds = Number(match[1]) * 3600 + Number(match[2]) * 60 + Number(match[3]);
  const fraction = match[4] ?? "";
  if (fraction.length > digits && /[1-9]/.test(fraction.slice(digits))) return undefined;
  return BigInt(seconds) * 10n ** BigInt(digits) + BigInt(fraction.slice(0, digits).padEnd(digits, "0"));
}

function parseTimestamp(text: string, digits: 6 | 9): bigint | undefined {
  if (text === "infinity") return timestampInfinity;
  if (text === "-infinity") return -timestampInfinity;
  // DuckDB prints `0044-03-15 (BC) 10:00:00+00`; ISO's `T` and `Z` come from JSON.
  const match = /^([+-]?\d+-\d\d-\d\d(?: \(BC\))?)[ T]([\d:.]+?)(Z|([+-])(\d\d)(?::?(\d\d))?)?$/.exec(text);
  const days = match && parseDate(match[1] as string);
  const time = match && parseTime(match[2] as string, digits);
  if (!match || typeof days !== "number" || typeof time !== "bigint") return undefined;
  const perSecond = 10n ** BigInt(digits);
  const offset = Number(match[5] ?? 0) * 3600 + Number(match[6] ?? 0) * 60;
  const shift = BigInt(match[4] === "-" ? offset : -offset) * perSecond;
  return BigInt(days) * 86_400n * perSecond + time + shift;
}

/** A value for people: ISO dates and times, decimals with their scale, bytes in hex, `null`. */
export function valueToText(type: IcebergType, value: Value): string {
  if (value === null) return "null";
  switch (type) {
    case "date":
      return dateText(Number(value));
    case "time":
      return timeText(value as bigint, 6);
    case "timestamp":
      return timestampText(value as bigint, 6);
    case "timestamptz":
      return `${timestampText(value as bigint, 6)}+00:00`;
    case "timestamp_ns":
      return timestampText(value as bigint, 9);
    case "timestamptz_ns":
      return `${timestampText(value as bigint, 9)}+00:00`;
    default: {
      const decimal = decimalOf(type);
      if (decimal) return decimalText(value as bigint, decimal.scale);
      if (value instanceof Uint8Array) {
        return Array.from(value, (byte) => byte.toString(16).padStart(2, "0")).join("");
      }
      return Object.is(value, -0) ? "-0" : String(value);
    }
  }
}

function decimalText(unscaled: bigint, scale: number): string {
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, "0");
  const sign = unscaled < 0n ? "-" : "";
  return scale === 0 ? `${sign}${digits}` : `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

/** A typed literal of DuckDB's SQL, the same value whatever the session's time zone. */
export function valueToSqlLiteral(type: IcebergType, value: Value): string {
  if (value === null) return `NULL::${sqlTypeName(type)}`;
  switch (type) {
    case "boolean":
      return value === true ? "TRUE" : "FALSE";
    case "float":
    case "double":
      return `'${doubleText(value as number)}'::${sqlTypeName(type)}`;
    case "string":
      return stringLiteral(value as string);
    case "date":
      return `DATE '${engineDate(value as number)}'`;
    case "timestamp":
      return `TIMESTAMP '${engineTimestamp(value as bigint, 6)}'`;
    case "timestamptz":
      return `TIMESTAMPTZ '${engineTimestamp(value as bigint, 6)}${isInfinite(value) ? "" : "+00"}'`;
    case "timestamp_ns":
      return `'${engineTimestamp(value as bigint, 9)}'::TIMESTAMP_NS`;
    default:
      if (value instanceof Uint8Array) return `from_hex('${valueToText(type, value)}')`;
      return `'${valueToText(type, value)}'::${sqlTypeName(type)}`;
  }
}

function doubleText(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value < 0 ? "-inf" : "inf";
  return Object.is(value, -0) ? "-0.0" : String(value);
}

/** NUL cannot stand in a statement's text. */
function stringLiteral(text: string): string {
  const parts = text.split("\0").map((part) => `'${part.replaceAll("'", "''")}'`);
  return parts.length === 1 ? (parts[0] as string) : `(${parts.join(" || chr(0) || ")})`;
}

function isInfinite(value: Value): boolean {
  return value === timestampInfinity || value === -timestampInfinity;
}

function engineDate(days: number): string {
  if (Math.abs(days) === dateInfinity) return days < 0 ? "-infinity" : "infinity";
  const { year, month, day } = civilFromDays(days);
  const written = String(year <= 0 ? 1 - year : year).padStart(4, "0");
  return `${written}-${twoDigits(month)}-${twoDigits(day)}${year <= 0 ? " (BC)" : ""}`;
}

function engineTimestamp(units: bigint, digits: 6 | 9): string {
  if (isInfinite(units)) return units < 0n ? "-infinity" : "infinity";
  const perDay = 86_400n * 10n ** BigInt(digits);
  const days = floorDivide(units, perDay);
  return `${engineDate(Number(days))} ${timeText(units - days * perDay, digits)}`;
}

function sqlTypeName(type: IcebergType): string {
  if (typeof type !== "string") throw lakeError("iceberg/bad-value", { text: "null", type: typeText(type) });
  switch (type) {
    case "int":
      return "INTEGER";
    case "long":
      return "BIGINT";
    case "string":
      return "VARCHAR";
    case "binary":
      return "BLOB";
    case "unknown":
      return `"NULL"`;
    default:
      return type.startsWith("fixed") ? "BLOB" : type.toUpperCase();
  }
}

/** The JSON form of defaults (specification, appendix D); longs beyond 53 bits are bigint. */
export function valueToJson(type: IcebergType, value: Value): null | boolean | number | bigint | string {
  if (value === null || typeof value === "boolean" || typeof value === "string") return value;
  if (type === "long" && typeof value === "bigint") {
    return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  }
  if (typeof value === "number" && type !== "date") return value;
  return valueToText(type, value);
}

/** Reads the JSON form of a default. */
export function valueFromJson(type: IcebergType, json: unknown): Value {
  if (json === null || json === undefined) return null;
  if (typeof json === "boolean" && type === "boolean") return json;
  if (typeof json === "number" || typeof json === "bigint") {
    if (type === "int") return Number(json);
    if (type === "float" || type === "double") return Number(json);
    if (type === "long" && (typeof json === "bigint" || Number.isSafeInteger(json))) return BigInt(json);
  }
  if (typeof json === "string" && type !== "boolean" && type !== "int" && type !== "long") {
    return parseEngineText(type, json);
  }
  throw lakeError("iceberg/bad-value", { text: printJson(json), type: typeText(type) });
}
