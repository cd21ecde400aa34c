import type { LakeError } from "../common/errors.ts";
import { suggest } from "../common/suggest.ts";
import type { Frame, Walk } from "./frame.ts";
import { failure, find, originIn } from "./frame.ts";
import { expectationOf, findHelper, helperNames } from "./helpers.ts";
import type { Expression, PathExpression } from "./nodes.ts";
import { locate } from "./output.ts";
import type { Value } from "./value.ts";
import { describe, isList, isObject, undecided } from "./value.ts";
import { globalNames } from "./words.ts";

export function evaluate(walk: Walk, frame: Frame, expression: Expression): Value {
  if (expression.kind === "literal") return expression.value;
  if (expression.kind === "path") return readPath(walk, frame, expression);
  const helper = findHelper(walk, frame, expression);
  const values = expression.parameters.map((parameter) => evaluate(walk, frame, parameter));
  const hash = new Map<string, Value>();
  for (const argument of expression.hash) hash.set(argument.name, evaluate(walk, frame, argument.value));
  return helper.run({ walk, frame, expression, values, hash });
}

function itemOf(frame: Frame): Frame["item"] {
  for (let at: Frame | null = frame; at !== null; at = at.parent) if (at.item !== null) return at.item;
  return null;
}

function readPath(walk: Walk, frame: Frame, path: PathExpression): Value {
  if (path.data) return readData(frame, path);
  if (path.fromThis) return readThis(walk, frame, path);
  const [name = "", ...rest] = path.parts;
  return readProperties(frame, path, { value: readName(walk, frame, path, name), name, rest });
}

function readName(walk: Walk, frame: Frame, path: PathExpression, name: string): Value {
  const binding = find(frame, name);
  if (binding !== undefined) return binding.value;
  if (name === "target") {
    walk.references.usesTarget = true;
    return walk.context.target;
  }
  if (name === "incremental") {
    walk.references.usesIncremental = true;
    return walk.context.incremental === "both" ? undecided : walk.context.incremental;
  }
  throw unknownName(walk, frame, path, name);
}

function unknownName(walk: Walk, frame: Frame, path: PathExpression, name: string): LakeError {
  const origin = originIn(frame, path.start);
  const expected = expectationOf(name);
  if (expected !== undefined) {
    return failure({ code: "template/wrong-arguments", parameters: { owner: name, expected }, origin });
  }
  // A macro without {{args}} takes the names that it reads: the caller left one out.
  if (frame.call !== null && frame.template.declaration === null && frame.template.freeNames.has(name)) {
    const owner = `the macro ${frame.call.macro}`;
    const place = locate(origin);
    const hint = `it is read in ${place.file}:${place.line}:${place.column}; a macro sees its arguments and the globals only`;
    return failure({
      code: "template/missing-argument",
      parameters: { name, owner },
      origin: frame.call.from,
      hint,
    });
  }
  return failure({
    code: "template/unknown-name",
    parameters: { name },
    origin,
    hint: nameHint(walk, frame, name),
  });
}

function nameHint(walk: Walk, frame: Frame, name: string): string | undefined {
  if (Object.hasOwn(walk.context.vars, name)) return `write {{var "${name}"}}`;
  if (walk.context.macros.has(name)) return `write {{> ${name}}} to call the macro`;
  const item = itemOf(frame);
  if (item !== null && isObject(item.value) && Object.hasOwn(item.value, name))
    return `write {{this.${name}}}`;
  const names = new Set([...globalNames, ...helperNames]);
  for (let at: Frame | null = frame; at !== null; at = at.parent)
    for (const key of at.names.keys()) names.add(key);
  const near = suggest(name, names);
  if (near !== undefined) return `did you mean ${near}?`;
  const nearVar = suggest(name, Object.keys(walk.context.vars));
  return nearVar === undefined ? undefined : `did you mean {{var "${nearVar}"}}?`;
}

function readData(frame: Frame, path: PathExpression): Value {
  const [name = "", ...rest] = path.parts;
  const data = itemOf(frame)?.data;
  const value = data?.get(name);
  if (value === undefined) {
    const near = suggest(name, data?.keys() ?? []);
    throw failure({
      code: "template/unknown-name",
      parameters: { name: `@${name}` },
      origin: originIn(frame, path.start),
      hint:
        near === undefined ? "@index, @key, @first and @last stand inside #each" : `did you mean @${near}?`,
    });
  }
  return readProperties(frame, path, { value, name: `@${name}`, rest });
}

function readThis(walk: Walk, frame: Frame, path: PathExpression): Value {
  const item = itemOf(frame);
  if (item !== null)
    return readProperties(frame, path, { value: item.value, name: "this", rest: path.parts });
  walk.references.usesThis = true;
  if (walk.context.this === null) {
    const hint = "this is the table of the model that is being built, or the item inside #each";
    const origin = originIn(frame, path.start);
    throw failure({ code: "template/not-available", parameters: { name: "this" }, origin, hint });
  }
  return readProperties(frame, path, { value: walk.context.this, name: "this", rest: path.parts });
}

/** Follows own properties only: `constructor` and `__proto__` are names like any other. */
function readProperties(
  frame: Frame,
  path: PathExpression,
  from: { readonly value: Value; readonly name: string; readonly rest: readonly string[] },
): Value {
  let { value, name: owner } = from;
  for (const part of from.rest) {
    const isIndex = isList(value) && (part === "length" || /^(0|[1-9]\d*)$/.test(part));
    if (!(isObject(value) || isIndex) || !Object.hasOwn(value as object, part)) {
      const near = isObject(value) ? suggest(part, Object.keys(value)) : undefined;
      const kind = isObject(value) || isList(value) ? owner : `${owner}, ${describe(value)},`;
      throw failure({
        code: "template/unknown-property",
        parameters: { name: part, owner: kind },
        origin: originIn(frame, path.start),
        hint: near === undefined ? propertiesHint(value) : `did you mean ${near}?`,
      });
    }
    value = (value as Readonly<Record<string, Value>>)[part] ?? null;
    owner = `${owner}.${part}`;
  }
  return value;
}

function propertiesHint(value: Value): string | undefined {
  if (!isObject(value)) return undefined;
  const keys = Object.keys(value);
  return keys.length > 0 && keys.length <= 12 ? `it has ${keys.join(", ")}` : undefined;
}
