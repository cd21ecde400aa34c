// selectors.yml → the same tree that `--select` makes.
import { lakeError } from "../common/errors.ts";
import type { Json } from "../common/json.ts";
import { didYouMean } from "../common/suggest.ts";
import type { Project } from "../project/types.ts";
import { difference, parseUnion } from "./selection-spec.ts";
import type { Combination, Criterion, IndirectSelection, Selection } from "./selection-spec.ts";

interface Context {
  readonly selectors: Project["selectors"];
  readonly indirectSelection: IndirectSelection;
  /** Selectors being read, outermost first. */
  readonly path: readonly string[];
}
type Definition = Readonly<Record<string, Json>>;

/** Errors: `graph/unknown-selector`, `graph/selector-cycle`, `graph/bad-yaml-selector`. */
export function selectorSelection(options: {
  readonly selectors: Project["selectors"];
  readonly name: string;
  readonly indirectSelection: IndirectSelection;
}): Selection {
  const { selectors, name, indirectSelection } = options;
  return readSelector({ selectors, indirectSelection, path: [] }, name);
}

function readSelector(context: Context, name: string): Selection {
  const { selectors, path } = context;
  const selector = selectors.find((candidate) => candidate.name === name);
  const from = selectors.find((candidate) => candidate.name === path.at(-1));
  if (selector === undefined) {
    const known = selectors.map((candidate) => candidate.name);
    throw lakeError(
      "graph/unknown-selector",
      { name, known },
      { at: from?.at, hint: didYouMean(name, known) },
    );
  }
  if (path.includes(name)) {
    throw lakeError(
      "graph/selector-cycle",
      { path: [...path.slice(path.indexOf(name)), name] },
      { at: from?.at },
    );
  }
  return readDefinition({ ...context, path: [...path, name] }, selector.definition);
}

function bad(context: Context, problem: string, hint?: string): Error {
  const name = context.path.at(-1) ?? "";
  const at = context.selectors.find((selector) => selector.name === name)?.at;
  return lakeError("graph/bad-yaml-selector", { name, problem }, { at, hint });
}

function isDefinition(value: Json | undefined): value is Definition {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

function readDefinition(context: Context, definition: Json): Selection {
  if (typeof definition === "string") return parseUnion([definition], context.indirectSelection);
  if (!isDefinition(definition))
    throw bad(context, "expected text, or a mapping with union, intersection or method");
  const kind = (["union", "intersection"] as const).find((key) => Object.hasOwn(definition, key));
  if (kind !== undefined) {
    if (Object.keys(definition).length > 1)
      throw bad(context, `${kind} stands beside other keys; it must stand alone`);
    return readList(context, kind, definition[kind] as Json);
  }
  if (Object.hasOwn(definition, "method")) return readMethod(context, definition);
  const keys = Object.keys(definition);
  if (keys.length !== 1)
    throw bad(context, `expected method and value, found ${keys.join(", ") || "nothing"}`);
  const key = keys[0] as string;
  if (key === "exclude") throw bad(context, "exclude stands alone; it needs something to exclude from");
  return readMethod(context, { method: key, value: definition[key] as Json });
}

function readList(context: Context, kind: "union" | "intersection", list: Json): Selection {
  if (!Array.isArray(list)) throw bad(context, `${kind} must be a list`);
  const included: Selection[] = [];
  let excluded: Selection | null = null;
  for (const item of list as readonly Json[]) {
    if (isDefinition(item) && Object.hasOwn(item, "exclude") && Object.keys(item).length === 1) {
      if (excluded !== null) throw bad(context, `${kind} holds more than one exclude`);
      excluded = readExclude(context, item["exclude"] as Json);
    } else included.push(readDefinition(context, item));
  }
  if (included.length === 0) throw bad(context, `${kind} holds nothing to select`);
  const combined = combination(context, kind, included);
  return excluded === null ? combined : difference(combined, excluded, context.indirectSelection);
}

function combination(
  { indirectSelection }: Context,
  kind: "union" | "intersection",
  parts: readonly Selection[],
): Combination {
  const text = parts.map((part) => part.text).join(kind === "union" ? " " : ",");
  return { kind, text, parts, indirectSelection };
}

function readExclude(context: Context, list: Json): Selection {
  if (!Array.isArray(list)) throw bad(context, "exclude must be a list");
  return combination(
    context,
    "union",
    (list as readonly Json[]).map((item) => readDefinition(context, item)),
  );
}

const methodKeys = [
  "method",
  "value",
  "parents",
  "parents_depth",
  "children",
  "children_depth",
  "childrens_parents",
  "exclude",
  "indirect_selection",
];

function readMethod(context: Context, definition: Definition): Selection {
  for (const key of Object.keys(definition)) {
    if (!methodKeys.includes(key))
      throw bad(
        context,
        `unknown key ${key} (expected ${methodKeys.join(", ")})`,
        didYouMean(key, methodKeys),
      );
  }
  const { method, value } = definition;
  if (typeof method !== "string") throw bad(context, "method must be text");
  if (value === undefined || value === null || typeof value === "object")
    throw bad(context, `method ${method} needs a value`);
  const base =
    method === "selector"
      ? readSelector(context, String(value))
      : readCriterion(context, definition, method, String(value));
  const { exclude } = definition;
  if (exclude === undefined) return base;
  return difference(base, readExclude(context, exclude), base.indirectSelection);
}

function readCriterion(context: Context, definition: Definition, method: string, value: string): Criterion {
  const indirectSelection = indirectOf(context, definition["indirect_selection"]);
  const flag = (key: string): boolean => {
    const found = definition[key] ?? false;
    if (typeof found !== "boolean") throw bad(context, `${key} must be true or false`);
    return found;
  };
  const depth = (key: string): number | null => {
    const found = definition[key] ?? null;
    if (found !== null && (typeof found !== "number" || !Number.isInteger(found) || found < 0)) {
      throw bad(context, `${key} must be a whole number`);
    }
    return found;
  };
  const childrensParents = flag("childrens_parents");
  const parents = flag("parents") ? { depth: depth("parents_depth") } : null;
  const children = flag("children") ? { depth: depth("children_depth") } : null;
  if (childrensParents && (parents !== null || children !== null)) {
    throw bad(context, "childrens_parents already takes in parents and children");
  }
  const [name, ...methodArguments] = method.split(".");
  const text = `${parents === null ? "" : "+"}${method}:${value}${children === null ? "" : "+"}`;
  return {
    kind: "criterion",
    text,
    method: name as string,
    methodArguments,
    value,
    childrensParents,
    parents,
    children,
    indirectSelection,
  };
}

const indirectSelections: readonly IndirectSelection[] = ["eager", "cautious", "buildable", "empty"];

function indirectOf(context: Context, value: Json | undefined): IndirectSelection {
  if (value === undefined || value === null) return context.indirectSelection;
  const found = indirectSelections.find((mode) => mode === value);
  if (found === undefined)
    throw bad(context, `indirect_selection is one of ${indirectSelections.join(", ")}`);
  return found;
}
