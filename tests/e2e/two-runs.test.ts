// Two runs at once on one target: they do not get in each other's way, or the second is told who holds what.
import { readFileSync, utimesSync } from "node:fs";
import { hostname } from "node:os";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { LakeError } from "../../engine/common/errors.ts";
import { eventsProject, goodLines } from "./events-project.ts";
import { makeProject } from "./project.ts";
import type { Files, RunOutcome, TestProject } from "./project.ts";
import { stepsOf, stoppedAtStep } from "./steps.ts";

const files: Files = {
  ...eventsProject,
  "landing-zone/events/0.jsonl": goodLines(20_000),
  "models/apart.sql": `{{config materialized="table"}}\nselect 1 as one\n`,
};

const records = (here: TestProject): string[] => here.files("warehouse/_lake/dev/runs");

/** A build of the events that stands still in the middle of its work: its record is written, nothing staged. */
const stopped = (here: TestProject): ReturnType<typeof stoppedAtStep> =>
  stoppedAtStep({ root: here.root, options: { select: ["events+"] }, at: 3 });

async function refused(run: Promise<RunOutcome>): Promise<LakeError> {
  const error = await run.then(
    () => null,
    (caught: unknown) => caught,
  );
  expect(error).toBeInstanceOf(LakeError);
  return error as LakeError;
}

/** What a run of another machine would have left, last seen so long ago. */
function foreignRecord(here: TestProject, silentMs: number, tables: string[]): void {
  const name = "warehouse/_lake/dev/runs/other.run.json";
  const record = {
    version: 2,
    runId: "other",
    command: "run",
    pid: 4711,
    host: "elsewhere",
    startedMs: 0,
    tables: tables.map((table) => ({ table, location: "" })),
  };
  here.write({ [name]: JSON.stringify(record) });
  const seen = new Date(Date.now() - silentMs);
  utimesSync(path.join(here.root, name), seen, seen);
}

describe("a run that is at work", () => {
  test("keeps its tables: the second run says who, where, since when and which, and writes nothing", async () => {
    using here = makeProject(files);
    const { child, ended } = await stopped(here);
    expect(stepsOf(here.root).at(-1)).toBe("before compute.write");
    const before = here.files("warehouse");
    const runId = records(here)[0]?.split(".")[0] ?? "";
    const error = await refused(here.run({}));
    expect(error.code).toBe("run/table-held");
    for (const part of [
      runId,
      `process ${child.pid} on ${hostname()}`,
      "lakehouse.events",
      "lakehouse.daily",
    ])
      expect(error.message).toContain(part);
    expect(error.message).toMatch(/since 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d/);
    expect(error.message).not.toContain("apart");
    expect(here.files("warehouse")).toEqual(before);
    expect(await here.catalog()).toEqual({});
    child.kill("SIGCONT");
    expect(await ended).toMatchObject({ code: 0 });
    expect(records(here)).toEqual([]);
    expect(await here.query(`select count(*) from {{ref "events"}}`)).toEqual([[20_000]]);
  });

  test("does not hold back a run of other tables", async () => {
    using here = makeProject(files);
    const { child, ended } = await stopped(here);
    expect(await here.run({ select: ["apart"] })).toMatchObject({ success: true, published: true });
    child.kill("SIGCONT");
    expect(await ended).toMatchObject({ code: 0 });
    expect(Object.keys(await here.catalog())).toEqual([
      "lakehouse.apart",
      "lakehouse.daily",
      "lakehouse.events",
    ]);
  });

  test("holds nothing once its process is gone", async () => {
    using here = makeProject(files);
    const { child, ended } = await stopped(here);
    child.kill("SIGKILL");
    await ended;
    expect((await here.run({})).success).toBe(true);
    expect(await here.query(`select count(*) from {{ref "events"}}`)).toEqual([[20_000]]);
  });
});

describe("a run of another machine", () => {
  test("holds its tables as long as it shows signs of life", async () => {
    using here = makeProject(files);
    foreignRecord(here, 60_000, ["lakehouse.apart"]);
    const error = await refused(here.run({ select: ["apart"] }));
    expect(error.message).toContain("the run other (lake run, process 4711 on elsewhere, since 1970-01-01");
    expect(records(here)).toEqual(["other.run.json"]);
  });

  test("holds nothing after two minutes of silence", async () => {
    using here = makeProject(files);
    foreignRecord(here, 125_000, ["lakehouse.apart"]);
    expect((await here.run({ select: ["apart"] })).success).toBe(true);
  });

  test("came later: it will give way, not we", async () => {
    using here = makeProject(files);
    foreignRecord(here, -60_000, ["lakehouse.apart"]);
    expect((await here.run({ select: ["apart"] })).success).toBe(true);
  });
});

test("four builds that start together: no row twice, none lost, and each says how it ended", async () => {
  using here = makeProject({ ...files, "landing-zone/events/1.jsonl": goodLines(10, 500_000) });
  const runs = await Promise.all(Array.from({ length: 4 }, () => here.cli("build", "--log-format", "json")));
  expect(runs.filter(({ code }) => code === 0).length).toBeGreaterThan(0);
  const failures = runs.filter(({ code }) => code !== 0).map(({ stdout, stderr }) => stdout + stderr);
  for (const text of failures) expect(text).toMatch(/run\/table-held|catalog\/(conflict|table-exists)/);
  expect((await here.run({})).success).toBe(true);
  expect(await here.query(`select count(*), count(distinct id) from {{ref "events"}}`)).toEqual([
    [20_010, 20_010],
  ]);
  expect(await here.query(`select sum(n) from {{ref "daily"}}`)).toEqual([[20_010]]);
});

test("a record that somebody spoiled holds nothing", async () => {
  using here = makeProject(files);
  here.write({ "warehouse/_lake/dev/runs/spoiled.run.json": "{" });
  expect((await here.run({ select: ["apart"] })).success).toBe(true);
  expect(readFileSync(path.join(here.root, "warehouse/_lake/dev/runs/spoiled.run.json"), "utf8")).toBe("{");
});
