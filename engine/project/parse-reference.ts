// `ref('x')`, `source('x', 'y')`, as dbt writes them in YAML, and `{{ref "x"}}`, as templates do.
import type { Location } from "../common/errors.ts";
import type { RefCall, SourceCall } from "../template/types.ts";

const quoted = `(?:'([^']*)'|"([^"]*)")`;
const call = new RegExp(
  `^\\s*(?:\\{\\{\\s*)?(ref|source)\\s*\\(?\\s*${quoted}(?:\\s*,?\\s*${quoted})?\\s*\\)?\\s*(?:\\}\\})?\\s*$`,
);

/** Null for anything else. `ref` of two names (package and model) names the model. */
export function parseReference(text: string, at: Location): RefCall | SourceCall | null {
  const match = call.exec(text);
  if (match === null) return null;
  const first = match[2] ?? match[3] ?? "";
  const second = match[4] ?? match[5];
  if (match[1] === "ref") return { name: second ?? first, at };
  return second === undefined ? null : { source: first, table: second, at };
}
