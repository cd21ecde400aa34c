// `lake ledger`: what a table holds, the word of somebody who knows about a changed file, and a ledger made anew.
import { rmSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { eventsProject, goodLines, lines, quarantining } from "./events-project.ts";
import { scanRelation } from "../../engine/run/relations.ts";
import { append, rollBack, snapshotIds, tableOf, update } from "./foreign.ts";
import { makeProject } from "./project.ts";
import type { Files, TestProject } from "./project.ts";

const landing = (name: string): string => `landing-zone/events/${name}`;
const foreignRow = `select 99::bigint as id, 'foreign' as kind, null::timestamptz as happened, null::varchar as page, null::bigint as recipe_id, null::varchar as data_source`;

/** Two runs, one file each. */
async function twoRuns(project: Files = eventsProject): Promise<TestProject> {
  const here = makeProject({ ...project, [landing("f1.jsonl")]: goodLines(2, 1) });
  expect((await here.run({})).success).toBe(true);
  here.write({ [landing("f2.jsonl")]: goodLines(2, 3) });
  expect((await here.run({})).success).toBe(true);
  return here;
}

async function ids(here: TestProject): Promise<unknown[]> {
  return (await here.query(`select id from {{ref "events"}} order by id`)).flat();
}

async function states(here: TestProject): Promise<string[]> {
  const { stdout } = await here.cli("ledger", "show", "events", "--output", "json");
  const view = JSON.parse(stdout) as { files: { path: string; status: string; rows: number | null }[] };
  return view.files.map(({ path: file, status, rows }) => `${path.basename(file)} ${status} ${rows ?? "-"}`);
}

function loseLedger(here: TestProject): void {
  rmSync(path.join(here.root, "warehouse/_lake/dev/ledger"), { recursive: true });
}

test("show lists what is held, changed, gone and new", async () => {
  using here = await twoRuns();
  here.write({ [landing("f3.jsonl")]: goodLines(1, 5) });
  expect((await here.run({})).success).toBe(true);
  rmSync(path.join(here.root, landing("f3.jsonl")));
  here.write({ [landing("f1.jsonl")]: goodLines(3, 1), [landing("f4.jsonl")]: goodLines(1, 9) });
  expect(await states(here)).toEqual([
    "f1.jsonl changed 2",
    "f2.jsonl held 2",
    "f3.jsonl gone 1",
    "f4.jsonl new -",
  ]);
  const { stdout } = await here.cli("ledger", "show", "events");
  expect(stdout).toContain("lakehouse.events: 1 changed, 1 held, 1 gone, 1 new");
});

test("a changed file that is accepted keeps its rows and is held as it is now, also for the tables after it", async () => {
  using here = await twoRuns();
  here.write({ [landing("f1.jsonl")]: goodLines(3, 1) });
  await expect(here.run({})).rejects.toMatchObject({ code: "run/landing-file-changed" });
  const wrong = await here.cli("ledger", "accept", "events", "f2.jsonl");
  expect([wrong.code, wrong.stderr]).toEqual([
    1,
    expect.stringContaining("f2.jsonl is none of the landing files"),
  ]);
  const accepted = await here.cli("ledger", "accept", "events", "f1.jsonl");
  expect([accepted.code, accepted.stdout]).toEqual([0, expect.stringContaining("1 changed file accepted")]);
  const outcome = await here.run({});
  expect([outcome.of("events")?.status, outcome.of("daily")?.status]).toEqual(["reused", "reused"]);
  expect(await ids(here)).toEqual([1, 2, 3, 4]);
  // It is the new content that is held: the old one is another change.
  here.write({ [landing("f1.jsonl")]: goodLines(2, 1) });
  await expect(here.run({})).rejects.toMatchObject({ code: "run/landing-file-changed" });
  const again = await here.cli("ledger", "accept", "events");
  expect(again.stdout).toContain("f1.jsonl");
  here.write({ [landing("f3.jsonl")]: goodLines(1, 5) });
  expect((await here.run({})).success).toBe(true);
  expect(await ids(here)).toEqual([1, 2, 3, 4, 5]);
  expect(await states(here)).toEqual(["f1.jsonl held 2", "f2.jsonl held 2", "f3.jsonl held 1"]);
});

test("a changed file that is ignored is left aside in that run only, and plan says so", async () => {
  using here = await twoRuns();
  here.write({ [landing("f1.jsonl")]: goodLines(3, 1), [landing("f3.jsonl")]: goodLines(1, 5) });
  const plan = await here.cli("plan", "--changed-files", "ignore", "-s", "events");
  expect(plan.stdout).toContain("1 new landing file; 1 changed file left aside");
  expect((await here.cli("build", "--changed-files", "ignore")).code).toBe(0);
  expect(await ids(here)).toEqual([1, 2, 3, 4, 5]);
  await expect(here.run({})).rejects.toMatchObject({ code: "run/landing-file-changed" });
});

test("the rows of a changed file are replaced in one commit; other files of the table are not touched", async () => {
  using here = await twoRuns();
  here.write({ [landing("f1.jsonl")]: goodLines(3, 7), [landing("f3.jsonl")]: goodLines(1, 5) });
  const plan = await here.cli("plan", "--changed-files", "replace", "-s", "events");
  expect(plan.stdout).toContain("1 new landing file, 1 changed landing file taken in again");
  const outcome = await here.run({ changedFiles: "replace" });
  expect(outcome.of("events")?.message).toBe("took 4 rows from 2 landing files, rewrote 1 file of 2");
  expect(await ids(here)).toEqual([3, 4, 5, 7, 8, 9]);
  expect(await here.query(`select sum(n)::integer from {{ref "daily"}}`)).toEqual([[6]]);
  expect(await states(here)).toEqual(["f1.jsonl held 3", "f2.jsonl held 2", "f3.jsonl held 1"]);
  expect((await here.run({})).of("events")?.status).toBe("reused");
});

test("rows that lie in one file with others, and those of another engine, stay when a file is replaced", async () => {
  using here = makeProject({
    ...eventsProject,
    [landing("f1.jsonl")]: goodLines(2, 1),
    [landing("f2.jsonl")]: goodLines(2, 3),
  });
  expect((await here.run({})).success).toBe(true);
  await append(here, "events", foreignRow);
  here.write({ [landing("f1.jsonl")]: "" });
  expect((await here.run({ changedFiles: "replace" })).success).toBe(true);
  expect(await ids(here)).toEqual([3, 4, 99]);
});

test("a model that looks at its own table does not see the rows of a file that is replaced", async () => {
  using here = makeProject({
    ...eventsProject,
    "models/events.sql": `{{config materialized="incremental"}}
select * from {{ref "stg"}} as s
{{#if incremental}}where not exists (select 1 from {{this}} as t where t.id = s.id){{/if}}
`,
    [landing("f1.jsonl")]: goodLines(2, 1),
  });
  expect((await here.run({})).success).toBe(true);
  here.write({ [landing("f1.jsonl")]: goodLines(3, 1) });
  expect((await here.run({ changedFiles: "replace" })).success).toBe(true);
  expect(await ids(here)).toEqual([1, 2, 3]);
});

test("lines in quarantine go with the file that is replaced", async () => {
  using here = makeProject({
    ...quarantining,
    [landing("f1.jsonl")]: goodLines(1) + lines({ id: "x" }),
    [landing("f2.jsonl")]: lines({ id: "y" }, { id: "z" }),
  });
  expect((await here.run({})).success).toBe(true);
  const raw = async (): Promise<unknown> =>
    here.withSession(async (session) => {
      const compute = await session.compute();
      const table = await tableOf(session, "events_quarantine");
      const relation = await scanRelation(session, "q", table.metadata, null);
      const sql = `select decode(raw) from "q" order by 1`;
      return (await compute.query({ sql, relations: [relation] })).rows.flat();
    });
  expect(await raw()).toEqual(['{"id":"x"}', '{"id":"y"}', '{"id":"z"}']);
  here.write({ [landing("f1.jsonl")]: goodLines(2) + lines({ id: "w" }) });
  expect((await here.run({ changedFiles: "replace" })).success).toBe(true);
  expect(await raw()).toEqual(['{"id":"w"}', '{"id":"y"}', '{"id":"z"}']);
  here.write({ [landing("f1.jsonl")]: goodLines(3) });
  expect((await here.run({ changedFiles: "replace" })).success).toBe(true);
  expect(await raw()).toEqual(['{"id":"y"}', '{"id":"z"}']);
  expect(await ids(here)).toEqual([1, 2, 3]);
});

test("merge and delete+insert replace a file's rows and those of its keys", async () => {
  for (const strategy of ["merge", "delete+insert"]) {
    using here = makeProject({
      ...eventsProject,
      "models/events.sql": `{{config materialized="incremental" strategy="${strategy}" unique_key="id"}}\nselect * from {{ref "stg"}}\n`,
      [landing("f1.jsonl")]: goodLines(3, 1),
    });
    expect((await here.run({})).success).toBe(true);
    here.write({ [landing("f2.jsonl")]: goodLines(2, 4) });
    expect((await here.run({})).success).toBe(true);
    here.write({ [landing("f1.jsonl")]: lines({ id: 1, kind: "like" }, { id: 5, kind: "like" }) });
    expect((await here.run({ changedFiles: "replace" })).success).toBe(true);
    expect(await here.query(`select id, kind from {{ref "events"}} order by id`)).toEqual([
      [1, "like"],
      [4, "view"],
      [5, "like"],
    ]);
  }
});

test("where no row says which file it came from, nothing is replaced: it would count twice", async () => {
  using here = makeProject({
    ...eventsProject,
    "models/stg.sql": String(eventsProject["models/stg.sql"]).replace("_file as", "parse_filename(_file) as"),
    [landing("f1.jsonl")]: goodLines(2, 1),
  });
  expect((await here.run({})).success).toBe(true);
  here.write({ [landing("f1.jsonl")]: goodLines(3, 1) });
  const before = await here.catalog();
  const outcome = await here.run({ changedFiles: "replace" });
  expect(outcome.of("events")?.error?.code).toBe("run/replaced-file-without-rows");
  expect(await here.catalog()).toEqual(before);
  here.write({
    "models/stg.sql": String(eventsProject["models/stg.sql"]).replace("_file as data_source", "1 as one"),
  });
  expect((await here.run({ fullRefresh: true })).success).toBe(true);
  here.write({ [landing("f1.jsonl")]: goodLines(4, 1) });
  const without = await here.run({ changedFiles: "replace" });
  expect(without.of("events")?.error?.code).toBe("run/ledger-column");
  expect(await ids(here)).toEqual([1, 2, 3]);
});

test("a lost ledger is rebuilt from data_source: nothing is taken in twice, new files are", async () => {
  using here = await twoRuns();
  await append(here, "events", foreignRow);
  rmSync(path.join(here.root, landing("f2.jsonl")));
  loseLedger(here);
  await expect(here.run({})).rejects.toMatchObject({ code: "run/ledger-unreadable" });
  const { code, stdout } = await here.cli("ledger", "rebuild", "events");
  expect(code).toBe(0);
  expect(stdout).toContain("ledger of lakehouse.events made from data_source: 2 landing files with 4 rows");
  expect(stdout).toMatch(/1 file no longer in the landing zone: .*f2\.jsonl/);
  expect(stdout).toContain("1 row without a file");
  expect(stdout).toContain("not known: whether files changed");
  expect((await here.run({})).of("events")?.status).toBe("reused");
  here.write({ [landing("f3.jsonl")]: goodLines(1, 5) });
  expect((await here.run({})).success).toBe(true);
  expect(await ids(here)).toEqual([1, 2, 3, 4, 5, 99]);
  // What was in it nobody noted: somebody has to say whether it is the same file.
  here.write({ [landing("f2.jsonl")]: goodLines(2, 3) });
  await expect(here.run({})).rejects.toMatchObject({ code: "run/landing-file-changed" });
  expect((await here.cli("ledger", "accept", "events", "f2.jsonl")).code).toBe(0);
  expect((await here.run({})).of("events")?.status).toBe("reused");
});

test("files without a row are not guessed about: somebody says whether they are held", async () => {
  for (const [choice, after] of [
    ["new", [1, 2, 3, 4, 5]],
    ["held", [1, 2, 3, 4]],
  ] as const) {
    using here = await twoRuns();
    here.write({ [landing("empty.jsonl")]: "", [landing("f3.jsonl")]: goodLines(1, 5) });
    loseLedger(here);
    const before = await here.catalog();
    const asked = await here.cli("ledger", "rebuild", "events");
    expect(asked.code).toBe(1);
    expect(asked.stderr).toMatch(/no row of lakehouse\.events names 2 of the landing files/);
    expect(await here.catalog()).toEqual(before);
    const { stdout } = await here.cli("ledger", "rebuild", "events", "--without-rows", choice);
    expect(stdout).toMatch(/2 files without a row, taken for (held|new)/);
    expect((await here.run({})).success).toBe(true);
    expect(await ids(here)).toEqual(after);
    expect((await here.run({})).of("events")?.status).toBe("reused");
  }
});

test("the head that nothing proves is made right by a rebuild, and goes on from there", async () => {
  using here = await twoRuns();
  const [first, second] = await snapshotIds(here, "events");
  await rollBack(here, "events", first as bigint);
  await append(here, "events", foreignRow);
  await append(here, "events", foreignRow);
  await update(here, "events", [
    { action: "remove-snapshots", "snapshot-ids": [first as bigint, second as bigint] },
  ]);
  await expect(here.run({})).rejects.toMatchObject({ code: "run/ledger-missing" });
  // f2's rows were rolled away: it is new, which the rows alone cannot tell.
  expect((await here.cli("ledger", "rebuild", "events", "--without-rows", "new")).code).toBe(0);
  expect((await here.run({})).success).toBe(true);
  expect(await ids(here)).toEqual([1, 2, 3, 4, 99, 99]);
});

test("a rebuilt ledger is that of one snapshot: rolled back behind it, the older one counts again", async () => {
  using here = await twoRuns();
  const [first] = await snapshotIds(here, "events");
  expect((await here.cli("ledger", "rebuild", "events")).code).toBe(0);
  expect(await states(here)).toEqual(["f1.jsonl held 2", "f2.jsonl held 2"]);
  await rollBack(here, "events", first as bigint);
  expect(await states(here)).toEqual(["f1.jsonl held 2", "f2.jsonl new -"]);
});

test("a rebuild takes no file for held because of its line in quarantine", async () => {
  using here = await twoRuns(quarantining);
  here.write({ [landing("bad.jsonl")]: lines({ id: "no number" }) });
  expect((await here.run({})).success).toBe(true);
  loseLedger(here);
  const { code, stderr } = await here.cli("ledger", "rebuild", "events");
  expect([code, stderr]).toEqual([1, expect.stringMatching(/names the landing file .*bad\.jsonl/)]);
});

test("mistakes are said: no such model, no ledger, no such column, no table", async () => {
  using here = await twoRuns();
  const error = async (...args: string[]): Promise<string> => {
    const { code, stderr } = await here.cli("ledger", ...args);
    expect(code).toBe(1);
    return stderr;
  };
  expect(await error("show", "event")).toMatch(/run\/unknown-ref.*\n.*did you mean "events"/);
  expect(await error("show", "daily")).toContain("run/no-ledger");
  expect(await error("rebuild", "events", "--column", "file")).toMatch(
    /no column "file".*kind, page, data_source/,
  );
  expect(await error("rebuild", "events", "--column", "id")).toContain("run/ledger-column");
  using empty = makeProject({ ...eventsProject, [landing("f1.jsonl")]: "" });
  expect((await empty.cli("ledger", "show", "events")).stderr).toContain("run/missing-input");
});
