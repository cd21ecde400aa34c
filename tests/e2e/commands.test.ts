// The command line as a newcomer meets it: every command once, and each option that changes what happens.
import { existsSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventsProject, goodLines, lines } from "./events-project.ts";
import { makeProject } from "./project.ts";
import type { CliResult, Files } from "./project.ts";

const project: Files = {
  ...eventsProject,
  "landing-zone/events/a.jsonl": lines(
    { id: 1, kind: "view", happened: "2025-07-01T09:00:00+09:00" },
    { id: 2, kind: "like", happened: "2025-07-01T00:00:00Z" },
    { id: 3, kind: "view", happened: "2025-07-02T08:30:00" },
  ),
  "seeds/kinds.csv": "kind,label\nview,Viewed\nlike,Liked\n",
  "models/labelled.sql": `{{config materialized="table" tags="gold"}}
select k.label, d.n, {{sql_literal (var "note" default="none")}} as note
from {{ref "daily"}} as d join {{ref "kinds"}} as k using (kind)
`,
  "models/all.yml": `version: 2
models:
  - name: labelled
    columns: [{name: label, data_tests: [not_null]}]
`,
  "macros/shout.sql": "select upper('{{word}}') as loud\n",
};

function json(result: CliResult): Record<string, unknown> {
  return JSON.parse(result.stdout) as Record<string, unknown>;
}

describe("a project that was built", () => {
  const here = makeProject(project);
  let first: CliResult;
  beforeAll(async () => {
    first = await here.cli("build");
  });
  afterAll(() => here[Symbol.dispose]());

  test("build ends with a table of what was built and what to try next", () => {
    expect(first.code).toBe(0);
    expect(first.stdout).toMatch(/table\s+rows\s+new\s+files\s+partitions\s+size\s+snapshot\s+time/);
    expect(first.stdout).toMatch(/lakehouse\.events\s+3\s+\+3\s+1\s+1\s/);
    expect(first.stdout).toMatch(/Done: 4 tables built/);
    expect(first.stdout).toMatch(/Try next\n {2}lake show/);
  });

  test("a second build finds nothing new, says so and writes nothing", async () => {
    const before = [await here.catalog(), here.files("warehouse")];
    const again = await here.cli("build");
    expect(again.stdout).toMatch(/Nothing new: 4 tables up to date/);
    expect([await here.catalog(), here.files("warehouse")]).toEqual(before);
  });

  test("artifacts have dbt's names and shapes", () => {
    const manifest = JSON.parse(here.read("target/manifest.json")) as {
      nodes: Record<string, { resource_type: string; depends_on: { nodes: string[] } }>;
      sources: Record<string, unknown>;
      child_map: Record<string, string[]>;
    };
    expect(manifest.nodes["model.shop.labelled"]).toMatchObject({
      resource_type: "model",
      depends_on: { nodes: ["model.shop.daily", "seed.shop.kinds"] },
    });
    expect(Object.keys(manifest.sources)).toContain("source.shop.landing.events");
    expect(manifest.child_map["model.shop.daily"]).toEqual(["model.shop.labelled"]);
    const results = JSON.parse(here.read("target/run_results.json")) as {
      results: Record<string, unknown>[];
    };
    expect(results.results.map(({ unique_id }) => unique_id)).toContain("model.shop.events");
    expect(here.files("target/compiled")).toEqual(
      expect.arrayContaining([expect.stringContaining("labelled.sql")]),
    );
  });

  test("show gives rows of a table, of a view and of a source", async () => {
    expect((await here.cli("show", "labelled")).stdout).toMatch(/label.*\n.*Viewed|Liked/);
    expect(JSON.parse((await here.cli("show", "stg", "--output", "json")).stdout)).toHaveLength(3);
    expect(
      JSON.parse((await here.cli("show", "stg", "--limit", "1", "--output", "json")).stdout),
    ).toHaveLength(1);
    expect((await here.cli("show", "-s", "source:landing.events")).stdout).toContain("view");
    expect((await here.cli("show", "kinds", "--output", "csv")).stdout.trim()).toBe(
      "kind,label\nview,Viewed\nlike,Liked",
    );
  });

  test("show of an unknown node, or of none, is an error with a suggestion", async () => {
    const unknown = await here.cli("show", "labeled");
    expect(unknown.code).toBe(1);
    expect(unknown.stderr).toMatch(/labeled.*labelled/s);
    expect((await here.cli("show")).code).toBe(2);
  });

  test("query answers SQL with ref and source, and shows where it is wrong", async () => {
    const answer = await here.cli(
      "query",
      `select sum(n)::integer as n from {{ref "daily"}}`,
      "--output",
      "json",
    );
    expect(JSON.parse(answer.stdout)).toEqual([{ n: 3 }]);
    here.write({ "question.sql": `select count(*) as n from {{source "landing" "events"}}` });
    expect((await here.cli("query", "-f", "question.sql", "--output", "csv")).stdout.trim()).toBe("n\n3");
    const wrong = await here.cli("query", `select kin from {{ref "daily"}}`);
    expect(wrong.code).toBe(1);
    expect(wrong.stderr).toMatch(/query:1:8/);
    expect(wrong.stderr).toContain("kind");
    expect((await here.cli("query")).code).toBe(2);
  });

  test("a query is one SELECT: it changes nothing", async () => {
    const result = await here.cli("query", `drop table "lakehouse.daily"`);
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/one SELECT/);
  });

  test("ls lists by selection, and as JSON", async () => {
    const names = (await here.cli("ls", "-s", "daily+", "--output", "name")).stdout.trim().split("\n");
    expect(names).toEqual(["daily", "labelled", "not_null_labelled_label"]);
    const gold = (
      await here.cli("ls", "-s", "tag:gold", "--exclude", "resource_type:test", "--output", "json")
    ).stdout;
    expect(
      gold
        .trim()
        .split("\n")
        .map((line) => (JSON.parse(line) as { name: string }).name),
    ).toEqual(["labelled"]);
    expect((await here.cli("ls", "--resource-type", "seed", "--output", "path")).stdout.trim()).toBe(
      "seeds/kinds.csv",
    );
  });

  test("ls takes types and keys, and says which there are; --select and --selector do not go together", async () => {
    const keys = ["ls", "-s", "+daily", "--output", "json", "--exclude-resource-type", "source", "test"];
    const listed = await here.cli(...keys, "--output-keys", "name", "source_name", "alias");
    expect(
      listed.stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual([
      { name: "stg", alias: "stg" },
      { name: "events", alias: "events" },
      { name: "daily", alias: "daily" },
    ]);
    const [source] = (await here.cli("ls", "-s", "source:landing", "--output", "json")).stdout.split("\n");
    expect(JSON.parse(source ?? "")).toMatchObject({ source_name: "landing", package_name: "shop" });
    const wrong = [
      [["--output", "json", "--output-keys", "uniqe_id"], /uniqe_id is no key .*did you mean "unique_id"/s],
      [["--resource-type", "modle"], /'modle' is invalid.*model, seed/s],
      [["-s", "daily", "--selector", "x"], /--selector.*cannot be used with.*--select/s],
    ] as const;
    for (const [args, message] of wrong)
      expect(await here.cli("ls", ...args)).toMatchObject({
        code: 2,
        stderr: expect.stringMatching(message),
      });
  });

  test("parse, compile and plan read the project, and write no table", async () => {
    const before = [await here.catalog(), here.files("warehouse")];
    expect((await here.cli("parse")).code).toBe(0);
    const compiled = await here.cli("compile", "-s", "daily");
    expect(compiled).toMatchObject({ code: 0, stdout: expect.stringContaining(`from "lakehouse.events"`) });
    const all = json(await here.cli("compile", "--output", "json"));
    expect(all["errors"]).toEqual([]);
    const plan = json(await here.cli("plan", "--output", "json")) as {
      steps: { action: string; uniqueId: string }[];
    };
    expect(new Set(plan.steps.map(({ action }) => action))).toEqual(new Set(["reuse", "inline"]));
    expect((await here.cli("plan", "--full-refresh")).stdout).toMatch(/events.*full refresh/);
    expect([await here.catalog(), here.files("warehouse")]).toEqual(before);
  });

  test("compile shows all errors at once, with the lines of the models", async () => {
    using wrong = makeProject({
      ...project,
      "models/one.sql": `select nope from {{ref "daily"}}`,
      "models/two.sql": `{{config materialized="table"}}\nselect n,\n  nada\nfrom {{ref "daily"}}`,
    });
    const { code, stderr, stdout } = await wrong.cli("compile");
    expect(code).toBe(1);
    expect(stdout + stderr).toContain("models/one.sql:1:8");
    expect(stdout + stderr).toContain("models/two.sql:3:3");
    expect(await wrong.catalog()).toEqual({});
  });

  test("debug checks warehouse, catalog and engine", async () => {
    const { code, stdout } = await here.cli("debug");
    expect(code).toBe(0);
    for (const part of ["warehouse", "catalog", "engine"])
      expect(stdout).toMatch(new RegExp(`${part}\\s+ok`));
  });

  test("run-operation runs a macro with arguments, and an unknown one is suggested", async () => {
    const loud = await here.cli("run-operation", "shout", "--args", "{word: hey}", "--output", "json");
    expect(JSON.parse(loud.stdout)).toEqual([{ loud: "HEY" }]);
    const unknown = await here.cli("run-operation", "shuot");
    expect(unknown).toMatchObject({ code: 1, stderr: expect.stringMatching(/did you mean .*shout/) });
  });

  test("clean removes target/ and leaves the tables", async () => {
    const before = await here.catalog();
    expect((await here.cli("clean")).code).toBe(0);
    expect(existsSync(path.join(here.root, "target"))).toBe(false);
    expect(await here.catalog()).toEqual(before);
    expect((await here.cli("build")).stdout).toContain("Nothing new");
  });

  test("every command has help with examples", async () => {
    const { stdout } = await here.cli("--help");
    const commands = [...stdout.matchAll(/^ {2}([a-z-]+)[ |]/gm)]
      .map((match) => match[1] as string)
      .filter((name) => name !== "lake" && name !== "help");
    expect(commands).toEqual(
      expect.arrayContaining([
        "init",
        "debug",
        "parse",
        "compile",
        "ls",
        "run",
        "test",
        "build",
        "seed",
        "show",
        "query",
        "run-operation",
        "source",
        "clean",
        "plan",
      ]),
    );
    const helps = await Promise.all(
      ["build", "query", "ls", "run-operation"].map((name) => here.cli(name, "--help")),
    );
    for (const help of helps)
      expect(help).toMatchObject({ code: 0, stdout: expect.stringMatching(/Examples:\n {2}lake /) });
  });
});

describe("a new project", () => {
  test("lake init writes one that builds at once", async () => {
    using here = makeProject({});
    const made = await here.cli("init", "bakery");
    expect(made.code).toBe(0);
    const built = await here.cli("build", "--project-dir", "bakery");
    expect(built.stdout + built.stderr).toMatch(/Done: \d+ tables? built/);
    expect(built.code).toBe(0);
    expect((await here.cli("init", "bakery")).code).toBe(2);
    expect((await here.cli("init", "Bad-Name")).code).toBe(2);
  });
});

describe("what changes is built, and no more", () => {
  test("a seed's change rebuilds it and what reads it", async () => {
    using here = makeProject(project);
    await here.run({});
    here.write({ "seeds/kinds.csv": "kind,label\nview,Looked\nlike,Liked\n" });
    const outcome = await here.run({});
    const status = (name: string): unknown => outcome.of(name)?.status;
    expect([status("kinds"), status("labelled"), status("daily"), status("events")]).toEqual([
      "success",
      "success",
      "reused",
      "reused",
    ]);
    expect(await here.query(`select label from {{ref "labelled"}} order by 1`)).toEqual([
      ["Liked"],
      ["Looked"],
    ]);
  });

  test("so does a var that a model reads; one that nobody reads changes nothing", async () => {
    using here = makeProject(project);
    await here.run({});
    expect((await here.run({ vars: { other: 1 } })).of("labelled")?.status).toBe("reused");
    const outcome = await here.run({ vars: { note: "it's new" } });
    expect([outcome.of("labelled")?.status, outcome.of("daily")?.status]).toEqual(["success", "reused"]);
    expect(await here.query(`select distinct note from {{ref "labelled"}}`)).toEqual([["it's new"]]);
  });

  test("a comment or a line break changes nothing", async () => {
    using here = makeProject(project);
    await here.run({});
    here.write({
      "models/daily.sql": `-- a comment\n${String(project["models/daily.sql"]).replace(" from", "\nfrom")}`,
    });
    expect((await here.run({})).of("daily")?.status).toBe("reused");
  });

  test("another time zone is another meaning", async () => {
    using here = makeProject(project);
    await here.run({});
    here.write({ "lake.yml": "name: shop\nprofile: shop\ntimezone: UTC\n" });
    expect((await here.run({})).of("daily")?.status).toBe("success");
  });

  test("a changed model of an incremental table says that old rows keep the old logic", async () => {
    using here = makeProject(project);
    await here.run({});
    here.write({
      "models/stg.sql": String(project["models/stg.sql"]).replace("id, kind,", "id, upper(kind) as kind,"),
    });
    const { stdout } = await here.cli("plan", "-s", "events");
    expect(stdout).toMatch(/old rows keep the old logic.*--full-refresh/);
    await here.run({ fullRefresh: true });
    expect(await here.query(`select distinct kind from {{ref "events"}} order by 1`)).toEqual([
      ["LIKE"],
      ["VIEW"],
    ]);
  });

  test("a broken change of a view or of an incremental model is refused also when nothing new has arrived", async () => {
    using here = makeProject(project);
    await here.run({});
    here.write({ "models/stg.sql": String(project["models/stg.sql"]).replace("happened,", "happend,") });
    const { code, stdout, stderr } = await here.cli("build");
    expect(code).toBe(1);
    expect(stdout + stderr).toMatch(/models\/stg\.sql:2:\d+/);
  });

  test("timestamps without an offset, with one and with Z are those of the project's time zone", async () => {
    using here = makeProject(project);
    await here.run({});
    expect(
      await here.query(
        `select id, epoch(happened)::bigint, strftime(happened, '%d %H:%M') from {{ref "events"}} order by id`,
      ),
    ).toEqual([
      [1, 1751328000, "01 09:00"],
      [2, 1751328000, "01 09:00"],
      [3, 1751412600, "02 08:30"],
    ]);
  });
});

describe("options", () => {
  test("--select, --exclude and --full-refresh", async () => {
    using here = makeProject(project);
    const outcome = await here.cli(
      "build",
      "-s",
      "daily",
      "+labelled",
      "--exclude",
      "kinds+",
      "--output",
      "json",
    );
    const ids = (json(outcome)["results"] as { unique_id: string }[]).map(({ unique_id }) => unique_id);
    expect(ids).toEqual(["model.shop.stg", "model.shop.events", "model.shop.daily"]);
    const again = await here.run({ fullRefresh: true, select: ["events"] });
    expect(again.of("events")?.message).toContain("3 rows");
    expect(await here.query(`select count(*) from {{ref "events"}}`)).toEqual([[3]]);
  });

  test("a model whose input was never built says what to build", async () => {
    using here = makeProject(project);
    const { code, stderr, stdout } = await here.cli("run", "-s", "daily");
    expect(code).toBe(1);
    expect(stdout + stderr).toMatch(
      /daily reads events, which has not been built.*models\/daily\.sql.*lake build -s \+events/s,
    );
    // A seed is no model: `lake run` would not build it.
    expect((await here.run({ select: ["+daily"] })).success).toBe(true);
    const seed = await here.cli("run", "-s", "labelled");
    expect(seed.stdout + seed.stderr).toContain("lake build -s +kinds");
    expect(await here.cli("build", "-s", "+kinds", "+labelled")).toMatchObject({ code: 0, stderr: "" });
  });

  test("--empty makes the tables without rows, and the next whole run fills them", async () => {
    using here = makeProject(project);
    expect((await here.run({ empty: true })).success).toBe(true);
    expect(await here.query(`select count(*) from {{ref "events"}}`)).toEqual([[0]]);
    expect((await here.run({})).success).toBe(true);
    expect(await here.query(`select count(*) from {{ref "events"}}`)).toEqual([[3]]);
    const refused = await here.cli("build", "--empty");
    expect(refused).toMatchObject({ code: 1 });
    expect(refused.stdout + refused.stderr).toMatch(/--empty would leave .* with a part of them/);
  });

  test("--sample takes a part, and the next whole run takes all", async () => {
    using here = makeProject({ ...project, "landing-zone/events/b.jsonl": goodLines(200, 10) });
    expect((await here.run({ sample: "5" })).success).toBe(true);
    expect(await here.query(`select count(*) from {{ref "events"}}`)).toEqual([[5]]);
    expect((await here.run({})).success).toBe(true);
    expect(await here.query(`select count(*) from {{ref "events"}}`)).toEqual([[203]]);
    expect((await here.cli("build", "--sample", "lots", "--target", "dev")).stderr).toMatch(/lots|--sample/);
  });

  test("--fail-fast leaves what is not yet begun", async () => {
    const fails = `{{config materialized="table"}}\nselect error('stop here') as a\n`;
    using here = makeProject({
      "models/a.sql": fails,
      "models/z.sql": `{{config materialized="table"}}\nselect 1 as a\n`,
    });
    const slow = await here.run({ threads: 1, failFast: true });
    expect([slow.of("a")?.status, slow.of("z")?.status]).toEqual(["error", "skipped"]);
    const all = await here.run({ threads: 1 });
    expect([all.of("a")?.status, all.of("z")?.status]).toEqual(["error", "success"]);
    expect(await here.catalog()).toEqual({});
  });

  test("--output json is one JSON document, --log-format json one object a line, also when it fails", async () => {
    using here = makeProject({
      ...project,
      "models/broken.sql": `{{config materialized="table"}}\nselect error('no') as a\n`,
    });
    const whole = await here.cli("build", "--output", "json");
    expect(whole.code).toBe(1);
    expect(json(whole)).toMatchObject({ results: expect.any(Array) });
    const logged = await here.cli("build", "--log-format", "json");
    const events = `${logged.stdout}${logged.stderr}`
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(events.length).toBeGreaterThan(5);
    for (const event of events)
      expect(event).toMatchObject({ level: expect.any(String), event: expect.any(String) });
  });

  test("artifacts are written on failure: of a model, and of the whole run", async () => {
    using here = makeProject({
      ...project,
      "models/broken.sql": `{{config materialized="table"}}\nselect error('no') as a\n`,
    });
    const results = (): { status: string; message: string }[] =>
      (JSON.parse(here.read("target/run_results.json")) as { results: { status: string; message: string }[] })
        .results;
    expect((await here.cli("build")).code).toBe(1);
    expect(
      results()
        .filter(({ status }) => status === "error")
        .map(({ message }) => message),
    ).toEqual([expect.stringContaining("no")]);
    here.write({
      "models/broken.sql": `{{config materialized="table"}}\nselect nope from {{ref "daily"}}\n`,
    });
    expect((await here.cli("build")).code).toBe(1);
    expect(
      results()
        .filter(({ status }) => status === "error")
        .map(({ message }) => message),
    ).toEqual([expect.stringContaining("nope")]);
    expect(existsSync(path.join(here.root, "target/manifest.json"))).toBe(true);
  });

  test("seed loads the seeds alone, test asks the tests alone, and --threads is a number of steps", async () => {
    using here = makeProject(project);
    expect((await here.cli("seed")).stdout).toMatch(/lakehouse\.kinds\s+2/);
    expect(Object.keys(await here.catalog())).toEqual(["lakehouse.kinds"]);
    expect((await here.cli("run", "--threads", "1")).stdout).toMatch(/1 thread/);
    expect((await here.cli("test")).stdout).toMatch(/1 test passed/);
  });
});

test("now() is one instant for all models and all rows of a run", async () => {
  const clock = `{{config materialized="table"}}\nselect now() as at_time, current_date as day, current_timestamp as ts from range(3)\n`;
  using here = makeProject({
    "models/a.sql": clock,
    "models/b.sql": `{{config materialized="table"}}\nselect a.*, now() as mine, current_date as my_day from {{ref "a"}} as a\n`,
  });
  await here.run({});
  expect(
    await here.query(
      `select count(distinct at_time), bool_and(at_time = ts), bool_and(at_time = mine), bool_and(day = my_day), bool_and(day = at_time::date) from {{ref "b"}}`,
    ),
  ).toEqual([[1, true, true, true, true]]);
  here.write({
    "models/v.sql": `{{config materialized="view"}}\nselect now() as at_time\n`,
    "models/c.sql": `{{config materialized="table"}}\nselect * from {{ref "v"}}\n`,
  });
  await here.run({ select: ["c"] });
  expect((await here.run({ select: ["c"] })).of("c")?.status).toBe("success");
  // What differs from run to run is never "unchanged", unless the model says that it may be.
  expect((await here.run({})).of("a")?.status).toBe("success");
  here.write({
    "models/a.sql": clock.replace(`"table"`, `"table" reuse=true`),
    "models/b.sql": `{{config materialized="table"}}\nselect 1 as one from {{ref "a"}}\n`,
  });
  await here.run({});
  expect((await here.run({})).of("a")?.status).toBe("reused");
});

describe("source freshness", () => {
  const declared = (freshness: string): Files => ({
    ...project,
    "models/sources.yml": String(project["models/sources.yml"]).replace(
      "        location: events\n",
      `        location: events\n        loaded_at_field: happened\n        freshness: {${freshness}}\n`,
    ),
  });

  test("says how old the newest data is, in text, as JSON and as target/sources.json; old data exits with 1", async () => {
    using here = makeProject(declared("warn_after: {count: 1, period: day}"));
    const warned = await here.cli("source", "freshness");
    expect(warned).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/WARN\s+landing\.events .*2025-07-02/),
    });
    here.write(declared("error_after: {count: 1, period: day}"));
    const failed = await here.cli("source", "freshness", "--output", "json");
    expect(failed.code).toBe(1);
    expect(json(failed)).toMatchObject({
      results: [{ status: "error", max_loaded_at: "2025-07-01T23:30:00.000Z" }],
    });
    expect(JSON.parse(here.read("target/sources.json"))).toMatchObject({
      metadata: { dbt_schema_version: "https://schemas.getdbt.com/dbt/sources/v3.json" },
      results: [{ status: "error", criteria: { error_after: { count: 1, period: "day" } } }],
    });
    here.write(declared("error_after: {count: 9000, period: day}"));
    expect((await here.cli("source", "freshness")).stdout).toMatch(/PASS/);
  });

  test("is what source_status:fresher compares with that of another run", async () => {
    using here = makeProject(declared("warn_after: {count: 1, period: day}"));
    await here.cli("source", "freshness");
    here.write({ "yesterday/sources.json": here.read("target/sources.json") });
    const fresher = async (): Promise<string> =>
      (await here.cli("ls", "-s", "source_status:fresher+1", "--state", "yesterday", "--output", "name"))
        .stdout;
    expect(await fresher()).toBe("");
    here.write({
      "landing-zone/events/b.jsonl": lines({ id: 9, kind: "view", happened: "2025-07-03T00:00:00Z" }),
    });
    expect(await fresher()).toBe("");
    await here.cli("source", "freshness");
    expect((await fresher()).trim().split("\n")).toEqual(["landing.events", "stg"]);
  });
});
