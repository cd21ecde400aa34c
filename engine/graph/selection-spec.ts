// dbt's selection grammar as a tree: what `--select`, `--exclude` and selectors.yml say.
import { lakeError } from "../common/errors.ts";
import type { SelectionRequest } from "./types.ts";

export type IndirectSelection = NonNullable<SelectionRequest["indirectSelection"]>;

/** One criterion: `2+tag:nightly+3`. Depth null means all the way. */
export interface Criterion {
  readonly kind: "criterion";
  readonly text: string;
  readonly method: string;
  /** `config.materialized` → `["materialized"]`. */
  readonly methodArguments: readonly string[];
  readonly value: string;
  readonly childrensParents: boolean;
  readonly parents: { readonly depth: number | null } | null;
  readonly children: { readonly depth: number | null } | null;
  readonly indirectSelection: IndirectSelection;
}
export interface Combination {
  readonly kind: "union" | "intersection" | "difference";
  readonly text: string;
  readonly parts: readonly Selection[];
  readonly indirectSelection: IndirectSelection;
}
export type Selection = Criterion | Combination;

const criterionText = /^(@)?(?:(\d*)(\+))?(?:([\w.]+):)?(.*?)(?:(\+)(\d*))?$/s;

/** `a+`, `+tag:x`, `2+a+3`, `@source:raw`. Errors: `graph/bad-selector`. */
export function parseCriterion(text: string, indirectSelection: IndirectSelection): Criterion {
  const match = criterionText.exec(text);
  const bad = (problem: string): Error => lakeError("graph/bad-selector", { selector: text, problem });
  if (match === null) throw bad("expected a name, or method:value, with + or @ around");
  const [, at, parentDepth, plusBefore, method, value = "", plusAfter, childDepth] = match;
  if (at !== undefined && plusAfter !== undefined)
    throw bad("@ already takes in all children; it cannot stand with a + at the end");
  if (at !== undefined && plusBefore !== undefined)
    throw bad("@ already takes in all parents; it cannot stand with a +");
  if (value === "") throw bad("nothing stands where a name is expected");
  const [name, ...methodArguments] = method?.split(".") ?? [defaultMethod(value)];
  return {
    kind: "criterion",
    text,
    method: name as string,
    methodArguments,
    value,
    childrensParents: at !== undefined,
    parents: plusBefore === undefined ? null : { depth: depth(parentDepth) },
    children: plusAfter === undefined ? null : { depth: depth(childDepth) },
    indirectSelection,
  };
}

function depth(digits: string | undefined): number | null {
  return digits === undefined || digits === "" ? null : Number(digits);
}

/** A value with a `/` is a path, one that ends like a file is a file, any other a name. */
export function defaultMethod(value: string): string {
  if (value.includes("/")) return "path";
  return /\.(sql|csv)$/i.test(value) ? "file" : "fqn";
}

/** Arguments of `--select`: a space is a union, a comma an intersection. */
export function parseUnion(texts: readonly string[], indirectSelection: IndirectSelection): Combination {
  const words = texts.flatMap((text) => text.split(/\s+/)).filter((word) => word !== "");
  return {
    kind: "union",
    text: words.join(" "),
    parts: words.map((word) => parseIntersection(word, indirectSelection)),
    indirectSelection,
  };
}

function parseIntersection(word: string, indirectSelection: IndirectSelection): Selection {
  const parts = word.split(",");
  if (parts.length === 1) return parseCriterion(word, indirectSelection);
  if (parts.includes("")) {
    throw lakeError("graph/bad-selector", {
      selector: word,
      problem: "a comma stands between two selections, without spaces",
    });
  }
  return {
    kind: "intersection",
    text: word,
    parts: parts.map((part) => parseCriterion(part, indirectSelection)),
    indirectSelection,
  };
}

export function difference(
  included: Selection,
  excluded: Selection,
  indirectSelection: IndirectSelection,
): Combination {
  return {
    kind: "difference",
    text: `${included.text} without ${excluded.text}`,
    parts: [included, excluded],
    indirectSelection,
  };
}
