// Zero-copy clones: an incremental model of an environment goes on from where production's table stands, shares its
// data files, and harms nothing of it.
import { rmSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { planScan } from "../../engine/iceberg/scan.ts";
import { basesOf, endlessMs } from "../../engine/plan/base-tags.ts";
import { eventsProject, goodLines, lines } from "./events-project.ts";
import { append, rollBack, snapshotIds, tableOf, update } from "./foreign.ts";
import { environments, filesBelow, makeProject } from "./project.ts";
import type { TestProject } from "./project.ts";

const project = { ...eventsProject, "profiles.yml": environments };
const landing = (name: string): string => `landing-zone/events/${name}`;

/** Production with one landing file, built; and a second file that it has not seen. */
async function production(): Promise<TestProject> {
  const here = makeProject({ ...project, [landing("f1.jsonl")]: goodLines(3) });
  expect((await here.run({ target: "prod" })).success).toBe(true);
  here.write({ [landing("f2.jsonl")]: goodLines(2, 4) });
  return here;
}

async function ids(here: TestProject, target: string): Promise<unknown[]> {
  return (await here.query(`select id from {{ref "events"}} order by id`, target)).flat();
}

async function dataFiles(here: TestProject, namespace: string, target: string): Promise<string[]> {
  return here.withSession(async (session) => {
    const { metadata } = await tableOf(session, "events", namespace);
    const tasks = await planScan({ storage: await session.storage(), metadata });
    return tasks.map(({ file }) => file.path);
  }, target);
}

test("an incremental model of an environment takes in only new files, on a clone that shares the old ones", async () => {
  using here = await production();
  const before = [await here.catalog(), filesBelow(`${here.root}/warehouse/lakehouse.db`)];
  const { stdout } = await here.cli("plan", "-t", "pr_42");
  expect(stdout).toMatch(
    /events +append +pr_42\.events +1 new landing file, on a clone of prod's lake_base_\d{8}/,
  );
  expect(filesBelow(`${here.root}/warehouse/pr_42.db`)).toEqual([]);

  const outcome = await here.run({ target: "pr_42" });
  expect(outcome.of("events")?.message).toMatch(/2 rows/);
  expect(await ids(here, "pr_42")).toEqual([1, 2, 3, 4, 5]);
  expect(await ids(here, "prod")).toEqual([1, 2, 3]);
  const after = await here.catalog();
  expect(after).toMatchObject(before[0] as object);
  expect(filesBelow(`${here.root}/warehouse/lakehouse.db`)).toEqual(before[1]);
  const files = await dataFiles(here, "pr_42", "pr_42");
  const shared = await dataFiles(here, "lakehouse", "prod");
  expect(files).toEqual(expect.arrayContaining(shared));
  expect(files.length).toBe(shared.length + 1);
  // One new data file; everything else that lies with the clone is metadata.
  expect(filesBelow(`${here.root}/warehouse/pr_42.db/events/data`).length).toBe(1);
  expect((await here.run({ target: "pr_42" })).of("events")?.status).toBe("reused");
});

test("everything but data files lies with the clone: manifests, manifest lists, metadata and ledger", async () => {
  using here = await production();
  await here.run({ target: "pr_42", select: ["events"] });
  // Whatever production wrote beside its data may go.
  rmSync(path.join(here.root, "warehouse/lakehouse.db/events/metadata"), { recursive: true });
  rmSync(path.join(here.root, "warehouse/_lake/prod"), { recursive: true });
  here.write({ [landing("f3.jsonl")]: goodLines(1, 6) });
  const metadata = await here.withSession(
    async (session) => (await tableOf(session, "events", "pr_42")).metadata,
    "pr_42",
  );
  expect(
    JSON.stringify(metadata, (_, value: unknown) => (typeof value === "bigint" ? `${value}` : value)),
  ).not.toMatch(
    // What the rows were built with is read to explain a plan only.
    /lakehouse\.db|_lake\/prod\/(?!code)/,
  );
  expect(metadata.properties["gc.enabled"]).toBe("false");
});

test("the base of a day is set by its first commit, kept with an age that no engine ends, and never moved", async () => {
  using here = await production();
  const bases = (): Promise<readonly [string, bigint, number | undefined][]> =>
    here.withSession(async (session) => {
      const { metadata } = await tableOf(session, "events");
      return basesOf(metadata).map(({ tag, snapshotId }) => [
        tag,
        snapshotId,
        metadata.refs[tag]?.["max-ref-age-ms"],
      ]);
    }, "prod");
  const today = `lake_base_${new Date().toISOString().slice(0, 10).replaceAll("-", "")}`;
  const [first] = await snapshotIds(here, "events");
  expect(await bases()).toEqual([[today, first, endlessMs]]);
  expect((await here.run({ target: "prod" })).success).toBe(true);
  expect((await snapshotIds(here, "events")).length).toBe(2);
  expect(await bases()).toEqual([[today, first, endlessMs]]);
});

test("a target that nobody stands on keeps no tags; one that gets an environment makes up for it at its next run", async () => {
  using here = makeProject({ ...eventsProject, [landing("f1.jsonl")]: goodLines(3) });
  await here.run({});
  const refs = (): Promise<string[]> =>
    here.withSession(async (session) => Object.keys((await tableOf(session, "events")).metadata.refs));
  expect(await refs()).toEqual(["main"]);
  here.write({
    "profiles.yml": here.read("profiles.yml").replace("  outputs:", "  outputs:\n    pr_*: {from: dev}"),
    [landing("f2.jsonl")]: goodLines(2, 4),
  });
  const { code, stdout, stderr } = await here.cli("build", "-t", "pr_1");
  expect(code).toBe(1);
  expect(stdout + stderr).toMatch(/lakehouse\.events cannot be cloned: dev keeps no base of it/);
  expect(stdout + stderr).toMatch(/hint: `lake build -t dev` makes one/);
  rmSync(path.join(here.root, landing("f2.jsonl")));
  expect((await here.run({})).of("events")?.status).toBe("reused");
  expect(await refs()).toEqual(["main", expect.stringMatching(/^lake_base_/)]);
  // Once: nothing moved since.
  const before = await here.catalog();
  await here.run({});
  expect(await here.catalog()).toEqual(before);
});

test("a clone begins as the base, whatever was committed after it, and catches up from its own ledger", async () => {
  using here = await production();
  await here.run({ target: "prod" });
  here.write({ [landing("f3.jsonl")]: goodLines(1, 6) });
  const outcome = await here.run({ target: "pr_42" });
  expect(outcome.of("events")?.message).toMatch(/3 rows/);
  expect(await ids(here, "pr_42")).toEqual([1, 2, 3, 4, 5, 6]);
});

test("rows of another engine are in the clone when they are in its base, and in the clone's ledger nothing is lost", async () => {
  using here = await production();
  rmSync(path.join(here.root, landing("f2.jsonl")));
  await append(
    here,
    "events",
    `select 99::bigint as id, 'foreign' as kind, null::timestamptz as happened, null::varchar as page, null::bigint as recipe_id, 'elsewhere' as data_source`,
  );
  const [, second] = await snapshotIds(here, "events");
  await update(here, "events", [
    {
      action: "set-snapshot-ref",
      "ref-name": "lake_base_20991231",
      type: "tag",
      "snapshot-id": second as bigint,
    },
  ]);
  here.write({ [landing("f2.jsonl")]: goodLines(2, 4) });
  expect((await here.run({ target: "pr_42", select: ["events"] })).success).toBe(true);
  expect(await ids(here, "pr_42")).toEqual([1, 2, 3, 4, 5, 99]);
});

test("rolling production back does not reach the clone", async () => {
  using here = await production();
  await here.run({ target: "pr_42" });
  await here.run({ target: "prod" });
  const [first] = await snapshotIds(here, "events");
  await rollBack(here, "events", first as bigint);
  expect(await ids(here, "pr_42")).toEqual([1, 2, 3, 4, 5]);
});

test("a clone has the version of its original until it is written: what is built on both is unchanged", async () => {
  using here = await production();
  rmSync(path.join(here.root, landing("f2.jsonl")));
  expect((await here.cli("clone", "-t", "pr_42", "-s", "events")).code).toBe(0);
  expect(Object.keys(await here.catalog())).toContain("pr_42.events");
  const outcome = await here.run({ target: "pr_42" });
  expect([outcome.of("events")?.status, outcome.of("daily")?.status]).toEqual(["reused", "reused"]);
});

test("two runs at once make one clone, and each landing file is taken in once", async () => {
  using here = await production();
  const runs = await Promise.all([here.cli("build", "-t", "pr_42"), here.cli("build", "-t", "pr_42")]);
  expect(runs.filter(({ code }) => code === 0).length).toBeGreaterThan(0);
  for (const { stdout, stderr } of runs) expect(stdout + stderr).not.toContain("crashed");
  expect((await here.run({ target: "pr_42" })).success).toBe(true);
  expect(await ids(here, "pr_42")).toEqual([1, 2, 3, 4, 5]);
});

/** What another engine's expiry does in time: the tag goes. */
async function endBase(here: TestProject): Promise<void> {
  const tags = await here.withSession(async (session) =>
    basesOf((await tableOf(session, "events")).metadata).map(({ tag }) => tag),
  );
  await update(
    here,
    "events",
    tags.map((tag) => ({ action: "remove-snapshot-ref", "ref-name": tag })),
  );
}

test("a clone ends with its base: it is not read or written any more, and made again by command", async () => {
  using here = await production();
  expect((await here.run({ target: "pr_42" })).success).toBe(true);
  await endBase(here);
  await here.run({ target: "prod" });
  const query = await here.cli("query", "-t", "pr_42", `select count(*) from {{ref "events"}}`);
  expect([query.code, query.stderr]).toEqual([
    1,
    expect.stringMatching(
      /the base of pr_42\.events has expired: the tag lake_base_\d{8} of lakehouse\.events on prod is gone[^]*hint: clone again: lake clone --replace -s events/,
    ),
  ]);
  here.write({ [landing("f3.jsonl")]: goodLines(1, 6) });
  await expect(here.run({ target: "pr_42" })).rejects.toMatchObject({ code: "run/base-expired" });
  // Production made a new base with its last run.
  const clone = await here.cli("clone", "-t", "pr_42", "-s", "events", "--replace");
  expect([clone.code, clone.stderr]).toEqual([0, ""]);
  expect(clone.stdout).toMatch(/pr_42\.events +a clone of lakehouse\.events at lake_base_\d{8} +5 +2/);
  expect((await here.run({ target: "pr_42" })).of("events")?.message).toMatch(/1 row/);
  expect(await ids(here, "pr_42")).toEqual([1, 2, 3, 4, 5, 6]);
  expect(await ids(here, "prod")).toEqual([1, 2, 3, 4, 5]);
});

test("a clone that shares no file any more outlives its base", async () => {
  using here = await production();
  expect((await here.run({ target: "pr_42" })).success).toBe(true);
  expect((await here.run({ target: "pr_42", fullRefresh: true })).success).toBe(true);
  await endBase(here);
  expect(await ids(here, "pr_42")).toEqual([1, 2, 3, 4, 5]);
  here.write({ [landing("f3.jsonl")]: goodLines(1, 6) });
  expect((await here.run({ target: "pr_42" })).success).toBe(true);
});

test("a full refresh is a way out of an expired base", async () => {
  using here = await production();
  expect((await here.run({ target: "pr_42" })).success).toBe(true);
  await endBase(here);
  expect((await here.run({ target: "pr_42", fullRefresh: true })).success).toBe(true);
  expect(await ids(here, "pr_42")).toEqual([1, 2, 3, 4, 5]);
});

test("cloning by hand: any target, any table; what was built is not replaced by a clone", async () => {
  using here = await production();
  here.write({
    "profiles.yml": `${environments}    other: {schema: other, warehouse: warehouse, landing: landing-zone, catalog: {type: sql, uri: "sqlite:///lake.db"}}\n`,
  });
  const files = filesBelow(`${here.root}/warehouse/lakehouse.db`);
  const none = await here.cli("clone", "-t", "other");
  expect([none.code, none.stderr]).toEqual([2, expect.stringMatching(/--from must say which other target/)]);
  const made = await here.cli("clone", "-t", "other", "--from", "prod", "--output", "json");
  expect(JSON.parse(made.stdout)).toMatchObject([
    {
      table: { namespace: "other", name: "events" },
      status: "cloned",
      original: "lakehouse.events",
      rows: "3",
    },
    { table: { namespace: "other", name: "daily" }, status: "cloned", rows: "1", files: "1" },
  ]);
  expect(filesBelow(`${here.root}/warehouse/other.db/daily/data`)).toEqual([]);
  expect(await here.query(`select n from {{ref "daily"}}`, "other")).toEqual([[3]]);
  expect((await here.cli("clone", "-t", "other", "--from", "prod")).stdout).toMatch(/there already/);
  expect((await here.run({ target: "other", select: ["daily"], fullRefresh: true })).success).toBe(true);
  expect((await here.cli("clone", "-t", "prod", "--from", "prod")).stderr).toMatch(/onto itself/);
  expect((await here.run({ target: "pr_1", select: ["daily"], empty: true })).success).toBe(true);
  const built = await here.cli("clone", "-t", "pr_1", "-s", "daily", "--replace");
  expect([built.code, built.stderr]).toEqual([1, expect.stringMatching(/pr_1\.daily is no clone/)]);
  expect(filesBelow(`${here.root}/warehouse/lakehouse.db`)).toEqual(files);
});

test("a clone that environments stand on in their turn is not replaced: they share its files", async () => {
  using here = await production();
  here.write({ "profiles.yml": `${environments}    stacked: {from: pr_42}\n` });
  // The second file is the clone's own.
  expect((await here.run({ target: "pr_42", select: ["events"] })).success).toBe(true);
  expect((await here.cli("clone", "-t", "stacked", "-s", "events")).code).toBe(0);
  const refused = await here.cli("clone", "-t", "pr_42", "-s", "events", "--replace");
  expect([refused.code, refused.stderr]).toEqual([
    1,
    expect.stringMatching(/pr_42\.events cannot be replaced: clones of other environments may share/),
  ]);
  expect(await ids(here, "stacked")).toEqual([1, 2, 3, 4, 5]);
  expect((await here.cli("env", "drop", "-t", "stacked", "--yes")).code).toBe(0);
});

test("what a model asks for cannot put a clone's files where the original's lie, nor have them deleted", async () => {
  using here = await production();
  const placed = `{{config materialized="incremental" strategy="append"}}\nselect * from {{ref "stg"}}\n`;
  const elsewhere = `${here.root}/warehouse/lakehouse.db/elsewhere`;
  here.write({
    "models/events.sql": placed,
    "models/events.yml": `models: [{name: events, config: {properties: {write.data.path: "file://${elsewhere}", gc.enabled: "true"}}}]\n`,
  });
  expect((await here.run({ target: "prod" })).success).toBe(true);
  here.write({ [landing("f3.jsonl")]: goodLines(1, 6) });
  expect((await here.run({ target: "prod" })).success).toBe(true);
  const before = filesBelow(elsewhere);
  expect(before.length).toBeGreaterThan(0);
  here.write({ [landing("f4.jsonl")]: goodLines(1, 7) });
  expect((await here.run({ target: "pr_42", select: ["events"] })).success).toBe(true);
  expect(filesBelow(elsewhere)).toEqual(before);
  const { properties } = await here.withSession(
    async (session) => (await tableOf(session, "events", "pr_42")).metadata,
    "pr_42",
  );
  expect(properties["gc.enabled"]).toBe("false");
});

test("what follows changes of an input goes on across clones of both", async () => {
  using here = makeProject({
    ...project,
    "models/daily.sql": `{{config materialized="incremental" strategy="delete+insert" unique_key="page"}}
select page, count(*) as n from {{ref "events"}} where {{changed "events" by="page"}} group by all
`,
    [landing("f1.jsonl")]: lines({ id: 1, context: { page: "a" } }, { id: 2, context: { page: "b" } }),
  });
  expect((await here.run({ target: "prod" })).success).toBe(true);
  here.write({ [landing("f2.jsonl")]: lines({ id: 3, context: { page: "b" } }) });
  const outcome = await here.run({ target: "pr_42" });
  expect(outcome.success).toBe(true);
  const daily = outcome.events.find((event) => event.kind === "run-started")?.plan.steps.at(-1);
  expect(daily).toMatchObject({
    mode: "overwrite",
    reason: expect.stringMatching(/on a clone of prod's/) as string,
  });
  // One group was made again; the other one's row is production's.
  expect(outcome.of("daily")?.table).toMatchObject({ rowsAdded: 1n, rowsTotal: 2n });
  const rows = `select page, n from {{ref "daily"}} order by all`;
  expect(await here.query(rows, "pr_42")).toEqual([
    ["a", 1],
    ["b", 2],
  ]);
  expect(await here.query(rows, "prod")).toEqual([
    ["a", 1],
    ["b", 1],
  ]);
});
