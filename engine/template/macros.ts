import type { LakeError } from "../common/errors.ts";
import { suggest } from "../common/suggest.ts";
import { evaluate } from "./evaluate.ts";
import type { Binding, Frame, Walk } from "./frame.ts";
import { failure, originIn, originOf } from "./frame.ts";
import { helperNames } from "./helpers.ts";
import type { MacroNode, Template } from "./nodes.ts";
import type { MacroCall, Origin } from "./output.ts";
import { parseTemplate } from "./parse.ts";
import type { MacroSource } from "./types.ts";

const depthLimit = 50;

/** A macro is parsed once for all texts that call it. */
const parsedMacros = new WeakMap<MacroSource, Template>();

/** The frame in which a macro's body is walked: its arguments, none of the caller's names. */
export function macroFrame(walk: Walk, frame: Frame, node: MacroNode): Frame {
  const from = originIn(frame, node.start);
  const call: MacroCall = { macro: node.name, from };
  if (frame.depth >= depthLimit) throw tooDeep(call);
  const template = parsed(choose(walk, node.name, from));
  walk.references.addMacro(node.name);
  const names = new Map<string, Binding>();
  const known = argumentNames(template);
  for (const argument of node.arguments) {
    if (!known.includes(argument.name)) {
      const near = suggest(argument.name, known);
      throw failure({
        code: "template/unknown-argument",
        parameters: { name: argument.name, owner: `the macro ${node.name}`, known },
        origin: originIn(frame, argument.start),
        hint: near === undefined ? undefined : `did you mean ${near}?`,
      });
    }
    const value = evaluate(walk, frame, argument.value);
    names.set(argument.name, { value, origin: originOf(frame, argument.value) });
  }
  const block = node.block === null ? null : { nodes: node.block, frame };
  const inner: Frame = { template, names, parent: null, item: null, call, depth: frame.depth + 1, block };
  fillDefaults({ walk, frame: inner, names, owner: `the macro ${node.name}`, origin: from });
  return inner;
}

/** Gives declared arguments that were left out their defaults; a required one must be there. */
export function fillDefaults(options: {
  readonly walk: Walk;
  readonly frame: Frame;
  readonly names: Map<string, Binding>;
  readonly owner: string;
  readonly origin: Origin;
}): void {
  const { declaration } = options.frame.template;
  if (declaration === null) return;
  for (const name of declaration.required) {
    if (options.names.has(name)) continue;
    const parameters = { name, owner: options.owner };
    throw failure({ code: "template/missing-argument", parameters, origin: options.origin });
  }
  for (const argument of declaration.optional) {
    if (options.names.has(argument.name)) continue;
    options.names.set(argument.name, {
      value: evaluate(options.walk, options.frame, argument.value),
      origin: null,
    });
  }
}

/** Arguments that a macro takes: those it declares, otherwise the names that it reads. */
function argumentNames(template: Template): readonly string[] {
  const { declaration } = template;
  if (declaration === null) return [...template.freeNames];
  return [...declaration.required, ...declaration.optional.map((argument) => argument.name)];
}

function choose(walk: Walk, name: string, origin: Origin): MacroSource {
  const { macros, engine } = walk.context;
  const sources = macros.get(name);
  if (sources === undefined || sources.length === 0) {
    throw failure({
      code: "template/unknown-macro",
      parameters: { name },
      origin,
      hint: hintFor(walk, name),
    });
  }
  const found =
    sources.find((source) => source.engine === engine) ?? sources.find((source) => source.engine === null);
  if (found !== undefined) return found;
  const engines = sources.map((source) => source.engine ?? "");
  const hint = `add macros/${name}.${engine}.sql, or macros/${name}.sql for every engine`;
  throw failure({
    code: "template/no-macro-for-engine",
    parameters: { name, engine, engines },
    origin,
    hint,
  });
}

function hintFor(walk: Walk, name: string): string | undefined {
  if (helperNames.includes(name)) return `${name} is a helper: write {{${name} …}} without >`;
  const near = suggest(name, walk.context.macros.keys());
  return near === undefined ? "macros are files of the folder macros/" : `did you mean ${near}?`;
}

function parsed(source: MacroSource): Template {
  const known = parsedMacros.get(source);
  if (known !== undefined) return known;
  const template = parseTemplate({ text: source.text, file: source.file });
  parsedMacros.set(source, template);
  return template;
}

function tooDeep(call: MacroCall): LakeError {
  const names: string[] = [];
  let outermost: Origin = call.from;
  for (let at: MacroCall | null = call; at !== null; at = at.from.call) {
    names.unshift(at.macro);
    outermost = at.from;
  }
  // The first name that comes again closes the circle; what follows repeats it.
  const again = names.findIndex((name, index) => names.indexOf(name) < index);
  const chain = again === -1 ? names : names.slice(names.indexOf(names[again] ?? ""), again + 1);
  return failure({
    code: "template/macro-recursion",
    parameters: { chain, limit: depthLimit },
    origin: outermost,
  });
}
