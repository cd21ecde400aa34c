// `lake retry`: what a failed run staged and what passed on it is taken over, only the rest is built.
import { rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { eventsProject, goodLines } from "./events-project.ts";
import { append } from "./foreign.ts";
import { makeProject } from "./project.ts";
import type { Files, RunOutcome, TestProject } from "./project.ts";
import { stepsOf, startAtStep } from "./steps.ts";
import { leftovers } from "./warehouse-files.ts";

/** `middle` is wrong: a row too many for its test. `aside` has nothing to do with it. */
const files: Files = {
  ...eventsProject,
  "landing-zone/events/0.jsonl": goodLines(20),
  "models/middle.sql": `{{config materialized="table"}}\nselect id, kind from {{ref "events"}} where id <= 11\n`,
  "models/last.sql": `{{config materialized="table"}}\nselect count(*) as n from {{ref "middle"}}\n`,
  "models/aside.sql": `{{config materialized="table"}}\nselect max(id) as id from {{ref "events"}}\n`,
  "models/tests.yml": `version: 2
models:
  - name: events
    columns: [{name: id, data_tests: [unique, not_null]}]
  - name: middle
    data_tests: [{row_count_between: {name: ten_rows, arguments: {min_value: 10, max_value: 10}}}]
`,
};
const mended = { "models/middle.sql": String(files["models/middle.sql"]).replace("11", "10") };

async function failed(
  here: TestProject,
  options: Parameters<TestProject["run"]>[0] = {},
): Promise<RunOutcome> {
  const outcome = await here.run(options);
  expect(outcome).toMatchObject({ success: false, published: false, staged: true });
  expect(outcome.of("ten_rows")?.status).toBe("fail");
  return outcome;
}

const statuses = (outcome: RunOutcome, ...names: string[]): unknown[] =>
  names.map((name) => {
    const result = outcome.of(name);
    return result?.message.startsWith("staged by") === true ? "taken over" : result?.status;
  });

const snapshot = (outcome: RunOutcome, name: string): bigint | null | undefined =>
  outcome.of(name)?.table?.snapshotId;

describe("after a failing test and a mended model", () => {
  test("only that model and what reads it is built; the rest is published as it was staged", async () => {
    using here = makeProject(files);
    const first = await failed(here);
    expect(statuses(first, "events", "aside", "middle", "last")).toEqual([
      "success",
      "success",
      "success",
      "skipped",
    ]);
    expect(await here.catalog()).toEqual({});
    here.write(mended);
    const again = await here.run({ retries: first.runId });
    expect(again).toMatchObject({ success: true, published: true });
    expect(statuses(again, "events", "aside", "middle", "last")).toEqual([
      "taken over",
      "taken over",
      "success",
      "success",
    ]);
    expect(snapshot(again, "events")).toBe(snapshot(first, "events"));
    // What passed on the very rows is not asked again.
    expect(statuses(again, "unique_events_id", "not_null_events_id", "ten_rows")).toEqual([
      "reused",
      "reused",
      "pass",
    ]);
    expect(await here.query(`select n from {{ref "last"}}`)).toEqual([[10]]);
    expect(await leftovers(here)).toEqual([]);
    expect(here.files("warehouse/_lake/dev/runs")).toEqual([]);
    expect((await here.run({})).results.every(({ status }) => ["reused", "success"].includes(status))).toBe(
      true,
    );
  });

  test("by command line: it takes the failed run's selection, and the output says how to look and go on", async () => {
    using here = makeProject(files);
    const build = await here.cli("build", "-s", "events+", "--exclude", "daily");
    expect(build.code).toBe(1);
    const runId = /lake show (\w+) --run ([0-9a-f-]{36})/.exec(build.stdout)?.[2] ?? "";
    expect(build.stdout).toContain("lake retry");
    const shown = await here.cli("show", "middle", "--run", runId, "--output", "csv", "--limit", "0");
    expect([shown.code, shown.stdout.trim()]).toEqual([0, "id,kind"]);
    const rows = await here.cli("show", "ten_rows", "--run", runId);
    expect(rows.stdout).toContain("11");
    here.write(mended);
    const retried = await here.cli("retry", "--output", "json");
    expect([retried.code, retried.stderr]).toEqual([0, expect.any(String)]);
    const names = Object.keys(await here.catalog());
    expect(names).toEqual(["lakehouse.aside", "lakehouse.events", "lakehouse.last", "lakehouse.middle"]);
    const nothing = await here.cli("retry");
    expect([nothing.code, nothing.stderr]).toEqual([2, expect.stringContaining("the last run succeeded")]);
  });

  test("a run that failed before anything was staged is called again as it was", async () => {
    using here = makeProject(files);
    here.write({ "models/middle.sql": `select nope from {{ref "events"}}\n` });
    expect((await here.cli("build", "-s", "events", "middle")).code).toBe(1);
    here.write(mended);
    expect((await here.cli("retry")).code).toBe(0);
    expect(Object.keys(await here.catalog())).toEqual(["lakehouse.events", "lakehouse.middle"]);
  });

  test("without a failed run there is nothing to retry, and an unknown id is named", async () => {
    using here = makeProject(files);
    expect(await here.cli("retry")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("no failed run"),
    });
    expect(await here.cli("retry", "nope")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("nope"),
    });
  });
});

describe("what no longer stands is built again", () => {
  test("a staged file is gone: other engines' orphan removal does not know it", async () => {
    using here = makeProject(files);
    const { runId } = await failed(here);
    const [data] = here.files("warehouse/lakehouse.db/aside/data");
    rmSync(path.join(here.root, "warehouse/lakehouse.db/aside/data", data as string));
    here.write(mended);
    const again = await here.run({ retries: runId });
    expect(statuses(again, "events", "aside", "middle")).toEqual(["taken over", "success", "success"]);
    expect(await here.query(`select id from {{ref "aside"}}`)).toEqual([[20]]);
    expect(await leftovers(here)).toEqual([]);
  });

  test("another engine wrote the table meanwhile", async () => {
    using here = makeProject({ ...files, ...mended });
    expect((await here.run({})).success).toBe(true);
    here.write({ ...files, "landing-zone/events/1.jsonl": goodLines(5, 100) });
    const { runId } = await failed(here);
    await append(
      here,
      "events",
      "select 999::bigint as id, 'x' as kind, null as happened, null as page, null::bigint as recipe_id, 'x' as data_source",
    );
    here.write(mended);
    const again = await here.run({ retries: runId });
    expect(again.success).toBe(true);
    expect(statuses(again, "events", "aside")).toEqual(["success", "success"]);
    expect(await here.query(`select count(*), count(distinct id), max(id) from {{ref "events"}}`)).toEqual([
      [26, 26, 999],
    ]);
    expect(await here.query(`select id from {{ref "aside"}}`)).toEqual([[999]]);
    expect(await leftovers(here)).toEqual([]);
  });

  test("a landing file changed; one that came meanwhile waits for the next run", async () => {
    using here = makeProject(files);
    const first = await failed(here);
    here.write({ ...mended, "landing-zone/events/1.jsonl": goodLines(5, 100) });
    const second = await here.run({ retries: first.runId });
    expect(statuses(second, "events")).toEqual(["taken over"]);
    expect(await here.query(`select count(*) from {{ref "events"}}`)).toEqual([[20]]);
    expect((await here.run({})).success).toBe(true);
    expect(await here.query(`select count(*) from {{ref "events"}}`)).toEqual([[25]]);

    here.write({
      "models/middle.sql": String(files["models/middle.sql"]),
      "landing-zone/events/2.jsonl": goodLines(5, 200),
    });
    const third = await failed(here);
    writeFileSync(path.join(here.root, "landing-zone/events/2.jsonl"), goodLines(4, 300));
    here.write(mended);
    const fourth = await here.run({ retries: third.runId });
    expect(statuses(fourth, "events")).toEqual(["success"]);
    expect(await here.query(`select count(*), max(id) from {{ref "events"}}`)).toEqual([[29, 303]]);
    expect(await leftovers(here)).toEqual([]);
  });

  test("a table upstream was made again", async () => {
    using here = makeProject(files);
    const { runId } = await failed(here);
    here.write({
      ...mended,
      "models/events.sql": `{{config materialized="incremental" strategy="append"}}\nselect * from {{ref "stg"}} where id > 1\n`,
    });
    const again = await here.run({ retries: runId });
    expect(statuses(again, "events", "aside", "middle")).toEqual(["success", "success", "success"]);
  });
});

describe("one retry at a time", () => {
  test("a second one is refused, also when the first one has ended", async () => {
    using here = makeProject(files);
    const { runId } = await failed(here);
    here.write({
      [`warehouse/_lake/dev/runs/${runId}.decided.json`]: JSON.stringify({ what: "clean", by: "x" }),
    });
    await expect(here.run({ retries: runId })).rejects.toMatchObject({ code: "run/already-decided" });
    expect(await here.catalog()).toEqual({});
  });

  test("a retry that was killed can be tried again, whatever it came to", { timeout: 600_000 }, async () => {
    using whole = makeProject(files);
    const { runId: of } = await failed(whole);
    whole.write(mended);
    await startAtStep({ root: whole.root, options: { retries: of }, at: 0, signal: "SIGKILL" }).ended;
    const count = stepsOf(whole.root).length;
    expect(count).toBeGreaterThan(10);
    for (let at = 1; at <= count; at += 3) {
      using here = makeProject(files);
      const { runId } = await failed(here);
      here.write(mended);
      await startAtStep({ root: here.root, options: { retries: runId }, at, signal: "SIGKILL" }).ended;
      const stands = here.files("warehouse/_lake/dev/runs").includes(`${runId}.failed.json`);
      const again = await here.run(stands ? { retries: runId } : {});
      expect([at, again.results.flatMap(({ error }) => error ?? []), again.success]).toEqual([at, [], true]);
      expect(await here.query(`select count(*), count(distinct id) from {{ref "events"}}`)).toEqual([
        [20, 20],
      ]);
      expect(await here.query(`select n from {{ref "last"}}`)).toEqual([[10]]);
    }
  });
});
