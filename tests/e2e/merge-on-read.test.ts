// Rows that are marked as deleted beside their files: any sequence of merges ends in the rows that rewriting the files
// ends in, whoever reads them and whatever is done to the table afterwards.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { asRelation, planScan } from "../../engine/iceberg/scan.ts";
import type { ScanTask } from "../../engine/compute/compute.ts";
import { tableOf } from "./foreign.ts";
import { makeProject } from "./project.ts";
import type { Files, TestProject } from "./project.ts";

type Row = readonly [id: number | null, day: string, amount: number];

const csv = (rows: readonly Row[]): string =>
  ["id,day,amount", ...rows.map(([id, day, amount]) => `${id ?? ""},${day},${amount}`)].join("\n") + "\n";

function project(mode: string, strategy: string, rows: readonly Row[], version = 2): Files {
  const property = strategy === "merge" ? "write.merge.mode" : "write.delete.mode";
  return {
    "seeds/given.csv": csv(rows),
    "seeds/given.yml":
      "seeds: [{name: given, config: {column_types: {id: bigint, day: date, amount: bigint}}}]\n",
    "models/orders.sql": `{{config materialized="incremental" strategy="${strategy}" unique_key="id" partition_by="day" format_version=${version}}}
select id, day, amount from {{ref "given"}}
`,
    "models/orders.yml": `models: [{name: orders, config: {properties: {${property}: ${mode}}}}]\n`,
  };
}

const rowsOf = (here: TestProject): Promise<unknown[][]> =>
  here.query(`select id, day::varchar, amount from {{ref "orders"}} order by all`);

const tasksOf = (here: TestProject): Promise<readonly ScanTask[]> =>
  here.withSession(async (session) => {
    const { metadata } = await tableOf(session, "orders");
    return planScan({ storage: await session.storage(), metadata });
  });

/** Every row has an id, and no two have one; those of a table that was only upgraded get theirs with its next commit. */
const checkRowIds = (here: TestProject): Promise<void> =>
  here.withSession(async (session) => {
    const [storage, compute] = await Promise.all([session.storage(), session.compute()]);
    const { metadata } = await tableOf(session, "orders");
    const isNumbered = metadata.snapshots.at(-1)?.["first-row-id"] !== undefined;
    const tasks = await planScan({ storage, metadata });
    const relation = { ...asRelation({ name: "orders", metadata, tasks }), lineage: true };
    const sql = `select count(*) - count(_row_id), count(_row_id) - count(distinct _row_id) from "orders"`;
    const [[without, doubled] = []] = (await compute.query({ sql, relations: [relation] })).rows;
    expect([isNumbered ? Number(without) : 0, Number(doubled)]).toEqual([0, 0]);
  });

async function built(here: TestProject): Promise<string> {
  const outcome = await here.run({});
  expect(outcome.results.flatMap(({ error }) => error ?? [])).toEqual([]);
  return outcome.of("orders")?.message ?? "";
}

const first: readonly Row[] = [
  [1, "2025-07-01", 10],
  [2, "2025-07-01", 20],
  [3, "2025-07-02", 30],
  [null, "2025-07-03", 40],
  [5, "2025-07-03", 50],
];

describe("merge-on-read", () => {
  test("marks the rows that go, in a file for each data file, and removes files of which none stays", async () => {
    using here = makeProject(project("merge-on-read", "merge", first));
    await built(here);
    const before = new Set((await tasksOf(here)).map(({ file }) => file.path));
    here.write({
      "seeds/given.csv": csv([
        [2, "2025-07-01", 21],
        [3, "2025-07-01", 31],
        [null, "2025-07-03", 41],
      ]),
    });
    expect(await built(here)).toBe("took 3 rows, marked 2 rows as deleted in 2 files, removed 1 file");
    const tasks = await tasksOf(here);
    const marked = tasks.filter(({ deletes }) => deletes.length > 0);
    expect(marked.map(({ file }) => file.path).filter((path) => !before.has(path))).toEqual([]);
    expect(
      marked.map(({ file, deletes }) => [deletes.length, deletes[0]?.referencedDataFile === file.path]),
    ).toEqual([
      [1, true],
      [1, true],
    ]);
    expect(marked.every(({ file, deletes }) => deletes[0]?.partition[0] === file.partition[0])).toBe(true);
    const summary = await here.withSession(async (session) => {
      const { metadata } = await tableOf(session, "orders");
      return metadata.snapshots.at(-1)?.summary;
    });
    expect(summary).toMatchObject({
      operation: "overwrite",
      "added-position-delete-files": "2",
      "added-position-deletes": "2",
      "deleted-data-files": "1",
      "total-data-files": "4",
      "total-delete-files": "2",
      "total-position-deletes": "2",
    });
    expect(await rowsOf(here)).toEqual([
      [1, "2025-07-01", 10],
      [2, "2025-07-01", 21],
      [3, "2025-07-01", 31],
      [5, "2025-07-03", 50],
      [null, "2025-07-03", 41],
    ]);
  });

  test("in format 3 each data file has one deletion vector, with what went before", async () => {
    const rows = [1, 2, 3, 4, 5].map((id): Row => [id, "2025-07-01", id * 10]);
    using here = makeProject(project("merge-on-read", "merge", rows, 3));
    await built(here);
    for (const id of [1, 3, 4]) {
      here.write({ "seeds/given.csv": csv([[id, "2025-07-02", id * 11]]) });
      expect(await built(here)).toBe("took 1 row, marked rows as deleted in 1 file");
    }
    const marked = (await tasksOf(here)).filter(({ deletes }) => deletes.length > 0);
    expect(
      marked.map(({ deletes }) => deletes.map(({ format, recordCount }) => [format, recordCount])),
    ).toEqual([[["PUFFIN", 3n]]]);
    const summary = await here.withSession(async (session) => {
      const { metadata } = await tableOf(session, "orders");
      return metadata.snapshots.at(-1)?.summary;
    });
    expect(summary).toMatchObject({
      "added-dvs": "1",
      "removed-dvs": "1",
      "total-delete-files": "1",
      "total-position-deletes": "3",
    });
    expect(await rowsOf(here)).toEqual([
      [1, "2025-07-02", 11],
      [2, "2025-07-01", 20],
      [3, "2025-07-02", 33],
      [4, "2025-07-02", 44],
      [5, "2025-07-01", 50],
    ]);
  });

  test("small tables are rewritten unless it is asked for, and a mode that is none is refused", async () => {
    using here = makeProject({
      ...project("merge-on-read", "merge", first),
      "models/orders.yml": "models: []\n",
    });
    await built(here);
    here.write({ "seeds/given.csv": csv([[2, "2025-07-01", 21]]) });
    expect(await built(here)).toBe("took 1 row, rewrote 1 file of 3");
    here.write(project("merge-on-write", "merge", [[2, "2025-07-01", 22]]));
    await expect(here.run({})).rejects.toThrow(/write\.merge\.mode.*one of copy-on-write, merge-on-read/);
  });

  test("compaction takes the marked rows and their delete files away, and changes no row", async () => {
    using here = makeProject(project("merge-on-read", "merge", first));
    await built(here);
    here.write({ "seeds/given.csv": csv([[1, "2025-07-01", 11]]) });
    await built(here);
    const rows = await rowsOf(here);
    const compacted = await here.cli("compact", "-s", "orders", "--rewrite-all");
    expect([compacted.code, compacted.stderr]).toEqual([0, expect.anything()]);
    expect((await tasksOf(here)).flatMap(({ deletes }) => deletes)).toEqual([]);
    expect(await rowsOf(here)).toEqual(rows);
    expect((await here.run({})).of("orders")?.status).toBe("reused");
  });

  test("what follows its changes, and what shows them, see the marked rows go", async () => {
    using here = makeProject({
      ...project("merge-on-read", "merge", first),
      "models/daily.sql": `{{config materialized="incremental" strategy="delete+insert" unique_key="day"}}
select day, count(*) as n, sum(amount)::bigint as amount from {{ref "orders"}}
where {{changed "orders" by="day"}} group by day
`,
    });
    await built(here);
    here.write({ "seeds/given.csv": csv([[1, "2025-07-02", 11]]) });
    const outcome = await here.run({});
    expect(outcome.of("daily")?.message).toMatch(/^took 2 rows/);
    expect(await here.query(`select day::varchar, n, amount from {{ref "daily"}} order by 1`)).toEqual(
      await here.query(
        `select day::varchar, count(*) as n, sum(amount)::bigint from {{ref "orders"}} group by 1 order by 1`,
      ),
    );
    const changes = await here.cli("changes", "orders", "--output", "json");
    expect(JSON.parse(changes.stdout)).toMatchObject([
      { _change_type: "UPDATE_BEFORE", id: 1, day: "2025-07-01", amount: 10 },
      { _change_type: "UPDATE_AFTER", id: 1, day: "2025-07-02", amount: 11 },
    ]);
  });
});

test("any sequence of merges, deletes by key, compactions and an upgrade ends in the same rows, marked or rewritten", async () => {
  const day = fc.constantFrom("2025-07-01", "2025-07-02", "2025-07-03");
  const id = fc.oneof(fc.integer({ min: 0, max: 9 }), fc.constant(null));
  const batch = fc.uniqueArray(fc.tuple(id, day, fc.integer({ min: 0, max: 99 })), {
    selector: ([key]) => key,
    minLength: 1,
    maxLength: 8,
  });
  const step = fc.record({
    rows: batch,
    mode: fc.constantFrom("merge-on-read", "copy-on-write"),
    // From the first such step on the table has format 3, with what format 2 marked.
    upgrades: fc.boolean(),
    compacts: fc.boolean(),
  });
  const strategies = fc.constantFrom("merge", "delete+insert");
  const all = fc.array(step, { minLength: 2, maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(strategies, all, async (strategy, steps) => {
      using here = makeProject({});
      const expected = new Map<number | null, Row>();
      let version = 2;
      for (const { rows, mode, upgrades, compacts } of steps) {
        if (upgrades) version = 3;
        here.write(project(mode, strategy, rows, version));
        await built(here);
        for (const row of rows) expected.set(row[0], row);
        const upkeep = compacts ? ["compact", "-s", "orders", "--rewrite-all"] : ["history", "orders"];
        expect(await here.cli(...upkeep)).toMatchObject({ code: 0 });
        if (version === 3) await checkRowIds(here);
      }
      const text = (row: readonly unknown[]): string => JSON.stringify(row);
      expect((await rowsOf(here)).map(text).sort()).toEqual([...expected.values()].map(text).sort());
    }),
    { numRuns: 16 },
  );
}, 300_000);
