// `ref('x')`, `source('x', 'y')`, as dbt writes them in YAML, and `{{ref "x"}}`, as templates do.
import type { Location } from "../common/errors.ts";
import type { RefCall, SourceCall, StatePin } from "../template/types.ts";

const quoted = `(?:'([^']*)'|"([^"]*)")`;
const pinned = `(?:\\s*,?\\s*(version|at)\\s*=\\s*${quoted})?`;
const call = new RegExp(
  `^\\s*(?:\\{\\{\\s*)?(ref|source)\\s*\\(?\\s*${quoted}(?:\\s*,?\\s*${quoted})?${pinned}\\s*\\)?\\s*(?:\\}\\})?\\s*$`,
);

/** Null for anything else. `ref` of two names (package and model) names the model. */
export function parseReference(text: string, at: Location): RefCall | SourceCall | null {
  const reference = parsePinned(text, at);
  return reference?.pin === undefined ? reference : null;
}

/** The same where a state of the table may be named: `ref('m', at='audited')`. */
export function parsePinned(text: string, at: Location): RefCall | SourceCall | null {
  const match = call.exec(text);
  if (match === null) return null;
  const pin = match[6] && { pin: { kind: match[6] as StatePin["kind"], text: match[7] ?? match[8] ?? "" } };
  const first = match[2] ?? match[3] ?? "";
  const second = match[4] ?? match[5];
  if (match[1] === "ref") return { name: second ?? first, ...pin, at };
  return second === undefined ? null : { source: first, table: second, ...pin, at };
}
