import { describe, expect, test } from "vitest";
import { renderTemplate } from "./render.ts";
import { failing, macroSources, place, render, sql, testContext } from "./test-context.ts";

describe("macros", () => {
  test("print their body with the caller's arguments", () => {
    const macros = macroSources({ cents: "({{column}} / {{by}})" });
    expect(sql('select {{> cents column="amount" by=100}}', { macros })).toBe("select (amount / 100)");
  });

  test("the blank around a body goes, its lines are not indented, its literals stay as written", () => {
    const macros = macroSources({
      m: "\n\n  case\n when 'a\n  b' then 1 end \n\n",
      blank: " \n ",
      sep: "{{s}}",
    });
    expect(sql("select\n    {{> m}},\n  1", { macros })).toBe(
      "select\n    case\n when 'a\n  b' then 1 end,\n  1",
    );
    expect(sql("[ {{> blank}} ]", { macros })).toBe("[  ]");
    expect(sql('[{{> sep s=" x "}}]', { macros })).toBe("[ x ]");
  });

  test("the blank goes also around what blocks and inner macros print", () => {
    const macros = macroSources({
      outer: "{{!-- head --}}\n{{#if true}}\n  {{> inner}}\n{{/if}}\n\n",
      inner: "\n  x\n",
      nothing: "\n{{#if false}}a{{/if}}\n",
      after: "\n{{> nothing}}\n  y\n",
    });
    expect(sql("({{> outer}}) ({{> after}}) ({{> nothing}} )", { macros })).toBe("(x) (y) ( )");
  });

  test("an engine's own text goes before the common one", () => {
    const macros = macroSources({ m: "common", "m.spark": "spark's", "only.spark": "x" });
    expect(sql("{{> m}}", { macros })).toBe("common");
    expect(sql("{{> m}}", { macros, engine: "spark" })).toBe("spark's");
    expect(failing("{{> only}}", { macros }).message).toBe(
      "the macro only exists for spark only, not for duckdb",
    );
  });

  test("are recorded, also those that macros call, with what they refer to", () => {
    const macros = macroSources({
      a: '{{> b}} {{ref "x"}}',
      b: '{{this}} {{var "v" default=1}}',
      unused: "",
    });
    const { references } = render("{{> a}} {{> b}}", { macros });
    expect(references.macros).toEqual(["a", "b"]);
    expect(references.refs).toEqual([{ name: "x", at: { file: "macros/a.sql", line: 1, column: 15 } }]);
    expect(references).toMatchObject({ vars: ["v"], usesThis: true });
  });

  test("see their arguments and the globals, not the caller's names", () => {
    const macros = macroSources({ m: "{{x}}", globals: "{{this}} {{target.name}} {{incremental}}" });
    const text = "{{#each xs as |x|}}{{> m}}{{/each}}";
    const error = failing(text, { macros, locals: { xs: [1] } });
    expect(place(error)).toBe("models/m.sql:1:20 template/missing-argument");
    expect(error.message).toBe("the macro m needs the argument x");
    expect(sql("{{#each xs}}{{> globals}}{{/each}}", { macros, locals: { xs: [1] } })).toBe(
      '"main.orders" dev false',
    );
  });

  test("take values of any kind, also the caller's", () => {
    const macros = macroSources({ m: "{{#each xs as |x|}}{{x}};{{/each}}{{row.a}}" });
    expect(sql("{{> m xs=(list 1 y) row=r}}", { macros, locals: { y: "b", r: { a: 2 } } })).toBe("1;b;2");
  });

  test("are parsed once", () => {
    let reads = 0;
    const source = {
      name: "m",
      engine: null,
      file: "macros/m.sql",
      get text(): string {
        reads++;
        return "{{x}}";
      },
    };
    const context = testContext({ macros: new Map([["m", [source]]]) });
    for (const x of [1, 2])
      renderTemplate({ text: `{{> m x=${x}}}{{> m x=${x}}}`, file: "models/m.sql", context });
    expect(reads).toBe(1);
  });
});

describe("macro arguments", () => {
  const macros = macroSources({
    json_text: "json({{column}}, '{{path}}'{{#each list_of as |item|}}{{item}}{{/each}})",
    declared: '{{args column path="$" schema=target.schema}}\nget({{column}}, {{path}}, {{schema}})',
  });

  test("those that a body reads are those that it takes; others are errors with a suggestion", () => {
    const error = failing('select 1,\n {{> json_text colum="a" path="b"}}', { macros });
    expect(place(error)).toBe("models/m.sql:2:16 template/unknown-argument");
    expect(error.message).toBe(
      "the macro json_text takes no argument colum (expected column, path, list_of)",
    );
    expect(error.hint).toBe("did you mean column?");
    expect(failing("{{> json_text item=1}}", { macros }).code).toBe("template/unknown-argument");
  });

  test("declared ones have defaults, and no others are taken", () => {
    expect(sql('{{> declared column="c"}}', { macros })).toBe("get(c, $, main)");
    expect(sql('{{> declared column="c" path="p" schema="s"}}', { macros })).toBe("get(c, p, s)");
    expect(failing("{{> declared}}", { macros }).message).toBe(
      "the macro declared needs the argument column",
    );
    expect(failing("{{> declared column=1 patth=2}}", { macros }).hint).toBe("did you mean path?");
  });

  test.each(["ref", "source", "this", "var", "env_var", "config", "target", "incremental", "log"])(
    "%s is reserved",
    (name) => {
      const reserved = macroSources({ m: "x" });
      // Handlebars' grammar takes `this` for no key at all.
      const code = name === "this" ? /template\/(reserved-name|syntax)/ : /template\/reserved-name/;
      expect(failing(`{{> m ${name}=1}}`, { macros: reserved }).code).toMatch(code);
      expect(failing("{{> m}}", { macros: macroSources({ m: `{{args x ${name}=1}}` }) }).code).toMatch(code);
    },
  );

  test("are given by name, each once", () => {
    expect(failing('{{> json_text "a"}}', { macros }).message).toBe(
      "the macro json_text takes named arguments only",
    );
    expect(failing("{{> json_text column=1 column=2}}", { macros }).code).toBe("template/duplicate-argument");
    expect(failing("{{> m}}", { macros: macroSources({ m: "{{args a a=1}}" }) }).code).toBe(
      "template/duplicate-argument",
    );
  });

  test("{{args}} stands once and outside of blocks", () => {
    expect(failing("{{args a=1}}{{args b=1}}").code).toBe("template/unsupported");
    expect(failing("{{#if true}}{{args a=1}}{{/if}}").code).toBe("template/unsupported");
  });
});

describe("errors in macros", () => {
  test("name the macro's place and the calls that led there", () => {
    const macros = macroSources({ outer: "\n  {{> inner x=y}}", inner: "a\n{{x}}" });
    const error = failing("select\n {{> outer y=target}}", { macros });
    expect(place(error)).toBe("macros/inner.sql:2:3 template/not-printable");
    expect(error.hint).toBe("called from macros/outer.sql:2:3, models/m.sql:2:2");
  });

  test("an unknown macro suggests a near one or the helper", () => {
    const macros = macroSources({ json_text: "" });
    const error = failing("\n{{> jsn_text}}", { macros });
    expect(place(error)).toBe("models/m.sql:2:1 template/unknown-macro");
    expect(error.hint).toBe("did you mean json_text?");
    expect(failing("{{> ref}}", { macros }).hint).toBe("ref is a helper: write {{ref …}} without >");
    expect(failing("{{> constructor}}", { macros }).code).toBe("template/unknown-macro");
  });

  test("a macro that calls itself is stopped, with the circle", () => {
    const macros = macroSources({ a: "{{> b}}", b: "{{> c}}", c: "x {{> b}}" });
    const error = failing("select\n{{> a}}", { macros });
    expect(place(error)).toBe("models/m.sql:2:1 template/macro-recursion");
    expect(error.message).toBe("macros call each other more than 50 deep: b → c → b");
  });

  test("fifty macros deep is allowed", () => {
    const texts = Object.fromEntries(
      Array.from({ length: 50 }, (_, i) => [`m${i}`, i < 49 ? `{{> m${i + 1}}}` : "end"]),
    );
    expect(sql("{{> m0}}", { macros: macroSources(texts) })).toBe("end");
  });

  test("a macro that does not parse says where in its own file", () => {
    const error = failing("{{> m}}", { macros: macroSources({ m: "a\n{{#if x}}" }) });
    expect(place(error)).toBe("macros/m.sql:2:1 template/unclosed-block");
  });
});

describe("macros with a body", () => {
  const macros = macroSources({
    cte: '{{args name="x"}}\nwith {{name}} as (\n  {{> @partial-block}}\n)',
    inner: "[{{> @partial-block}}]",
  });

  test("print it in the caller's frame, trimmed", () => {
    const text = '{{#> cte name="y"}}\n  select {{col}} from {{ref "a"}}\n{{/cte}}\nselect 1';
    const { sql, references } = render(text, { macros, locals: { col: "c" } });
    expect(sql).toBe('with y as (\n  select c from "a"\n)\nselect 1');
    expect(references.refs).toHaveLength(1);
  });

  test("nest, each with its own body", () => {
    expect(sql("{{#> inner}}a{{#> inner}}b{{/inner}}{{/inner}}", { macros })).toBe("[a[b]]");
  });

  test("called without one, say so", () => {
    expect(failing("{{> inner}}", { macros }).message).toBe("@partial-block stands for nothing here");
    expect(failing("{{> @partial-block}}").code).toBe("template/not-available");
  });
});
