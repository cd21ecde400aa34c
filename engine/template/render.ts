import { lakeError } from "../common/errors.ts";
import type { Json } from "../common/json.ts";
import { evaluate } from "./evaluate.ts";
import type { Binding, Frame, Walk } from "./frame.ts";
import { failure, originIn, originOf, written } from "./frame.ts";
import { fillDefaults, macroFrame } from "./macros.ts";
import type { EachNode, IfNode, PartialBlockNode, PrintNode, Template, TemplateNode } from "./nodes.ts";
import { Output } from "./output.ts";
import { parseTemplate } from "./parse.ts";
import { ReferenceRecorder } from "./references.ts";
import type { Rendered, TemplateContext } from "./types.ts";
import type { Value } from "./value.ts";
import { describe, isList, isObject, printed, truth, undecided } from "./value.ts";
import { reservedWords } from "./words.ts";

export { parseTemplate };

export type RenderOptions =
  | {
      readonly text: string;
      readonly file: string;
      readonly context: TemplateContext;
      /** Number of the text's first line in the file, for SQL inside YAML; default 1. */
      readonly line?: number;
    }
  | { readonly template: Template; readonly context: TemplateContext };

/**
 * Text and context → SQL, what it refers to, where each piece of it stands. One walk, no generated code.
 * Throws the first `template/*` error, with its place and a hint.
 */
export function renderTemplate(options: RenderOptions): Rendered {
  const template = "template" in options ? options.template : parseTemplate(options);
  const { context } = options;
  const walk: Walk = { context, output: new Output(), references: new ReferenceRecorder(), logs: [] };
  const names = localNames(template, context.locals ?? {});
  const frame: Frame = { template, names, parent: null, item: null, call: null, depth: 0, block: null };
  const origin = originIn(frame, template.declaration?.start ?? 0);
  fillDefaults({ walk, frame, names, owner: template.file, origin });
  walkNodes(walk, frame, template.body);
  const { sql, sourceMap } = walk.output.finish(template);
  return { sql, references: walk.references.finish(), sourceMap, logs: walk.logs };
}

function localNames(template: Template, locals: Readonly<Record<string, Json>>): Map<string, Binding> {
  const names = new Map<string, Binding>();
  for (const [name, value] of Object.entries(locals)) {
    if (reservedWords.has(name)) {
      const at = { file: template.file, line: template.lines.firstLine };
      throw lakeError("template/reserved-name", { name, role: "an argument" }, { at });
    }
    names.set(name, { value, origin: null });
  }
  return names;
}

function walkNodes(walk: Walk, frame: Frame, nodes: readonly TemplateNode[]): void {
  for (const node of nodes) {
    switch (node.kind) {
      case "text":
        walk.output.addText(frame.template, node.start, node.end, frame.call);
        break;
      case "print":
        print(walk, frame, node);
        break;
      case "if":
        walkIf(walk, frame, node);
        break;
      case "each":
        walkEach(walk, frame, node);
        break;
      case "macro": {
        const { macroTexts = {} } = walk.context;
        if (Object.hasOwn(macroTexts, node.name)) {
          walk.references.addMacro(node.name);
          walk.output.addValue(macroTexts[node.name] as string, originIn(frame, node.start));
          break;
        }
        const inner = macroFrame(walk, frame, node);
        walk.output.trimmed(() => walkNodes(walk, inner, inner.template.body));
        break;
      }
      case "partial-block":
        walkPartialBlock(walk, frame, node);
        break;
      case "args":
        break;
    }
  }
}

function print(walk: Walk, frame: Frame, node: PrintNode): void {
  const value = evaluate(walk, frame, node.expression);
  const text = printed(value);
  if (text === null) {
    const parameters = { expression: written(frame, node.expression), found: describe(value) };
    const hint = isList(value) ? "print a list with {{sql_list xs}} or {{#each xs as |x|}}" : undefined;
    throw failure({
      code: "template/not-printable",
      parameters,
      origin: originIn(frame, node.expression.start),
      hint,
    });
  }
  const origin = originOf(frame, node.expression);
  // A tag's own braces are where the eye looks; an argument's place is the caller's.
  walk.output.addValue(text, origin.template === frame.template ? originIn(frame, node.start) : origin);
}

function walkIf(walk: Walk, frame: Frame, node: IfNode): void {
  const known = truth(evaluate(walk, frame, node.condition));
  if (known === undecided || known !== node.negated) walkNodes(walk, frame, node.body);
  if (known === undecided || known === node.negated) walkNodes(walk, frame, node.otherwise);
}

function walkEach(walk: Walk, frame: Frame, node: EachNode): void {
  const value = evaluate(walk, frame, node.over);
  const entries = entriesOf(value);
  if (entries === null) {
    throw failure({
      code: "template/not-a-list",
      parameters: { expression: written(frame, node.over), found: describe(value) },
      origin: originIn(frame, node.over.start),
    });
  }
  if (entries.length === 0) walkNodes(walk, frame, node.otherwise);
  const [valueName, keyName] = node.parameters;
  for (const [index, [key, item]] of entries.entries()) {
    const names = new Map<string, Binding>();
    if (valueName !== undefined) names.set(valueName, { value: item, origin: null });
    if (keyName !== undefined) names.set(keyName, { value: key, origin: null });
    const data = new Map<string, Value>([
      ["index", index],
      ["key", key],
      ["first", index === 0],
      ["last", index === entries.length - 1],
    ]);
    walkNodes(walk, { ...frame, names, parent: frame, item: { value: item, data } }, node.body);
  }
}

/** Index or key and value of each item; null when there is nothing to go over. */
function entriesOf(value: Value): readonly (readonly [string | number, Json])[] | null {
  if (isList(value)) return value.map((item, index) => [index, item] as const);
  return isObject(value) ? Object.entries(value) : null;
}

function walkPartialBlock(walk: Walk, frame: Frame, node: PartialBlockNode): void {
  const { block } = frame;
  if (block === null) {
    const parameters = { name: "@partial-block" };
    const hint = frame.call === null ? undefined : `call the macro with a body: {{#> ${frame.call.macro}}}…`;
    throw failure({ code: "template/not-available", parameters, origin: originIn(frame, node.start), hint });
  }
  walk.output.trimmed(() => walkNodes(walk, block.frame, block.nodes));
}
