// `lake env ls` and `lake env drop`: an environment goes without a trace, and nothing else goes with it.
import { hostname } from "node:os";
import { expect, test } from "vitest";
import { loadTable } from "../../engine/iceberg/transaction.ts";
import { eventsProject, goodLines } from "./events-project.ts";
import { update } from "./foreign.ts";
import { environments, filesBelow, makeProject } from "./project.ts";
import type { TestProject } from "./project.ts";

const project = { ...eventsProject, "profiles.yml": `${environments}    deep: {from: pr_42}\n` };

/** Production, and two environments: one with a clone and a table of its own, one with a table. */
async function twoEnvironments(): Promise<TestProject> {
  const here = makeProject({ ...project, "landing-zone/events/f1.jsonl": goodLines(3) });
  expect((await here.run({ target: "prod" })).success).toBe(true);
  here.write({ "landing-zone/events/f2.jsonl": goodLines(2, 4) });
  expect((await here.run({ target: "pr_42" })).success).toBe(true);
  expect((await here.run({ target: "pr_4", select: ["daily"], empty: true })).success).toBe(true);
  return here;
}

test("ls shows what stands on a target, with clones, and when it was written", async () => {
  using here = await twoEnvironments();
  const { code, stdout } = await here.cli("env", "ls");
  expect(code).toBe(0);
  expect(stdout).toMatch(/pr_4 +prod +1 +0 +\d+ seconds? ago/);
  expect(stdout).toMatch(/pr_42 +prod +2 +1 +\d+ seconds? ago/);
  expect(stdout).not.toContain("lakehouse");
  await update(here, "events", [
    {
      action: "remove-snapshot-ref",
      "ref-name": `lake_base_${new Date().toISOString().slice(0, 10).replaceAll("-", "")}`,
    },
  ]);
  const json = JSON.parse((await here.cli("env", "ls", "--output", "json")).stdout) as unknown;
  expect(json).toMatchObject([
    { name: "pr_4", from: "prod", namespaces: ["pr_4"], tables: 1, ended: 0 },
    { name: "pr_42", from: "prod", namespaces: ["pr_42"], tables: 2, clones: 1, ended: 1 },
  ]);
});

test("drop asks; a dry run says what would go; then tables and files go, the environment's alone", async () => {
  using here = await twoEnvironments();
  const catalog = await here.catalog();
  const files = filesBelow(`${here.root}/warehouse`);
  const unasked = await here.cli("env", "drop", "pr_42");
  expect([unasked.code, unasked.stderr]).toEqual([2, expect.stringMatching(/needs a yes[^]*--dry-run/)]);
  const dry = await here.cli("env", "drop", "pr_42", "--dry-run");
  expect(dry.stdout).toMatch(
    /would drop pr_42: 2 tables, \d+ files of [^]*pr_42\.daily[^]*warehouse\/pr_42\.db\/\n/,
  );
  expect([await here.catalog(), filesBelow(`${here.root}/warehouse`)]).toEqual([catalog, files]);
  const dropped = await here.cli("env", "drop", "pr_42", "--yes");
  expect([dropped.code, dropped.stdout]).toEqual([0, expect.stringMatching(/^dropped pr_42: 2 tables/)]);
  expect(Object.keys(await here.catalog()).sort()).toEqual([
    "lakehouse.daily",
    "lakehouse.events",
    "pr_4.daily",
  ]);
  const left = files.filter((file) => !/^(pr_42\.db|_lake\/pr_42)\//.test(file));
  expect(filesBelow(`${here.root}/warehouse`)).toEqual(left);
  // Production reads every file it had; the other environment, whose name begins alike, too.
  expect(await here.query(`select count(*) from {{ref "events"}}`, "prod")).toEqual([[3]]);
  expect(await here.query(`select count(*) from {{ref "daily"}}`, "pr_4")).toEqual([[0]]);
  expect((await here.cli("env", "drop", "pr_42", "--yes")).stdout).toBe("pr_42 holds nothing\n");
  expect((await here.cli("env", "ls")).stdout).not.toContain("pr_42");
});

test("production cannot be dropped", async () => {
  using here = await twoEnvironments();
  const before = await here.catalog();
  const { code, stderr } = await here.cli("env", "drop", "prod", "--yes");
  expect([code, stderr]).toEqual([1, expect.stringMatching(/prod is no environment/)]);
  expect(await here.catalog()).toEqual(before);
});

test("an environment in which a run is at work stays", async () => {
  using here = await twoEnvironments();
  const record = {
    version: 2,
    runId: "r-1",
    command: "build",
    pid: process.pid,
    host: hostname(),
    tables: [],
  };
  here.write({ "warehouse/_lake/pr_42/runs/r-1.run.json": JSON.stringify(record) });
  const { code, stderr } = await here.cli("env", "drop", "pr_42", "--yes");
  expect([code, stderr]).toEqual([1, expect.stringMatching(/the run r-1 is at work \(process \d+ on /)]);
  expect(Object.keys(await here.catalog())).toContain("pr_42.events");
});

test("namespaces of the models' own schemas and of failing rows go with the environment", async () => {
  using here = makeProject({
    ...project,
    "landing-zone/events/f1.jsonl": goodLines(3),
    "models/daily.sql": `{{config materialized="table" schema="marts"}}\nselect count(*) as n from {{ref "events"}}\n`,
    "tests/data/fails.sql": `select * from {{ref "daily"}}\n`,
  });
  expect((await here.run({ target: "prod", command: "run" })).success).toBe(true);
  const noReuse = { target: "pr_42", select: ["daily"], noReuse: true, storeFailures: true };
  expect((await here.run({ ...noReuse, command: "run" })).success).toBe(true);
  expect((await here.run(noReuse)).success).toBe(false);
  const own = ["pr_42__marts.daily", "pr_42__test_failures.fails"];
  expect(Object.keys(await here.catalog())).toEqual(expect.arrayContaining(own));
  expect((await here.cli("env", "drop", "pr_42", "--yes")).code).toBe(0);
  expect(Object.keys(await here.catalog()).sort()).toEqual(["lakehouse.events", "marts.daily"]);
  expect(filesBelow(`${here.root}/warehouse`).filter((file) => file.includes("pr_42"))).toEqual([]);
});

test("an environment that another one stands on stays, and so does one in whose folders others' tables lie", async () => {
  using here = await twoEnvironments();
  here.write({
    "models/daily.sql": String(eventsProject["models/daily.sql"]).replace("n from", "n, 1 as x from"),
  });
  expect((await here.run({ target: "deep", select: ["daily"] })).success).toBe(true);
  const first = await here.cli("env", "drop", "pr_42", "--yes");
  expect([first.code, first.stderr]).toEqual([1, expect.stringMatching(/the environment deep stands on it/)]);
  expect((await here.cli("env", "drop", "deep", "--yes")).code).toBe(0);
  await here.withSession(async (session) => {
    const [catalog, storage] = await Promise.all([session.catalog(), session.storage()]);
    const table = await loadTable({ catalog, storage, identifier: { namespace: "pr_42", name: "events" } });
    await catalog.createNamespace("somebody");
    await catalog.commit([
      {
        identifier: { namespace: "somebody", name: "mine" },
        baseMetadataLocation: null,
        newMetadataLocation: table?.metadataLocation as string,
        newMetadata: table?.metadata as never,
        baseMetadata: null,
      },
    ]);
  });
  const second = await here.cli("env", "drop", "pr_42", "--yes");
  expect([second.code, second.stderr]).toEqual([
    1,
    expect.stringMatching(/somebody\.mine lies in its folders/),
  ]);
  expect(Object.keys(await here.catalog())).toContain("pr_42.events");
});
