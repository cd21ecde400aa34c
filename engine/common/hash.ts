// Hashing behind one door, so that pure folders need no `node:crypto` of their own.
import { hash } from "node:crypto";

/** SHA-256 in hexadecimal; text is hashed as UTF-8. */
export function sha256(data: string | Uint8Array): string {
  return hash("sha256", data, "hex");
}

/** MD5 in hexadecimal: only for names that dbt makes with it, never where safety counts. */
export function md5(data: string): string {
  return hash("md5", data, "hex");
}

/**
 * Text that is equal for equal values and different for different ones: JSON with sorted keys, without what is
 * undefined; a bigint is its digits and an `n`, unquoted as in JavaScript, which no text and no number looks like.
 */
export function stableStringify(value: unknown): string {
  if (value === undefined) return "null";
  if (typeof value === "bigint") return `${value}n`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(stableStringify).join(",")}]`;
  if (value instanceof Map) return stableStringify([...value]);
  if (value instanceof Set) return stableStringify([...value]);
  const object = value as Readonly<Record<string, unknown>>;
  const parts: string[] = [];
  for (const key of Object.keys(object).sort()) {
    if (object[key] !== undefined) parts.push(`${JSON.stringify(key)}:${stableStringify(object[key])}`);
  }
  return `{${parts.join(",")}}`;
}
