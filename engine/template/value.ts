import type { Json } from "../common/json.ts";

/** `incremental` while both branches are walked: neither true nor false. */
export const undecided: unique symbol = Symbol("incremental at parse");
export type Value = Json | typeof undecided;

/** Handlebars' truth: false, null, "", 0 and the empty list are false. */
export function truth(value: Value): boolean | typeof undecided {
  if (value === undecided) return undecided;
  if (Array.isArray(value)) return value.length > 0;
  return Boolean(value);
}

export function isList(value: Value): value is readonly Json[] {
  return Array.isArray(value);
}

export function isObject(value: Value): value is Readonly<Record<string, Json>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A value as it is printed, or null when it cannot be. */
export function printed(value: Value): string | null {
  // What is printed at parse is thrown away; only references count.
  if (value === undecided) return "true";
  if (typeof value === "string") return value;
  if (typeof value === "number") return Number.isFinite(value) ? String(value) : null;
  return typeof value === "boolean" || typeof value === "bigint" ? String(value) : null;
}

/** A value's kind for messages. */
export function describe(value: Value | undefined): string {
  if (value === undefined || value === null) return "undefined";
  if (value === undecided) return "a boolean";
  if (isList(value)) return "a list";
  if (isObject(value)) return "an object";
  if (typeof value === "string") return `the text ${JSON.stringify(value)}`;
  return typeof value === "boolean" ? `the boolean ${value}` : `the number ${value}`;
}
