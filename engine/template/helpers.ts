// One entry per helper: what it takes, and what it gives. The walk evaluates the arguments.
import type { ErrorCode, ErrorParameters, LakeError } from "../common/errors.ts";
import { isLakeError } from "../common/errors.ts";
import type { Json } from "../common/json.ts";
import { literal, quoteIdentifier } from "../common/sql.ts";
import { suggest } from "../common/suggest.ts";
import type { Frame, Walk } from "./frame.ts";
import { failure, originIn, originOf, written } from "./frame.ts";
import { nameOrExpression, parseKeys, splitList } from "./key-list.ts";
import type { CallExpression, Expression } from "./nodes.ts";
import { locate } from "./output.ts";
import type { StatePin } from "./types.ts";
import type { Value } from "./value.ts";
import { describe, isList, isObject, printed, truth, undecided } from "./value.ts";

/** One call of a helper with its evaluated arguments. */
interface Call {
  readonly walk: Walk;
  readonly frame: Frame;
  readonly expression: CallExpression;
  readonly values: readonly Value[];
  readonly hash: ReadonlyMap<string, Value>;
}

interface Helper {
  /** Least and greatest number of values. */
  readonly count: readonly [number, number];
  readonly expected: string;
  /** Names of its `key=value` arguments; null takes any. */
  readonly keys: readonly string[] | null;
  readonly run: (call: Call) => Value;
}

const any = Number.POSITIVE_INFINITY;

const helpers: ReadonlyMap<string, Helper> = new Map<string, Helper>([
  [
    "ref",
    {
      count: [1, 1],
      expected: 'the name of a model or seed: {{ref "name"}}',
      keys: ["version", "at"],
      run: ref,
    },
  ],
  [
    "source",
    {
      count: [1, 2],
      expected: 'a source and a table: {{source "landing" "events"}}',
      keys: ["version", "at"],
      run: source,
    },
  ],
  [
    "changed",
    {
      count: [1, 1],
      expected: 'a model or source, and the keys: {{changed "events" by="date"}}',
      keys: ["by", "on"],
      run: changed,
    },
  ],
  [
    "var",
    { count: [1, 1], expected: 'a name: {{var "name" default="…"}}', keys: ["default"], run: variable },
  ],
  [
    "env_var",
    { count: [1, 1], expected: 'a name: {{env_var "NAME" default="…"}}', keys: ["default"], run: envVar },
  ],
  [
    "config",
    { count: [0, 0], expected: 'settings only: {{config materialized="table"}}', keys: null, run: config },
  ],
  ["log", { count: [1, any], expected: "something to print", keys: [], run: log }],
  ["eq", { count: [2, 2], expected: "two values", keys: [], run: (call) => equal(call, false) }],
  ["ne", { count: [2, 2], expected: "two values", keys: [], run: (call) => equal(call, true) }],
  ["lt", { count: [2, 2], expected: "two values", keys: [], run: (call) => order(call, (a, b) => a < b) }],
  ["lte", { count: [2, 2], expected: "two values", keys: [], run: (call) => order(call, (a, b) => a <= b) }],
  ["gt", { count: [2, 2], expected: "two values", keys: [], run: (call) => order(call, (a, b) => a > b) }],
  ["gte", { count: [2, 2], expected: "two values", keys: [], run: (call) => order(call, (a, b) => a >= b) }],
  ["and", { count: [1, any], expected: "conditions", keys: [], run: (call) => combine(call, false) }],
  ["or", { count: [1, any], expected: "conditions", keys: [], run: (call) => combine(call, true) }],
  ["not", { count: [1, 1], expected: "one condition", keys: [], run: not }],
  [
    "list",
    {
      count: [0, any],
      expected: "values",
      keys: [],
      run: (call) => call.values.map((_, i) => decided(call, i)),
    },
  ],
  ["concat", { count: [1, any], expected: "values to print", keys: [], run: concat }],
  [
    "sql_literal",
    { count: [1, 1], expected: "one value", keys: [], run: (call) => sqlLiteral(call, decided(call, 0)) },
  ],
  ["sql_list", { count: [1, 1], expected: "one list", keys: [], run: sqlList }],
  ["quote", { count: [1, 1], expected: "one name", keys: [], run: quote }],
]);

export const helperNames: readonly string[] = [...helpers.keys()];

/** What a helper takes, for messages. */
export function expectationOf(name: string): string | undefined {
  return helpers.get(name)?.expected;
}

/** The helper of a call, whose number and names of arguments are right. */
export function findHelper(walk: Walk, frame: Frame, expression: CallExpression): Helper {
  const { name } = expression;
  const origin = originIn(frame, expression.start);
  const helper = helpers.get(name);
  if (helper === undefined) {
    const parameters = { name };
    throw failure({ code: "template/unknown-helper", parameters, origin, hint: helperHint(walk, name) });
  }
  const [least, most] = helper.count;
  if (expression.parameters.length < least || expression.parameters.length > most) {
    const parameters = { owner: name, expected: helper.expected };
    throw failure({ code: "template/wrong-arguments", parameters, origin });
  }
  for (const argument of expression.hash) {
    if (helper.keys === null || helper.keys.includes(argument.name)) continue;
    const near = suggest(argument.name, helper.keys);
    throw failure({
      code: "template/unknown-argument",
      parameters: { name: argument.name, owner: name, known: helper.keys },
      origin: originIn(frame, argument.start),
      hint: near === undefined ? undefined : `did you mean ${near}?`,
    });
  }
  return helper;
}

function helperHint(walk: Walk, name: string): string | undefined {
  if (walk.context.macros.has(name)) return `write {{> ${name} name=value}} to call the macro`;
  const near = suggest(name, helperNames);
  if (near !== undefined) return `did you mean ${near}?`;
  const macro = suggest(name, walk.context.macros.keys());
  return macro === undefined ? undefined : `did you mean the macro {{> ${macro}}}?`;
}

function fail<C extends ErrorCode>(
  call: Call,
  options: { code: C; parameters: ErrorParameters<C>; parameter?: number; hint?: string | undefined },
): LakeError {
  const { code, parameters, hint } = options;
  const expression = call.expression.parameters[options.parameter ?? -1];
  const origin =
    expression === undefined ? originIn(call.frame, call.expression.start) : originOf(call.frame, expression);
  return failure({ code, parameters, origin, hint });
}

function parameter(call: Call, index: number): Expression {
  return call.expression.parameters[index] ?? call.expression;
}

/** A value that must not hang on `incremental`, because it is read before that is known. */
function decided(call: Call, index: number): Json {
  const value = call.values[index] ?? null;
  // In a printed helper (`concat`, `sql_literal`) the text at parse is thrown away.
  return value === undecided ? true : value;
}

function text(call: Call, index: number): string {
  const value = call.values[index];
  if (typeof value === "string" && value !== "") return value;
  throw fail(call, {
    code: "template/wrong-arguments",
    parameters: {
      owner: call.expression.name,
      expected: `text, and ${written(call.frame, parameter(call, index))} is ${describe(value)}`,
    },
    parameter: index,
  });
}

function ref(call: Call): Value {
  const name = text(call, 0);
  const at = locate(originOf(call.frame, parameter(call, 0)));
  const reference = { name, ...pinOf(call), at };
  call.walk.references.addRef(reference);
  return call.walk.context.ref(reference);
}

function source(call: Call): Value {
  const parts = call.values.length === 2 ? [text(call, 0), text(call, 1)] : text(call, 0).split(".");
  const [name, table, ...more] = parts;
  if (!name || !table || more.length > 0) {
    const parameters = { owner: "source", expected: 'a source and a table: {{source "landing" "events"}}' };
    throw fail(call, { code: "template/wrong-arguments", parameters, parameter: 0 });
  }
  const at = locate(originOf(call.frame, parameter(call, 0)));
  const reference = { source: name, table, ...pinOf(call), at };
  call.walk.references.addSource(reference);
  return call.walk.context.source(reference);
}

/** `version=` and `at=` of a reference. The branch `main` is what a reference means anyway. */
function pinOf(call: Call): { readonly pin?: StatePin } {
  const given = [...call.hash].filter(([key]) => key === "version" || key === "at");
  const [first] = given;
  if (first === undefined) return {};
  const owner = call.expression.name;
  const wrong = (expected: string): LakeError =>
    fail(call, { code: "template/wrong-arguments", parameters: { owner, expected } });
  if (given.length > 1) throw wrong("version= or at=, not both");
  const [kind, value] = first as [StatePin["kind"], Value];
  if (value === undecided) {
    throw fail(call, { code: "template/depends-on-incremental", parameters: { owner: `${owner} ${kind}` } });
  }
  const isWhole = typeof value === "bigint" || (typeof value === "number" && Number.isSafeInteger(value));
  const text = isWhole ? String(value) : value;
  if (typeof text !== "string" || text === "") {
    throw wrong(
      `${kind === "version" ? "a snapshot id" : "a tag, a branch or a time"} as text, and ${kind}= is ${describe(value)}`,
    );
  }
  if (kind === "version" && !/^\d{1,19}$/.test(text)) {
    throw wrong(
      `version= with a snapshot id, and it is ${JSON.stringify(text)}; a tag, a branch or a time is at=`,
    );
  }
  return kind === "at" && text === "main" ? {} : { pin: { kind, text } };
}

function changed(call: Call): Value {
  const { context, references } = call.walk;
  const name = text(call, 0);
  const at = locate(originOf(call.frame, parameter(call, 0)));
  const [source, table, ...more] = name.split(".");
  const input = table === undefined ? { name } : { source: source ?? "", table };
  if (more.length > 0) throw wrongKeys(call, `one model or one source table, and found "${name}"`);
  if ("name" in input) references.addRef({ name, at });
  else references.addSource({ ...input, at });
  const quoted = (column: string): string => quoteIdentifier(column, context.engine);
  const by = call.hash.get("by");
  const keys = typeof by === "string" ? parseKeys(by, quoted) : null;
  if (keys === null) {
    throw wrongKeys(call, 'the keys: by="date", by="date, user_id" or by="cast(seen_at as date) as day"');
  }
  const given = call.hash.get("on");
  const on =
    given === undefined
      ? keys.map(({ expression }) => expression)
      : ((typeof given === "string" ? splitList(given) : null) ?? []).map((part) =>
          nameOrExpression(part, quoted),
        );
  if (on.length !== keys.length) {
    throw wrongKeys(call, `as many expressions in on="…" as keys in by="…" (${keys.length})`);
  }
  references.usesIncremental = true;
  const found = { input, keys, on, at };
  references.addChanged(found);
  return context.incremental === false ? "true" : context.changed(found);
}

function wrongKeys(call: Call, expected: string): LakeError {
  return fail(call, { code: "template/wrong-arguments", parameters: { owner: "changed", expected } });
}

function variable(call: Call): Value {
  const name = text(call, 0);
  const { vars } = call.walk.context;
  call.walk.references.addVar(name);
  if (Object.hasOwn(vars, name)) return vars[name] ?? null;
  const fallback = call.hash.get("default");
  if (fallback !== undefined) return fallback;
  const near = suggest(name, Object.keys(vars));
  throw fail(call, {
    code: "template/missing-var",
    parameters: { name },
    parameter: 0,
    hint: near === undefined ? "set it under vars in lake.yml or with --vars" : `did you mean ${near}?`,
  });
}

function envVar(call: Call): Value {
  const name = text(call, 0);
  call.walk.references.addEnvVar(name);
  const value = call.walk.context.envVar(name);
  if (value === null) {
    const hint = "add it to env_vars in lake.yml; secrets never belong in a model";
    throw fail(call, { code: "template/forbidden-env-var", parameters: { name }, parameter: 0, hint });
  }
  if (value !== undefined) return value;
  const fallback = call.hash.get("default");
  if (fallback !== undefined) return fallback;
  const hint = `set it, or write {{env_var "${name}" default="…"}}`;
  throw fail(call, { code: "template/missing-env-var", parameters: { name }, parameter: 0, hint });
}

function config(call: Call): Value {
  const values: [string, Json][] = [];
  for (const [key, value] of call.hash) {
    if (value === undecided) {
      throw fail(call, { code: "template/depends-on-incremental", parameters: { owner: `config ${key}` } });
    }
    values.push([key, value]);
  }
  const at = locate(originIn(call.frame, call.expression.start));
  call.walk.references.addConfig({ values: Object.fromEntries(values), at });
  return "";
}

function log(call: Call): Value {
  call.walk.logs.push(call.values.map((_, index) => print(call, index)).join(" "));
  return "";
}

function concat(call: Call): Value {
  return call.values.map((_, index) => print(call, index)).join("");
}

function print(call: Call, index: number): string {
  const value = call.values[index] ?? null;
  const result = printed(value);
  if (result !== null) return result;
  throw fail(call, {
    code: "template/not-printable",
    parameters: { expression: written(call.frame, parameter(call, index)), found: describe(value) },
    parameter: index,
  });
}

function equal(call: Call, negated: boolean): Value {
  const [left = null, right = null] = call.values;
  if (left === undecided || right === undecided) return undecided;
  if (isList(left) || isObject(left) || isList(right) || isObject(right))
    throw incomparable(call, left, right);
  const bothNumbers = isNumber(left) && isNumber(right);
  // A bigint and a number of the same size are the same number.
  // oxlint-disable-next-line eqeqeq
  const same = bothNumbers ? left == right : left === right;
  return same !== negated;
}

function order(
  call: Call,
  holds: (a: string | number | bigint, b: string | number | bigint) => boolean,
): Value {
  const [left = null, right = null] = call.values;
  if (left === undecided || right === undecided) return undecided;
  if (isNumber(left) && isNumber(right)) return holds(left, right);
  if (typeof left === "string" && typeof right === "string") return holds(left, right);
  throw incomparable(call, left, right);
}

function isNumber(value: Value): value is number | bigint {
  return typeof value === "number" || typeof value === "bigint";
}

function incomparable(call: Call, left: Value, right: Value): LakeError {
  const parameters = { helper: call.expression.name, left: describe(left), right: describe(right) };
  return fail(call, { code: "template/not-comparable", parameters });
}

/** The first value that decides, otherwise the last, as in JavaScript; three-valued for `incremental`. */
function combine(call: Call, decisive: boolean): Value {
  let open = false;
  let last: Value = null;
  for (const value of call.values) {
    const known = truth(value);
    if (known === undecided) open = true;
    else if (known === decisive) return value;
    last = value;
  }
  return open ? undecided : last;
}

function not(call: Call): Value {
  const known = truth(call.values[0] ?? null);
  return known === undecided ? undecided : !known;
}

function sqlLiteral(call: Call, value: Json): string {
  try {
    return literal(value, call.walk.context.engine);
  } catch (error) {
    if (!isLakeError(error, "template/no-literal")) throw error;
    const found = isObject(value) ? "an object" : error.message.replace(/ cannot be written.*$/, "");
    throw fail(call, { code: "template/no-literal", parameters: { found }, parameter: 0 });
  }
}

function sqlList(call: Call): Value {
  const value = decided(call, 0);
  if (isList(value) && value.length > 0) return value.map((item) => sqlLiteral(call, item)).join(", ");
  const found = isList(value) ? "an empty list" : describe(value);
  const parameters = { owner: "sql_list", expected: `a list with at least one item, and found ${found}` };
  const hint = "guard it: {{#if xs}} … {{/if}}";
  throw fail(call, { code: "template/wrong-arguments", parameters, parameter: 0, hint });
}

function quote(call: Call): Value {
  const name = text(call, 0);
  if (!name.includes("\0")) return quoteIdentifier(name, call.walk.context.engine);
  throw fail(call, { code: "template/no-identifier", parameters: { name }, parameter: 0 });
}
