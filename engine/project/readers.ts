// Checked reading of YAML: a reader takes a node and gives a value, or writes down what is wrong and where.
import { durationMs } from "../common/duration.ts";
import { LakeError, lakeError } from "../common/errors.ts";
import type { ErrorCode, ErrorParameters, Location } from "../common/errors.ts";
import type { Json } from "../common/json.ts";
import { didYouMean } from "../common/suggest.ts";
import type { ProjectWarning } from "./types.ts";
import type { YamlEntry, YamlNode } from "./yaml.ts";

/** Collects what is wrong with a project, so that all of it is shown at once. */
export class Problems {
  /** Profiles hold passwords: their values are never shown, only what kind they are. */
  readonly hidesValues: boolean;
  readonly errors: LakeError[] = [];
  readonly warnings: ProjectWarning[] = [];

  constructor(options: { readonly hidesValues?: boolean } = {}) {
    this.hidesValues = options.hidesValues ?? false;
  }

  /** A value as a message shows it. */
  shown(value: Json): string {
    return this.hidesValues && value !== null && typeof value !== "object"
      ? `a ${typeof value}`
      : describe(value);
  }

  add<C extends ErrorCode>(code: C, parameters: ErrorParameters<C>, at?: Location, hint?: string): void {
    this.errors.push(lakeError(code, parameters, { at, hint }));
  }

  warn(message: string, at: Location): void {
    this.warnings.push({ message, at });
  }

  /** Runs what throws on the first error; a crash stays a crash. */
  attempt<T>(action: () => T): T | undefined {
    try {
      return action();
    } catch (error) {
      if (!(error instanceof LakeError)) throw error;
      this.errors.push(...(error.errors.length > 0 ? error.errors : [error]));
      return undefined;
    }
  }
}

/** Undefined means: absent or wrong; what is wrong has been added to `problems`. */
export type Reader<T> = (node: YamlNode, what: string, problems: Problems) => T | undefined;
export type Fields = Readonly<Record<string, Reader<unknown>>>;
/** The value of an object read with `Fields`: every key may be absent. */
export type Read<F extends Fields> = { readonly [K in keyof F]?: Exclude<ReturnType<F[K]>, undefined> };

export function describe(value: Json): string {
  if (value === null) return "empty";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a mapping";
  const shown = JSON.stringify(typeof value === "bigint" ? String(value) : value);
  return shown.length > 60 ? `${shown.slice(0, 57)}…` : shown;
}

function wrong(node: YamlNode, what: string, expected: string, problems: Problems): undefined {
  problems.add("project/wrong-type", { what, found: problems.shown(node.value), expected }, node.at);
  return undefined;
}

export const text: Reader<string> = (node, what, problems) =>
  typeof node.value === "string" ? node.value : wrong(node, what, "text", problems);

/** Text where YAML makes a number of it: a version, a table name such as `2024`. */
export const scalarText: Reader<string> = (node, what, problems) =>
  typeof node.value === "string" || typeof node.value === "number" || typeof node.value === "boolean"
    ? String(node.value)
    : wrong(node, what, "text", problems);

export const flag: Reader<boolean> = (node, what, problems) =>
  typeof node.value === "boolean" ? node.value : wrong(node, what, "true or false", problems);

export const count: Reader<number> = (node, what, problems) =>
  typeof node.value === "number" && Number.isSafeInteger(node.value) && node.value >= 0
    ? node.value
    : wrong(node, what, "a whole number", problems);

export const positive: Reader<number> = (node, what, problems) =>
  typeof node.value === "number" && Number.isSafeInteger(node.value) && node.value > 0
    ? node.value
    : wrong(node, what, "a whole number of at least 1", problems);

/** `7d`, `36h`: milliseconds. */
const age: Reader<number> = (node, what, problems) => {
  const value = typeof node.value === "string" ? durationMs(node.value) : null;
  return value ?? wrong(node, what, "true, false or an age such as 7d", problems);
};

export const flagOrAge: Reader<boolean | number> = (node, what, problems) =>
  typeof node.value === "boolean" ? node.value : age(node, what, problems);

export const json: Reader<Json> = (node) => node.value;

/** For keys that are allowed and mean nothing here (`docs`, `loader`). */
export const ignored: Reader<never> = () => undefined;

export function oneOf<T extends string | number>(...values: readonly T[]): Reader<T> {
  return (node, what, problems) => {
    const found = values.find((value) => value === node.value);
    if (found !== undefined) return found;
    const hint = typeof node.value === "string" ? didYouMean(node.value, values.map(String)) : undefined;
    const expected = values.length === 1 ? String(values[0]) : `one of ${values.join(", ")}`;
    problems.add("project/bad-value", { what, found: problems.shown(node.value), expected }, node.at, hint);
    return undefined;
  };
}

/** A list; a single item stands for a list of one. */
export function listOf<T>(reader: Reader<T>): Reader<readonly T[]> {
  return (node, what, problems) => {
    if (node.value === null) return [];
    const items = node.items ?? [node];
    return items.flatMap((item) => {
      const value = reader(item, what, problems);
      return value === undefined ? [] : [value];
    });
  };
}

/** A list of texts; a text is split at its top-level commas. */
export const commaList: Reader<readonly string[]> = (node, what, problems) =>
  typeof node.value === "string" ? splitTopLevel(node.value) : listOf(text)(node, what, problems);

export function mapOf<T>(reader: Reader<T>): Reader<Readonly<Record<string, T>>> {
  return (node, what, problems) => {
    if (node.value === null) return {};
    if (node.entries === null) return wrong(node, what, "a mapping", problems);
    const result: Record<string, T> = {};
    for (const [key, entry] of node.entries) {
      const value = reader(entry.node, `${what}.${key}`, problems);
      if (value !== undefined) result[key] = value;
    }
    return result;
  };
}

/** A mapping with exactly these keys; the rest is refused with a suggestion. */
export function object<F extends Fields>(fields: F): Reader<Read<F>> {
  return (node, what, problems) => {
    const entries = mappingEntries(node, what, problems);
    return entries === undefined ? undefined : readFields({ entries, fields, owner: what, problems });
  };
}

export function mappingEntries(
  node: YamlNode,
  what: string,
  problems: Problems,
): ReadonlyMap<string, YamlEntry> | undefined {
  if (node.value === null) return new Map();
  if (node.entries === null) return wrong(node, what, "a mapping", problems);
  return node.entries;
}

export function readFields<F extends Fields>(options: {
  readonly entries: Iterable<readonly [string, YamlEntry]>;
  readonly fields: F;
  readonly owner: string;
  readonly problems: Problems;
}): Read<F> {
  const { entries, fields, owner, problems } = options;
  const result: Record<string, unknown> = {};
  for (const [key, entry] of entries) {
    const reader = Object.hasOwn(fields, key) ? fields[key] : undefined;
    if (reader === undefined) {
      unknownKey({ key, owner, known: Object.keys(fields), at: entry.keyAt, problems });
      continue;
    }
    // An empty value is as good as none, for every key.
    if (entry.node.value === null) continue;
    const value = reader(entry.node, `${key} of ${owner}`, problems);
    if (value !== undefined) result[key] = value;
  }
  return result as Read<F>;
}

export function unknownKey(options: {
  readonly key: string;
  readonly owner: string;
  readonly known: readonly string[];
  readonly at: Location;
  readonly problems: Problems;
}): void {
  const { key, owner, known, at, problems } = options;
  problems.add("project/unknown-key", { key, owner, known }, at, didYouMean(key, known));
}

/** Splits at commas outside parentheses, brackets and quotes: `year, bucket(16, id)` are two. */
export function splitTopLevel(list: string): readonly string[] {
  const parts: string[] = [];
  let depth = 0;
  let quote = "";
  let start = 0;
  for (let at = 0; at < list.length; at++) {
    const character = list[at] as string;
    if (quote !== "") {
      if (character === quote) quote = "";
    } else if (character === '"' || character === "'" || character === "`") quote = character;
    else if (character === "(" || character === "[") depth += 1;
    else if (character === ")" || character === "]") depth -= 1;
    else if (character === "," && depth === 0) {
      parts.push(list.slice(start, at));
      start = at + 1;
    }
  }
  parts.push(list.slice(start));
  return parts.map((part) => part.trim()).filter((part) => part !== "");
}

const nodeName = /^[a-z0-9_]+$/;

/** Whether a name may stand in the catalog and in file names. */
export function isName(name: string): boolean {
  return nodeName.test(name);
}

export function name(kind: string): Reader<string> {
  return (node, what, problems) => {
    const value = scalarText(node, what, problems);
    if (value === undefined || isName(value)) return value;
    if (problems.hidesValues) {
      const expected = "small letters, digits and _";
      problems.add("project/bad-value", { what, found: "something else", expected }, node.at);
    } else problems.add("project/bad-name", { kind, name: value }, node.at);
    return undefined;
  };
}
