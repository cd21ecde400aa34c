// Handlebars says where its grammar gave up; people want to know which tag or block they left open.
// This scan runs only for texts that did not parse.
import type { LakeError } from "../common/errors.ts";
import { lakeError } from "../common/errors.ts";
import type { LineTable } from "./line-table.ts";
import { locationAt, offsetAt } from "./line-table.ts";

interface Problem {
  /** Where the scan noticed; a syntax error before it is the better news. */
  readonly noticedAt: number;
  readonly error: LakeError;
}
interface OpenBlock {
  readonly name: string;
  readonly tag: string;
  readonly offset: number;
}
interface Scan {
  readonly text: string;
  readonly lines: LineTable;
  readonly open: OpenBlock[];
}

export function explainParseError(options: {
  readonly text: string;
  readonly lines: LineTable;
  readonly error: unknown;
}): LakeError {
  const { text, lines, error } = options;
  const problem = findProblem({ text, lines, open: [] });
  const offset = offsetOfParseError(text, lines, error);
  if (problem !== null && (offset === null || offset >= problem.noticedAt)) return problem.error;
  const message = error instanceof Error ? error.message : String(error);
  if (offset === null) {
    const line = Number(/line (\d+)/.exec(message)?.[1] ?? 1);
    const at = { file: lines.file, line: lines.firstLine + line - 1 };
    return lakeError("template/syntax", { found: "text", tag: "a tag in this line" }, { at, cause: error });
  }
  const opened = Math.max(text.lastIndexOf("{{", offset), 0);
  const details = {
    at: locationAt(lines, offset),
    cause: error,
    hint: jinjaHint(text.slice(opened)) ?? syntaxHint(text, offset),
  };
  return lakeError("template/syntax", { found: tokenAt(text, offset), tag: shorten(text, opened) }, details);
}

/** Who comes from dbt writes calls in Jinja's way. */
function jinjaHint(tag: string): string | undefined {
  const name = /^\{\{-?\s*(\w+)\s*\(/.exec(tag)?.[1];
  if (name === undefined) return undefined;
  const example = { config: `{{config materialized="table"}}`, source: `{{source "landing" "events"}}` }[
    name
  ];
  return `this is Handlebars, not Jinja: arguments stand without brackets and commas, as in ${example ?? `{{${name} "…"}}`}`;
}

function syntaxHint(text: string, offset: number): string | undefined {
  const position = /^\d+/.exec(text.slice(offset, offset + 20))?.[0];
  if (position !== undefined && text[offset - 1] === ".")
    return `write [${position}] for a position in a list`;
  if (/=\s*("[^"]*"|'[^']*'|[^\s"']+)\s+$/.test(text.slice(Math.max(0, offset - 200), offset))) {
    return "values come before the named ones: {{name value key=value}}";
  }
  return undefined;
}

function findProblem(scan: Scan): Problem | null {
  let position = 0;
  for (;;) {
    const start = scan.text.indexOf("{{", position);
    if (start === -1) break;
    const escaped = scan.text[start - 1] === "\\" && scan.text[start - 2] !== "\\";
    const next = escaped ? start + 2 : scanTag(scan, start);
    if (typeof next !== "number") return next;
    position = next;
  }
  const block = scan.open.at(-1);
  if (block === undefined) return null;
  const parameters = { tag: block.tag, close: `{{/${block.name}}}` };
  const at = locationAt(scan.lines, block.offset);
  return { noticedAt: scan.text.length, error: lakeError("template/unclosed-block", parameters, { at }) };
}

/** The offset behind the tag, or what is wrong with it. */
function scanTag(scan: Scan, start: number): number | Problem {
  const { text } = scan;
  const rest = text.slice(start, start + 6);
  if (/^\{\{~?!/.test(rest)) {
    const long = /^\{\{~?!--/.test(rest);
    const close = long ? /--~?\}\}/g : /\}\}/g;
    close.lastIndex = start + 3;
    const found = close.exec(text);
    return found === null ? unclosedTag(scan, start) : found.index + found[0].length;
  }
  if (rest.startsWith("{{{{")) return scanRaw(scan, start);
  const triple = /^\{\{~?\{/.test(rest);
  const end = endOfTag(text, start + (triple ? 3 : 2));
  if (end === null) return unclosedTag(scan, start);
  const closesTriple = text[end + 2] === "}" || text.slice(end - 1, end) === "}";
  if (!triple && text[end + 2] === "}") return wrongBraces(scan, start, end);
  if (triple && !closesTriple) return wrongBraces(scan, start, end - 1);
  const behind = end + (triple && text[end + 2] === "}" ? 3 : 2);
  return noteBlockTag(scan, start, end) ?? behind;
}

function scanRaw(scan: Scan, start: number): number | Problem {
  const name = /^\{\{\{\{\s*([^\s}]*)/.exec(scan.text.slice(start, start + 200))?.[1] ?? "";
  const close = `{{{{/${name}}}}}`;
  const found = scan.text.indexOf(close, start);
  if (found !== -1) return found + close.length;
  const parameters = { tag: shorten(scan.text, start), close };
  const details = {
    at: locationAt(scan.lines, start),
    hint: "four braces open a raw block; put a space between braces that belong to SQL",
  };
  return { noticedAt: start, error: lakeError("template/unclosed-block", parameters, details) };
}

/** Offset of the closing braces; null when the text ends or another tag opens first. */
function endOfTag(text: string, from: number): number | null {
  let at = from;
  while (at < text.length) {
    const char = text.charAt(at);
    if (char === '"' || char === "'") {
      at = closingQuote(text, at, char);
      if (at === -1) return null;
    } else if (char === "[") {
      const close = text.indexOf("]", at);
      if (close === -1) return null;
      at = close;
    } else if (text.startsWith("}}", at)) return at;
    else if (text.startsWith("{{", at)) return null;
    at++;
  }
  return null;
}

function closingQuote(text: string, from: number, quote: string): number {
  let at = text.indexOf(quote, from + 1);
  while (at !== -1 && text[at - 1] === "\\") at = text.indexOf(quote, at + 1);
  return at;
}

function noteBlockTag(scan: Scan, start: number, end: number): Problem | null {
  const inner = /^\{\{~?\s*([#^/]?)[>*]?\s*([^\s~}]*)/.exec(scan.text.slice(start, end));
  const sigil = inner?.[1] ?? "";
  const name = inner?.[2] ?? "";
  if (sigil === "#" || (sigil === "^" && name !== "")) {
    scan.open.push({ name, tag: shorten(scan.text, start), offset: start });
    return null;
  }
  const isElse = (sigil === "" && name === "else") || sigil === "^";
  if (!isElse && sigil !== "/") return null;
  const at = locationAt(scan.lines, start);
  const block = scan.open.at(-1);
  if (block === undefined) {
    const error = lakeError("template/stray-close", { tag: shorten(scan.text, start) }, { at });
    return { noticedAt: start, error };
  }
  if (isElse) return null;
  if (name === block.name) {
    scan.open.pop();
    return null;
  }
  const line = locationAt(scan.lines, block.offset).line ?? 0;
  const parameters = { found: `{{/${name}}}`, expected: `{{/${block.name}}}`, line };
  return { noticedAt: start, error: lakeError("template/wrong-close", parameters, { at }) };
}

function unclosedTag(scan: Scan, start: number): Problem {
  const parameters = { tag: shorten(scan.text, start) };
  const details = {
    at: locationAt(scan.lines, start),
    hint: "braces in a tag also count inside SQL comments and strings; write \\{{ to print them",
  };
  return { noticedAt: start, error: lakeError("template/unclosed-tag", parameters, details) };
}

function wrongBraces(scan: Scan, start: number, end: number): Problem {
  const tag = scan.text.slice(start, end + 3);
  const details = {
    at: locationAt(scan.lines, start),
    hint: "put a space between the tag's braces and SQL's: {{ … }} } or { {{ … }}",
  };
  return { noticedAt: start, error: lakeError("template/three-braces", { tag }, details) };
}

/** The tag's beginning, in one line, for a message. */
function shorten(text: string, start: number): string {
  const line = text.slice(start, start + 200).split(/[\r\n]/, 1)[0] ?? "";
  const close = /\}\}+/.exec(line);
  const tag = close === null ? line.trimEnd() : line.slice(0, close.index + close[0].length);
  return tag.length > 60 ? `${tag.slice(0, 57)}…` : tag;
}

function tokenAt(text: string, offset: number): string {
  const rest = text.slice(offset, offset + 60);
  if (rest === "") return "end of the text";
  if (rest.startsWith("\0")) return "NUL character";
  return /^(?:"[^"\n]*"|'[^'\n]*'|[\w.$@-]+|[{}]+|\S)/.exec(rest.trimStart())?.[0] ?? "white space";
}

/** Handlebars prints the 20 characters before the failing token, without line ends, and no column. */
function offsetOfParseError(text: string, lines: LineTable, error: unknown): number | null {
  if (!(error instanceof Error)) return null;
  const nul = text.indexOf("\0");
  if (error.message.startsWith("Lexical error") && nul !== -1) return nul;
  const positioned = error as Error & { readonly lineNumber?: number; readonly column?: number };
  if (error.message.includes(" doesn't match ")) return null;
  if (typeof positioned.lineNumber === "number") {
    return offsetAt(lines, positioned.lineNumber, positioned.column ?? 0);
  }
  const [head = "", shown = "", pointer = ""] = error.message.split("\n");
  const line = Number(/on line (\d+)/.exec(head)?.[1] ?? Number.NaN);
  const caret = pointer.indexOf("^");
  if (Number.isNaN(line) || caret === -1) return null;
  const before = shown.slice(0, caret).replace(/^\.\.\.(?=.)/s, "");
  const from = lines.starts[Math.max(line - 2, 0)] ?? 0;
  const to = Math.min(lines.starts[line] ?? text.length, text.length);
  for (let offset = to; offset >= from; offset--) {
    const past = text.slice(Math.max(0, offset - 20), offset).replaceAll("\n", "");
    if (
      past === before &&
      text
        .slice(offset, offset + 9)
        .replaceAll("\n", "")
        .startsWith(shown.slice(caret, caret + 3))
    )
      return offset;
  }
  return null;
}
