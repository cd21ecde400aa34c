// Tables that move one after another, as on Hive Metastore: from the first one on a publishing only goes forward,
// whoever brings it to its end, and what another writer took away is skipped and said.
import { readFileSync, utimesSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { fromStagedRecord } from "../../engine/iceberg/staged-record.ts";
import { planScan } from "../../engine/iceberg/scan.ts";
import { publishInOrder } from "../../engine/run/publishing/publish-in-order.ts";
import type { PublishingRecord } from "../../engine/run/publishing/publishing-record.ts";
import type { RunEvent } from "../../engine/run/types.ts";
import { goodLines, quarantining } from "./events-project.ts";
import { append, compact, tableOf } from "./foreign.ts";
import { makeProject } from "./project.ts";
import type { Files, RunOutcome, TestProject } from "./project.ts";
import { startAtStep, stepsOf, stoppedAtStep } from "./steps.ts";
import { leftovers } from "./warehouse-files.ts";

const files: Files = {
  ...quarantining,
  "landing-zone/events/0.jsonl": `${goodLines(10)}not json\n`,
  "models/aside.sql": `{{config materialized="table"}}\nselect 1 as one\n`,
};
const more = { "landing-zone/events/1.jsonl": `${goodLines(5, 100)}neither\n` };
const theirs =
  "select 999::bigint as id, 'x' as kind, null as happened, null as page, null::bigint as recipe_id, 'x' as data_source";

/** The step before the second of four tables moves. */
let second = 0;
beforeAll(async () => {
  using here = makeProject(files);
  await startAtStep({ root: here.root, oneByOne: true, at: 0 }).ended;
  const steps = stepsOf(here.root);
  second =
    steps.findIndex(
      (step, index) => step === "before catalog.commit" && steps.slice(0, index).includes(step),
    ) + 1;
  if (second <= 10) throw new Error(`the second table moves at step ${second}`);
});

/** A first build that was killed after its first table had moved. */
async function cut(here: TestProject): Promise<{ runId: string; record: string }> {
  const { signal } = await startAtStep({ root: here.root, oneByOne: true, at: second, signal: "SIGKILL" })
    .ended;
  expect(signal).toBe("SIGKILL");
  expect(Object.keys(await here.catalog())).toHaveLength(1);
  const record = runFiles(here).find((name) => name.endsWith(".publishing-1.json")) ?? "";
  return {
    runId: record.split(".")[0] ?? "",
    record: path.join(here.root, "warehouse/_lake/dev/runs", record),
  };
}

const runFiles = (here: TestProject): string[] => here.files("warehouse/_lake/dev/runs");

const warnings = ({ events }: { readonly events: readonly RunEvent[] }): string[] =>
  events.flatMap((event) => (event.kind === "warning" ? [event.message] : []));

const everything = ["aside", "daily", "events", "events_quarantine"].map((name) => `lakehouse.${name}`);

async function complete(here: TestProject): Promise<RunOutcome> {
  // A command that has nothing to do with the tables that wait, except that it writes the target.
  const outcome = await here.run({ select: ["aside"], noReuse: true });
  expect(outcome.success).toBe(true);
  return outcome;
}

describe("cut off after the first table", () => {
  test("the next writing command publishes the rest as it was staged and tested", async () => {
    using here = makeProject(files);
    const { runId, record } = await cut(here);
    const staged = JSON.parse(readFileSync(record, "utf8")) as PublishingRecord;
    const outcome = await complete(here);
    expect(warnings(outcome).join()).toMatch(
      new RegExp(`completed the run ${runId}, cut off .* ago: published lakehouse`),
    );
    expect(Object.keys(await here.catalog()).sort()).toEqual(everything);
    const ids = staged.units.flatMap(({ changes }) => changes.map(({ commitId }) => commitId));
    const events = await here.withSession((session) => tableOf(session, "events"));
    expect(ids).toContain(events.metadata.snapshots[0]?.summary["lake.commit-id"]);
    expect(runFiles(here).filter((name) => name.includes("publishing"))).toEqual([]);
    const again = await here.run({});
    expect(again.results.map(({ status }) => status)).not.toContain("error");
    expect(again.of("events")?.status).toBe("reused");
    expect(await here.query(`select count(*), count(distinct id) from {{ref "events"}}`)).toEqual([[10, 10]]);
    expect(await here.query(`select sum(n) from {{ref "daily"}}`)).toEqual([[10]]);
  });

  test("reading commands leave it alone", async () => {
    using here = makeProject(files);
    await cut(here);
    const before = runFiles(here);
    for (const args of [["ls"], ["plan"], ["staged"], ["compile"]])
      expect((await here.cli(...args)).code).toBe(0);
    expect(runFiles(here)).toEqual(before);
    expect((await here.cli("staged")).stdout).toMatch(/publishing.*lake recover/s);
  });

  test("lake recover publishes it, lake recover --discard gives it up and the next run builds it", async () => {
    using here = makeProject(files);
    await cut(here);
    const recovered = await here.cli("recover");
    expect([recovered.code, recovered.stdout]).toEqual([0, expect.stringContaining("published lakehouse")]);
    expect(Object.keys(await here.catalog()).sort()).toEqual(everything);
    expect((await here.cli("recover")).stdout).toContain("no publishing is unfinished");

    using other = makeProject(files);
    await cut(other);
    const [only] = Object.keys(await other.catalog());
    expect((await other.cli("recover", "--discard")).stdout).toContain("given up");
    expect(Object.keys(await other.catalog())).toEqual([only]);
    expect((await other.run({})).success).toBe(true);
    expect(Object.keys(await other.catalog()).sort()).toEqual(everything);
    expect(await other.query(`select count(*), count(distinct id) from {{ref "events"}}`)).toEqual([
      [10, 10],
    ]);
  });

  test("after a day it waits for lake recover, and only what builds its tables waits with it", async () => {
    using here = makeProject(files);
    const { record, runId } = await cut(here);
    const longAgo = new Date(Date.now() - 25 * 3_600_000);
    utimesSync(record, longAgo, longAgo);
    here.write({ "models/apart.sql": `{{config materialized="table"}}\nselect 2 as two\n` });
    expect((await here.run({ select: ["apart"] })).success).toBe(true);
    const failure = await here.run({ select: ["+daily"] }).then(
      () => null,
      (error: unknown) => error,
    );
    expect(failure).toMatchObject({ code: "run/publishing-too-old" });
    expect(String(failure)).toContain("1 day ago");
    expect((await here.cli("recover", runId)).code).toBe(0);
    expect(Object.keys(await here.catalog()).sort()).toEqual(["lakehouse.apart", ...everything].sort());
    expect((await here.run({})).success).toBe(true);
  });
});

describe("what does not fit is skipped with what reads it, and built by the next run", () => {
  /** A second build, cut off before the commit of that number; then `meddle`, then the next command. */
  async function meddled(
    meddle: (here: TestProject, record: string) => Promise<void> | void,
    commit = 1,
  ): Promise<{
    here: TestProject;
    outcome: RunOutcome;
  }> {
    const here = makeProject(files);
    expect((await here.run({})).success).toBe(true);
    here.write(more);
    const steps = await stepsOfSecondBuild();
    const commits = steps.flatMap((step, index) => (step === "before catalog.commit" ? [index + 1] : []));
    const at = commits[commit - 1] ?? 0;
    await startAtStep({ root: here.root, oneByOne: true, at, signal: "SIGKILL" }).ended;
    const name = runFiles(here).find((file) => file.endsWith(".publishing-1.json")) ?? "";
    await meddle(here, path.join(here.root, "warehouse/_lake/dev/runs", name));
    return { here, outcome: await complete(here) };
  }

  let known: string[] | null = null;
  async function stepsOfSecondBuild(): Promise<string[]> {
    if (known !== null) return known;
    using here = makeProject(files);
    await here.run({});
    here.write(more);
    await startAtStep({ root: here.root, oneByOne: true, at: 0 }).ended;
    return (known = stepsOf(here.root));
  }

  function quarantined(here: TestProject): Promise<number> {
    return here.withSession(async (session) => {
      const { metadata } = await tableOf(session, "events_quarantine");
      const tasks = await planScan({ storage: await session.storage(), metadata });
      return tasks.reduce((sum, { file }) => sum + Number(file.recordCount), 0);
    });
  }

  async function endsRight(here: TestProject, extra = 0): Promise<void> {
    expect((await here.run({})).success).toBe(true);
    expect(await here.query(`select count(*), count(distinct id) from {{ref "events"}}`)).toEqual([
      [15 + extra, 15 + extra],
    ]);
    expect(await here.query(`select sum(n) from {{ref "daily"}}`)).toEqual([[15 + extra]]);
  }

  test("another writer moved a table", async () => {
    const { here, outcome } = await meddled((project) => append(project, "events", theirs));
    using project = here;
    expect(warnings(outcome).join()).toMatch(
      /lakehouse\.events was built and tested but not published.*daily.*events was not published/,
    );
    expect(await project.query(`select count(*) from {{ref "events"}}`)).toEqual([[11]]);
    await endsRight(project, 1);
    // The commit that was cut off had its metadata file: it is found by the run that it names.
    expect(await leftovers(project)).toHaveLength(1);
    const [name = ""] = runFiles(project);
    expect((await project.cli("staged", "--clean", name.split(".")[0] ?? "")).stdout).toContain("1 file");
    expect(await leftovers(project)).toEqual([]);
  });

  test.each<[string, (project: TestProject) => Promise<void>, number]>([
    ["appended to", (project) => append(project, "events_quarantine", `select * from "compacted"`), 1],
    ["compacted", (project) => compact(project, "events_quarantine"), 0],
  ])(
    "no rejected line is lost where the quarantine was %s between its table's commit and its own",
    async (_what, meddle, extra) => {
      const { here, outcome } = await meddled(meddle, 2);
      using project = here;
      expect(warnings(outcome).join()).toMatch(/completed the run .* published lakehouse\.events_quarantine/);
      expect(warnings(outcome).join()).not.toMatch(/not published/);
      expect(await quarantined(project)).toBe(2 + extra);
      await endsRight(project);
      expect(await quarantined(project)).toBe(2 + extra);
    },
  );

  test("a table was dropped, or made again by another", async () => {
    const { here, outcome } = await meddled((project) =>
      project.withSession(async (session) =>
        (await session.catalog()).drop({ namespace: "lakehouse", name: "daily" }),
      ),
    );
    using project = here;
    expect(warnings(outcome).join()).toMatch(
      /published lakehouse\.events, lakehouse\.events_quarantine; lakehouse\.daily was built and tested but not published/,
    );
    await endsRight(project);
  });

  test("a staged file is gone", async () => {
    const { here, outcome } = await meddled(async (project, record) => {
      const staged = JSON.parse(readFileSync(record, "utf8")) as PublishingRecord;
      const data = staged.units
        .flatMap(({ changes }) => changes)
        .find(({ identifier }) => identifier.name === "events");
      await project.withSession(async (session) =>
        (await session.storage()).delete(data?.paths.filter((file) => file.endsWith(".parquet")) ?? []),
      );
    });
    using project = here;
    expect(warnings(outcome).join()).toMatch(
      /events was built and tested but not published: 1 staged files? of .* no longer exist/,
    );
    await endsRight(project);
  });

  test.each([
    [
      "another namespace",
      (text: string) => text.replaceAll('"namespace": "lakehouse"', '"namespace": "elsewhere"'),
    ],
    ["another folder", (text: string) => text.replaceAll("lakehouse.db/events/data", "other.db/events/data")],
    [
      "another table's uuid",
      (text: string) =>
        text.replaceAll(/"uuid": "[0-9a-f-]+"/g, '"uuid": "00000000-0000-0000-0000-000000000000"'),
    ],
  ])("a record that names %s is not followed", async (_what, spoil) => {
    const before: Record<string, string> = {};
    const { here, outcome } = await meddled(async (project, record) => {
      Object.assign(before, await project.catalog());
      writeFileSync(record, spoil(readFileSync(record, "utf8")));
    });
    using project = here;
    expect(warnings(outcome).join()).toMatch(/not published/);
    expect((await project.catalog())["lakehouse.events"]).toBe(before["lakehouse.events"]);
    expect(Object.keys(await project.catalog()).some((name) => name.startsWith("elsewhere"))).toBe(false);
    await endsRight(project);
  });
});

describe("a publisher that only seemed dead", () => {
  test("asks before each table whether it is still held to be alive", async () => {
    using here = makeProject(files);
    const { record } = await cut(here);
    const { units } = JSON.parse(readFileSync(record, "utf8")) as PublishingRecord;
    const [moved] = Object.keys(await here.catalog());
    await here.withSession(async (session) => {
      const storage = await session.storage();
      const rest = units.filter(({ changes }) => `lakehouse.${changes[0]?.identifier.name}` !== moved);
      const waiting = await Promise.all(
        rest.map(async ({ node, changes }) => ({
          node,
          reads: [],
          tables: [node],
          changes: await Promise.all(changes.map((change) => fromStagedRecord(storage, change, null))),
        })),
      );
      expect(waiting.length).toBeGreaterThan(1);
      let asked = 0;
      const checkHeld = (): Promise<void> =>
        (asked += 1) < 2 ? Promise.resolve() : Promise.reject(new Error("taken for dead"));
      await expect(publishInOrder({ session, units: waiting, checkHeld })).rejects.toThrow("taken for dead");
      const [first, ...others] = waiting.map(({ changes }) =>
        changes.map((one) => one.request.identifier.name),
      );
      const catalog = Object.keys(await here.catalog());
      for (const name of first ?? []) expect(catalog).toContain(`lakehouse.${name}`);
      for (const name of others.flat()) expect(catalog).not.toContain(`lakehouse.${name}`);
    });
  });

  test("and who completes for it end in the same state, at each step of the publishing", async () => {
    using whole = makeProject(files);
    await startAtStep({ root: whole.root, oneByOne: true, at: 0 }).ended;
    const steps = stepsOf(whole.root);
    const from = steps.lastIndexOf(
      "before storage.writeIfAbsent",
      steps.indexOf("before catalog.commit") - 1,
    );
    for (let at = from + 1; at <= steps.length; at += 2) {
      using here = makeProject(files);
      const { child, ended } = await stoppedAtStep({ root: here.root, oneByOne: true, at });
      // No sign of life for longer than others wait, and not on this machine.
      for (const name of runFiles(here)) {
        const file = path.join(here.root, "warehouse/_lake/dev/runs", name);
        const text = readFileSync(file, "utf8");
        if (name.endsWith(".run.json"))
          writeFileSync(file, text.replace(/"host": "[^"]*"/, '"host": "elsewhere"'));
        const silent = new Date(Date.now() - 600_000);
        utimesSync(file, silent, silent);
      }
      await complete(here);
      const seen = await here.catalog();
      child.kill("SIGCONT");
      const { code, output } = await ended;
      const label = `${at} ${steps[at - 1]} ${output}`;
      const events = await here
        .query(`select count(*), count(distinct id) from {{ref "events"}}`)
        .catch(() => "none");
      expect([label, (await here.run({})).success]).toEqual([label, true]);
      expect([label, await here.query(`select count(*), count(distinct id) from {{ref "events"}}`)]).toEqual([
        label,
        [[10, 10]],
      ]);
      expect([label, await here.query(`select sum(n) from {{ref "daily"}}`)]).toEqual([label, [[10]]]);
      expect([label, [0, 1].includes(code ?? -1), seen !== null, events !== null]).toEqual([
        label,
        true,
        true,
        true,
      ]);
    }
  }, 600_000);
});
