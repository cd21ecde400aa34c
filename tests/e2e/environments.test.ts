// An environment over another target: it reads what is published there, builds what changed in its own
// namespace, and writes nothing else.
import { expect, test } from "vitest";
import { eventsProject, goodLines } from "./events-project.ts";
import { environments, filesBelow, makeProject } from "./project.ts";
import type { TestProject } from "./project.ts";

const project = { ...eventsProject, "profiles.yml": environments };

/** Production with one landing file, built. */
async function production(): Promise<TestProject> {
  const here = makeProject({ ...project, "landing-zone/events/f1.jsonl": goodLines(3) });
  expect((await here.run({ target: "prod" })).success).toBe(true);
  return here;
}

const changed = `{{config materialized="table"}}
select kind, count(*) as n, 1 as extra from {{ref "events"}} group by 1
`;

test("what is unchanged is read below; nothing is built, no file is written", async () => {
  using here = await production();
  const before = [await here.catalog(), filesBelow(`${here.root}/warehouse`)];
  const outcome = await here.run({ target: "pr_42" });
  expect(outcome.results.map(({ status }) => status)).toEqual(["success", "reused", "reused"]);
  expect(outcome.of("daily")?.message).toBe("unchanged in prod");
  expect([await here.catalog(), filesBelow(`${here.root}/warehouse`)]).toEqual(before);
  const rows = await here.query(`select count(*) from {{ref "events"}}`, "pr_42");
  expect(rows).toEqual([[3]]);
});

test("only what changed is built, in a namespace of its own, from tables that are read below", async () => {
  using here = await production();
  const before = await here.catalog();
  const below = filesBelow(`${here.root}/warehouse/lakehouse.db`);
  here.write({ "models/daily.sql": changed });
  const outcome = await here.run({ target: "pr_42" });
  expect([outcome.of("events")?.status, outcome.of("daily")?.status]).toEqual(["reused", "success"]);
  const after = await here.catalog();
  expect(Object.keys(after).sort()).toEqual(["lakehouse.daily", "lakehouse.events", "pr_42.daily"]);
  expect(after).toMatchObject(before);
  expect(filesBelow(`${here.root}/warehouse/lakehouse.db`)).toEqual(below);
  expect(await here.query(`select extra, n from {{ref "daily"}}`, "pr_42")).toEqual([[1, 3]]);
  expect(await here.query(`select * from {{ref "daily"}}`, "prod")).toEqual([["view", 3]]);
  expect((await here.run({ target: "pr_42" })).of("daily")?.status).toBe("reused");
});

test("a model's own schema is one of the environment's namespaces, not production's", async () => {
  using here = await production();
  const marts = changed.replace("}}", ' schema="marts"}}');
  here.write({ "models/daily.sql": marts });
  expect((await here.run({ target: "prod" })).success).toBe(true);
  here.write({ "models/daily.sql": marts.replace("1 as extra", "2 as extra") });
  expect((await here.run({ target: "pr_42" })).success).toBe(true);
  expect(Object.keys(await here.catalog())).toContain("pr_42__marts.daily");
  expect(await here.query(`select extra from {{ref "daily"}}`, "prod")).toEqual([[1]]);
  expect(await here.query(`select extra from {{ref "daily"}}`, "pr_42")).toEqual([[2]]);
});

test("an environment whose schema is a model's own schema in production is refused", async () => {
  using here = await production();
  here.write({ "models/daily.sql": changed.replace("}}", ' schema="pr_42"}}') });
  const { code, stderr } = await here.cli("build", "-t", "pr_42");
  expect(code).toBe(1);
  expect(stderr).toMatch(/the environment pr_42 cannot be: .*daily.* asks for the schema pr_42/);
});

test("tests that passed below on the same rows do not run again; those of changed tables do", async () => {
  using here = makeProject({
    ...project,
    "landing-zone/events/f1.jsonl": goodLines(3),
    "models/tests.yml": `models:
  - name: events
    columns: [{name: id, data_tests: [not_null, unique]}]
  - name: daily
    columns: [{name: kind, data_tests: [unique]}]
`,
    "tests/data/few.sql": `select * from {{ref "events"}} where id > 100\n`,
  });
  expect((await here.run({ target: "prod" })).success).toBe(true);
  here.write({ "models/daily.sql": changed });
  const outcome = await here.run({ target: "pr_42" });
  const statuses = outcome.results.filter(({ resourceType }) => resourceType === "test");
  expect(statuses.map(({ status }) => status).sort()).toEqual(["pass", "reused", "reused", "reused"]);
});

test("a failing test leaves the environment without the table, and keeps its rows in the environment", async () => {
  using here = await production();
  here.write({
    "models/daily.sql": changed,
    "models/tests.yml": `models:
  - name: daily
    columns: [{name: extra, data_tests: [{accepted_values: {arguments: {values: [2]}}}]}]
`,
  });
  const outcome = await here.run({ target: "pr_42", storeFailures: true });
  expect(outcome.success).toBe(false);
  const tables = Object.keys(await here.catalog());
  expect(tables).not.toContain("pr_42.daily");
  expect(tables.filter((name) => !name.startsWith("lakehouse."))).toEqual([
    expect.stringMatching(/^pr_42__test_failures\./),
  ]);
  expect(await here.query(`select * from {{ref "daily"}}`, "pr_42")).toEqual([["view", 3]]);
});

test("a quick look at a part of the rows makes a table of its own", async () => {
  using here = await production();
  expect((await here.run({ target: "pr_42", select: ["daily"], empty: true })).success).toBe(true);
  expect(await here.query(`select count(*) from {{ref "daily"}}`, "pr_42")).toEqual([[0]]);
  expect(await here.query(`select count(*) from {{ref "daily"}}`, "prod")).toEqual([[1]]);
});

test("an environment with a catalog and a warehouse of its own writes nothing at all below", async () => {
  using here = await production();
  here.write({ "models/daily.sql": changed });
  const before = [await here.catalog(), filesBelow(`${here.root}/warehouse`)];
  expect((await here.run({ target: "mine" })).success).toBe(true);
  expect([await here.catalog(), filesBelow(`${here.root}/warehouse`)]).toEqual(before);
  expect(filesBelow(`${here.root}/my-warehouse/mine.db`).length).toBeGreaterThan(0);
  expect(await here.query(`select extra, n from {{ref "daily"}}`, "mine")).toEqual([[1, 3]]);
});

test("--defer reads another target's tables where this one has none; what is selected is built here", async () => {
  using here = await production();
  const other = `    other: {schema: other, warehouse: warehouse, landing: landing-zone, catalog: {type: sql, uri: "sqlite:///lake.db"}}\n`;
  here.write({ "profiles.yml": `${environments}${other}` });
  const without = await here.cli("run", "-t", "other", "-s", "daily");
  expect(without.code).toBe(1);
  const deferred = await here.cli("run", "-t", "other", "-s", "daily", "--defer", "--state", "prod");
  expect([deferred.code, deferred.stderr]).toEqual([0, ""]);
  expect(Object.keys(await here.catalog()).sort()).toEqual([
    "lakehouse.daily",
    "lakehouse.events",
    "other.daily",
  ]);
  expect(await here.query(`select n from {{ref "daily"}}`, "other")).toEqual([[3]]);
});
