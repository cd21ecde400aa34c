// Data tests: every kind passes and fails, is judged by its own configuration, and holds back what follows.
import { describe, expect, test } from "vitest";
import { makeProject } from "./project.ts";
import type { Files, RunOutcome } from "./project.ts";

const settings = "name: shop\nprofile: shop\ntimezone: Asia/Seoul\ntest-paths: [tests]\n";

/** `t`: three good rows and one that breaks whatever is asked of it. */
const rows = (materialized: string): string => `{{config materialized="${materialized}"}}
select * from (values
  (1, 'a', 10, now()::timestamptz, 'x1'),
  (2, 'b', 20, now()::timestamptz, 'x2'),
  (3, 'c', 30, now()::timestamptz, 'x3')
  {{#if (var "bad" default=false)}}, (3, null, 99, now()::timestamptz, 'nope'), (9, 'z', 99, now()::timestamptz, 'x9'){{/if}}
) as t(id, kind, amount, seen, code)
`;

const yml = `version: 2
models:
  - name: parent
  - name: t
    data_tests:
      - unique_combination_of_columns: {name: combination, arguments: {combination_of_columns: [id, amount]}}
      - row_count_between: {name: row_count, arguments: {min_value: 1, max_value: 3}}
      - expression_is_true: {name: expression, arguments: {expression: amount < 50}}
      - recency: {name: recent, arguments: {field: seen, datepart: day, interval: 1}}
    columns:
      - name: id
        data_tests:
          - unique: {name: unique_id}
          - relationships: {name: related, arguments: {to: ref('parent'), field: id}}
      - name: kind
        data_tests:
          - not_null: {name: present}
          - accepted_values: {name: accepted, arguments: {values: [a, b, c]}}
      - name: amount
        data_tests:
          - accepted_range: {name: in_range, arguments: {min_value: 0, max_value: 50}}
      - name: code
        data_tests:
          - regex: {name: matches, arguments: {pattern: '^x[0-9]$'}}
          - starts_with: {name: custom, arguments: {letter: x}}
`;

const project = (materialized: string): Files => ({
  "lake.yml": settings,
  "models/parent.sql": `{{config materialized="table"}}\nselect unnest([1, 2, 3]) as id\n`,
  "models/t.sql": rows(materialized),
  "models/t.yml": yml,
  "macros/test_starts_with.sql": `select * from {{model}} where not starts_with({{column_name}}, '{{letter}}')\n`,
  "tests/singular_total.sql": `select sum(amount) as total from {{ref "t"}} having sum(amount) > 60\n`,
});

function statuses(outcome: RunOutcome): Record<string, unknown> {
  return Object.fromEntries(
    outcome.results
      .filter(({ resourceType }) => resourceType === "test")
      .map(({ uniqueId, status, failures }) => [uniqueId.split(".")[2], [status, failures]]),
  );
}

describe.each(["table", "view", "ephemeral"])("on a model that is a %s", (materialized) => {
  test("all kinds pass on good rows, and each fails on bad ones with its count", async () => {
    using here = makeProject(project(materialized));
    const good = await here.run({});
    expect(good.results.flatMap(({ error }) => (error === undefined ? [] : [error.message]))).toEqual([]);
    expect(new Set(Object.values(statuses(good)).map(String))).toEqual(new Set(["pass,0"]));
    expect(Object.keys(statuses(good))).toHaveLength(12);
    const bad = await here.run({ vars: { bad: true } });
    expect(bad).toMatchObject({ success: false, published: false });
    expect(statuses(bad)).toEqual({
      combination: ["pass", 0],
      row_count: ["fail", 1],
      expression: ["fail", 2],
      recent: ["pass", 0],
      unique_id: ["fail", 1],
      related: ["fail", 1],
      present: ["fail", 1],
      accepted: ["fail", 1],
      in_range: ["fail", 2],
      matches: ["fail", 1],
      custom: ["fail", 1],
      singular_total: ["fail", 1],
    });
  });
});

/** One test on the column `id` of a table with the ids 1 to 10, all of them "bad". */
const configured = (config: string): Files => ({
  "lake.yml": settings,
  "models/t.sql": `{{config materialized="table"}}\nselect unnest(range(1, 11))::integer as id, null::varchar as nothing\n`,
  "models/after.sql": `{{config materialized="table"}}\nselect count(*) as n from {{ref "t"}}\n`,
  "models/t.yml": `version: 2
models:
  - name: t
    columns:
      - name: nothing
        data_tests: [{not_null: {name: asked, config: {${config}}}}]
`,
});

describe("configuration", () => {
  test.each([
    ["where: id <= 4", "fail", 4],
    ["where: id > 10", "pass", 0],
    ["severity: warn", "warn", 10],
    ["warn_if: '> 5', error_if: '> 10'", "warn", 10],
    ["warn_if: '> 5', error_if: '> 9'", "fail", 10],
    ["error_if: 'between 11 and 20', warn_if: '> 10'", "pass", 10],
    ["severity: warn, error_if: '> 0'", "warn", 10],
    ["limit: 3", "fail", 3],
    ["limit: 3, warn_if: '> 0', error_if: '> 3'", "warn", 3],
    ["enabled: false", undefined, undefined],
  ])("{%s} is %s with %s failures", async (config, status, failures) => {
    using here = makeProject(configured(config));
    const outcome = await here.run({});
    const found = outcome.results.find(({ resourceType }) => resourceType === "test");
    expect([found?.status, found?.failures]).toEqual([status, failures]);
    expect(outcome.success).toBe(status !== "fail");
  });

  test("where and limit hold also where several tests share one scan", async () => {
    const files = configured("limit: 3");
    using here = makeProject({
      ...files,
      "models/t.yml": String(files["models/t.yml"]).replace(
        "}}]",
        "}}, {not_null: {name: some, config: {where: id <= 4}}}]",
      ),
    });
    expect(statuses(await here.run({}))).toEqual({ asked: ["fail", 3], some: ["fail", 4] });
  });

  test("a condition that cannot be read is an error with its place", async () => {
    using here = makeProject(configured("error_if: 'many'"));
    const { code, stdout, stderr } = await here.cli("build");
    expect(code).toBe(1);
    expect(stdout + stderr).toMatch(/error_if .* cannot be "many" \(expected a condition such as > 10/);
    expect(stdout + stderr).toContain("models/t.yml:");
    expect(stdout + stderr).not.toContain("crashed");
  });

  test("--warn-error makes a warning fail", async () => {
    using here = makeProject(configured("severity: warn"));
    expect((await here.run({ warnError: true })).success).toBe(false);
    expect(await here.catalog()).toEqual({});
  });
});

describe("the gate", () => {
  test("build holds back what comes after a failing test, and publishes nothing", async () => {
    using here = makeProject(configured("severity: error"));
    const outcome = await here.run({});
    expect([outcome.of("t")?.status, outcome.of("asked")?.status, outcome.of("after")?.status]).toEqual([
      "success",
      "fail",
      "skipped",
    ]);
    expect(outcome.published).toBe(false);
    expect(await here.catalog()).toEqual({});
    const { code, stdout } = await here.cli("build");
    expect(code).toBe(1);
    expect(stdout).toMatch(/nothing was published/);
    expect(stdout).toMatch(/asked.*10 failing rows/s);
  });

  test("a test of a later model keeps back the tables before it", async () => {
    const files = configured("severity: warn");
    using here = makeProject({ ...files, "tests/no_more.sql": `select * from {{ref "after"}}\n` });
    expect((await here.run({})).success).toBe(false);
    expect(await here.catalog()).toEqual({});
  });

  test("run asks no tests and publishes; test asks what is published and fails then", async () => {
    using here = makeProject(configured("severity: error"));
    expect(await here.run({ command: "run" })).toMatchObject({ success: true, published: true });
    expect(Object.keys(await here.catalog())).toEqual(["lakehouse.after", "lakehouse.t"]);
    const tested = await here.run({ command: "test" });
    expect(tested.success).toBe(false);
    expect(statuses(tested)).toEqual({ asked: ["fail", 10] });
  });

  test("a test that passed on the same rows is not asked again; a changed one is, alone", async () => {
    using here = makeProject(configured("where: id > 10"));
    expect((await here.run({})).success).toBe(true);
    expect((await here.run({})).of("asked")?.status).toBe("reused");
    here.write(configured("where: id > 9"));
    const again = await here.run({});
    expect([again.of("t")?.status, again.of("asked")?.status]).toEqual(["reused", "fail"]);
  });

  test("a changed view under a test is a changed test; one that asks the clock is asked each time", async () => {
    const view = (filter: string): Files => ({
      ...configured("where: id > 10"),
      "models/v.sql": `{{config materialized="view"}}\nselect * from {{ref "t"}} where ${filter}\n`,
      "tests/few.sql": `select count(*) as n from {{ref "v"}} having count(*) > 5\n`,
      "tests/clock.sql": `select * from {{ref "t"}} where now() < date '2000-01-01'\n`,
    });
    using here = makeProject(view("id <= 5"));
    expect((await here.run({})).success).toBe(true);
    const same = await here.run({});
    expect([same.of("few")?.status, same.of("clock")?.status]).toEqual(["reused", "pass"]);
    here.write(view("id <= 6"));
    expect((await here.run({})).of("few")?.status).toBe("fail");
  });

  test("a test that cannot run is an error, never a pass", async () => {
    using here = makeProject({
      ...configured("severity: warn"),
      "tests/broken.sql": `select nope from {{ref "t"}}\n`,
    });
    const { code, stdout, stderr } = await here.cli("build");
    expect(code).toBe(1);
    expect(stdout + stderr).toContain("tests/broken.sql:1:8");
    expect(await here.catalog()).toEqual({});
  });
});

describe("stored failures", () => {
  test("survive a run that is not published, and can be asked afterwards; a pass leaves them out", async () => {
    using here = makeProject(configured("where: id <= 4, store_failures: true"));
    const outcome = await here.run({});
    expect(outcome.of("asked")).toMatchObject({ status: "fail", failuresTable: { name: "asked" } });
    expect(Object.keys(await here.catalog())).toEqual(["lakehouse_test_failures.asked"]);
    here.write({
      "models/failures.yml": `version: 2
sources: [{name: lakehouse_test_failures, tables: [{name: asked, type: iceberg}]}]
`,
    });
    const ask = (): Promise<unknown[][]> =>
      here.query(`select id from {{source "lakehouse_test_failures" "asked"}} order by 1`);
    expect(await ask()).toEqual([[1], [2], [3], [4]]);
    here.write(configured("where: id <= 2, store_failures: true"));
    await here.run({});
    expect(await ask()).toEqual([[1], [2]]);
    const { stdout } = await here.cli("build");
    expect(stdout).toContain("lakehouse_test_failures.asked");
  });

  test("of a test whose columns have no name, or one name twice, get names from the engine", async () => {
    using here = makeProject({
      ...configured("severity: warn"),
      "tests/odd.sql": `{{config store_failures=true severity="warn"}}
select 1, id, id, null, id + 1 as ID from {{ref "t"}} where id <= 2
`,
    });
    const { results, success, ...outcome } = await here.run({});
    expect([success, outcome.of("odd")?.status, outcome.of("odd")?.failures]).toEqual([true, "warn", 2]);
    expect(results.filter(({ error }) => error !== undefined)).toEqual([]);
    here.write({
      "models/failures.yml": `version: 2
sources: [{name: lakehouse_test_failures, tables: [{name: odd, type: iceberg}]}]
`,
    });
    const [odd] = await here.query(
      `select to_json(o) from {{source "lakehouse_test_failures" "odd"}} as o where id = 2`,
    );
    expect(JSON.parse(String(odd))).toEqual({ "1": 1, id: 2, id_1: 2, NULL: null, ID_2: 3 });
  });

  test("--store-failures keeps those of all tests", async () => {
    using here = makeProject(configured("severity: warn"));
    expect((await here.run({ storeFailures: true })).success).toBe(true);
    expect(Object.keys(await here.catalog())).toContain("lakehouse_test_failures.asked");
  });
});
