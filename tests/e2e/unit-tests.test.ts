// Unit tests: a model's SQL over given rows, before the model is built, without touching a table.
import { describe, expect, test } from "vitest";
import { makeProject } from "./project.ts";
import type { Files } from "./project.ts";

const base: Files = {
  "seeds/rates.csv": "currency,rate\nKRW,1.0\nUSD,1400.5\n",
  "models/orders.sql": `{{config materialized="table"}}
select * from (values
  (1, 'KRW', 100.00::decimal(10, 2), timestamptz '2025-07-01 00:00:00+09:00'),
  (2, 'USD', 2.50::decimal(10, 2), timestamptz '2025-07-01 23:30:00+09:00')
) as t(id, currency, amount, ordered_at)
`,
  "models/in_won.sql": `{{config materialized="table"}}
select id, cast(amount * rate as bigint) as won, cast(ordered_at as date) as day, now() as made_at
from {{ref "orders"}} join {{ref "rates"}} using (currency)
where id >= {{var "from_id" default=0}}
`,
  "models/after.sql": `{{config materialized="table"}}\nselect count(*) as n from {{ref "in_won"}}\n`,
};

const given = `
    given:
      - input: ref('orders')
        rows:
          - {id: 1, currency: KRW, amount: 10, ordered_at: "2025-07-01 00:00:00"}
          - {id: 2, currency: USD, amount: 1.5, ordered_at: "2025-06-30T15:00:00Z"}
      - input: ref('rates')
        format: csv
        rows: |
          currency,rate
          KRW,1
          USD,1000`;
const unitTest = (expected: string, rest = ""): string => `version: 2
unit_tests:
  - name: converts
    model: in_won${given}${rest}
    expect:
${expected}
`;
const good = `      rows:
        - {won: 1500, id: 2.0, day: 2025-07-01}
        - {won: 10, id: "1", day: "2025-07-01"}`;

describe("in lake build", () => {
  test("it passes before anything exists, and is not run again while its text is the same", async () => {
    using here = makeProject({
      ...base,
      "models/m.yml": unitTest(good, `\n    overrides: {now: "2025-07-31T00:00:00+09:00"}`),
    });
    const first = await here.run({});
    expect(first.of("converts")).toMatchObject({ status: "pass", resourceType: "unit_test", failures: 0 });
    expect(first.success).toBe(true);
    const order = first.results.map(({ uniqueId }) => uniqueId.split(".").at(-1));
    expect(order.indexOf("converts")).toBeLessThan(order.indexOf("in_won"));
    expect((await here.run({})).of("converts")?.status).toBe("reused");
    here.write({ "models/orders.sql": `${String(base["models/orders.sql"])}-- a remark\n` });
    expect((await here.run({})).of("converts")?.status).toBe("reused");
    here.write({
      "models/in_won.sql": String(base["models/in_won.sql"]).replace("amount * rate", "rate * amount"),
    });
    expect((await here.run({})).of("converts")).toMatchObject({ status: "pass" });
    expect((await here.run({ noReuse: true })).of("converts")).toMatchObject({ status: "pass" });
  });

  test("a test whose model asks the clock is run each time, unless the clock is frozen", async () => {
    using here = makeProject({ ...base, "models/m.yml": unitTest(good) });
    await here.run({});
    expect((await here.run({})).of("converts")?.status).toBe("pass");
  });

  test("a failure holds back its model and all behind it, and nothing is published", async () => {
    using here = makeProject({ ...base, "models/m.yml": unitTest(good) });
    await here.run({});
    const before = await here.catalog();
    here.write({
      "models/in_won.sql": String(base["models/in_won.sql"]).replace("amount * rate", "amount * rate + 1"),
    });
    const failed = await here.run({});
    expect(failed).toMatchObject({ success: false, published: false });
    expect(failed.of("converts")).toMatchObject({ status: "fail", failures: 2 });
    expect(failed.of("in_won")).toMatchObject({ status: "skipped", message: "converts did not succeed" });
    expect(failed.of("after")?.status).toBe("skipped");
    expect(await here.catalog()).toEqual(before);
    const cli = await here.cli("build");
    expect(cli.code).toBe(1);
    expect(cli.stdout + cli.stderr).toContain("10 → 11");
    expect(here.read("target/run_results.json")).toContain("1500 → 1501");
  });

  test("lake run leaves it out, lake test runs it without a table", async () => {
    using here = makeProject({ ...base, "models/m.yml": unitTest(good) });
    expect((await here.run({ command: "test" })).of("converts")?.status).toBe("pass");
    expect(await here.catalog()).toEqual({});
    expect((await here.run({ command: "run", select: ["orders"] })).of("converts")).toBeUndefined();
  });

  test("a selection takes it along with its model, and finds it alone", async () => {
    using here = makeProject({ ...base, "models/m.yml": unitTest(good) });
    expect((await here.cli("ls", "-s", "in_won", "--output", "name")).stdout).toBe("in_won\nconverts\n");
    const outcome = await here.run({ select: ["in_won,test_type:unit"] });
    expect(outcome.results.map(({ uniqueId }) => uniqueId)).toEqual(["unit_test.shop.in_won.converts"]);
  });

  test("an incremental model is given the rows of its table, with the table's columns", async () => {
    using here = makeProject({
      "models/a.sql": `{{config materialized="table"}}\nselect 1::bigint as id\n`,
      "models/i.sql": `{{config materialized="incremental"}}\nselect id, 'x' as word from {{ref "a"}}{{#if incremental}}\nwhere id > (select coalesce(max(id), 0) from {{this}} where word = 'x'){{/if}}\n`,
      "models/m.yml": `version: 2
unit_tests:
  - name: later
    model: i
    incremental: true
    given:
      - {input: ref('a'), rows: [{id: 1}, {id: 2}]}
      - {input: this, rows: [{id: 1, word: x}, {id: 5}]}
    expect: {rows: [{id: 2, word: x}]}
`,
    });
    for (const noReuse of [false, true])
      expect((await here.run({ noReuse })).of("later")).toMatchObject({ status: "pass" });
    expect(await here.query(`select * from {{ref "i"}}`)).not.toContainEqual([5, null]);
  });

  test("a failing test of a view holds back the tables behind it", async () => {
    using here = makeProject({
      "models/v.sql": "select 1 as id\n",
      "models/b.sql": `{{config materialized="table"}}\nselect * from {{ref "v"}}\n`,
      "models/m.yml": "version: 2\nunit_tests: [{name: wrong, model: v, expect: {rows: [{id: 2}]}}]\n",
    });
    const outcome = await here.run({});
    expect(outcome.results.map(({ uniqueId, status }) => [uniqueId.split(".").at(-1), status])).toEqual([
      ["wrong", "fail"],
      ["v", "skipped"],
      ["b", "skipped"],
    ]);
    expect(await here.catalog()).toEqual({});
  });

  test("types of inputs are those of the tables as this run leaves them", async () => {
    using here = makeProject({
      "models/a.sql": `{{config materialized="table"}}\nselect 1::integer as id\n`,
      "models/v.sql": `select id, id * 2 as twice from {{ref "a"}}\n`,
      "models/b.sql": `{{config materialized="table"}}\nselect typeof(id) as t, typeof(twice) as u from {{ref "v"}}\n`,
      "models/m.yml": `version: 2
unit_tests:
  - {name: typed, model: b, given: [{input: ref('v'), rows: [{id: 1}]}], expect: {rows: [{t: INTEGER, u: INTEGER}]}}
`,
    });
    expect((await here.run({})).of("typed")).toMatchObject({ status: "pass" });
    here.write({ "models/a.sql": `{{config materialized="table"}}\nselect 1::bigint as id\n` });
    const changed = await here.run({});
    expect(changed.of("typed")).toMatchObject({ status: "fail" });
    expect(changed.of("typed")?.diff?.rows).toEqual([
      { kind: "missing", cells: ["INTEGER", "INTEGER"] },
      { kind: "added", cells: ["BIGINT", "BIGINT"] },
    ]);
  });
});

const nested = {
  as_mappings: "{list: [1, 2], nested: {a: 1, b: null}, doc: {a: [2], b: 1}}",
  as_text: `{list: "[1, 2]", nested: '{"a": 1, "b": null}', doc: '{"a": [2], "b": 1}'}`,
  other: "{list: [1, 3], doc: {a: [2], b: 1}}",
};

describe("the difference", () => {
  const differing = async (expected: string, sql?: string): Promise<unknown> => {
    using here = makeProject({
      ...base,
      ...(sql !== undefined && { "models/in_won.sql": sql }),
      "models/m.yml": unitTest(expected),
    });
    const result = (await here.run({ command: "test" })).of("converts");
    return result?.diff === undefined
      ? result?.status
      : result.diff.rows.map(({ kind, cells }) => [kind, ...cells]);
  };
  const rows = (...some: string[]): string =>
    `      rows:\n${some.map((row) => `        - ${row}`).join("\n")}`;

  test("duplicates count", async () => {
    expect(await differing(rows("{id: 1}", "{id: 2}", "{id: 2}"))).toEqual([["missing", "2"]]);
  });

  test("a changed cell is marked, what is only on one side stands by itself", async () => {
    expect(await differing(rows("{id: 1, won: 11, day: 2025-07-01}", "{id: 7, won: 8, day: null}"))).toEqual([
      ["changed", "1", "11 → 10", "2025-07-01"],
      ["missing", "7", "8", "null"],
      ["added", "2", "1500", "2025-07-01"],
    ]);
  });

  test("no rows expected means none", async () => {
    expect(await differing("      rows: []")).toHaveLength(2);
    expect(
      await differing(
        "      rows: []",
        'select 1 as a from {{ref "orders"}} join {{ref "rates"}} using (currency) where false',
      ),
    ).toBe("pass");
  });

  test("nested values, JSON and null are compared as values", async () => {
    using here = makeProject({
      "models/a.sql": "select 1 as id\n",
      "models/m.sql": `select id, [id, 2] as list, {'a': id, 'b': null::varchar} as nested, '{"b":1,"a":[2]}'::json as doc from {{ref "a"}}\n`,
      "models/m.yml": `version: 2
unit_tests:
${["as_mappings", "as_text", "other"].map((name) => `  - {name: ${name}, model: m, given: [{input: ref('a'), rows: [{id: 1}]}], expect: {rows: [${nested[name as keyof typeof nested]}]}}\n`).join("")}`,
    });
    const outcome = await here.run({ command: "test" });
    expect(outcome.of("as_mappings")).toMatchObject({ status: "pass" });
    expect(outcome.of("as_text")).toMatchObject({ status: "pass" });
    expect(outcome.of("other")?.diff?.rows).toEqual([
      { kind: "changed", cells: ["[1,3] → [1,2]", '{"a":[2],"b":1}'] },
    ]);
  });
});

describe("formats", () => {
  test("csv and sql, also as fixtures", async () => {
    using here = makeProject({
      ...base,
      "tests/fixtures/some_orders.csv": `id,currency,amount\n1,KRW,10\n2,"USD",\n`,
      "tests/fixtures/wanted.sql": "select 1 as id, 10 as won union all select 2, null;\n",
      "models/m.yml": `version: 2
unit_tests:
  - name: with_fixtures
    model: in_won
    given:
      - {input: ref('orders'), format: csv, fixture: some_orders}
      - input: ref('rates')
        format: sql
        rows: select 'KRW' as currency, 1 as rate union all select 'USD', 2
    expect: {format: sql, fixture: wanted}
`,
    });
    expect((await here.run({ command: "test" })).of("with_fixtures")).toMatchObject({ status: "pass" });
    here.write({ "tests/fixtures/some_orders.csv": "id,currency,amount\n1,KRW,11\n2,USD,\n" });
    expect((await here.run({ command: "test" })).of("with_fixtures")).toMatchObject({
      status: "fail",
      failures: 1,
    });
  });
});

describe("overrides", () => {
  const files: Files = {
    "macros/stars.sql": `'none {{n}}'`,
    "lake.yml": "name: shop\nprofile: shop\ntimezone: Asia/Seoul\nenv-vars: [MOOD]\nvars: {word: plain}\n",
    "models/days.sql": `{{config materialized="incremental"}}
select d, {{sql_literal (var "word")}} as word, {{> stars n="1"}} as stars, {{sql_literal (env_var "MOOD" default="calm")}} as mood,
  current_date as today, now() as at
from {{source "landing" "events"}}
{{#if incremental}}where d > (select max(d) from {{this}}){{/if}}
`,
    "models/s.yml": `version: 2
sources:
  - name: landing
    tables: [{name: events, type: landing, location: events, columns: [{name: d, data_type: integer}]}]
unit_tests:
  - name: first
    model: days
    given: [{input: "source('landing', 'events')", rows: [{d: 1}, {d: 2}]}]
    expect: {rows: [{d: 1, word: plain, stars: none 1, mood: calm}, {d: 2, word: plain, stars: none 1, mood: calm}]}
  - name: later
    model: days
    overrides:
      macros: {is_incremental: true, stars: "'so' || 'me'"}
      vars: {word: it's}
      env_vars: {MOOD: good}
      now: "2025-07-31T00:30:00+09:00"
    given:
      - {input: "source('landing', 'events')", rows: [{d: 1}, {d: 2}]}
      - {input: this, rows: [{d: 1}]}
    expect:
      rows: [{d: 2, word: it's, stars: some, mood: good, today: 2025-07-31, at: "2025-07-30T15:30:00Z"}]
  - name: plainly
    model: days
    incremental: true
    given:
      - {input: "source('landing', 'events')", rows: [{d: 3}]}
      - {input: this, rows: []}
    expect: {rows: []}
`,
  };

  test("vars, macros, environment, is_incremental with this, and the clock", async () => {
    using here = makeProject(files);
    const outcome = await here.run({ command: "test" });
    expect(
      outcome.results.map(({ uniqueId, status, message, error }) => [
        uniqueId,
        status,
        error?.message ?? message,
      ]),
    ).toEqual(
      ["first", "later", "plainly"].map((name) => [
        `unit_test.shop.days.${name}`,
        "pass",
        "rows as expected",
      ]),
    );
  });

  test("the manifest has them in dbt's shape", async () => {
    using here = makeProject(files);
    await here.cli("parse");
    const manifest = JSON.parse(here.read("target/manifest.json")) as { unit_tests: Record<string, unknown> };
    expect(manifest.unit_tests["unit_test.shop.days.later"]).toMatchObject({
      model: "days",
      resource_type: "unit_test",
      depends_on: { nodes: ["model.shop.days"] },
      given: [
        { input: "source('landing', 'events')", rows: [{ d: 1 }, { d: 2 }], format: "dict" },
        { input: "this" },
      ],
      overrides: { macros: { is_incremental: true, stars: "'so' || 'me'" }, vars: { word: "it's" } },
    });
  });
});

describe("mistakes", () => {
  const outcome = async (yml: string): Promise<unknown> => {
    using here = makeProject({ ...base, "models/m.yml": yml });
    const result = (await here.run({ command: "test" })).of("converts");
    return [
      result?.status,
      result?.error?.errors[0]?.code ?? result?.error?.code,
      result?.message,
      result?.error?.at?.line,
    ];
  };

  test.each([
    [
      "an input that is not given",
      unitTest(good).replace(/ {6}- input: ref\('rates'\)[\s\S]*USD,1000/, ""),
      "run/unit-test-input-missing",
      "the unit test converts depends on ref('rates'), which its model in_won reads and which was not found among its given inputs",
      3,
    ],
    [
      "an unknown given column",
      unitTest(good).replace("amount: 10", "amounts: 10"),
      "run/unit-test-column",
      "invalid column name \"amounts\" in the unit test converts for ref('orders') (accepted columns are id, currency, amount, ordered_at)",
      8,
    ],
    [
      "an unknown expected column",
      unitTest(good).replaceAll("won:", "wons:"),
      "run/unit-test-column",
      'invalid column name "wons" in the unit test converts for the expected rows (accepted columns are id, won, day, made_at)',
      18,
    ],
    [
      "a given value that would be rounded",
      unitTest(good).replace("amount: 1.5", "amount: 1.555"),
      "run/unit-test-value",
      "the unit test converts has a value for ref('orders') that does not fit: row 2 has 1.555 in the column amount, which is a DECIMAL(10,2)",
      8,
    ],
    [
      "an expected value that would be rounded",
      unitTest(good).replace("won: 1500", "won: 1500.4"),
      "run/unit-test-value",
      "the unit test converts has a value for the expected rows that does not fit: row 1 has 1500.4 in the column won, which is a BIGINT",
      18,
    ],
  ])("%s", async (_, yml, code, message, line) => {
    expect(await outcome(yml)).toEqual(["error", code, message, line]);
  });

  test("a given value of another type", async () => {
    const found = await outcome(unitTest(good).replace("id: 1,", "id: one,"));
    expect(found).toEqual(["error", "run/unit-test-value", expect.stringContaining("'one'"), 8]);
  });
});
