// What failed and killed runs leave is listed and removed by command, and nothing that somebody needs goes with it.
import { utimesSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { openProject } from "../../engine/run/open-project.ts";
import { createSession } from "../../engine/run/session.ts";
import { cleanStagedRuns } from "../../engine/upkeep/clean-staged-runs.ts";
import type { CleanedRun } from "../../engine/upkeep/clean-staged-runs.ts";
import { adapters } from "../../engine/wire.ts";
import { goodLines, quarantining } from "./events-project.ts";
import { update } from "./foreign.ts";
import { makeProject } from "./project.ts";
import type { Files, TestProject } from "./project.ts";
import { startAtStep, stepsOf, stoppedAtStep } from "./steps.ts";
import { leftovers } from "./warehouse-files.ts";

const hourMs = 3_600_000;

const files: Files = {
  ...quarantining,
  "landing-zone/events/0.jsonl": `${goodLines(10)}not json\n`,
  "models/tests.yml": `version: 2
models:
  - name: daily
    data_tests: [{row_count_between: {name: none, arguments: {max_value: 0}, config: {store_failures: true}}}]
`,
};
const passing = { "models/tests.yml": "version: 2\n" };

/** As if `lake staged --clean` were called so many hours from now. */
async function cleanLater(here: TestProject, hours: number, olderThanHours = 24): Promise<CleanedRun[]> {
  const { graph, profile } = await openProject({ projectDir: here.root, env: {} });
  const session = createSession({ graph, profile, adapters, now: () => Date.now() + hours * hourMs });
  try {
    return await cleanStagedRuns({ session, olderThanMs: olderThanHours * hourMs, dryRun: false });
  } finally {
    await session.close();
  }
}

const records = (here: TestProject): string[] => here.files("warehouse/_lake/dev/runs");

describe("a failed run", () => {
  test("is listed with its files, can be removed by its id, and production is as it was", async () => {
    using here = makeProject({ ...files, ...passing });
    expect((await here.run({})).success).toBe(true);
    const before = await here.catalog();
    here.write({ ...files, "landing-zone/events/1.jsonl": goodLines(5, 100) });
    const { runId } = await here.run({});
    const listed = await here.cli("staged");
    expect(listed.stdout).toMatch(
      new RegExp(`${runId}\\s+failed\\s+lake build\\s+20.*seconds?\\s+2\\s+\\d+`),
    );
    expect(listed.stdout).toContain("lake retry");
    const lying = await leftovers(here);
    expect(lying.length).toBeGreaterThan(4);
    const dry = await here.cli("staged", "--clean", "--dry-run", runId);
    expect(dry.stdout).toContain(`${runId} (failed): ${lying.length} files`);
    expect(await leftovers(here)).toEqual(lying);
    const cleaned = await here.cli("staged", "--clean", runId);
    expect([cleaned.code, cleaned.stdout]).toEqual([0, expect.stringMatching(/removed\n$/)]);
    expect(await leftovers(here)).toEqual([]);
    expect(records(here)).toEqual([]);
    const { "lakehouse_test_failures.none": _stored, ...tables } = await here.catalog();
    expect(tables).toEqual(before);
    expect(await here.query(`select count(*) from {{ref "events"}}`)).toEqual([[10]]);
    here.write(passing);
    expect((await here.run({})).success).toBe(true);
    expect(await here.query(`select count(*) from {{ref "events"}}`)).toEqual([[15]]);
    expect((await here.cli("staged")).stdout).toContain("none left anything");
  });

  test("stays for 24 hours; ages are between an hour and three days", async () => {
    using here = makeProject(files);
    await here.run({});
    expect(await cleanLater(here, 23)).toEqual([]);
    await expect(cleanLater(here, 0, 0.5)).rejects.toMatchObject({ code: "upkeep/staged-age" });
    await expect(cleanLater(here, 0, 72)).rejects.toMatchObject({ code: "upkeep/staged-age" });
    expect(await cleanLater(here, 25)).toMatchObject([{ run: { state: "failed" }, kept: [] }]);
    expect(await leftovers(here)).toEqual([]);
  });

  test("is called to mind by later runs once it is a day old", async () => {
    using here = makeProject(files);
    await here.run({});
    const said = async (): Promise<string> =>
      (await here.run({ noReuse: true })).events
        .flatMap((event) => (event.kind === "warning" ? [event.message] : []))
        .join();
    expect(await said()).toBe("");
    const old = new Date(Date.now() - 25 * 3_600_000);
    for (const name of here.files("warehouse/_lake/dev/runs"))
      utimesSync(path.join(here.root, "warehouse/_lake/dev/runs", name), old, old);
    expect(await said()).toMatch(
      /failed runs? ha(s|ve) left files that are older than a day: lake staged lists/,
    );
  });

  test("that a retry has taken over keeps what the retry published", async () => {
    using here = makeProject(files);
    const { runId } = await here.run({});
    here.write(passing);
    const whole = await here.cli("ls");
    expect(whole.code).toBe(0);
    // The retry publishes, and dies before it can tidy up.
    const at = await stepBefore(here, { retries: runId }, "catalog.commit");
    const ended = await startAtStep({
      root: here.root,
      options: { retries: runId },
      at: at + 1,
      signal: "SIGKILL",
    }).ended;
    expect(ended.signal).toBe("SIGKILL");
    expect(await here.query(`select count(*) from {{ref "events"}}`)).toEqual([[10]]);
    await cleanLater(here, 25);
    expect(await here.query(`select count(*) from {{ref "events"}}`)).toEqual([[10]]);
    expect(await leftovers(here)).toEqual([]);
    expect(records(here)).toEqual([]);
  });
});

/** The number of the step in a run that goes to its end, in a copy of the project made for it. */
async function stepBefore(here: TestProject, options: { retries: string }, what: string): Promise<number> {
  using copy = makeProject(files);
  const { runId } = await copy.run({});
  copy.write(passing);
  await startAtStep({ root: copy.root, options: { ...options, retries: runId }, at: 0 }).ended;
  expect(here.root).not.toBe(copy.root);
  return stepsOf(copy.root).indexOf(`before ${what}`) + 1;
}

describe("a killed run", () => {
  test("at any step: its files are found by name and listing, and what it published stays", async () => {
    using whole = makeProject({ ...files, ...passing });
    await startAtStep({ root: whole.root, options: { command: "run" }, at: 0 }).ended;
    const count = stepsOf(whole.root).length;
    for (let at = 2; at <= count; at += 3) {
      using here = makeProject({ ...files, ...passing });
      await startAtStep({ root: here.root, options: { command: "run" }, at, signal: "SIGKILL" }).ended;
      const before = await here.catalog();
      const cleaned = await cleanLater(here, 25);
      const label = `${at} ${stepsOf(here.root).at(-1)}`;
      expect([label, cleaned.flatMap(({ kept }) => kept)]).toEqual([label, []]);
      expect([label, await leftovers(here), records(here)]).toEqual([label, [], []]);
      expect([label, await here.catalog()]).toEqual([label, before]);
      expect([label, (await here.run({})).success]).toEqual([label, true]);
      expect([label, await here.query(`select count(*) from {{ref "events"}}`)]).toEqual([label, [[10]]]);
    }
  }, 600_000);

  test("with stored failing rows that were never committed", async () => {
    using whole = makeProject(files);
    await startAtStep({ root: whole.root, at: 0 }).ended;
    const commit = stepsOf(whole.root).indexOf("before catalog.commit") + 1;
    using here = makeProject(files);
    await startAtStep({ root: here.root, at: commit, signal: "SIGKILL" }).ended;
    expect(
      (await leftovers(here)).some((path) => path.includes("lakehouse_test_failures.db/none/data")),
    ).toBe(true);
    await cleanLater(here, 25);
    expect(await leftovers(here)).toEqual([]);
  });

  test("is kept as it is where snapshots that would prove its files unused have expired", async () => {
    using here = makeProject({ ...files, ...passing });
    expect((await here.run({})).success).toBe(true);
    here.write({ "landing-zone/events/1.jsonl": goodLines(5, 100) });
    await startAtStep({ root: here.root, options: { command: "run" }, at: 8, signal: "SIGKILL" }).ended;
    expect(await here.cli("staged")).toMatchObject({ stdout: expect.stringContaining("killed") });
    // Somebody's commits come and expire.
    expect((await here.run({ fullRefresh: true })).success).toBe(true);
    expect((await here.run({ fullRefresh: true })).success).toBe(true);
    const expired = await here.withSession(async (session) => {
      const { tableOf } = await import("./foreign.ts");
      return (await tableOf(session, "events")).metadata.snapshots
        .slice(0, -1)
        .map((one) => one["snapshot-id"]);
    });
    await update(here, "events", [{ action: "remove-snapshots", "snapshot-ids": expired }]);
    const lying = (await leftovers(here)).filter((path) => path.includes("/events/data"));
    const [cleaned] = await cleanLater(here, 25);
    expect(cleaned?.kept.join()).toContain(
      "lakehouse.events: snapshots that would prove it unused have expired",
    );
    expect((await leftovers(here)).filter((path) => path.includes("/events/data"))).toEqual(lying);
  });
});

test("a run at work is listed as such and nothing of it is touched", async () => {
  using here = makeProject({ ...files, ...passing });
  const { child, ended } = await stoppedAtStep({ root: here.root, at: 8 });
  const listed = await here.cli("staged", "--output", "json");
  const [run] = JSON.parse(listed.stdout) as { run_id: string; state: string; pid: number }[];
  expect(run).toMatchObject({ state: "at work", pid: child.pid });
  const lying = await leftovers(here);
  const cleaned = await here.cli("staged", "--clean", run?.run_id ?? "");
  expect(cleaned.stdout).toContain("kept: it is at work");
  expect(await leftovers(here)).toEqual(lying);
  child.kill("SIGCONT");
  expect(await ended).toMatchObject({ code: 0 });
  expect(await leftovers(here)).toEqual([]);
});
