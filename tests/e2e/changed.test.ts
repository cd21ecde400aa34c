// `{{changed …}}`: a model builds again what changed in an input since it was built last, and nothing else; the
// rows are those of a full build whatever happened upstream.
import { describe, expect, test } from "vitest";
import { planScan } from "../../engine/iceberg/scan.ts";
import { currentSchema } from "../../engine/iceberg/metadata.ts";
import {
  append,
  compact,
  deletePositions,
  deleteWhere,
  rollBack,
  snapshotIds,
  tableOf,
  update,
} from "./foreign.ts";
import { makeProject } from "./project.ts";
import type { RunOutcome, TestProject } from "./project.ts";

const project = {
  "models/sources.yml": `version: 2
sources:
  - name: landing
    tables:
      - name: events
        location: events
        columns:
          - {name: id, data_type: bigint}
          - {name: day, data_type: date}
          - {name: kind, data_type: varchar}
`,
  "seeds/names.csv": "kind,label\nview,View\nlike,Like\n",
  "models/events.sql": `{{config materialized="incremental" partition_by="day"}}
select id, day, kind from {{source "landing" "events"}}
`,
  "models/daily.sql": `{{config materialized="incremental" strategy="delete+insert" unique_key="day"}}
select events.day, names.label, count(*) as n
from {{ref "events"}} as events
left join {{ref "names"}} as names using (kind)
where {{changed "events" by="day"}}
group by all
`,
};

type Row = readonly [id: number, day: string | null, kind: string];

function file(name: string, ...rows: readonly Row[]): Record<string, string> {
  const text = rows.map(([id, day, kind]) => `${JSON.stringify({ id, day, kind })}\n`).join("");
  return { [`landing-zone/events/${name}.jsonl`]: text };
}

async function build(here: TestProject, options = {}): Promise<RunOutcome> {
  const outcome = await here.run(options);
  expect(outcome.results.map(({ error }) => error).filter(Boolean)).toEqual([]);
  expect(outcome.success).toBe(true);
  return outcome;
}

function daily(here: TestProject): Promise<unknown[][]> {
  return here.query(`select day::varchar, label, n from {{ref "daily"}} order by all`);
}

function reason(outcome: RunOutcome, name = "daily"): string | undefined {
  const started = outcome.events.find((event) => event.kind === "run-started");
  return started?.plan.steps.find(({ uniqueId }) => uniqueId.endsWith(`.${name}`))?.reason;
}

async function paths(here: TestProject, name: string): Promise<string[]> {
  return here.withSession(async (session) => {
    const { metadata } = await tableOf(session, name);
    return (await planScan({ storage: await session.storage(), metadata })).map(({ file: { path } }) => path);
  });
}

/** What a full build gives now, in a table of another name. */
async function matchesFullBuild(here: TestProject): Promise<void> {
  const expected = await here.query(
    `select events.day::varchar, names.label, count(*) as n from {{ref "events"}} as events
     left join {{ref "names"}} as names using (kind) group by all order by all`,
  );
  expect(await daily(here)).toEqual(expected);
}

const july = file("a", [1, "2025-07-01", "view"], [2, "2025-07-02", "view"], [3, "2025-07-02", "like"]);

describe("what changed upstream is built again", () => {
  test("a late file: its day is, by its day's files alone, and the others stay", async () => {
    using here = makeProject({
      ...project,
      "models/daily.sql": project["models/daily.sql"].replace(
        `unique_key="day"`,
        `unique_key="day" partition_by="day"`,
      ),
      ...july,
    });
    expect(reason(await build(here))).toBe("new");
    const before = await paths(here, "daily");
    here.write(file("b", [4, "2025-07-01", "like"]));
    const outcome = await build(here);
    expect(reason(outcome)).toBe("events changes in this run: only what changed");
    expect(outcome.of("daily")?.message).toBe("took 2 rows, rewrote 1 file of 2");
    const after = await paths(here, "daily");
    expect(before.filter((path) => after.includes(path))).toEqual([expect.stringContaining("2025-07-02")]);
    await matchesFullBuild(here);
    expect((await build(here)).of("daily")?.status).toBe("reused");
  });

  test("only files that can hold what changed are read", async () => {
    using here = makeProject({ ...project, ...july });
    await build(here);
    here.write(file("b", [4, "2025-07-01", "like"]));
    await build(here, { select: ["events"] });
    const day = (await paths(here, "events")).find((path) => path.includes("07-02"));
    // A file of another day that cannot be read at all is not missed.
    await here.withSession(async (session) => (await session.storage()).delete([day as string]));
    await build(here, { select: ["daily"] });
    expect(await daily(here)).toEqual([
      ["2025-07-01", "Like", 1],
      ["2025-07-01", "View", 1],
      ["2025-07-02", "Like", 1],
      ["2025-07-02", "View", 1],
    ]);
  });

  test("rows without a key are a key of their own", async () => {
    using here = makeProject({ ...project, ...july, ...file("n", [9, null, "view"]) });
    await build(here);
    here.write(file("b", [10, null, "view"]));
    expect((await build(here)).of("daily")?.message).toBe("took 1 row, rewrote 1 file of 1");
    expect((await daily(here)).at(-1)).toEqual([null, "View", 2]);
  });

  test("an upstream rollback takes its days away again", async () => {
    using here = makeProject({ ...project, ...july });
    await build(here);
    here.write(file("b", [4, "2025-07-03", "view"], [5, "2025-07-01", "view"]));
    await build(here);
    const [first] = await snapshotIds(here, "events");
    await rollBack(here, "events", first as bigint);
    const outcome = await build(here, { select: ["daily"] });
    expect(reason(outcome)).toMatch(/^events moved from snapshot \d+ to \d+: only what changed$/);
    expect((await daily(here)).map(([day]) => day)).toEqual(["2025-07-01", "2025-07-02", "2025-07-02"]);
    await matchesFullBuild(here);
  });

  test.each([
    ["rewrites files", deleteWhere],
    ["marks rows beside the files", deletePositions],
  ])("a delete by another engine that %s: the days of the rows that went alone", async (_name, remove) => {
    using here = makeProject({
      ...project,
      "models/events.sql": project["models/events.sql"].replace(` partition_by="day"`, ""),
      "models/daily.sql": project["models/daily.sql"].replace(
        `unique_key="day"`,
        `unique_key="day" partition_by="day"`,
      ),
      ...july,
      ...file("b", [4, "2025-07-03", "view"]),
    });
    await build(here);
    const before = await paths(here, "daily");
    await remove(here, "events", "id in (3, 4)");
    const outcome = await build(here, { select: ["daily"] });
    expect(outcome.of("daily")?.message).toBe("took 1 row, rewrote 2 files of 3");
    expect((await paths(here, "daily")).filter((path) => before.includes(path))).toEqual([
      expect.stringContaining("2025-07-01"),
    ]);
    await matchesFullBuild(here);
  });

  test("compaction upstream is no change", async () => {
    using here = makeProject({ ...project, ...july });
    await build(here);
    await compact(here, "events");
    expect((await build(here, { select: ["daily"] })).of("daily")?.status).toBe("reused");
    here.write(file("b", [4, "2025-07-01", "like"]));
    await build(here, { select: ["events"] });
    await compact(here, "events");
    expect((await build(here, { select: ["daily"] })).of("daily")?.message).toBe(
      "took 2 rows, rewrote 1 file of 1",
    );
    await matchesFullBuild(here);
  });
});

describe("append takes what is new to it, and never takes a row twice", () => {
  const copied = `{{config materialized="incremental" strategy="append"}}
select id, kind from {{ref "events"}} where {{changed "events" by="id"}}
`;
  const ids = async (here: TestProject): Promise<unknown[]> =>
    (await here.query(`select id from {{ref "daily"}} order by id`)).flat();

  test("new rows are appended, and a compaction gives none", async () => {
    using here = makeProject({ ...project, "models/daily.sql": copied, ...july });
    await build(here);
    here.write(file("b", [4, "2025-07-01", "like"]));
    expect((await build(here)).of("daily")?.message).toBe("appended 1 row in 1 file");
    await compact(here, "events");
    expect((await build(here, { select: ["daily"] })).of("daily")?.status).toBe("reused");
    expect(await ids(here)).toEqual([1, 2, 3, 4]);
  });

  test("a row that changed or went upstream is refused, with a way out", async () => {
    using here = makeProject({ ...project, "models/daily.sql": copied, ...july });
    await build(here);
    await deleteWhere(here, "events", "id = 2");
    const outcome = await here.run({ select: ["daily"] });
    expect(outcome.of("daily")?.error).toMatchObject({
      code: "run/append-changed",
      message: "daily appends, and its table holds 1 row of what changed in events by id",
      at: { file: "models/daily.sql" },
    });
    expect(await ids(here)).toEqual([1, 2, 3]);
    await build(here, { select: ["daily"], fullRefresh: true });
    expect(await ids(here)).toEqual([1, 3]);
  });
});

describe("the whole table is built where a part is not sure to do", () => {
  const cases: [string, (here: TestProject) => Promise<void> | void, RegExp][] = [
    [
      "another input moved",
      (here) => here.write({ "seeds/names.csv": "kind,label\nview,Seen\nlike,Like\n" }),
      /^names changes in this run: built whole$/,
    ],
    [
      "the code changed",
      (here) =>
        here.write({
          "models/daily.sql": here
            .read("models/daily.sql")
            .replace("names.label", "upper(names.label) as label"),
        }),
      /^code changed: built whole$/,
    ],
    [
      "somebody else wrote the table",
      (here) => append(here, "daily", `select date '2030-01-01' as day, 'x' as label, 1::bigint as n`),
      /^another engine wrote the table: built whole$/,
    ],
    [
      "the snapshot that it was built from expired",
      async (here) => {
        here.write(file("b", [4, "2025-07-01", "like"]));
        await build(here, { select: ["events"] });
        const [first] = await snapshotIds(here, "events");
        await update(here, "events", [{ action: "remove-snapshots", "snapshot-ids": [first as bigint] }]);
      },
      /^snapshot \d+ of events has expired: built whole$/,
    ],
    [
      "a column upstream has another name",
      async (here) => {
        const { metadata } = await here.withSession((session) => tableOf(session, "events"));
        const fields = currentSchema(metadata).fields.map((field) =>
          field.name === "id" ? { ...field, name: "event_id" } : field,
        );
        await update(here, "events", [
          { action: "add-schema", schema: { type: "struct", "schema-id": 1, fields }, "last-column-id": 3 },
          { action: "set-current-schema", "schema-id": -1 },
        ]);
      },
      /^columns of events changed their meaning: built whole$/,
    ],
  ];
  test.each(cases)("%s", async (_name, change, expected) => {
    using here = makeProject({ ...project, ...july });
    await build(here);
    await change(here);
    const planned = await here.cli("plan", "-s", "daily", "names", "--output", "json");
    const outcome = await build(here, { select: ["daily", "names"] });
    expect(reason(outcome)).toMatch(expected);
    expect(
      JSON.parse(planned.stdout).steps.find((step: { uniqueId: string }) => step.uniqueId.endsWith("daily")),
    ).toMatchObject({
      reason: reason(outcome),
      mode: "replace",
    });
    if (expected.source.includes("code")) return;
    await matchesFullBuild(here);
  });

  test("a full refresh restricts nothing, and the next run follows again", async () => {
    using here = makeProject({ ...project, ...july });
    await build(here);
    expect(reason(await build(here, { fullRefresh: true }))).toBe("full refresh");
    await matchesFullBuild(here);
    here.write(file("b", [4, "2025-07-01", "like"]));
    expect(reason(await build(here))).toContain("only what changed");
    await matchesFullBuild(here);
  });

  test("a model that must not be built whole says so instead", async () => {
    using here = makeProject({
      ...project,
      "models/daily.sql": project["models/daily.sql"].replace(
        "materialized",
        "full_refresh=false materialized",
      ),
      ...july,
    });
    await build(here);
    here.write({ "seeds/names.csv": "kind,label\nview,Seen\n" });
    await expect(here.run({ fullRefresh: true })).rejects.toMatchObject({ code: "run/whole-build-refused" });
  });
});

describe("what cannot be followed is refused before anything runs", () => {
  const cases: [string, Record<string, string>, string][] = [
    [
      "a view",
      {
        "models/v.sql": `{{config materialized="view"}} select * from {{ref "events"}}`,
        "models/daily.sql": project["models/daily.sql"].replaceAll(`"events"`, `"v"`),
      },
      "run/cannot-follow",
    ],
    [
      "a key that the model does not have",
      { "models/daily.sql": project["models/daily.sql"].replace(`by="day"`, `by="id"`) },
      "run/changed-key-missing",
    ],
    [
      "a key that the input does not have",
      { "models/daily.sql": project["models/daily.sql"].replace(`by="day"`, `by="dya as day"`) },
      "compute/bind",
    ],
    [
      "keys that do not fill partitions",
      {
        "models/daily.sql": project["models/daily.sql"].replace(
          `strategy="delete+insert" unique_key="day"`,
          `strategy="replace_partitions" partition_by="month(day)"`,
        ),
      },
      "run/changed-key-missing",
    ],
  ];
  test.each(cases)("%s", async (_name, files, code) => {
    using here = makeProject({ ...project, ...july });
    await build(here);
    here.write(files);
    const error = await here.run({}).then(
      (outcome) => outcome.of("daily")?.error,
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({ code });
    expect(error).toMatchObject({ at: { file: "models/daily.sql" } });
  });
});
