// What the template stage takes and gives. Pure: text in, text out.
import type { Location } from "../common/errors.ts";
import type { Json } from "../common/json.ts";
import type { Key } from "./key-list.ts";

/** A macro: an inline partial of `macros/**` (file name = macro name; `name.spark.sql` overrides on that engine). */
export interface MacroSource {
  readonly name: string;
  readonly engine: string | null;
  readonly file: string;
  readonly text: string;
}

/** A state of a table other than its newest: a snapshot id (`version=`), or a tag, a branch or a time (`at=`). */
export interface StatePin {
  readonly kind: "version" | "at";
  readonly text: string;
}

export interface RefCall {
  readonly name: string;
  readonly pin?: StatePin;
  readonly at: Location;
}
export interface SourceCall {
  readonly source: string;
  readonly table: string;
  readonly pin?: StatePin;
  readonly at: Location;
}
export interface ConfigCall {
  readonly values: Readonly<Record<string, Json>>;
  readonly at: Location;
}

/** `{{changed "x" by="a, f(b) as c" on="…"}}`: which keys of x changed since the model was built last. */
export interface ChangedCall {
  readonly input: { readonly name: string } | { readonly source: string; readonly table: string };
  readonly keys: readonly Key[];
  /** What the statement compares with each key, as SQL. */
  readonly on: readonly string[];
  readonly at: Location;
}

/** What one walk of a template met, in order of appearance, each distinct item once. */
export interface References {
  readonly refs: readonly RefCall[];
  readonly sources: readonly SourceCall[];
  readonly configs: readonly ConfigCall[];
  /** What is changed must be among `refs` or `sources`, too. */
  readonly changes: readonly ChangedCall[];
  readonly vars: readonly string[];
  readonly envVars: readonly string[];
  /** Macros used, also by macros. */
  readonly macros: readonly string[];
  readonly usesThis: boolean;
  readonly usesIncremental: boolean;
  readonly usesTarget: boolean;
}

/** Maps an offset of rendered SQL (UTF-16 units) back to where its text stands, through macros. */
export interface SourceMap {
  locate(offset: number): Location;
  /** The same place, then the macro calls that led to it; the last lies in the text's own file. */
  trace(offset: number): readonly Location[];
}

export interface Rendered {
  readonly sql: string;
  readonly references: References;
  readonly sourceMap: SourceMap;
  /** Lines for the log, from `{{log "…"}}`. */
  readonly logs: readonly string[];
}

export interface TemplateContext {
  /** `duckdb` or `spark`: picks macro overrides. */
  readonly engine: string;
  readonly macros: ReadonlyMap<string, readonly MacroSource[]>;
  /** Text that stands in for a macro, whatever its arguments (unit tests). */
  readonly macroTexts?: Readonly<Record<string, string>>;
  /** Values by name; a missing name without a default is an error that suggests near ones. */
  readonly vars: Readonly<Record<string, Json>>;
  /** Only what the allow-list lets through (`transactions.md` 25): null = not allowed, undefined = not set. */
  readonly envVar: (name: string) => string | null | undefined;
  readonly target: Readonly<Record<string, Json>>;
  /** At parse both branches of `{{#if incremental}}` are walked; at compile one is taken. */
  readonly incremental: boolean | "both";
  /** SQL text for a reference; at parse anything syntactically fit. */
  readonly ref: (call: RefCall) => string;
  readonly source: (call: SourceCall) => string;
  /** A condition; not asked where `incremental` is false, since nothing is left out then. */
  readonly changed: (call: ChangedCall) => string;
  readonly this: string | null;
  /** Further names visible in the text (arguments of a generic test, of an operation). */
  readonly locals?: Readonly<Record<string, Json>>;
}
