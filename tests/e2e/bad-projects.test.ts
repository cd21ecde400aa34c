// A wrong project: one clear error each, at its place, without a stack trace, and no table touched.
import { chmodSync, rmSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventsProject, goodLines } from "./events-project.ts";
import { makeProject } from "./project.ts";
import type { Files, TestProject } from "./project.ts";

const good: Files = { ...eventsProject, "landing-zone/events/a.jsonl": goodLines(3) };
const profile = (output: string): string => `shop:\n  target: dev\n  outputs:\n    dev:\n${output}`;

/** In a good state; each test breaks it and the next one finds it whole. */
const here = makeProject(good);
let whole: { readonly catalog: unknown; readonly tables: unknown };
beforeAll(async () => {
  if (!(await here.run({})).success) throw new Error("the project does not build before it is broken");
  whole = await state();
});
afterAll(() => here[Symbol.dispose]());

/** A failed run may leave the record of its failure under `_lake/`, and nothing in a table's folder. */
async function state(): Promise<typeof whole> {
  return {
    catalog: await here.catalog(),
    tables: here.files("warehouse/lakehouse.db"),
  };
}

/** Breaks the project and gives what `lake build` says then. */
async function broken(files: Files, code = 1, args: readonly string[] = ["build"]): Promise<string> {
  const before = Object.fromEntries(
    ["lake.yml", "profiles.yml", ...Object.keys(good)].map((name) => [name, here.read(name)]),
  );
  here.write(files);
  try {
    const outcome = await here.cli(...args);
    const text = outcome.stdout + outcome.stderr;
    expect(text).not.toMatch(/^\s+at .*:\d+|crashed/m);
    expect([text, outcome.code]).toEqual([text, code]);
    expect(await state()).toEqual(whole);
    return text;
  } finally {
    for (const name of Object.keys(files)) rmSync(path.join(here.root, name));
    here.write(before);
  }
}

const model = (sql: string): Files => ({ "models/extra.sql": `{{config materialized="table"}}\n${sql}\n` });

describe("models", () => {
  test("a cycle is shown as a path", async () => {
    const text = await broken({
      "models/one.sql": `select * from {{ref "two"}}`,
      "models/two.sql": `select * from {{ref "one"}}`,
    });
    expect(text).toMatch(/circle: .*(one → two → one|two → one → two)/);
  });

  test("a missing ref has a suggestion and a place", async () => {
    const text = await broken(model(`select * from {{ref "evnets"}}`));
    expect(text).toMatch(/error\[graph\/unknown-ref\].*evnets/);
    expect(text).toContain("models/extra.sql:2:");
    expect(text).toMatch(/did you mean .*events/);
  });

  test("so has a missing source", async () => {
    const text = await broken(model(`select * from {{source "landing" "event"}}`));
    expect(text).toMatch(/models\/extra\.sql:2:.*did you mean .*events/s);
  });

  test("two models of one name are both named", async () => {
    const text = await broken({ "models/other/events.sql": "select 1 as one" });
    expect(text).toMatch(/two models are called events/);
    expect(text).toContain("models/events.sql");
    expect(text).toContain("models/other/events.sql");
  });

  test("an unknown column, with its line and a suggestion", async () => {
    const text = await broken(model(`select id,\n  knd\nfrom {{ref "events"}}`));
    expect(text).toMatch(/knd/);
    expect(text).toContain("models/extra.sql:3:3");
    expect(text).toMatch(/kind/);
  });

  test("duplicate and nameless columns", async () => {
    expect(await broken(model("select 1 as a, 2 as a"))).toMatch(/column a appears twice/);
    expect(await broken(model("select 1 as a, 2 as A"))).toMatch(/columns a and A differ in case only/);
    expect(await broken(model("select 1 as a, 1 + 1"))).toMatch(/column 2 .*has no name.*as name/);
  });

  test("a column that Iceberg has no type for", async () => {
    expect(await broken(model("select 1 as a, interval 1 day as period"))).toMatch(
      /column period has type INTERVAL/,
    );
  });

  test("several columns are wrong: each at its place, in lake compile as in lake build", async () => {
    const wrong = model("select 1 + 1,\n  2 + 2, 3 as x, 4 as X");
    const types = {
      "models/types.sql": `{{config materialized="table"}}select interval 1 day as i, 'a'::bit as b`,
    };
    for (const command of ["build", "compile"]) {
      const text = await broken({ ...wrong, ...types }, 1, [command]);
      expect(text).toMatch(/column 1 .*has no name.*\n --> models\/extra\.sql:2:/);
      expect(text).toMatch(/column 2 .*has no name.*\n --> models\/extra\.sql:3:/);
      expect(text).toMatch(/columns x and X differ in case only.*\n--> models\/extra\.sql/);
      expect(text).toMatch(/column i has type INTERVAL.*\n--> models\/types\.sql/);
      expect(text).toMatch(/column b has type BIT.*\n--> models\/types\.sql/);
    }
  });

  test("a partition by no column of the table, in lake compile, too", async () => {
    const text = await broken(model("select 1 as year"), 0, ["compile", "-s", "extra"]);
    expect(text).toContain("select 1 as year");
    const wrong = {
      "models/extra.sql": `{{config materialized="table" partition_by="yeer"}}\nselect 1 as year\n`,
    };
    expect(await broken(wrong, 1, ["compile"])).toMatch(/yeer is not a column.*did you mean "year"/s);
  });

  test("a null without a type", async () => {
    expect(await broken(model("select null as nothing"))).toMatch(
      /nothing is null without a type; expected cast/,
    );
  });

  test("more than one statement, another kind of statement, and none", async () => {
    expect(await broken(model("select 1 as a; select 2 as b"))).toMatch(
      /expected exactly one SELECT statement, found 2/,
    );
    expect(await broken(model("drop table x"))).toMatch(/expected exactly one SELECT/);
    expect(await broken(model("-- nothing"))).toMatch(/expected exactly one SELECT/);
  });

  test("a semicolon at the end is nobody's mistake", async () => {
    using fine = makeProject({
      ...good,
      ...model("select 1 as a; -- done;\n"),
      "models/view.sql": `select a from {{ref "extra"}} ;;\n`,
      "models/last.sql": `{{config materialized="table"}}select * from {{ref "view"}};`,
      "tests/none.sql": `select ';' as a from {{ref "last"}} where a > 1; /* ; */`,
    });
    expect(await fine.cli("build")).toMatchObject({ code: 0, stderr: "" });
    expect((await fine.cli("query", `select a from {{ref "last"}};`)).stdout).toContain("1");
  });

  test("a syntax error has line and column of the model's own file", async () => {
    const text = await broken(model(`select id,\n  from from {{ref "events"}}`));
    expect(text).toMatch(/models\/extra\.sql:3:/);
  });

  test("errors of several models are shown together", async () => {
    const text = await broken({
      "models/a1.sql": `select nope from {{ref "events"}}`,
      "models/a2.sql": `select nada from {{ref "events"}}`,
    });
    expect(text).toContain("models/a1.sql:1:8");
    expect(text).toContain("models/a2.sql:1:8");
  });

  test("an unclosed tag says where it opens", async () => {
    expect(await broken(model(`select * from {{ref "events"`))).toMatch(/models\/extra\.sql:2:15/);
  });

  test("a broken contract names the column and both types", async () => {
    const text = await broken({
      ...model("select 1::integer as id"),
      "models/extra.yml": `version: 2
models:
  - name: extra
    config: {contract: {enforced: true}}
    columns: [{name: id, data_type: varchar}]
`,
    });
    expect(text).toMatch(/id.*(varchar|string).*int|id.*int.*(varchar|string)/i);
  });

  test("an unknown incremental strategy and a bad materialisation", async () => {
    expect(
      await broken({
        "models/events.sql": `{{config materialized="incremental" strategy="upsert"}}\nselect * from {{ref "stg"}}`,
      }),
    ).toMatch(/upsert.*append/);
    expect(await broken({ "models/extra.sql": `{{config materialized="tabel"}}\nselect 1 as a` })).toMatch(
      /tabel.*table/s,
    );
  });

  test("a column whose type changes in a way that the table cannot follow", async () => {
    const text = await broken({
      "models/events.sql": `{{config materialized="incremental" strategy="append"}}
select id::varchar as id, kind, happened, page, recipe_id, data_source from {{ref "stg"}}
`,
      "landing-zone/events/b.jsonl": goodLines(1, 9),
    });
    expect(text).toMatch(/column id is long in the table and cannot become string/);
  });
});

describe("yml, settings and profile", () => {
  test("a bad key is named with its place and a suggestion", async () => {
    const text = await broken({
      "models/extra.yml": "version: 2\nmodels:\n  - name: events\n    colums: []\n",
    });
    expect(text).toMatch(/unknown key colums/);
    expect(text).toContain("models/extra.yml:4:");
    expect(text).toMatch(/did you mean .*columns/);
  });

  test("so is one of lake.yml", async () => {
    expect(await broken({ "lake.yml": "name: shop\nprofile: shop\nmodel-path: [models]\n" })).toMatch(
      /model-path .*lake\.yml.*model-paths/s,
    );
  });

  test("text that is no YAML", async () => {
    expect(await broken({ "models/extra.yml": "version: 2\nmodels:\n  - name: [\n" })).toMatch(
      /models\/extra\.yml.*YAML/,
    );
  });

  test("a type that the engine does not know, at the source that declares it", async () => {
    const text = await broken({
      "models/more.yml":
        "version: 2\nsources:\n  - name: other\n    tables:\n      - {name: things, columns: [{name: a, data_type: bigintt}]}\n",
      "models/x.sql": `select * from {{source "other" "things"}}`,
      "landing-zone/things/a.jsonl": "",
    });
    expect(text).toMatch(/the source other\.things cannot be read: .*bigintt/);
    expect(text).toContain("models/more.yml:5:");
    expect(text).toContain("did you mean bigint");
  });

  test("an unknown test, and one without what it needs", async () => {
    const yml = (tests: string): Files => ({
      "models/extra.yml": `version: 2\nmodels:\n  - name: events\n    columns:\n      - name: id\n        data_tests: ${tests}\n`,
    });
    expect(await broken(yml("[not_nul]"))).toMatch(/not_nul.*did you mean .*not_null/s);
    expect(await broken(yml("[accepted_values]"))).toMatch(/accepted_values.*values/s);
  });

  test("a profile without what it needs, with another name, another target or another adapter", async () => {
    expect(await broken({ "profiles.yml": profile("      schema: lakehouse\n") })).toMatch(
      /target dev needs the key warehouse/,
    );
    expect(await broken({ "profiles.yml": "shopp: {outputs: {}}\n" })).toMatch(
      /no profile shop.*did you mean .*shopp/s,
    );
    expect(await broken({}, 1, ["build", "--target", "prod"])).toMatch(/no target prod .*dev/);
    expect(
      await broken({
        "profiles.yml": profile(
          "      schema: lakehouse\n      warehouse: warehouse\n      compute: {type: spork}\n",
        ),
      }),
    ).toMatch(/engine "spork", expected duckdb/);
    expect(
      await broken({
        "profiles.yml": profile(
          "      schema: lakehouse\n      warehouse: 's3://x/y'\n      catalog: {type: hyve, uri: x}\n",
        ),
      }),
    ).toMatch(/hyve.*expected sql|s3.*expected file/s);
  });

  test("a password in a profile is never shown", async () => {
    const text = await broken({
      "profiles.yml": profile(
        "      schema: lakehouse\n      warehouse: warehouse\n      catalog: {type: sql, uri: 'postgres://me:hunter2@127.0.0.1:1/none'}\n",
      ),
    });
    expect(text).toMatch(/cannot reach the catalog at postgresql:\/\/.*127\.0\.0\.1:1\/none/);
    expect(text).not.toContain("hunter2");
  });

  test("a var without a value", async () => {
    expect(await broken(model(`select {{var "no_such_var"}} as a`))).toMatch(
      /the var no_such_var is not set/,
    );
  });

  test("a folder without a project", async () => {
    const { code, stderr } = await here.cli("build", "--project-dir", "nowhere");
    expect(code).toBe(1);
    expect(stderr).toMatch(/no lake\.yml in .*nowhere/);
    expect(stderr).toMatch(/hint:.*lake init/);
  });
});

describe("usage", () => {
  test("an unknown command or option, and a bad value, exit with 2", async () => {
    const unknown = await here.cli("biuld");
    expect(unknown).toMatchObject({ code: 2, stderr: expect.stringMatching(/biuld.*build/s) });
    expect(await here.cli("build", "--selekt", "x")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("--select"),
    });
    expect(await here.cli("build", "--threads", "none")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('"none"'),
    });
    expect(await here.cli("build", "--vars", "[")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("--vars"),
    });
  });

  test("a selection that takes nothing says so", async () => {
    const { stdout, stderr, code } = await here.cli("build", "-s", "evnets");
    expect(stdout + stderr).toMatch(/evnets/);
    expect(stdout + stderr).toMatch(/events/);
    expect(code).toBe(0);
  });
});

describe("the warehouse", () => {
  async function unwritable(project: TestProject): Promise<string> {
    const { code, stdout, stderr } = await project.cli("build");
    const text = stdout + stderr;
    expect([text, code]).toEqual([text, 1]);
    expect(text).not.toMatch(/^\s+at .*:\d+|crashed/m);
    return text;
  }

  test("that is a file is an error that names it", async () => {
    using project = makeProject({ ...good, warehouse: "not a folder" });
    expect(await unwritable(project)).toMatch(/warehouse/);
    expect(await project.catalog()).toEqual({});
  });

  test.skipIf(process.getuid?.() === 0)("that may not be written is an error that names it", async () => {
    using project = makeProject({ ...good, "warehouse/.keep": "" });
    const folder = path.join(project.root, "warehouse");
    chmodSync(folder, 0o500);
    const text = await unwritable(project);
    chmodSync(folder, 0o700);
    expect(text).toMatch(/warehouse/);
    expect(await project.catalog()).toEqual({});
  });
});

describe("seeds", () => {
  test("whose lines do not all fit, that are empty, or have a column twice or without a name", async () => {
    expect(await broken({ "seeds/s.csv": "a,b\n1,2\n3\n4,5,6\n" })).toMatch(
      /seeds\/s\.csv is no readable CSV file/,
    );
    expect(await broken({ "seeds/s.csv": "" })).toMatch(
      /seeds\/s\.csv is no readable CSV file: it has no line with the names/,
    );
    expect(await broken({ "seeds/s.csv": "a,A\n1,2\n" })).toMatch(/columns a and A differ in case only/);
    expect(await broken({ "seeds/s.csv": "a,\n1,2\n" })).toMatch(/column 2 has no name/);
  });
});

describe("habits from dbt", () => {
  test("Jinja is answered with how it is written here", async () => {
    expect(await broken({ "models/x.sql": "{{ config(materialized='table') }} select 1 as a" })).toMatch(
      /hint: this is Handlebars, not Jinja: .*\{\{config materialized="table"\}\}/,
    );
    expect(await broken({ "models/x.sql": "select * from {{ ref('events') }}" })).toMatch(
      /not Jinja: .*\{\{ref "…"\}\}/,
    );
  });
});

describe("numbers of a profile", () => {
  test("threads and memory_limit that mean nothing are refused", async () => {
    const output = "      schema: lakehouse\n      warehouse: warehouse\n";
    expect(await broken({ "profiles.yml": profile(`${output}      threads: 0\n`) })).toMatch(
      /threads .*at least 1/,
    );
    expect(
      await broken({
        "profiles.yml": profile(`${output}      compute: {type: duckdb, memory_limit: lots}\n`),
      }),
    ).toMatch(/memory_limit .*such as 1GB/);
  });
});
