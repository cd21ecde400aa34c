import { describe, expect, test } from "vitest";
import { parseTemplate, renderTemplate } from "./render.ts";
import { failing, macroSources, place, render, sql, testContext } from "./test-context.ts";

describe("references", () => {
  test("ref and source print what the context gives and are recorded once, in order, with their place", () => {
    const text =
      'from {{ref "b"}} join {{ref "a"}}\n join {{source "landing" "events"}}, {{source "landing.events"}} {{ref "b"}}';
    const { sql, references } = render(text);
    expect(sql).toBe('from "b" join "a"\n join "landing.events", "landing.events" "b"');
    expect(references.refs).toEqual([
      { name: "b", at: { file: "models/m.sql", line: 1, column: 12 } },
      { name: "a", at: { file: "models/m.sql", line: 1, column: 29 } },
    ]);
    expect(references.sources).toEqual([
      { source: "landing", table: "events", at: { file: "models/m.sql", line: 2, column: 16 } },
    ]);
  });

  test("a reference to another state of a table is another reference, recorded with what it asks for", () => {
    const text =
      '{{ref "a"}} {{ref "a" at="audited"}} {{ref "a" at=(var "as_of")}} {{ref "a" version=12}} {{ref "a" at="main"}} {{source "x" "t" version="9223372036854775807"}}';
    const { references } = render(text, { vars: { as_of: "2026-01-31 09:00" } });
    expect(references.refs.map(({ name, pin }) => [name, pin?.kind, pin?.text])).toEqual([
      ["a", undefined, undefined],
      ["a", "at", "audited"],
      ["a", "at", "2026-01-31 09:00"],
      ["a", "version", "12"],
    ]);
    expect(references.sources[0]?.pin).toEqual({ kind: "version", text: "9223372036854775807" });
  });

  test.each([
    ['{{ref "a" version="1" at="b"}}', "version= or at=, not both"],
    ['{{ref "a" at=true}}', "a tag, a branch or a time as text, and at= is the boolean true"],
    ['{{ref "a" at=""}}', "as text"],
    ['{{ref "a" version="audited"}}', 'a snapshot id, and it is "audited"; a tag, a branch or a time is at='],
  ])("%s is refused", (text, message) => {
    const error = failing(text);
    expect([error.code, error.message]).toEqual([
      "template/wrong-arguments",
      expect.stringContaining(message),
    ]);
  });

  test("this, target and incremental are values, and their use is recorded", () => {
    const { sql, references } = render("{{this}} {{target.schema}} {{incremental}}");
    expect(sql).toBe('"main.orders" main false');
    expect(references).toMatchObject({ usesThis: true, usesTarget: true, usesIncremental: true });
    expect(render("select 1").references).toEqual({
      refs: [],
      sources: [],
      configs: [],
      changes: [],
      vars: [],
      envVars: [],
      macros: [],
      usesThis: false,
      usesIncremental: false,
      usesTarget: false,
    });
  });

  test("config prints nothing and gives its values with their place", () => {
    const text =
      'select 1\n{{config materialized="table" tags=(list "a" \'b\') full_refresh=false n=3 x=null}}\n';
    const { sql, references } = render(text);
    expect(sql).toBe("select 1\n");
    expect(references.configs).toEqual([
      {
        values: { materialized: "table", tags: ["a", "b"], full_refresh: false, n: 3, x: null },
        at: { file: "models/m.sql", line: 2, column: 1 },
      },
    ]);
  });

  test("log prints nothing and is handed over", () => {
    const { sql, logs } = render('{{log "building" target.name 3}}\nselect 1');
    expect(sql).toBe("select 1");
    expect(logs).toEqual(["building dev 3"]);
  });
});

describe("vars and environment variables", () => {
  const vars = { "a-b.c": "x", n: 0, none: null };

  test("a var prints its value, its default only when it is missing", () => {
    expect(sql('{{var "a-b.c"}} {{var "n" default=5}} {{var "m" default="d"}}', { vars })).toBe("x 0 d");
    expect(render('{{var "n"}}{{var "m" default=1}}', { vars }).references.vars).toEqual(["n", "m"]);
  });

  test("a missing var is an error that suggests a near one", () => {
    const error = failing('select\n {{var "a-b.d"}}', { vars });
    expect(place(error)).toBe("models/m.sql:2:8 template/missing-var");
    expect(error.hint).toBe("did you mean a-b.c?");
  });

  test("vars are own properties only", () => {
    expect(failing('{{var "constructor"}}').code).toBe("template/missing-var");
    expect(failing('{{var "__proto__"}}').code).toBe("template/missing-var");
  });

  test("an environment variable is read if the allow-list has it", () => {
    const envVar = (name: string): string | null | undefined =>
      name === "SECRET" ? null : name === "REGION" ? "eu" : undefined;
    expect(sql('{{env_var "REGION"}} {{env_var "OTHER" default="x"}}', { envVar })).toBe("eu x");
    expect(failing('{{env_var "SECRET" default="x"}}', { envVar }).message).toBe(
      "the environment variable SECRET is not in the allow-list of lake.yml (env_vars)",
    );
    expect(place(failing(' {{env_var "OTHER"}}', { envVar }))).toBe(
      "models/m.sql:1:12 template/missing-env-var",
    );
    expect(render('{{env_var "REGION"}}', { envVar }).references.envVars).toEqual(["REGION"]);
  });
});

describe("printing", () => {
  test("text, numbers and booleans print plainly, never escaped for HTML", () => {
    const locals = { text: "<a> & 'b' \"c\" =`", big: 9007199254740993n };
    expect(sql('{{text}}|{{{text}}}|{{&text}}|{{big}}|{{1.5}}|{{-2}}|{{true}}|{{"x"}}', { locals })).toBe(
      "<a> & 'b' \"c\" =`|<a> & 'b' \"c\" =`|<a> & 'b' \"c\" =`|9007199254740993|1.5|-2|true|x",
    );
  });

  test("integers beyond doubles keep every digit, decimals beyond them are refused", () => {
    expect(sql("{{9007199254740993}}")).toBe("9007199254740993");
    expect(sql("{{0.1}} {{123456789.25}}")).toBe("0.1 123456789.25");
    expect(place(failing("{{0.12345678901234567}}"))).toBe("models/m.sql:1:3 template/inexact-number");
  });

  test.each([
    ["{{xs}}", "xs is a list and cannot be printed (expected text, a number or a boolean)"],
    ["{{target}}", "target is an object and cannot be printed (expected text, a number or a boolean)"],
    ["{{none}}", "none is undefined and cannot be printed (expected text, a number or a boolean)"],
    ["{{undefined}}", "undefined is undefined and cannot be printed (expected text, a number or a boolean)"],
    ['{{concat "a" xs}}', "xs is a list and cannot be printed (expected text, a number or a boolean)"],
  ])("%s is an error", (text, message) => {
    expect(failing(text, { locals: { xs: [1], none: null } }).message).toBe(message);
  });

  test("a minus before a negative number does not begin a comment", () => {
    expect(sql("select 3 -{{n}}", { locals: { n: -2 } })).toBe("select 3 - -2");
  });

  test("braces in SQL comments are live; raw blocks and backslashes print them", () => {
    expect(sql('-- {{ref "a"}}')).toBe('-- "a"');
    expect(sql("\\{{ref}} {{{{raw}}}}{{x}} {{#if}}{{{{/raw}}}}")).toBe("{{ref}} {{x}} {{#if}}");
    expect(sql("\\\\{{target.name}}")).toBe("\\dev");
    expect(sql("a{{! b }}c{{!-- {{d}} --}}e")).toBe("ace");
  });
});

describe("only what is there is read", () => {
  const locals = { row: { a: { b: 1 } }, xs: ["p", "q"], word: "text" };

  test("own properties, list positions and lengths", () => {
    expect(sql("{{row.a.b}} {{xs.[1]}} {{xs.length}} {{row.[a].b}}", { locals })).toBe("1 q 2 1");
  });

  test.each([
    ["{{row.constructor}}", "row has no constructor"],
    ["{{row.__proto__}}", "row has no __proto__"],
    ["{{row.a.toString}}", "row.a has no toString"],
    ["{{xs.map}}", "xs has no map"],
    ["{{xs.[2]}}", "xs has no 2"],
    ["{{word.length}}", 'word, the text "text", has no length'],
    ["{{constructor}}", "unknown name constructor"],
    ["{{__proto__}}", "unknown name __proto__"],
    ["{{@root}}", "unknown name @root"],
  ])("%s is an error", (text, message) => {
    expect(failing(text, { locals }).message).toBe(message);
  });

  test("an unknown name suggests a near one, a var, a macro or a property", () => {
    expect(failing("{{wrd}}", { locals }).hint).toBe("did you mean word?");
    expect(failing("{{x}}", { vars: { x: 1 } }).hint).toBe('write {{var "x"}}');
    expect(failing("{{m}}", { macros: macroSources({ m: "1" }) }).hint).toBe(
      "write {{> m}} to call the macro",
    );
    expect(failing("{{row.b}}", { locals: { row: { bb: 1 } } }).hint).toBe("did you mean bb?");
    expect(failing("{{#each xs}}{{name}}{{/each}}", { locals: { xs: [{ name: 1 }] } }).hint).toBe(
      "write {{this.name}}",
    );
  });

  test("an unknown helper suggests a near one, wherever it stands", () => {
    expect(place(failing("a\n{{#if (eqq 1 2)}}{{/if}}"))).toBe("models/m.sql:2:7 template/unknown-helper");
    expect(failing('{{reff "a"}}').hint).toBe("did you mean ref?");
    expect(failing('{{lookup target "name"}}').code).toBe("template/unknown-helper");
    expect(failing("{{m a=1}}", { macros: macroSources({ m: "{{a}}" }) }).hint).toBe(
      "write {{> m name=value}} to call the macro",
    );
  });

  test.each([
    ["{{ref}}", 'ref takes the name of a model or seed: {{ref "name"}}'],
    ["{{var.x}}", 'var takes a name: {{var "name" default="…"}}'],
    ['{{ref "a" "b"}}', 'ref takes the name of a model or seed: {{ref "name"}}'],
    ["{{ref 1}}", "ref takes text, and 1 is the number 1"],
    ['{{source "a"}}', 'source takes a source and a table: {{source "landing" "events"}}'],
    ['{{source "a.b.c"}}', 'source takes a source and a table: {{source "landing" "events"}}'],
    ['{{var "x" defualt=1}}', "var takes no argument defualt (expected default)"],
    ['{{config "x"}}', 'config takes settings only: {{config materialized="table"}}'],
    ["{{config a=1 a=2}}", "the argument a is given twice"],
    ["{{this.x}}", 'this, the text "\\"main.orders\\"", has no x'],
  ])("%s is an error", (text, message) => {
    expect(failing(text).message).toBe(message);
  });

  test("this stands for nothing where no table is built", () => {
    expect(failing("{{this}}", { this: null }).message).toBe("this stands for nothing here");
  });

  test("reserved words name neither locals nor block parameters", () => {
    expect(failing("a", { locals: { ref: 1 } }).code).toBe("template/reserved-name");
    expect(failing("\n{{#each xs as |this|}}{{/each}}", { locals }).code).toBe("template/reserved-name");
  });
});

describe("conditions", () => {
  test.each([
    ['(eq target.name "dev")', true],
    ["(eq 1 2)", false],
    ['(eq 1 "1")', false],
    ["(ne 1 2)", true],
    ["(eq 9007199254740993 9007199254740992)", false],
    ["(eq big 5)", true],
    ["(eq null none)", true],
    ["(gt 2 1)", true],
    ["(lt 2 1)", false],
    ["(gte 2 2)", true],
    ["(lte 3 2)", false],
    ['(lt "2025-01-01" "2025-01-02")', true],
    ["(gt 9007199254740993 9007199254740992)", true],
    ["(and true (not false))", true],
    ["(and true 0)", false],
    ["(or false none)", false],
    ["(or 0 1)", true],
    ['""', false],
    ["(list)", false],
    ["(list 0)", true],
    ["0", false],
    ["none", false],
    ["target", true],
  ])("{{#if %s}} is %s", (condition, expected) => {
    const locals = { none: null, big: 5n };
    expect(sql(`{{#if ${condition}}}yes{{else}}no{{/if}}`, { locals })).toBe(expected ? "yes" : "no");
    expect(sql(`{{#unless ${condition}}}yes{{else}}no{{/unless}}`, { locals })).toBe(expected ? "no" : "yes");
    expect(sql(`{{^if ${condition}}}yes{{else}}no{{/if}}`, { locals })).toBe(expected ? "no" : "yes");
  });

  test("or gives the first true value, and the last otherwise", () => {
    expect(sql('{{or none "d"}} {{or "a" "d"}}', { locals: { none: null } })).toBe("d a");
  });

  test("what cannot be compared is an error", () => {
    expect(failing('{{#if (lt 1 "2")}}{{/if}}').message).toBe(
      'lt cannot compare the number 1 with the text "2"',
    );
    expect(failing("{{#if (eq target 1)}}{{/if}}").code).toBe("template/not-comparable");
  });

  test("the branch that is not taken is not walked", () => {
    expect(render('{{#if incremental}}{{ref "a"}}{{else}}{{ref "b"}}{{/if}}').references.refs).toMatchObject([
      { name: "b" },
    ]);
  });

  test.each([
    ["#if x y", "#if takes one condition"],
    ["#if", "#if takes one condition"],
    ["#each", "#each takes one list or object"],
  ])("{{%s}} is an error", (tag, message) => {
    const name = tag.slice(1).split(" ")[0] ?? "";
    expect(failing(`{{${tag}}}{{/${name}}}`).message).toBe(message);
  });
});

describe("at parse", () => {
  const both = { incremental: "both" as const };

  test.each([
    "{{#if incremental}}A{{else}}B{{/if}}",
    "{{#unless incremental}}B{{else}}A{{/unless}}",
    "{{#if (not incremental)}}B{{else}}A{{/if}}",
    '{{#if (and incremental (eq target.name "dev"))}}A{{else}}B{{/if}}',
    "{{#if (or false incremental)}}A{{else}}B{{/if}}",
    "{{#if (eq incremental true)}}A{{else}}B{{/if}}",
    "{{#if true}}{{#if incremental}}A{{/if}}B{{/if}}",
    "{{#if false}}{{else if incremental}}A{{else}}B{{/if}}",
    "{{> m flag=incremental}}",
  ])("both branches are walked: %s", (text) => {
    const filled = (template: string): string =>
      template.replace("A", '{{ref "a"}}').replace("B", '{{ref "b"}}');
    const macros = macroSources({ m: filled("{{#if flag}}A{{else}}B{{/if}}") });
    const names = render(filled(text), { ...both, macros }).references.refs.map((ref) => ref.name);
    expect(names.toSorted()).toEqual(["a", "b"]);
  });

  test("a condition that is decided without incremental takes one branch", () => {
    expect(sql("{{#if (and incremental false)}}A{{else}}B{{/if}}", both)).toBe("B");
    expect(sql("{{#if (or true incremental)}}A{{else}}B{{/if}}", both)).toBe("A");
    expect(sql("{{#if incremental}}A{{else if false}}B{{else}}C{{/if}}", both)).toBe("AC");
  });

  test("config must not depend on incremental, since nothing could decide it", () => {
    expect(failing("{{config full_refresh=incremental}}", both).code).toBe("template/depends-on-incremental");
  });

  test("printed values do not stop the walk", () => {
    expect(sql('{{incremental}} {{concat "a" incremental}} {{sql_literal incremental}}', both)).toBe(
      "true atrue true",
    );
  });
});

describe("#each", () => {
  const locals = { xs: ["a", "b"], row: { k: 1, l: 2 }, none: [] };

  test("the value comes first, then the index or key", () => {
    expect(sql("{{#each xs as |x i|}}{{i}}={{x}} {{/each}}", { locals })).toBe("0=a 1=b ");
    expect(sql("{{#each row as |v k|}}{{k}}={{v}} {{/each}}", { locals })).toBe("k=1 l=2 ");
  });

  test("this is the item inside, the table outside", () => {
    const text = "{{#each xs}}{{this}}{{#unless @last}}, {{/unless}}{{/each}} into {{this}}";
    expect(sql(text, { locals })).toBe('a, b into "main.orders"');
    expect(
      sql("{{#each rows}}{{this.n}}{{./n}}{{@index}}{{@first}} {{/each}}", { locals: { rows: [{ n: 7 }] } }),
    ).toBe("770true ");
    expect(sql("{{#each row}}{{@key}}{{/each}}", { locals })).toBe("kl");
  });

  test("loops nest, and inner names hide outer ones", () => {
    const text =
      "{{#each xs as |x|}}{{#each ys as |y|}}{{x}}{{y}} {{/each}}{{#each ys as |x|}}{{x}}{{/each}};{{/each}}";
    expect(sql(text, { locals: { xs: ["a", "b"], ys: [1, 2] } })).toBe("a1 a2 12;b1 b2 12;");
  });

  test("an empty list takes the else branch; text or nothing is an error", () => {
    expect(sql("{{#each none}}x{{else}}empty{{/each}}", { locals })).toBe("empty");
    expect(failing('{{#each "abc"}}{{/each}}').message).toBe(
      '#each goes over a list or an object, and "abc" is the text "abc"',
    );
    expect(failing("{{#each x}}{{/each}}", { locals: { x: null } }).code).toBe("template/not-a-list");
  });
});

describe("SQL helpers", () => {
  test("literals, lists and names are escaped", () => {
    const locals = { s: "it's", xs: ["a'", 2, null], name: 'a"b' };
    expect(sql("{{sql_literal s}} in ({{sql_list xs}}) {{quote name}}", { locals })).toBe(
      "'it''s' in ('a''', 2, NULL) \"a\"\"b\"",
    );
    expect(sql("{{sql_literal s}} {{quote name}}", { locals, engine: "spark" })).toBe("'it\\'s' `a\"b`");
  });

  test("an empty list is an error, because `in ()` is none of SQL", () => {
    expect(failing("{{sql_list (list)}}").hint).toBe("guard it: {{#if xs}} … {{/if}}");
    expect(failing("{{sql_literal target}}").message).toBe("an object cannot be written as an SQL literal");
  });
});

describe("a parsed template", () => {
  test("renders any number of times", () => {
    const template = parseTemplate({ text: '{{var "x"}}', file: "models/m.sql" });
    const contexts = [1, 2].map((x) => testContext({ vars: { x } }));
    expect(contexts.map((context) => renderTemplate({ template, context }).sql)).toEqual(["1", "2"]);
  });

  test("declares arguments that its locals must bring", () => {
    const text = '{{args model column where="true"}}\nselect {{column}} from {{model}} where {{where}}';
    expect(sql(text, { locals: { model: "t", column: "c" } })).toBe("select c from t where true");
    expect(failing(text, { locals: { model: "t" } }).message).toBe("models/m.sql needs the argument column");
  });
});

describe("large texts", () => {
  // Quadratic work would take minutes and gigabytes here; vitest's own time limit fails the test.
  test("megabytes with tags throughout are rendered and located in linear time", () => {
    const row = 'select * from {{ref "a"}} where x = {{target.name}} -- some text to fill the line\n';
    const count = Math.ceil(800_000 / row.length);
    const { sql: rendered, sourceMap, references } = render(row.repeat(count));
    expect(references.refs).toHaveLength(1);
    expect(sourceMap.locate(rendered.lastIndexOf("where")).line).toBe(count);
  });

  test("comments in large texts are what they are in small ones", () => {
    const part =
      "a\n{{!-- {{b}} \r\n }} --}}\nc {{~!-- d --~}} e \\{{!-- {{target.name}} --}} \\\\{{!-- f --}}\n";
    const count = 4_000;
    expect(sql(part)).toBe("a\nce {{!-- dev --}} \\\n");
    expect(sql(part.repeat(count))).toBe(sql(part).repeat(count));
  });
});
