// Which blanks around a tag are dropped. Decided on the text itself, by offset: Handlebars' own pass
// changes the tree's text and loses where it came from.
import type { Conversion } from "./conversion.ts";
import { blockParts, spanOf, unsupported } from "./conversion.ts";
import { silentNames } from "./words.ts";

const depthLimit = 500;

interface Tag {
  readonly start: number;
  readonly end: number;
  /** `{{~`. */
  readonly stripBefore: boolean;
  /** `~}}`. */
  readonly stripAfter: boolean;
  /** Prints nothing itself, so that its line goes with it when it stands alone there. */
  readonly silent: boolean;
}

/** First pass: which blanks each tag takes with it. */
export function noteTags(
  conversion: Conversion,
  statements: readonly hbs.AST.Statement[],
  depth: number,
): void {
  for (const statement of statements) {
    switch (statement.type) {
      case "MustacheStatement": {
        const node = statement as hbs.AST.MustacheStatement;
        const name = (node.path as hbs.AST.PathExpression).original;
        note(conversion, tagOf(spanOf(conversion, node), node.strip, silentNames.has(name)));
        break;
      }
      case "CommentStatement":
        note(
          conversion,
          tagOf(spanOf(conversion, statement), (statement as hbs.AST.CommentStatement).strip, true),
        );
        break;
      case "PartialStatement":
        note(
          conversion,
          tagOf(spanOf(conversion, statement), (statement as hbs.AST.PartialStatement).strip, false),
        );
        break;
      case "PartialBlockStatement":
      case "BlockStatement":
        noteBlock(conversion, statement as hbs.AST.BlockStatement, depth + 1);
        break;
      default:
        break;
    }
  }
}

function noteBlock(conversion: Conversion, node: hbs.AST.BlockStatement, depth: number): void {
  const { start, end } = spanOf(conversion, node);
  // The walk recurses: without a limit a generated file could end the process.
  if (depth > depthLimit) throw unsupported(conversion, start, `a block more than ${depthLimit} blocks deep`);
  const parts = blockParts(conversion, node);
  // A macro's tags keep their lines: its body is trimmed and stands in the place of the tags.
  const silent = node.type === "BlockStatement";
  note(conversion, tagOf({ start, end: parts.openEnd }, node.openStrip, silent));
  if (parts.first) noteTags(conversion, parts.first.body, depth);
  const chained = parts.second?.chained === true;
  if (parts.second !== undefined) {
    if (!chained)
      note(conversion, tagOf({ start: parts.firstEnd, end: parts.elseEnd }, node.inverseStrip, silent));
    noteTags(conversion, parts.second.body, depth);
  }
  // The last block of an else chain has no closing tag of its own.
  if (parts.secondEnd < end)
    note(conversion, tagOf({ start: parts.secondEnd, end }, node.closeStrip, silent));
}

function tagOf(
  span: { readonly start: number; readonly end: number },
  strip: Partial<hbs.AST.StripFlags> | undefined,
  silent: boolean,
): Tag {
  return { ...span, stripBefore: strip?.open === true, stripAfter: strip?.close === true, silent };
}

function note(conversion: Conversion, tag: Tag): void {
  const { text, startAfter, endBefore } = conversion;
  let before = tag.start;
  let after = tag.end;
  if (tag.silent) {
    const lineStart = skipBlanksBack(text, tag.start);
    const lineEnd = skipBlanks(text, tag.end);
    const alone =
      (lineStart === 0 || isLineBreak(text.charCodeAt(lineStart - 1))) &&
      (lineEnd === text.length || isLineBreak(text.charCodeAt(lineEnd)));
    if (alone) {
      before = lineStart;
      after = skipLineBreak(text, lineEnd);
    }
  }
  if (tag.stripBefore) while (before > 0 && isWhitespace(text.charCodeAt(before - 1))) before--;
  if (tag.stripAfter) while (after < text.length && isWhitespace(text.charCodeAt(after))) after++;
  if (before !== tag.start) endBefore.set(tag.start, before);
  if (after !== tag.end) startAfter.set(tag.end, after);
}

export function isWhitespace(code: number): boolean {
  return code === 32 || (code >= 9 && code <= 13);
}

function isLineBreak(code: number): boolean {
  return code === 10 || code === 13;
}

function isBlank(code: number): boolean {
  return code === 32 || code === 9;
}

function skipBlanks(text: string, from: number): number {
  let at = from;
  while (at < text.length && isBlank(text.charCodeAt(at))) at++;
  return at;
}

function skipBlanksBack(text: string, from: number): number {
  let at = from;
  while (at > 0 && isBlank(text.charCodeAt(at - 1))) at--;
  return at;
}

function skipLineBreak(text: string, at: number): number {
  if (text.startsWith("\r\n", at)) return at + 2;
  return at < text.length ? at + 1 : at;
}
