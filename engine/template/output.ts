import type { Location } from "../common/errors.ts";
import { lastNotAfter, locationAt } from "./line-table.ts";
import type { Template } from "./nodes.ts";
import type { SourceMap } from "./types.ts";
import { isWhitespace } from "./whitespace.ts";

/** A place in a template, and the macro call through which it was reached. */
export interface Origin {
  readonly template: Template;
  readonly offset: number;
  readonly call: MacroCall | null;
}
export interface MacroCall {
  readonly macro: string;
  readonly from: Origin;
}

interface Chunk {
  readonly text: string;
  readonly origin: Origin;
  /** A piece of a template; otherwise a printed value, all of which stems from one place. */
  readonly verbatim: boolean;
}

/** Collects rendered text with its origins. Offsets are added up once, at the end. */
export class Output {
  private readonly chunks: Chunk[] = [];
  /** Whether only blanks of a macro's body have come since it began: they are dropped. */
  private atBodyStart = false;

  addText(template: Template, start: number, end: number, call: MacroCall | null): void {
    let from = start;
    if (this.atBodyStart) {
      while (from < end && isWhitespace(template.text.charCodeAt(from))) from++;
      if (from === end) return;
      this.atBodyStart = false;
    }
    const text = template.text.slice(from, end);
    this.chunks.push({ text, origin: { template, offset: from, call }, verbatim: true });
  }

  addValue(text: string, origin: Origin): void {
    if (text === "") return;
    this.atBodyStart = false;
    // `-{{x}}` with a negative x would begin a comment.
    const space = text.startsWith("-") && this.chunks.at(-1)?.text.endsWith("-") === true ? " " : "";
    this.chunks.push({ text: space + text, origin, verbatim: false });
  }

  /** Runs `print` and drops the blanks around what it printed, but none that a value brought. */
  trimmed(print: () => void): void {
    const first = this.chunks.length;
    const before = this.atBodyStart;
    this.atBodyStart = true;
    print();
    while (this.chunks.length > first) {
      const last = this.chunks.at(-1);
      if (last === undefined || !last.verbatim) break;
      let length = last.text.length;
      while (length > 0 && isWhitespace(last.text.charCodeAt(length - 1))) length--;
      if (length === last.text.length) break;
      this.chunks.pop();
      if (length === 0) continue;
      this.chunks.push({ ...last, text: last.text.slice(0, length) });
      break;
    }
    this.atBodyStart = before && this.chunks.length === first;
  }

  finish(template: Template): { sql: string; sourceMap: SourceMap } {
    const chunks = this.chunks;
    const starts: number[] = [];
    let length = 0;
    for (const chunk of chunks) {
      starts.push(length);
      length += chunk.text.length;
    }
    const sql = chunks.map((chunk) => chunk.text).join("");
    return { sql, sourceMap: sourceMap(chunks, starts, template) };
  }
}

function sourceMap(chunks: readonly Chunk[], starts: readonly number[], template: Template): SourceMap {
  function originAt(offset: number): Origin {
    const index = lastNotAfter(starts, offset);
    const chunk = chunks[index];
    if (chunk === undefined) return { template, offset: 0, call: null };
    if (!chunk.verbatim) return chunk.origin;
    const within = Math.min(Math.max(offset - (starts[index] ?? 0), 0), chunk.text.length);
    return { ...chunk.origin, offset: chunk.origin.offset + within };
  }
  return {
    locate: (offset) => locate(originAt(offset)),
    trace: (offset) => trace(originAt(offset)),
  };
}

export function locate(origin: Origin): Location {
  return locationAt(origin.template.lines, origin.offset);
}

/** The place itself, then the macro calls that led to it, outermost last. */
export function trace(origin: Origin): Location[] {
  const found = [locate(origin)];
  for (let call = origin.call; call !== null; call = call.from.call) found.push(locate(call.from));
  return found;
}
