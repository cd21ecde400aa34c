import { parseWithoutProcessing } from "handlebars/dist/cjs/handlebars/compiler/base.js";
import { lakeError } from "../common/errors.ts";
import { suggest } from "../common/suggest.ts";
import type { BlockParts, Conversion } from "./conversion.ts";
import { atOffset, blockParts, bodyEnd, spanOf, tagEnd, unsupported } from "./conversion.ts";
import { convertCall, convertExpression, convertHash } from "./expression.ts";
import { lineTable } from "./line-table.ts";
import type { ArgumentsNode, Template, TemplateNode } from "./nodes.ts";
import { explainParseError } from "./parse-error.ts";
import { noteTags } from "./whitespace.ts";
import { blockNames, reservedWords } from "./words.ts";

/**
 * Parses a text once for any number of renders. Throws `template/*` errors that say where a tag or
 * block opens. `line` is the number of the text's first line in the file (default 1).
 */
export function parseTemplate(options: {
  readonly text: string;
  readonly file: string;
  readonly line?: number;
}): Template {
  const text = options.text.startsWith("\uFEFF") ? options.text.slice(1) : options.text;
  const lines = lineTable({ file: options.file, text, firstLine: options.line ?? 1 });
  const parsed = forLexer(text);
  const conversion: Conversion = {
    text,
    parsed,
    lines,
    startAfter: new Map(),
    endBefore: new Map(),
    bound: [],
    freeNames: new Set(),
    declaration: null,
  };
  let program: hbs.AST.Program;
  try {
    program = parseWithoutProcessing(parsed);
  } catch (error) {
    throw explainParseError({ text: parsed, lines, error });
  }
  noteTags(conversion, program.body, 0);
  const body = convertBody(conversion, program.body, text.length, true);
  return {
    file: options.file,
    text,
    lines,
    body,
    declaration: conversion.declaration,
    freeNames: conversion.freeNames,
  };
}

/** The text with every offset kept, without two things that Handlebars' lexer cannot cope with. */
function forLexer(text: string): string {
  let result = text;
  // It takes U+2028 and U+2029 for line ends in one place only, so that columns behind them are wrong.
  if (/[\u2028\u2029]/.test(result)) result = result.replace(/[\u2028\u2029]/g, " ");
  // It copies the rest of the text at each `{{!--`: short comments in their place (4 GB for 20,000 of them).
  // Large texts only, and not beside raw blocks, inside which a comment is text.
  if (result.length > 100_000 && /\{\{~?!--/.test(result) && !result.includes("{{{{")) {
    result = result.replace(
      /(?<!(?<!\\)\\)(\{\{~?!)(--[^]*?--)(?=~?\}\})/g,
      (_, open: string, inner: string) => open.concat(inner.replace(/[^\r\n]/g, " ")),
    );
  }
  return result;
}

function convertBody(
  conversion: Conversion,
  statements: readonly hbs.AST.Statement[],
  end: number,
  topLevel: boolean,
): TemplateNode[] {
  const nodes: TemplateNode[] = [];
  for (const [index, statement] of statements.entries()) {
    if (statement.type === "ContentStatement") {
      const next = statements[index + 1];
      const until = next === undefined ? end : spanOf(conversion, next).start;
      pushText(conversion, nodes, statement as hbs.AST.ContentStatement, until);
      continue;
    }
    const node = convertStatement(conversion, statement, topLevel);
    if (node !== null) nodes.push(node);
  }
  return nodes;
}

function pushText(
  conversion: Conversion,
  nodes: TemplateNode[],
  statement: hbs.AST.ContentStatement,
  until: number,
): void {
  const begin = spanOf(conversion, statement).start;
  const length = statement.value.length;
  // Wrong offsets would print the wrong SQL; nothing else checks the lexer's counting.
  if (conversion.parsed.slice(begin, begin + length) !== statement.value) {
    throw new Error(`the parser's positions do not fit the text of ${conversion.lines.file}`);
  }
  const start = conversion.startAfter.get(begin) ?? begin;
  const stop = begin + length;
  const end = stop === until ? (conversion.endBefore.get(stop) ?? stop) : stop;
  if (start < end) nodes.push({ kind: "text", start, end });
}

function convertStatement(
  conversion: Conversion,
  statement: hbs.AST.Statement,
  topLevel: boolean,
): TemplateNode | null {
  const { start, end } = spanOf(conversion, statement);
  switch (statement.type) {
    case "CommentStatement":
      return null;
    case "MustacheStatement": {
      const node = statement as hbs.AST.MustacheStatement;
      if ((node.path as hbs.AST.PathExpression).original === "args") {
        return declareArguments(conversion, node, topLevel);
      }
      return { kind: "print", expression: convertCall(conversion, node), start, end };
    }
    case "PartialStatement":
    case "PartialBlockStatement":
      return convertMacro(conversion, statement as hbs.AST.PartialBlockStatement);
    case "BlockStatement":
      return convertBlock(conversion, statement as hbs.AST.BlockStatement);
    default:
      throw unsupported(conversion, start, "a decorator ({{* …}})", "write a macro in macros/ instead");
  }
}

function declareArguments(
  conversion: Conversion,
  node: hbs.AST.MustacheStatement,
  topLevel: boolean,
): ArgumentsNode {
  const { start, end } = spanOf(conversion, node);
  if (!topLevel) throw unsupported(conversion, start, "{{args}} inside a block");
  if (conversion.declaration !== null) throw unsupported(conversion, start, "a second {{args}}");
  const required = node.params.map((parameter) => {
    const path = parameter as hbs.AST.PathExpression;
    if (path.type !== "PathExpression" || path.parts.length !== 1 || path.data || path.depth > 0) {
      const hint = 'write {{args column path="$"}}';
      throw unsupported(conversion, spanOf(conversion, parameter).start, "an argument without a name", hint);
    }
    return path.original;
  });
  const optional = convertHash(conversion, node.hash);
  const names = [...required, ...optional.map((argument) => argument.name)];
  for (const [index, name] of names.entries()) {
    refuseReserved(conversion, name, start, "an argument");
    if (names.indexOf(name) !== index) {
      throw lakeError("template/duplicate-argument", { name }, { at: atOffset(conversion, start) });
    }
  }
  conversion.declaration = { kind: "args", required, optional, start, end };
  return conversion.declaration;
}

function refuseReserved(conversion: Conversion, name: string, offset: number, role: string): void {
  if (!reservedWords.has(name)) return;
  throw lakeError("template/reserved-name", { name, role }, { at: atOffset(conversion, offset) });
}

function convertMacro(conversion: Conversion, node: hbs.AST.PartialBlockStatement): TemplateNode {
  const { start, end } = spanOf(conversion, node);
  const path = node.name as hbs.AST.PathExpression;
  if ((node.name.type as string) === "SubExpression") {
    throw unsupported(conversion, start, "a macro chosen by an expression", "call each macro by its name");
  }
  const name = nameOf(conversion, path);
  const given = node.params[0];
  if (given !== undefined) {
    const { start: at } = spanOf(conversion, given);
    const hint = `write {{> ${name} name=value}}`;
    throw lakeError(
      "template/wrong-arguments",
      { owner: `the macro ${name}`, expected: "named arguments only" },
      { at: atOffset(conversion, at), hint },
    );
  }
  if (name === "@partial-block") return { kind: "partial-block", start, end };
  const arguments_ = convertHash(conversion, node.hash);
  for (const argument of arguments_) refuseReserved(conversion, argument.name, argument.start, "an argument");
  let block: TemplateNode[] | null = null;
  if (node.type === ("PartialBlockStatement" as string)) {
    const openEnd = tagEnd(conversion, node);
    block = convertBody(conversion, node.program.body, bodyEnd(conversion, node.program, openEnd), false);
  }
  return { kind: "macro", name, arguments: arguments_, block, start, end };
}

/** The grammar lets numbers and other literals stand where a name belongs. */
function nameOf(conversion: Conversion, node: hbs.AST.Expression): string {
  if (node.type === "PathExpression") return (node as hbs.AST.PathExpression).original;
  if (node.type === "StringLiteral") return (node as hbs.AST.StringLiteral).value;
  const { start, end } = spanOf(conversion, node);
  return conversion.text.slice(start, end);
}

function convertBlock(conversion: Conversion, node: hbs.AST.BlockStatement): TemplateNode {
  const { start, end } = spanOf(conversion, node);
  const name = nameOf(conversion, node.path);
  const parts = blockParts(conversion, node);
  if (conversion.text.startsWith("{{{{", start)) {
    if (name !== "raw" || node.params.length > 0 || (node.hash as hbs.AST.Hash | undefined) !== undefined) {
      throw unsupported(conversion, start, `the raw block ${name}`, "write {{{{raw}}}} … {{{{/raw}}}}");
    }
    const body = convertBody(conversion, node.program.body, parts.firstEnd, false);
    return { kind: "if", negated: false, condition: always(start), body, otherwise: [], start, end };
  }
  if (!blockNames.includes(name)) {
    const near = suggest(name, blockNames);
    throw lakeError(
      "template/unknown-block",
      { name },
      { at: atOffset(conversion, start), hint: near === undefined ? undefined : `did you mean #${near}?` },
    );
  }
  const [subject, ...more] = node.params;
  if (subject === undefined || more.length > 0 || (node.hash as hbs.AST.Hash | undefined) !== undefined) {
    const expected = name === "each" ? "one list or object" : "one condition";
    throw lakeError(
      "template/wrong-arguments",
      { owner: `#${name}`, expected },
      { at: atOffset(conversion, start), hint: 'combine conditions: {{#if (and a (eq b "x"))}}' },
    );
  }
  return name === "each"
    ? convertEach(conversion, node, parts, subject)
    : convertIf(conversion, node, parts, subject);
}

function always(at: number): { kind: "literal"; value: boolean; start: number; end: number } {
  return { kind: "literal", value: true, start: at, end: at };
}

function parametersOf(program: hbs.AST.Program | undefined): readonly string[] {
  return (program as { blockParams?: readonly string[] } | undefined)?.blockParams ?? [];
}

function convertIf(
  conversion: Conversion,
  node: hbs.AST.BlockStatement,
  parts: BlockParts,
  subject: hbs.AST.Expression,
): TemplateNode {
  const { start, end } = spanOf(conversion, node);
  if (parametersOf(parts.first).length > 0) {
    throw unsupported(conversion, start, `a block parameter of #${node.path.original}`);
  }
  const condition = convertExpression(conversion, subject);
  const first = convertBody(conversion, parts.first?.body ?? [], parts.firstEnd, false);
  const second = convertBody(conversion, parts.second?.body ?? [], parts.secondEnd, false);
  const negated = (node.path.original === "unless") !== parts.inverted;
  return { kind: "if", negated, condition, body: first, otherwise: second, start, end };
}

function convertEach(
  conversion: Conversion,
  node: hbs.AST.BlockStatement,
  parts: BlockParts,
  subject: hbs.AST.Expression,
): TemplateNode {
  const { start, end } = spanOf(conversion, node);
  const parameters = parametersOf(parts.first);
  if (parts.inverted)
    throw unsupported(conversion, start, "{{^each}}", "write {{#each xs}}{{else}}…{{/each}}");
  if (parameters.length > 2) {
    throw unsupported(
      conversion,
      start,
      "a third block parameter",
      "#each gives a value and an index or key",
    );
  }
  for (const name of parameters) refuseReserved(conversion, name, start, "a block parameter");
  const over = convertExpression(conversion, subject);
  conversion.bound.push(...parameters);
  const body = convertBody(conversion, parts.first?.body ?? [], parts.firstEnd, false);
  conversion.bound.length -= parameters.length;
  const otherwise = convertBody(conversion, parts.second?.body ?? [], parts.secondEnd, false);
  return { kind: "each", over, parameters, body, otherwise, start, end };
}
