// microbatch: a model's statement runs for one batch of event time after the other; which batches were built is
// known, and a batch whose rows changed upstream is built again.
import { describe, expect, test } from "vitest";
import { append, deleteWhere, tableOf } from "./foreign.ts";
import { makeProject } from "./project.ts";
import type { RunOutcome, TestProject } from "./project.ts";

const project = {
  "lake.yml": "name: shop\nprofile: shop\ntimezone: Asia/Seoul\n",
  "models/sources.yml": `version: 2
sources:
  - name: landing
    tables:
      - name: events
        location: events
        columns:
          - {name: id, data_type: bigint}
          - {name: seen_at, data_type: timestamptz}
models:
  - name: events
    config: {event_time: seen_at}
`,
  "models/events.sql": `{{config materialized="incremental" partition_by="day(seen_at)"}}
select id, seen_at from {{source "landing" "events"}}
`,
  "models/daily.sql": `{{config materialized="incremental" strategy="microbatch" event_time="day" batch_size="day" begin="2025-07-01"}}
select cast(seen_at as date) as day, count(*) as n, max(rank) as most
from (select *, row_number() over (order by seen_at) as rank from {{ref "events"}})
group by all
`,
};

const now = Date.parse("2025-07-04T10:00:00+09:00");

type Row = readonly [id: number, seenAt: string | null];
function file(name: string, ...rows: readonly Row[]): Record<string, string> {
  const text = rows.map(([id, seen_at]) => `${JSON.stringify({ id, seen_at })}\n`).join("");
  return { [`landing-zone/events/${name}.jsonl`]: text };
}

async function build(
  here: TestProject,
  options: Parameters<TestProject["run"]>[0] = {},
): Promise<RunOutcome> {
  const outcome = await here.run({ now: () => now, ...options });
  expect(outcome.results.map(({ error }) => error).filter(Boolean)).toEqual([]);
  expect(outcome.success).toBe(true);
  return outcome;
}

function daily(here: TestProject): Promise<unknown[][]> {
  return here.query(`select day::varchar, n, most from {{ref "daily"}} order by day`);
}

function reason(outcome: RunOutcome): string | undefined {
  const started = outcome.events.find((event) => event.kind === "run-started");
  return started?.plan.steps.find(({ uniqueId }) => uniqueId.endsWith(".daily"))?.reason;
}

async function intervals(here: TestProject): Promise<unknown> {
  return here.withSession(async (session) => {
    const { metadata } = await tableOf(session, "daily");
    const head = metadata.snapshots.find((one) => one["snapshot-id"] === metadata["current-snapshot-id"]);
    return JSON.parse(head?.summary["lake.intervals"] ?? "null");
  });
}

const first = file(
  "a",
  [1, "2025-07-01T00:00:00+09:00"],
  [2, "2025-07-01T23:59:59+09:00"],
  [3, "2025-07-03T12:00:00+09:00"],
  [4, "2025-06-30T23:59:59+09:00"],
  [5, "2025-07-05T00:00:00+09:00"],
  [6, null],
);

describe("which batches are built", () => {
  test("first all from begin to now, of the project's own days, each by itself", async () => {
    using here = makeProject({ ...project, ...first });
    expect(reason(await build(here))).toBe("new, 4 batches (2025-07-01 to 2025-07-04)");
    expect(await daily(here)).toEqual([
      ["2025-07-01", 2, 2],
      ["2025-07-03", 1, 1],
    ]);
    expect(await intervals(here)).toEqual([["2025-07-01 00:00:00", "2025-07-05 00:00:00"]]);
    expect((await build(here)).of("daily")?.status).toBe("reused");
  });

  test("then the next day's, also with nothing new upstream", async () => {
    using here = makeProject({ ...project, ...first });
    await build(here);
    const outcome = await build(here, { now: () => now + 86_400_000 });
    expect(reason(outcome)).toBe("missing 1 batch (2025-07-05)");
    expect((await daily(here)).at(-1)).toEqual(["2025-07-05", 1, 1]);
  });

  test("late rows: their days alone, whenever they come", async () => {
    using here = makeProject({ ...project, ...first });
    await build(here);
    here.write(file("b", [7, "2025-07-01T12:00:00+09:00"], [8, "2025-06-01T00:00:00+09:00"]));
    const outcome = await build(here);
    expect(reason(outcome)).toBe("events changes in this run: only what changed");
    expect(outcome.of("daily")?.message).toBe("took 1 row, rewrote 1 file of 2");
    expect(await daily(here)).toEqual([
      ["2025-07-01", 3, 3],
      ["2025-07-03", 1, 1],
    ]);
  });

  test("a day without rows any more is empty", async () => {
    using here = makeProject({ ...project, ...first });
    await build(here);
    await deleteWhere(here, "events", `seen_at >= '2025-07-03'`);
    await build(here, { select: ["daily"] });
    expect(await daily(here)).toEqual([["2025-07-01", 2, 2]]);
  });

  test("changed code: all of them", async () => {
    using here = makeProject({ ...project, ...first });
    await build(here);
    here.write({ "models/daily.sql": project["models/daily.sql"].replace("count(*)", "10 * count(*)") });
    expect(reason(await build(here))).toBe("code changed: built whole, 4 batches (2025-07-01 to 2025-07-04)");
    expect(await daily(here)).toEqual([
      ["2025-07-01", 20, 2],
      ["2025-07-03", 10, 1],
    ]);
  });

  test("lookback: the newest ones, too, when an input moved", async () => {
    using here = makeProject({
      ...project,
      "models/daily.sql": project["models/daily.sql"].replace("begin=", "lookback=1 begin="),
      ...first,
    });
    await build(here);
    here.write(file("b", [7, "2025-07-01T12:00:00+09:00"]));
    expect((await build(here)).of("daily")?.message).toBe("took 2 rows, rewrote 2 files of 2");
    expect((await build(here)).of("daily")?.status).toBe("reused");
  });

  test("hours of a day on which clocks go back hold all its rows, each once", async () => {
    using here = makeProject({
      ...project,
      "lake.yml": "name: shop\nprofile: shop\ntimezone: Europe/Berlin\n",
      "models/daily.sql": `{{config materialized="incremental" strategy="microbatch" event_time="seen_at" batch_size="hour" begin="2025-10-26"}}
select seen_at, id from {{ref "events"}}
`,
      ...file(
        "a",
        [1, "2025-10-26T00:30:00Z"],
        [2, "2025-10-26T01:30:00Z"],
        [3, "2025-10-25T22:00:00Z"],
        [4, "2025-10-26T22:59:59Z"],
      ),
    });
    await build(here, { now: () => Date.parse("2025-10-26T22:59:59Z") });
    expect(await here.query(`select id from {{ref "daily"}} order by id`)).toEqual([[1], [2], [3], [4]]);
    here.write(file("b", [5, "2025-10-26T01:45:00Z"]));
    await build(here, { now: () => Date.parse("2025-10-26T22:59:59Z") });
    expect(await here.query(`select id from {{ref "daily"}} order by id`)).toEqual([[1], [2], [3], [4], [5]]);
  });
});

describe("batches that are asked for", () => {
  const july1 = { start: "2025-07-01", end: "2025-07-02" };

  test("a first build of some leaves the others missing, and the next build adds them", async () => {
    using here = makeProject({ ...project, ...first });
    expect(
      reason(await build(here, { eventTime: { start: "2025-07-03 10:00", end: "2025-07-03 11:00" } })),
    ).toBe("new, 1 batch (2025-07-03)");
    expect(await daily(here)).toEqual([["2025-07-03", 1, 1]]);
    expect(reason(await build(here))).toBe("missing 3 batches (2025-07-01 to 2025-07-02, 2025-07-04)");
    expect(await daily(here)).toHaveLength(2);
  });

  test("what else changed upstream is not forgotten", async () => {
    using here = makeProject({ ...project, ...first });
    await build(here);
    here.write(file("b", [7, "2025-07-01T12:00:00+09:00"], [8, "2025-07-03T13:00:00+09:00"]));
    expect(reason(await build(here, { eventTime: july1 }))).toBe("asked for 1 batch (2025-07-01)");
    expect(await daily(here)).toEqual([
      ["2025-07-01", 3, 3],
      ["2025-07-03", 1, 1],
    ]);
    await build(here);
    expect(await daily(here)).toEqual([
      ["2025-07-01", 3, 3],
      ["2025-07-03", 2, 2],
    ]);
    expect((await build(here)).of("daily")?.status).toBe("reused");
  });

  test("with changed code the others count as missing", async () => {
    using here = makeProject({ ...project, ...first });
    await build(here);
    here.write({ "models/daily.sql": project["models/daily.sql"].replace("count(*)", "10 * count(*)") });
    expect(reason(await build(here, { eventTime: july1 }))).toBe(
      "asked for 1 batch (2025-07-01); code changed: all others count as missing",
    );
    expect((await daily(here)).map(([, n]) => n)).toEqual([20, 1]);
    await build(here);
    expect((await daily(here)).map(([, n]) => n)).toEqual([20, 10]);
  });

  test("lake backfill builds and lists them", async () => {
    using here = makeProject({ ...project, ...first });
    const none = await here.cli("backfill", "--list", "-s", "events");
    expect(none.stderr).toContain("no microbatch model");
    expect((await here.cli("run", "-s", "events")).code).toBe(0);
    const built = await here.cli("backfill", "--from", "2025-07-01", "--to", "2025-07-04");
    expect(built.stderr).toBe("");
    expect(built.code).toBe(0);
    const listed = await here.cli("backfill", "--list");
    expect(listed.stdout).toMatch(
      /daily +day of day +3 batches \(2025-07-01 to 2025-07-03\) +\d+ batches \(2025-07-04 to /,
    );
    const json = JSON.parse((await here.cli("backfill", "--list", "--output", "json")).stdout);
    expect(json).toMatchObject([{ name: "daily", built: [["2025-07-01 00:00:00", "2025-07-04 00:00:00"]] }]);
    const half = await here.cli("run", "--event-time-start", "2025-07-01");
    expect([half.code, half.stderr]).toEqual([2, expect.stringContaining("expected both")]);
    const bad = await here.cli("backfill", "--from", "yesterday", "--to", "2025-07-04");
    expect(bad.stderr).toContain("run/bad-event-time");
  });
});

describe("mistakes are refused", () => {
  test("rows outside of their batch", async () => {
    using here = makeProject({
      ...project,
      "models/daily.sql": project["models/daily.sql"].replace(
        "cast(seen_at as date) as day",
        "date '2025-07-01' as day",
      ),
      ...first,
    });
    const outcome = await here.run({ now: () => now });
    expect(outcome.of("daily")?.error).toMatchObject({ code: "run/rows-outside-batch" });
    expect(outcome.of("daily")?.error?.message).toBe(
      "the batch 2025-07-02 of daily gave rows with day 2025-07-01 00:00:00, expected a time in the batch",
    );
    expect(here.files("warehouse/lakehouse.db/daily/data")).toEqual([]);
  });

  const cases: [string, Record<string, string>, string][] = [
    [
      "no begin",
      { "models/daily.sql": project["models/daily.sql"].replace(/ begin="[^"]*"/, "") },
      "run/strategy-needs",
    ],
    [
      "a begin that is no time",
      { "models/daily.sql": project["models/daily.sql"].replace("2025-07-01", "July") },
      "run/bad-event-time",
    ],
    [
      "no input with a time",
      { "models/sources.yml": project["models/sources.yml"].replace("config: {event_time: seen_at}", "") },
      "run/no-batched-input",
    ],
    [
      "an input's time that is not there",
      {
        "models/sources.yml": project["models/sources.yml"].replace(
          "event_time: seen_at",
          "event_time: seen",
        ),
      },
      "compute/bind",
    ],
    [
      "its own time that is not there",
      { "models/daily.sql": project["models/daily.sql"].replace(`event_time="day"`, `event_time="date"`) },
      "run/event-time-missing",
    ],
    [
      "a condition on what changed",
      {
        "models/daily.sql": project["models/daily.sql"].replace(
          "group by",
          `where {{changed "events" by="id"}} group by`,
        ),
      },
      "run/cannot-follow",
    ],
  ];
  test.each(cases)("%s", async (_name, files, code) => {
    using here = makeProject({ ...project, ...first, ...files });
    const error = await here.run({ now: () => now }).then(
      (outcome) => outcome.of("daily")?.error ?? outcome.error,
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({ code });
    expect(await here.catalog()).toEqual({});
  });
});

test("a table that somebody else wrote is built whole", async () => {
  using here = makeProject({ ...project, ...first });
  await build(here);
  await append(here, "daily", `select date '2025-07-02' as day, 1::bigint as n, 1::bigint as most`);
  expect(reason(await build(here))).toMatch(/^another engine wrote the table: built whole/);
  expect(await daily(here)).toHaveLength(2);
});
