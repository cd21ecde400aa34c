// Names of generic tests, made exactly as dbt makes them, so that reports and selections carry over.
import { md5 } from "../common/hash.ts";
import type { Json } from "../common/json.ts";

/** `not_null` on column `id` of `users` is `not_null_users_id`; longer than 63 characters, an MD5 stands for the rest. */
export function genericTestName(
  testName: string,
  target: string,
  testArguments: Readonly<Record<string, Json>>,
): string {
  const flat = Object.keys(testArguments)
    .sort()
    .flatMap((key) => parts(testArguments[key] as Json));
  const unique = flat.map((part) => pythonText(part).replace(/[^0-9a-zA-Z_]+/g, "_")).join("__");
  const identifier = `${testName}_${target}`;
  const full = `${identifier}_${unique}`;
  return full.length >= 64 ? `${identifier.slice(0, 30)}_${md5(full)}` : full;
}

function parts(value: Json): readonly Json[] {
  if (Array.isArray(value)) return value as readonly Json[];
  if (value !== null && typeof value === "object") return Object.values(value);
  return [value];
}

function pythonText(value: Json): string {
  if (value === null) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
