// Handlebars' tree counts lines and columns; the walk wants offsets, and the ends of tags that the tree leaves out.
import type { LakeError, Location } from "../common/errors.ts";
import { lakeError } from "../common/errors.ts";
import type { LineTable } from "./line-table.ts";
import { locationAt, offsetAt } from "./line-table.ts";
import type { ArgumentsNode } from "./nodes.ts";

/** What one conversion knows of the text it works on. */
export interface Conversion {
  readonly text: string;
  /** The text as the parser saw it: same offsets. */
  readonly parsed: string;
  readonly lines: LineTable;
  /** Text behind a tag starts at `startAfter.get(end of the tag)`, text before it ends at `endBefore.get(its start)`. */
  readonly startAfter: Map<number, number>;
  readonly endBefore: Map<number, number>;
  /** Block parameters in scope, innermost last. */
  readonly bound: string[];
  readonly freeNames: Set<string>;
  declaration: ArgumentsNode | null;
}

/** Start and end of a node of Handlebars' tree as offsets. */
export function spanOf(conversion: Conversion, node: hbs.AST.Node): { start: number; end: number } {
  const { start, end } = node.loc;
  return {
    start: offsetAt(conversion.lines, start.line, start.column),
    end: offsetAt(conversion.lines, end.line, end.column),
  };
}

export function atOffset(conversion: Conversion, offset: number): Location {
  return locationAt(conversion.lines, offset);
}

export function unsupported(conversion: Conversion, offset: number, what: string, hint?: string): LakeError {
  return lakeError("template/unsupported", { what }, { at: atOffset(conversion, offset), hint });
}

/** A block's parts in the order of the text; the later one is null without `{{else}}`. */
export interface BlockParts {
  readonly openEnd: number;
  readonly first: Program | undefined;
  readonly firstEnd: number;
  /** Where the text behind `{{else}}` starts. */
  readonly elseEnd: number;
  readonly second: Program | undefined;
  readonly secondEnd: number;
  readonly inverted: boolean;
}

type Program = hbs.AST.Program & { readonly chained?: boolean };

export function blockParts(conversion: Conversion, node: hbs.AST.BlockStatement): BlockParts {
  const { start } = spanOf(conversion, node);
  const openEnd = tagEnd(conversion, node);
  const inverted = /^\{\{~?\^/.test(conversion.text.slice(start, start + 4));
  const program = node.program as Program | undefined;
  const inverse = node.inverse as Program | undefined;
  const first = inverted ? inverse : program;
  const second = inverted ? program : inverse;
  const firstEnd = bodyEnd(conversion, first, openEnd);
  if (second === undefined) {
    return { openEnd, first, firstEnd, elseEnd: firstEnd, second, secondEnd: firstEnd, inverted };
  }
  // A chained `{{else if …}}` is a block of its own whose opening tag is this else.
  const elseEnd = second.chained === true ? firstEnd : conversion.text.indexOf("}}", firstEnd) + 2;
  const secondEnd = bodyEnd(conversion, second, elseEnd);
  return { openEnd, first, firstEnd, elseEnd, second, secondEnd, inverted };
}

export function bodyEnd(conversion: Conversion, program: hbs.AST.Program | undefined, from: number): number {
  const last = program?.body.at(-1);
  return last === undefined ? from : spanOf(conversion, last).end;
}

/** Where the opening tag of a block or macro ends: behind the first braces after its last expression. */
export function tagEnd(
  conversion: Conversion,
  node: hbs.AST.BlockStatement | hbs.AST.PartialBlockStatement,
): number {
  const name = "path" in node ? node.path : node.name;
  const hash = node.hash as hbs.AST.Hash | undefined;
  const last = hash ?? node.params.at(-1) ?? name;
  const { text } = conversion;
  const closes = text.indexOf("}}", spanOf(conversion, last).end);
  return text.startsWith("{{{{", spanOf(conversion, node).start) ? closes + 4 : closes + 2;
}
