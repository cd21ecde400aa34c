// Which landing files a table holds is part of its own history: it follows the table through rollbacks, other
// engines' commits and rebuilds, and where it cannot be proven the run says so instead of guessing.
import { rmSync, utimesSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { eventsProject, goodLines, lines, quarantining } from "./events-project.ts";
import { append, removeUnknownFiles, rollBack, snapshotIds, update } from "./foreign.ts";
import { makeProject } from "./project.ts";
import type { TestProject } from "./project.ts";

const landing = (name: string): string => `landing-zone/events/${name}`;
const foreignRow = `select 99::bigint as id, 'foreign' as kind, null::timestamptz as happened, null::varchar as page, null::bigint as recipe_id, 'elsewhere' as data_source`;

/** Two runs, one file each: two snapshots of `events`. */
async function twoRuns(): Promise<TestProject> {
  const here = makeProject({ ...eventsProject, [landing("f1.jsonl")]: goodLines(2, 1) });
  expect((await here.run({})).success).toBe(true);
  here.write({ [landing("f2.jsonl")]: goodLines(2, 3) });
  expect((await here.run({})).success).toBe(true);
  return here;
}

async function ids(here: TestProject): Promise<unknown[]> {
  return (await here.query(`select id from {{ref "events"}} order by id`)).flat();
}

async function total(here: TestProject): Promise<unknown> {
  return (await here.query(`select sum(n)::integer from {{ref "daily"}}`))[0]?.[0];
}

test("rolling the table back rolls back which files it holds, and the tables after it follow", async () => {
  using here = await twoRuns();
  const [first] = await snapshotIds(here, "events");
  await rollBack(here, "events", first as bigint);
  expect(await ids(here)).toEqual([1, 2]);
  const again = await here.run({});
  expect(again.of("events")?.message).toMatch(/2 rows/);
  expect(await ids(here)).toEqual([1, 2, 3, 4]);
  expect(await total(here)).toBe(4);
  expect((await here.run({})).of("events")?.status).toBe("reused");
});

test("a table after one that was rolled back is built on what is there now", async () => {
  using here = await twoRuns();
  rmSync(path.join(here.root, landing("f2.jsonl")));
  const [first] = await snapshotIds(here, "events");
  await rollBack(here, "events", first as bigint);
  const outcome = await here.run({});
  expect([outcome.of("events")?.status, outcome.of("daily")?.status]).toEqual(["reused", "success"]);
  expect(await total(here)).toBe(2);
});

test("another engine's append stays, its rows are read, and no file is taken in twice", async () => {
  using here = await twoRuns();
  await append(here, "events", foreignRow);
  const outcome = await here.run({});
  expect([outcome.of("events")?.status, outcome.of("daily")?.status]).toEqual(["reused", "success"]);
  expect(await ids(here)).toEqual([1, 2, 3, 4, 99]);
  here.write({ [landing("f3.jsonl")]: goodLines(1, 5) });
  expect((await here.run({})).success).toBe(true);
  expect(await ids(here)).toEqual([1, 2, 3, 4, 5, 99]);
  expect(await total(here)).toBe(6);
});

test("a table of ours that another engine wrote is built again", async () => {
  using here = await twoRuns();
  await append(here, "daily", `select 'foreign' as kind, 99::bigint as n`);
  const outcome = await here.run({});
  expect(outcome.of("daily")?.status).toBe("success");
  expect(await total(here)).toBe(4);
});

test("after our snapshots expired the pointer is found through the property, if it is proven", async () => {
  using here = await twoRuns();
  await append(here, "events", foreignRow);
  await append(here, "events", foreignRow);
  const [first, second] = await snapshotIds(here, "events");
  await update(here, "events", [
    { action: "remove-snapshots", "snapshot-ids": [first as bigint, second as bigint] },
  ]);
  here.write({ [landing("f3.jsonl")]: goodLines(1, 5) });
  expect((await here.run({ select: ["events"] })).success).toBe(true);
  expect(await ids(here)).toEqual([1, 2, 3, 4, 5, 99, 99]);
});

test("a pointer to a snapshot that was rolled away is not believed: rolled back, two foreign appends, expiry", async () => {
  using here = await twoRuns();
  const [first, second] = await snapshotIds(here, "events");
  await rollBack(here, "events", first as bigint);
  await append(here, "events", foreignRow);
  await append(here, "events", foreignRow);
  await update(here, "events", [
    { action: "remove-snapshots", "snapshot-ids": [first as bigint, second as bigint] },
  ]);
  const before = await here.catalog();
  const { code, stdout, stderr } = await here.cli("build");
  expect(code).toBe(1);
  expect(stdout + stderr).toMatch(/lakehouse\.events holds rows, but its ledger .* cannot be proven/);
  expect(stdout + stderr).toMatch(/hint: `lake ledger rebuild <model>`.*--full-refresh/);
  expect(await here.catalog()).toEqual(before);
});

test("a ledger that is gone is an error that names what to do; the rebuild it names works", async () => {
  using here = await twoRuns();
  rmSync(path.join(here.root, "warehouse/_lake/dev/ledger"), { recursive: true });
  here.write({ [landing("f3.jsonl")]: goodLines(1, 5) });
  const { code, stdout, stderr } = await here.cli("build");
  expect(code).toBe(1);
  expect(stdout + stderr).toMatch(/cannot read the ledger .*ledger/);
  expect(stdout + stderr).toMatch(/hint: .*--full-refresh --allow-loss/);
  expect(await ids(here)).toEqual([1, 2, 3, 4]);
  // Without a ledger nobody knows whether rows would be lost: it has to be said.
  await expect(here.run({ fullRefresh: true })).rejects.toMatchObject({ code: "run/ledger-unreadable" });
  expect((await here.cli("build", "--full-refresh", "--allow-loss")).code).toBe(0);
  expect(await ids(here)).toEqual([1, 2, 3, 4, 5]);
  expect((await here.run({})).of("events")?.status).toBe("reused");
});

test("files without a row and files with bad lines alone are held, too", async () => {
  using here = makeProject({
    ...quarantining,
    [landing("empty.jsonl")]: "",
    [landing("bad.jsonl")]: lines({ id: "x" }),
    [landing("good.jsonl")]: goodLines(1),
  });
  expect((await here.run({})).of("events")?.message).toContain("from 3 landing files, 1 line in quarantine");
  expect((await here.run({})).of("events")).toMatchObject({
    status: "reused",
    message: "no new landing files",
  });
  // A full refresh would lose the bad line as it would lose rows.
  rmSync(path.join(here.root, landing("empty.jsonl")));
  expect((await here.run({ fullRefresh: true })).success).toBe(true);
  rmSync(path.join(here.root, landing("bad.jsonl")));
  await expect(here.run({ fullRefresh: true })).rejects.toMatchObject({ code: "run/landing-files-gone" });
});

test("the ledger survives an engine that removes all files it does not know inside the table's location", async () => {
  using here = await twoRuns();
  await removeUnknownFiles(here);
  here.write({ [landing("f3.jsonl")]: goodLines(1, 5) });
  expect((await here.run({})).success).toBe(true);
  expect(await ids(here)).toEqual([1, 2, 3, 4, 5]);
});

test("main moved to another branch takes that branch's ledger with it", async () => {
  using here = await twoRuns();
  const [first, second] = await snapshotIds(here, "events");
  await update(here, "events", [
    { action: "set-snapshot-ref", "ref-name": "kept", type: "branch", "snapshot-id": second as bigint },
  ]);
  await rollBack(here, "events", first as bigint);
  await append(here, "events", foreignRow);
  rmSync(path.join(here.root, landing("f2.jsonl")));
  here.write({ [landing("f3.jsonl")]: goodLines(1, 5) });
  expect((await here.run({})).success).toBe(true);
  expect(await ids(here)).toEqual([1, 2, 5, 99]);
  await rollBack(here, "events", second as bigint);
  expect((await here.run({})).success).toBe(true);
  expect(await ids(here)).toEqual([1, 2, 3, 4, 5]);
});

test("a table that another engine created anew, with uuid and properties kept, holds nothing of ours", async () => {
  using here = await twoRuns();
  // As Spark's CREATE OR REPLACE TABLE … AS SELECT leaves it: a head without a parent under the old properties.
  await append(here, "events", foreignRow, { orphan: true });
  await expect(here.run({})).rejects.toMatchObject({ code: "run/ledger-missing" });
  expect(await ids(here)).toEqual([99]);
});

test("a full refresh that would lose rows says which flag allows it, and loses them only then", async () => {
  using here = await twoRuns();
  rmSync(path.join(here.root, landing("f1.jsonl")));
  const { code, stdout, stderr } = await here.cli("build", "--full-refresh");
  expect(code).toBe(1);
  expect(stdout + stderr).toMatch(/would lose the rows of a landing file.*f1\.jsonl/);
  expect(stdout + stderr).toMatch(/--allow-loss/);
  expect(await ids(here)).toEqual([1, 2, 3, 4]);
  expect((await here.run({ fullRefresh: true, allowLoss: true })).success).toBe(true);
  expect(await ids(here)).toEqual([3, 4]);
});

test("a file that is gone stays held: an incremental run neither fails nor loses its rows", async () => {
  using here = await twoRuns();
  rmSync(path.join(here.root, landing("f1.jsonl")));
  expect((await here.run({})).success).toBe(true);
  expect(await ids(here)).toEqual([1, 2, 3, 4]);
  here.write({ [landing("f1.jsonl")]: goodLines(2, 1) });
  expect((await here.run({})).success).toBe(true);
  expect(await ids(here)).toEqual([1, 2, 3, 4]);
});

test("a touched file with the same content is fine; one with other content is an error with choices", async () => {
  using here = await twoRuns();
  utimesSync(path.join(here.root, landing("f1.jsonl")), new Date(), new Date());
  expect((await here.run({})).of("events")?.status).toBe("reused");
  // The same size, other bytes: only the content tells.
  here.write({ [landing("f1.jsonl")]: goodLines(2, 1).replace('"id":1', '"id":8') });
  const before = await here.catalog();
  const { code, stdout, stderr } = await here.cli("build");
  expect(code).toBe(1);
  expect(stdout + stderr).toMatch(/f1\.jsonl changed after lakehouse\.events took it in/);
  for (const choice of [
    /lake ledger accept events f1\.jsonl/,
    /--changed-files ignore/,
    /-s events --full-refresh/,
  ])
    expect(stdout + stderr).toMatch(choice);
  expect(await here.catalog()).toEqual(before);
  expect((await here.run({ fullRefresh: true })).success).toBe(true);
  expect(await ids(here)).toEqual([2, 3, 4, 8]);
});

test("two runs at once that found the same new file take it in once", async () => {
  using here = await twoRuns();
  here.write({ [landing("f3.jsonl")]: goodLines(3, 5) });
  const runs = await Promise.all([here.cli("run"), here.cli("run"), here.cli("run")]);
  // Who comes second either sees the file held, or is told that the table moved; nobody doubles it.
  expect(runs.filter(({ code }) => code === 0).length).toBeGreaterThan(0);
  for (const { code, stdout, stderr } of runs) {
    expect(code === 0 ? "another run" : stdout + stderr).toMatch(
      /another (writer|run)|moved|conflict|being built by the run/i,
    );
    expect(stdout + stderr).not.toContain("crashed");
  }
  expect(await ids(here)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  expect((await here.run({})).success).toBe(true);
  expect(await ids(here)).toEqual([1, 2, 3, 4, 5, 6, 7]);
});

test("a changed test, a tag or a property of another engine does not make a table new", async () => {
  using here = await twoRuns();
  const [, second] = await snapshotIds(here, "events");
  await update(here, "events", [
    { action: "set-properties", updates: { owner: "somebody" } },
    { action: "set-snapshot-ref", "ref-name": "kept", type: "tag", "snapshot-id": second as bigint },
  ]);
  const outcome = await here.run({});
  expect([outcome.of("events")?.status, outcome.of("daily")?.status]).toEqual(["reused", "reused"]);
});

test("a model that takes in two landing sources is refused, for it could not say what it holds", async () => {
  using here = makeProject({
    ...eventsProject,
    "models/sources.yml": `${String(eventsProject["models/sources.yml"])}      - name: others
        location: others
        columns: [{name: id, data_type: bigint}]
`,
    "models/events.sql": `{{config materialized="incremental" strategy="append"}}
select id from {{source "landing" "events"}} union all select id from {{source "landing" "others"}}
`,
    "models/daily.sql": `{{config materialized="table"}}\nselect count(*) as n from {{ref "events"}}\n`,
    [landing("f1.jsonl")]: goodLines(1),
    "landing-zone/others/a.jsonl": `{"id": 1}\n`,
  });
  await expect(here.run({})).rejects.toMatchObject({ code: "run/one-landing-source" });
});
