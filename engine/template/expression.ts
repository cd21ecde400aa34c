import { lakeError } from "../common/errors.ts";
import type { Json } from "../common/json.ts";
import type { Argument, Expression } from "./nodes.ts";
import type { Conversion } from "./conversion.ts";
import { atOffset, spanOf, unsupported } from "./conversion.ts";
import { globalNames } from "./words.ts";

/** `{{path}}` reads a value; with parameters it calls a helper. */
export function convertCall(
  conversion: Conversion,
  node: hbs.AST.MustacheStatement | hbs.AST.SubExpression,
): Expression {
  const hash = node.hash as hbs.AST.Hash | undefined;
  const isCall = node.type === "SubExpression" || node.params.length > 0 || hash !== undefined;
  if (!isCall) return convertExpression(conversion, node.path);
  const span = spanOf(conversion, node);
  const path = node.path as hbs.AST.PathExpression;
  if (path.type !== "PathExpression") {
    throw unsupported(conversion, span.start, "a value in the place of a helper's name");
  }
  return {
    kind: "call",
    name: path.original,
    parameters: node.params.map((parameter) => convertExpression(conversion, parameter)),
    hash: convertHash(conversion, hash),
    ...span,
  };
}

export function convertHash(conversion: Conversion, hash: hbs.AST.Hash | undefined): Argument[] {
  const seen = new Set<string>();
  return (hash?.pairs ?? []).map((pair) => {
    const { start } = spanOf(conversion, pair);
    if (seen.has(pair.key)) {
      throw lakeError("template/duplicate-argument", { name: pair.key }, { at: atOffset(conversion, start) });
    }
    seen.add(pair.key);
    return { name: pair.key, value: convertExpression(conversion, pair.value), start };
  });
}

export function convertExpression(conversion: Conversion, node: hbs.AST.Expression): Expression {
  switch (node.type) {
    case "SubExpression":
      return convertCall(conversion, node as hbs.AST.SubExpression);
    case "PathExpression":
      return convertPath(conversion, node as hbs.AST.PathExpression);
    default:
      return { kind: "literal", value: literalValue(conversion, node), ...spanOf(conversion, node) };
  }
}

function convertPath(conversion: Conversion, node: hbs.AST.PathExpression): Expression {
  const span = spanOf(conversion, node);
  if (node.depth > 0) {
    const hint = "name the outer item with a block parameter: {{#each xs as |x|}}";
    throw unsupported(conversion, span.start, "../", hint);
  }
  const written = conversion.text.slice(span.start, span.end);
  const fromThis = !node.data && (written === "." || /^(this\b|\.\/)/.test(written));
  const [head] = node.parts;
  const isFree = !node.data && !fromThis && head !== undefined && !conversion.bound.includes(head);
  if (isFree && !globalNames.includes(head)) conversion.freeNames.add(head);
  return { kind: "path", parts: node.parts, fromThis, data: node.data, ...span };
}

function literalValue(conversion: Conversion, node: hbs.AST.Expression): Json {
  const { start, end } = spanOf(conversion, node);
  switch (node.type) {
    case "StringLiteral": {
      if (conversion.parsed === conversion.text) return (node as hbs.AST.StringLiteral).value;
      const quote = conversion.text.charAt(start);
      return conversion.text.slice(start + 1, end - 1).replaceAll(`\\${quote}`, quote);
    }
    case "NumberLiteral":
      return exactNumber(conversion, conversion.text.slice(start, end), start);
    case "BooleanLiteral":
      return (node as hbs.AST.BooleanLiteral).value;
    default:
      return null;
  }
}

/** The lexer rounds to doubles: integers beyond them are kept, decimals beyond them refused. */
function exactNumber(conversion: Conversion, text: string, offset: number): Json {
  if (!text.includes(".")) {
    const value = Number(text);
    return Number.isSafeInteger(value) ? value : BigInt(text);
  }
  const digits = text.replace(/^-?0*\.?0*/, "").replace(".", "");
  if (digits.length <= 15) return Number(text);
  const details = { at: atOffset(conversion, offset), hint: `write it as text: "${text}"` };
  throw lakeError("template/inexact-number", { text }, details);
}
