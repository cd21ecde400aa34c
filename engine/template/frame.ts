import type { ErrorCode, ErrorParameters, LakeError } from "../common/errors.ts";
import { lakeError } from "../common/errors.ts";
import type { Expression, Template, TemplateNode } from "./nodes.ts";
import type { MacroCall, Origin, Output } from "./output.ts";
import { trace } from "./output.ts";
import type { ReferenceRecorder } from "./references.ts";
import type { TemplateContext } from "./types.ts";
import type { Value } from "./value.ts";

/** One render: what it reads and what it gathers. */
export interface Walk {
  readonly context: TemplateContext;
  readonly output: Output;
  readonly references: ReferenceRecorder;
  readonly logs: string[];
}

/** A value by name; `origin` is where a macro's caller wrote it. */
export interface Binding {
  readonly value: Value;
  readonly origin: Origin | null;
}

/** The names visible at a place: those of a text or macro, or of one turn of `#each` inside it. */
export interface Frame {
  readonly template: Template;
  readonly names: ReadonlyMap<string, Binding>;
  /** The enclosing frame of the same text; a macro never sees its caller's. */
  readonly parent: Frame | null;
  /** The item of `#each`, and its `@index`, `@key`, `@first`, `@last`. */
  readonly item: { readonly value: Value; readonly data: ReadonlyMap<string, Value> } | null;
  readonly call: MacroCall | null;
  readonly depth: number;
  /** What `{{> @partial-block}}` prints, in the caller's frame. */
  readonly block: { readonly nodes: readonly TemplateNode[]; readonly frame: Frame } | null;
}

export function originIn(frame: Frame, offset: number): Origin {
  return { template: frame.template, offset, call: frame.call };
}

/** An error at a place of the frame's text; inside a macro the hint says who called it. */
export function failure<C extends ErrorCode>(options: {
  readonly code: C;
  readonly parameters: ErrorParameters<C>;
  readonly origin: Origin;
  readonly hint?: string | undefined;
}): LakeError {
  const [at, ...callers] = trace(options.origin);
  const calls = callers.map((caller) => `${caller.file}:${caller.line}:${caller.column}`);
  const shown = calls.length > 4 ? [...calls.slice(0, 2), "…", ...calls.slice(-1)] : calls;
  const called = shown.length > 0 ? `called from ${shown.join(", ")}` : undefined;
  const hint = [options.hint, called].filter((part) => part !== undefined).join("; ");
  return lakeError(options.code, options.parameters, { at, hint: hint === "" ? undefined : hint });
}

/** Where a value was written: a macro's argument stands in the caller's text. */
export function originOf(frame: Frame, expression: Expression): Origin {
  const [name] =
    expression.kind === "path" && !expression.fromThis && !expression.data ? expression.parts : [];
  const binding = name === undefined ? undefined : find(frame, name);
  return binding?.origin ?? originIn(frame, expression.start);
}

/** The expression as it is written, for messages. */
export function written(frame: Frame, expression: Expression): string {
  return frame.template.text.slice(expression.start, expression.end);
}

export function find(frame: Frame, name: string): Binding | undefined {
  for (let at: Frame | null = frame; at !== null; at = at.parent) {
    const binding = at.names.get(name);
    if (binding !== undefined) return binding;
  }
  return undefined;
}
