// Node text → SQL for this target.
import { lakeError, type Location } from "../common/errors.ts";
import { withoutLastSemicolon } from "../common/normalise-sql.ts";
import { suggest } from "../common/suggest.ts";
import type { Json } from "../common/json.ts";
import { secretNames, targetValues } from "../project/parse-context.ts";
import type { DataTest, Model, UnitTest, UnitTestOverrides } from "../project/types.ts";
import { renderTemplate } from "../template/render.ts";
import type { ChangedCall, Rendered, TemplateContext } from "../template/types.ts";
import { relationName } from "../compute/compute.ts";
import { changedCondition } from "./writing/changed-names.ts";
import { NameIndex, pinnedAs, relationOf, thisRelation } from "./names.ts";
import type { Readable } from "./names.ts";
import type { Session } from "./session.ts";

function mapTo(at: Location): Rendered["sourceMap"] {
  return { locate: () => at, trace: () => [at] };
}

/** Renders nodes of one session; the same node and mode is rendered once. */
export class Renderer {
  readonly names: NameIndex;
  readonly #session: Session;
  readonly #rendered = new Map<string, Rendered>();

  constructor(session: Session) {
    this.#session = session;
    this.names = new NameIndex(session.graph);
  }

  /** `logical`, here and below: for fingerprints, with names of nodes in place of those of the target's tables. */
  model(model: Model, incremental: boolean, logical = false): Rendered {
    const key = `${model.uniqueId}\t${incremental}\t${logical}`;
    let rendered = this.#rendered.get(key);
    if (rendered === undefined) {
      rendered = this.text({
        text: model.text,
        file: model.path,
        incremental,
        logical,
        self: relationName(logical ? "{{this}}" : thisRelation(model, this.#session.profile)),
      });
      // The text of a snapshot without a file of its own stands nowhere.
      if (model.at !== undefined) rendered = { ...rendered, sourceMap: mapTo(model.at) };
      this.#rendered.set(key, rendered);
    }
    return rendered;
  }

  /** As on a later run, with other conditions in place of `{{changed …}}`. */
  changedModel(model: Model, changed: (call: ChangedCall) => string): Rendered {
    const self = relationName(thisRelation(model, this.#session.profile));
    return this.text({ text: model.text, file: model.path, incremental: true, self, changed });
  }

  /** The model's SQL as a unit test wants it: the rows that it gives are what changed. */
  unitTest(test: UnitTest, model: Model): Rendered {
    return this.text({
      text: model.text,
      file: model.path,
      incremental: test.incremental,
      changed: () => "true",
      self: relationName(thisRelation(model, this.#session.profile)),
      overrides: test.overrides,
    });
  }

  singularTest(test: DataTest, logical = false): Rendered {
    return this.text({ text: test.text ?? "", file: test.path, logical });
  }

  /** A generic test that is a macro: its arguments are the macro's. */
  macroTest(test: DataTest, relation: string, logical = false): Rendered {
    const values: Record<string, Json> = { model: relation, ...test.arguments };
    if (test.columnName !== undefined) values["column_name"] = test.columnName;
    const call = Object.keys(values).map((name) => `${name}=${name}`);
    const rendered = this.text({
      text: `{{> test_${test.testName ?? ""} ${call.join(" ")}}}`,
      file: test.path,
      locals: values,
      logical,
    });
    // The call is none that anybody wrote: the outermost place is where the test is declared.
    const trace = (offset: number): readonly Location[] => [
      ...rendered.sourceMap.trace(offset).slice(0, -1),
      test.at,
    ];
    return { ...rendered, sourceMap: { locate: (offset) => rendered.sourceMap.locate(offset), trace } };
  }

  text(options: {
    readonly text: string;
    readonly file: string;
    readonly incremental?: boolean;
    /** Names of nodes instead of tables: the text is the same on every target. */
    readonly logical?: boolean;
    readonly self?: string | null;
    readonly locals?: Readonly<Record<string, Json>>;
    readonly overrides?: UnitTestOverrides;
    readonly changed?: (call: ChangedCall) => string;
  }): Rendered {
    const { text, file } = options;
    const rendered = renderTemplate({ text, file, context: this.#context(options) });
    return { ...rendered, sql: withoutLastSemicolon(rendered.sql) };
  }

  #context(options: {
    readonly incremental?: boolean;
    readonly logical?: boolean;
    readonly self?: string | null;
    readonly locals?: Readonly<Record<string, Json>>;
    readonly overrides?: UnitTestOverrides;
    readonly changed?: (call: ChangedCall) => string;
  }): TemplateContext {
    const { graph, profile, env } = this.#session;
    const { settings, macros } = graph.project;
    const allowed = new Set(settings.envVars);
    const plainName = (node: Readable): string =>
      options.logical === true ? node.uniqueId : relationOf(node, profile);
    const nameOf = (node: Readable): string => relationName(plainName(node));
    const { vars, envVars, macros: macroTexts } = options.overrides ?? { vars: {}, envVars: {}, macros: {} };
    return {
      engine: profile.compute.type,
      macros,
      macroTexts,
      vars: { ...settings.vars, ...vars },
      envVar: (name) =>
        Object.hasOwn(envVars, name)
          ? envVars[name]
          : allowed.has(name) && !secretNames.test(name)
            ? env[name]
            : null,
      target: targetValues(profile),
      incremental: options.incremental ?? false,
      this: options.self ?? null,
      ref: (call) => {
        const node = this.names.ref(call.name);
        if (node !== undefined) return nameOf(pinnedAs(node, call));
        const near = suggest(call.name, this.names.refNames());
        throw lakeError(
          "run/unknown-ref",
          { name: call.name },
          { at: call.at, hint: near && `did you mean "${near}"?` },
        );
      },
      source: (call) => {
        const node = this.names.source(call.source, call.table);
        if (node !== undefined) return nameOf(pinnedAs(node, call));
        const name = `${call.source}.${call.table}`;
        const near = suggest(name, this.names.sourceNames());
        throw lakeError(
          "run/unknown-source",
          { name },
          { at: call.at, hint: near && `did you mean "${near}"?` },
        );
      },
      changed: options.changed ?? ((call) => changedCondition(this.names, call, plainName)),
      ...(options.locals !== undefined && { locals: options.locals }),
    };
  }
}
