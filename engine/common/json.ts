// JSON without loss: Iceberg's snapshot ids are random 63-bit integers, which `JSON.parse` rounds.
import { lakeError } from "./errors.ts";

export type Json =
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly Json[]
  | { readonly [key: string]: Json };

export interface ParseJsonOptions {
  /** Integers that are the value of such a key, or elements of its array, become bigint whatever their size. */
  readonly bigintKeys?: ReadonlySet<string>;
}

/** Deeper nesting is refused rather than left to the call stack; Iceberg's types nest a handful deep. */
const maximalDepth = 500;

interface Scanner {
  readonly text: string;
  readonly bigintKeys: ReadonlySet<string> | undefined;
  at: number;
}

/**
 * Parses like `JSON.parse`, with one difference: integers that a number cannot hold exactly become
 * bigint, and so do all integers under `bigintKeys`. A key `__proto__` is an ordinary own key.
 * Errors: `common/malformed-json`.
 */
export function parseJson(text: string, options: ParseJsonOptions = {}): Json {
  const scanner: Scanner = { text, bigintKeys: options.bigintKeys, at: 0 };
  const value = parseValue(scanner, 0, false);
  skipBlank(scanner);
  if (scanner.at < text.length)
    throw malformed(scanner, `found ${shown(scanner)} after the end of the value`);
  return value;
}

function parseValue(scanner: Scanner, depth: number, asBigint: boolean): Json {
  skipBlank(scanner);
  switch (scanner.text.charCodeAt(scanner.at)) {
    case 0x7b:
      return parseObject(scanner, depth);
    case 0x5b:
      return parseArray(scanner, depth, asBigint);
    case 0x22:
      return parseString(scanner);
    case 0x74:
      return parseWord(scanner, "true", true);
    case 0x66:
      return parseWord(scanner, "false", false);
    case 0x6e:
      return parseWord(scanner, "null", null);
    default:
      return parseNumber(scanner, asBigint);
  }
}

function parseObject(scanner: Scanner, depth: number): Json {
  if (depth >= maximalDepth) throw malformed(scanner, `nested deeper than ${maximalDepth} levels`);
  const { text, bigintKeys } = scanner;
  const object: Record<string, Json> = {};
  scanner.at += 1;
  skipBlank(scanner);
  if (text.charCodeAt(scanner.at) === 0x7d) {
    scanner.at += 1;
    return object;
  }
  for (;;) {
    skipBlank(scanner);
    if (text.charCodeAt(scanner.at) !== 0x22)
      throw malformed(scanner, `expected a key, found ${shown(scanner)}`);
    const key = parseString(scanner);
    skipBlank(scanner);
    if (text.charCodeAt(scanner.at) !== 0x3a)
      throw malformed(scanner, `expected ":", found ${shown(scanner)}`);
    scanner.at += 1;
    const value = parseValue(scanner, depth + 1, bigintKeys !== undefined && bigintKeys.has(key));
    if (key === "__proto__") {
      Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
    } else object[key] = value;
    skipBlank(scanner);
    const next = text.charCodeAt(scanner.at);
    if (next !== 0x2c && next !== 0x7d)
      throw malformed(scanner, `expected "," or "}", found ${shown(scanner)}`);
    scanner.at += 1;
    if (next === 0x7d) return object;
  }
}

function parseArray(scanner: Scanner, depth: number, asBigint: boolean): Json {
  if (depth >= maximalDepth) throw malformed(scanner, `nested deeper than ${maximalDepth} levels`);
  const { text } = scanner;
  const array: Json[] = [];
  scanner.at += 1;
  skipBlank(scanner);
  if (text.charCodeAt(scanner.at) === 0x5d) {
    scanner.at += 1;
    return array;
  }
  for (;;) {
    array.push(parseValue(scanner, depth + 1, asBigint));
    skipBlank(scanner);
    const next = text.charCodeAt(scanner.at);
    if (next !== 0x2c && next !== 0x5d)
      throw malformed(scanner, `expected "," or "]", found ${shown(scanner)}`);
    scanner.at += 1;
    if (next === 0x5d) return array;
  }
}

// oxlint-disable-next-line no-control-regex -- JSON forbids exactly these characters in strings.
const plainText = /[^"\\\u0000-\u001f]*/y;

function parseString(scanner: Scanner): string {
  const { text } = scanner;
  const start = scanner.at + 1;
  let at = start;
  let escaped = false;
  for (;;) {
    plainText.lastIndex = at;
    plainText.test(text);
    at = plainText.lastIndex;
    const code = text.charCodeAt(at);
    if (code === 0x22) break;
    if (code !== 0x5c) {
      scanner.at = at;
      const problem = at >= text.length ? "the text ends inside a string" : "a control character in a string";
      throw malformed(scanner, problem);
    }
    escaped = true;
    at += 2;
  }
  scanner.at = at + 1;
  if (!escaped) return text.slice(start, at);
  try {
    return JSON.parse(text.slice(start - 1, at + 1)) as string;
  } catch {
    scanner.at = start - 1;
    throw malformed(scanner, "a string with an unknown escape");
  }
}

const numberText = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;

function parseNumber(scanner: Scanner, asBigint: boolean): number | bigint {
  numberText.lastIndex = scanner.at;
  const match = numberText.exec(scanner.text);
  if (match === null) throw malformed(scanner, `expected a value, found ${shown(scanner)}`);
  const source = match[0];
  scanner.at += source.length;
  if (match[1] !== undefined || match[2] !== undefined) return Number(source);
  if (asBigint) return BigInt(source);
  const value = Number(source);
  return Number.isSafeInteger(value) ? value : BigInt(source);
}

function parseWord<T extends boolean | null>(scanner: Scanner, word: string, value: T): T {
  if (!scanner.text.startsWith(word, scanner.at)) {
    throw malformed(scanner, `expected a value, found ${shown(scanner)}`);
  }
  scanner.at += word.length;
  return value;
}

function skipBlank(scanner: Scanner): void {
  const { text } = scanner;
  for (;;) {
    const code = text.charCodeAt(scanner.at);
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
    scanner.at += 1;
  }
}

function shown(scanner: Scanner): string {
  if (scanner.at >= scanner.text.length) return "the end of the text";
  return JSON.stringify(scanner.text.slice(scanner.at, scanner.at + 12));
}

function malformed(scanner: Scanner, problem: string): Error {
  const before = scanner.text.slice(0, scanner.at);
  const line = before.split("\n").length;
  const column = before.length - before.lastIndexOf("\n");
  return lakeError("common/malformed-json", { problem, line, column });
}

export interface PrintJsonOptions {
  /** Spaces per level; without it everything stands on one line. */
  readonly indent?: number;
}

/**
 * Prints like `JSON.stringify`, with bigint as plain digits. Keys whose value is undefined are left out;
 * what JSON cannot hold (NaN, functions, undefined in a list) is `common/unprintable-json`, never silently null.
 */
export function printJson(value: unknown, options: PrintJsonOptions = {}): string {
  return printValue(value, " ".repeat(options.indent ?? 0), "\n");
}

function printValue(value: unknown, indent: string, newline: string): string {
  if (value === null) return "null";
  switch (typeof value) {
    case "string":
      return JSON.stringify(value);
    case "boolean":
    case "bigint":
      return String(value);
    case "number":
      if (Number.isFinite(value)) return JSON.stringify(value);
      throw lakeError("common/unprintable-json", { problem: `${value} is not a number of JSON` });
    case "object":
      return Array.isArray(value)
        ? printArray(value, indent, newline)
        : printObject(value as Record<string, unknown>, indent, newline);
    case "undefined":
    case "function":
    case "symbol":
      break;
  }
  throw lakeError("common/unprintable-json", { problem: `a value of type ${typeof value}` });
}

function printArray(array: readonly unknown[], indent: string, newline: string): string {
  if (array.length === 0) return "[]";
  const inner = newline + indent;
  const items = array.map((item) => printValue(item, indent, inner));
  return indent === "" ? `[${items.join(",")}]` : `[${inner}${items.join(`,${inner}`)}${newline}]`;
}

function printObject(object: Readonly<Record<string, unknown>>, indent: string, newline: string): string {
  const inner = newline + indent;
  const colon = indent === "" ? ":" : ": ";
  const items: string[] = [];
  for (const key of Object.keys(object)) {
    const value = object[key];
    if (value !== undefined) items.push(JSON.stringify(key) + colon + printValue(value, indent, inner));
  }
  if (items.length === 0) return "{}";
  return indent === "" ? `{${items.join(",")}}` : `{${inner}${items.join(`,${inner}`)}${newline}}`;
}
