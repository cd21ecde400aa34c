// Values and names as SQL text. Engines differ in two places only: how a quote inside a string is
// escaped (Spark reads backslashes, and `'a''b'` as two strings) and which marks surround a name.
import { lakeError } from "./errors.ts";
import type { Json } from "./json.ts";

/**
 * A value as an SQL literal: strings quoted, numbers and booleans plain, null as NULL, lists as the
 * engine's list. Throws `template/no-literal` for an object, a number that is not finite, or text with a NUL.
 */
export function literal(value: Json, engine = "duckdb"): string {
  if (value === null) return "NULL";
  if (typeof value === "string") return stringLiteral(value, engine);
  if (typeof value === "boolean" || typeof value === "bigint") return String(value);
  if (typeof value === "number") {
    if (!Number.isFinite(value)) throw lakeError("template/no-literal", { found: String(value) });
    return String(value);
  }
  if (Array.isArray(value)) {
    const items = (value as readonly Json[]).map((item) => literal(item, engine)).join(", ");
    return engine === "spark" ? `array(${items})` : `[${items}]`;
  }
  throw lakeError("template/no-literal", { found: "an object" });
}

/** A name as a quoted SQL identifier. */
export function quoteIdentifier(name: string, engine = "duckdb"): string {
  if (name === "" || name.includes("\0")) throw lakeError("template/no-identifier", { name });
  return engine === "spark" ? `\`${name.replaceAll("`", "``")}\`` : `"${name.replaceAll('"', '""')}"`;
}

function stringLiteral(value: string, engine: string): string {
  if (value.includes("\0")) throw lakeError("template/no-literal", { found: "text with a NUL character" });
  if (engine === "spark") return `'${value.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
  return `'${value.replaceAll("'", "''")}'`;
}
