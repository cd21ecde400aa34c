// Models are text that somebody else may have written: one SELECT over what the plan names, and nothing else;
// names, paths and values are data, whatever characters they hold.
import { existsSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventsProject, goodLines, lines } from "./events-project.ts";
import { makeProject } from "./project.ts";
import type { Files } from "./project.ts";

const secret = path.join(tmpdir(), `lake-e2e-secret-${process.pid}.csv`);
const loot = path.join(tmpdir(), `lake-e2e-loot-${process.pid}`);

describe("a model cannot leave what its plan names", () => {
  const here = makeProject({
    ...eventsProject,
    "landing-zone/events/a.jsonl": goodLines(2),
    "landing-zone/other/b.jsonl": `{"secret": "b"}\n`,
  });
  beforeAll(async () => {
    writeFileSync(secret, "a\nhidden treasure\n");
    symlinkSync(secret, path.join(here.root, "landing-zone/events/link.csv"));
    if (!(await here.run({})).success) throw new Error("the project does not build without the thief");
  });
  afterAll(() => {
    rmSync(secret);
    here[Symbol.dispose]();
  });

  const statements: readonly (readonly [string, string])[] = [
    ["reads /etc/passwd", `select * from read_csv('/etc/passwd', header = false, delim = '|')`],
    ["reads another folder", `select * from read_text('${secret}')`],
    ["reads a file by its name alone", `select * from '${secret}'`],
    ["reads through ..", `select * from read_text('ROOT/landing-zone/../../${path.basename(secret)}')`],
    ["reads through a symbolic link", `select * from read_csv('ROOT/landing-zone/events/link.csv')`],
    [
      "reads a landing file that it does not name",
      `select * from read_json('ROOT/landing-zone/other/b.jsonl')`,
    ],
    [
      "reads another table's files",
      `select * from read_parquet('ROOT/warehouse/lakehouse.db/events/data/*.parquet')`,
    ],
    ["lists files", `select * from glob('/etc/*')`],
    ["reads a URL", `select * from read_csv('http://127.0.0.1:1/x.csv')`],
    ["reads a table that no ref names", `select * from "lakehouse.events"`],
    ["reads the environment", `select getenv('HOME') as home`],
    ["writes a file", `copy (select 1 as a) to '${loot}'`],
    ["attaches a database", `attach '${loot}' as other`],
    ["sets an option", `set enable_external_access = true`],
    ["installs an extension", `install httpfs`],
    ["hides a second statement", `select 1 as a; copy (select 1) to '${loot}'`],
    [
      "hides a second statement behind a comment",
      `select 1 as a /* ; */ ; -- x\ncopy (select 1) to '${loot}'`,
    ],
    ["runs SQL from text", `select * from query('copy (select 1) to ''${loot}''')`],
    ["reads a table by a computed name", `select * from query_table('lakehouse.events')`],
    ["looks at the engine's settings", `select * from duckdb_secrets()`],
  ];

  test.each(statements)("%s: refused, and nothing is read, written or published", async (_what, sql) => {
    const before = await here.catalog();
    here.write({
      "models/thief.sql": `{{config materialized="table"}}\n${sql.replaceAll("ROOT", here.root)}\n`,
    });
    const outcome = await here
      .run({ select: ["thief"] })
      .catch((error: unknown) => ({ success: false, results: [{ error }] }));
    expect(outcome.success).toBe(false);
    expect(outcome.results[0]?.error).toMatchObject({ name: "LakeError" });
    expect(JSON.stringify(outcome)).not.toContain("hidden treasure");
    expect(existsSync(loot)).toBe(false);
    expect(await here.catalog()).toEqual(before);
  });

  test("nor can a query, a data test or an inline show", async () => {
    const sql = `select * from read_text('${secret}')`;
    await expect(here.query(sql)).rejects.toMatchObject({ name: "LakeError" });
    here.write({
      "lake.yml": "name: shop\nprofile: shop\ntimezone: Asia/Seoul\ntest-paths: [tests]\n",
      "models/thief.sql": "select 1 as a\n",
      "tests/thief_test.sql": `${sql}\n`,
    });
    const tested = await here.run({ command: "test", select: ["thief_test"] });
    expect(tested.of("thief_test")?.status).not.toBe("pass");
    expect(JSON.stringify(tested.results)).not.toContain("hidden treasure");
  });
});

describe("names and values are data", () => {
  const odd = `it's "odd"; drop table x; -- 한국어 {{this}}`;

  test("paths with quotes, blanks, semicolons, brackets and Korean are read and recorded as they are", async () => {
    const names = [
      `o'hara "quoted".jsonl`,
      `a;b -- c.jsonl`,
      `[x]*{y}?.jsonl`,
      `한국 어.jsonl`,
      `100% {{1}} #&.jsonl`,
      `back\\slash.jsonl`,
    ];
    using here = makeProject({
      ...eventsProject,
      ...Object.fromEntries(names.map((name, index) => [`landing-zone/events/${name}`, goodLines(1, index)])),
    });
    expect((await here.run({})).results.flatMap(({ error }) => error?.message ?? [])).toEqual([]);
    const found = await here.query(`select id, data_source from {{ref "events"}} order by id`);
    expect(found).toEqual(
      names.map((name, index) => [index, `file://${here.root}/landing-zone/events/${name}`]),
    );
    expect((await here.run({})).of("events")?.status).toBe("reused");
  });

  test("a project in a folder with an odd name builds", async () => {
    using outer = makeProject({});
    const folder = `it's; a "folder" 한국`;
    const files: Files = {
      ...eventsProject,
      "landing-zone/events/a.jsonl": goodLines(2),
      "lake.yml": outer.read("lake.yml"),
      "profiles.yml": outer.read("profiles.yml"),
    };
    outer.write(Object.fromEntries(Object.entries(files).map(([name, text]) => [`${folder}/${name}`, text])));
    const built = await outer.cli("build", "--project-dir", folder);
    expect([built.stdout + built.stderr, built.code]).toEqual([
      expect.stringContaining("Done: 2 tables built"),
      0,
    ]);
    const shown = await outer.cli("show", "daily", "--project-dir", folder, "--output", "json");
    expect(JSON.parse(shown.stdout)).toEqual([{ kind: "view", n: 2 }]);
  });

  test("values of vars, seeds and landing lines stay values; odd column names are kept", async () => {
    using here = makeProject({
      ...eventsProject,
      "lake.yml": `name: shop\nprofile: shop\nvars: {odd: ${JSON.stringify(odd)}}\n`,
      "landing-zone/events/a.jsonl": lines({ id: 1, kind: odd }),
      "seeds/s.csv": `"odd ""name""; --",b\n"${odd.replaceAll('"', '""')}",1\n`,
      "models/v.sql": `{{config materialized="table"}}
select {{sql_literal (var "odd")}} as "a ""quoted"" 열;", kind from {{ref "events"}} where kind = {{sql_literal (var "odd")}}
`,
      "models/v.yml": `version: 2
models:
  - name: v
    columns:
      - name: 'a "quoted" 열;'
        data_tests: [not_null, {accepted_values: {arguments: {values: [${JSON.stringify(odd)}]}}}]
      - {name: kind, data_tests: [unique, {relationships: {arguments: {to: ref('events'), field: kind}}}]}
`,
    });
    const outcome = await here.run({});
    expect(
      outcome.results.flatMap(
        ({ error, failures }) => error?.message ?? (failures ? `${failures} failures` : []),
      ),
    ).toEqual([]);
    expect(await here.query(`select * from {{ref "v"}}`)).toEqual([[odd, odd]]);
    expect(await here.query(`select * from {{ref "s"}}`)).toEqual([[odd, 1]]);
    expect((await here.run({})).of("v")?.status).toBe("reused");
  });

  test("names of models, targets and namespaces that are not plain are refused with their place", async () => {
    const wrong: readonly (readonly [Files, RegExp])[] = [
      [{ "models/Bad-Name.sql": "select 1 as a" }, /model name "Bad-Name"/],
      [{ "models/it's.sql": "select 1 as a" }, /model name "it's"/],
      [{ "models/m.sql": `{{config schema="a.b; drop"}}\nselect 1 as a` }, /a\.b; drop/],
      [{ "models/m.sql": `{{config alias="x\\" --"}}\nselect 1 as a` }, /x/],
    ];
    for (const [files, message] of wrong) {
      using here = makeProject(files);
      const error = await here.run({}).catch((reason: unknown) => reason);
      expect(String(error)).toMatch(message);
    }
  });
});

describe("env_var", () => {
  const model = (name: string): Files => ({
    "models/m.sql": `{{config materialized="table"}}\nselect {{sql_literal (env_var "${name}")}} as a\n`,
  });
  const settings = (names: string): Files => ({
    "lake.yml": `name: shop\nprofile: shop\nenv_vars: [${names}]\n`,
  });

  test("reads the allow-list alone, and no secret even if it is on the list", async () => {
    using here = makeProject({ ...model("HOME"), ...settings("PATH") });
    await expect(here.run({})).rejects.toThrow(/HOME is not in the allow-list/);
    here.write({ ...model("AWS_SECRET_ACCESS_KEY"), ...settings("PATH") });
    await expect(here.run({})).rejects.toThrow(/AWS_SECRET_ACCESS_KEY/);
    for (const name of ["AWS_SECRET_ACCESS_KEY", "LAKE_SECRET_KEY"]) {
      here.write({ ...model(name), ...settings(name) });
      await expect(here.run({})).rejects.toThrow(name);
    }
  });

  test("gives the value of one that is allowed", async () => {
    using here = makeProject({ ...model("PATH"), ...settings("PATH") });
    expect((await here.cli("build")).code).toBe(0);
    const shown = await here.cli("show", "m", "--output", "json");
    expect(JSON.parse(shown.stdout)).toEqual([{ a: process.env["PATH"] }]);
  });
});
