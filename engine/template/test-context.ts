// A context for the tests of this folder: references print as quoted names.
import { isLakeError } from "../common/errors.ts";
import type { LakeError } from "../common/errors.ts";
import { renderTemplate } from "./render.ts";
import type { MacroSource, Rendered, TemplateContext } from "./types.ts";

/** Macro texts by name, `name.spark` for an engine's own. */
export function macroSources(texts: Readonly<Record<string, string>>): ReadonlyMap<string, MacroSource[]> {
  const sources = new Map<string, MacroSource[]>();
  for (const [key, text] of Object.entries(texts)) {
    const [name = "", engine = null] = key.split(".");
    const source = { name, engine, file: `macros/${key}.sql`, text };
    sources.set(name, [...(sources.get(name) ?? []), source]);
  }
  return sources;
}

export function testContext(overrides: Partial<TemplateContext> = {}): TemplateContext {
  return {
    engine: "duckdb",
    macros: new Map(),
    vars: {},
    envVar: () => undefined,
    target: { name: "dev", schema: "main" },
    incremental: false,
    ref: (call) => `"${call.name}"`,
    source: (call) => `"${call.source}.${call.table}"`,
    changed: ({ keys, on }) => `changed(${keys.map(({ name }) => name).join()}: ${on.join()})`,
    this: '"main.orders"',
    ...overrides,
  };
}

export function render(text: string, overrides: Partial<TemplateContext> = {}): Rendered {
  return renderTemplate({ text, file: "models/m.sql", context: testContext(overrides) });
}

export function sql(text: string, overrides: Partial<TemplateContext> = {}): string {
  return render(text, overrides).sql;
}

/** The error that rendering throws; fails when it throws none. */
export function failing(text: string, overrides: Partial<TemplateContext> = {}): LakeError {
  try {
    render(text, overrides);
  } catch (error) {
    if (isLakeError(error)) return error;
    throw error;
  }
  throw new Error(`no error for ${text}`);
}

/** `file:line:column code` of the error. */
export function place(error: LakeError): string {
  return `${error.at?.file}:${error.at?.line}:${error.at?.column} ${error.code}`;
}
