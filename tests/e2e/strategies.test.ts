// How the rows of an incremental model meet those that its table holds: whose rows win, and which files change.
import { describe, expect, test } from "vitest";
import { planScan } from "../../engine/iceberg/scan.ts";
import { eventsProject, lines } from "./events-project.ts";
import { tableOf } from "./foreign.ts";
import { makeProject } from "./project.ts";
import type { TestProject } from "./project.ts";

function project(config: string, rows: string): Record<string, string> {
  return {
    "seeds/batch.csv": `id,day,amount\n${rows}`,
    "models/orders.sql": `{{config materialized="incremental" ${config}}}
select id::bigint as id, day::date as day, amount from {{ref "batch"}}
`,
  };
}

async function built(here: TestProject, options = {}): Promise<string> {
  const outcome = await here.run(options);
  expect(outcome.of("orders")?.error ?? outcome.error).toBeUndefined();
  return outcome.of("orders")?.message ?? "";
}

function orders(here: TestProject): Promise<unknown[][]> {
  return here.query(`select id, day::varchar, amount from {{ref "orders"}} order by all`);
}

async function livePaths(here: TestProject, name = "orders"): Promise<string[]> {
  return here.withSession(async (session) => {
    const { metadata } = await tableOf(session, name);
    const tasks = await planScan({ storage: await session.storage(), metadata });
    return tasks.map(({ file }) => file.path).sort();
  });
}

const threeDays = "1,2025-07-01,10\n2,2025-07-01,20\n3,2025-07-02,30\n4,2025-07-03,40\n";

describe("merge", () => {
  const merging = (rows: string): Record<string, string> =>
    project(`strategy="merge" unique_key="id" partition_by="day"`, rows);

  test("takes the place of rows with its keys, adds the others, and leaves files alone that hold none of them", async () => {
    using here = makeProject(merging(threeDays));
    await built(here);
    const before = await livePaths(here);
    expect(before).toHaveLength(3);
    here.write(merging("2,2025-07-01,21\n5,2025-07-03,50\n"));
    expect(await built(here)).toBe("took 2 rows, rewrote 1 file of 3");
    expect(await orders(here)).toEqual([
      [1, "2025-07-01", 10],
      [2, "2025-07-01", 21],
      [3, "2025-07-02", 30],
      [4, "2025-07-03", 40],
      [5, "2025-07-03", 50],
    ]);
    const after = await livePaths(here);
    expect(before.filter((path) => after.includes(path))).toEqual(before.slice(1));
  });

  test("a row moves to another partition", async () => {
    using here = makeProject(merging(threeDays));
    await built(here);
    here.write(merging("4,2025-07-01,41\n"));
    await built(here);
    expect((await orders(here)).filter(([id]) => id === 4)).toEqual([[4, "2025-07-01", 41]]);
    expect(await livePaths(here)).toHaveLength(3);
  });

  test("a key that is null is a key like any other", async () => {
    using here = makeProject(merging(`,2025-07-01,1\n${threeDays}`));
    await built(here);
    here.write(merging(",2025-07-02,2\n"));
    await built(here);
    expect((await orders(here)).filter(([id]) => id === null)).toEqual([[null, "2025-07-02", 2]]);
  });

  test.each(["2,2025-07-01,1\n2,2025-07-02,2\n7,2025-07-01,1\n", ",2025-07-01,1\n,2025-07-02,2\n"])(
    "a key twice is refused, on the first build and on later ones, and nothing moves",
    async (twice) => {
      using here = makeProject(merging(twice));
      const first = await here.run({});
      expect(first.of("orders")?.error).toMatchObject({ code: "run/duplicate-keys" });
      expect(first.of("orders")?.error?.message).toMatch(/expected each id once: id (2|null) \(2 rows\)$/);
      expect(await here.catalog()).toEqual({});
      here.write(merging(threeDays));
      await built(here);
      const pointers = await here.catalog();
      const files = here.files("warehouse/lakehouse.db/orders/data");
      here.write(merging(twice));
      expect((await here.run({})).of("orders")?.error).toMatchObject({ code: "run/duplicate-keys" });
      expect(await here.catalog()).toEqual(pointers);
      expect(here.files("warehouse/lakehouse.db/orders/data")).toEqual(files);
    },
  );

  test("over a landing zone, each file once: a later file corrects an earlier one", async () => {
    using here = makeProject({
      ...eventsProject,
      "models/events.sql": `{{config materialized="incremental" strategy="merge" unique_key="id"}}
select * from {{ref "stg"}}
`,
      "landing-zone/events/a.jsonl": lines({ id: 1, kind: "old" }, { id: 2, kind: "kept" }),
    });
    expect((await here.run({})).success).toBe(true);
    here.write({ "landing-zone/events/b.jsonl": lines({ id: 1, kind: "new" }) });
    expect((await here.run({})).of("events")?.message).toBe(
      "took 1 row from 1 landing file, rewrote 1 file of 1",
    );
    expect((await here.run({})).of("events")?.status).toBe("reused");
    expect(await here.query(`select id, kind from {{ref "events"}} order by id`)).toEqual([
      [1, "new"],
      [2, "kept"],
    ]);
    expect((await here.run({ fullRefresh: true })).of("events")?.error).toMatchObject({
      code: "run/duplicate-keys",
    });
  });
});

describe("delete+insert", () => {
  const replacing = (rows: string, more = ""): Record<string, string> =>
    project(`strategy="delete+insert" unique_key="day" ${more}`, rows);

  test("all rows of a key give way, and files without one stay", async () => {
    using here = makeProject(replacing(threeDays, `partition_by="month(day)"`));
    await built(here);
    here.write(replacing("9,2025-08-01,90\n", `partition_by="month(day)"`));
    expect(await built(here)).toBe("took 1 row, rewrote 0 files of 1");
    const [july] = await livePaths(here);
    here.write(replacing("8,2025-08-01,80\n7,2025-08-01,70\n", `partition_by="month(day)"`));
    expect(await built(here)).toBe("took 2 rows, rewrote 1 file of 2");
    expect(await livePaths(here)).toContain(july);
    here.write(replacing("1,2025-07-01,11\n", `partition_by="month(day)"`));
    await built(here);
    expect(await orders(here)).toEqual([
      [1, "2025-07-01", 11],
      [3, "2025-07-02", 30],
      [4, "2025-07-03", 40],
      [7, "2025-08-01", 70],
      [8, "2025-08-01", 80],
    ]);
    expect(await livePaths(here)).toHaveLength(2);
  });

  test("no rows take nothing away", async () => {
    using here = makeProject(replacing(threeDays));
    await built(here);
    here.write({
      "models/orders.sql": here.read("models/orders.sql").replace('batch"}}', 'batch"}} where false'),
    });
    expect(await built(here)).toBe("took 0 rows, rewrote 0 files of 1");
    expect(await orders(here)).toHaveLength(4);
  });
});

describe("replace_partitions", () => {
  const replacing = (rows: string, partitions = "day"): Record<string, string> =>
    project(`strategy="replace_partitions" partition_by="${partitions}"`, rows);

  test("a partition holds what the model gave for it last, null's too, and others stay", async () => {
    using here = makeProject(replacing(`6,,60\n${threeDays}`));
    await built(here);
    const before = await livePaths(here);
    here.write(replacing("5,2025-07-01,50\n7,,70\n"));
    expect(await built(here)).toBe("took 2 rows, rewrote 2 files of 4");
    expect(await orders(here)).toEqual([
      [3, "2025-07-02", 30],
      [4, "2025-07-03", 40],
      [5, "2025-07-01", 50],
      [7, null, 70],
    ]);
    expect((await livePaths(here)).filter((path) => before.includes(path))).toHaveLength(2);
  });

  test("files of an older partition spec are not guessed about", async () => {
    using here = makeProject(replacing(threeDays));
    await built(here);
    here.write(replacing("5,2025-07-01,50\n", "month(day)"));
    expect((await here.run({})).of("orders")?.error).toMatchObject({ code: "run/other-partitions" });
    await built(here, { fullRefresh: true });
    expect(await orders(here)).toEqual([[5, "2025-07-01", 50]]);
  });
});

describe("a config that cannot work is refused before anything runs", () => {
  const config: [string, string][] = [
    [`strategy="merge"`, "run/strategy-needs"],
    [`strategy="delete+insert"`, "run/strategy-needs"],
    [`strategy="replace_partitions"`, "run/strategy-needs"],
    [`strategy="merge" unique_key="idd"`, "run/unknown-key-column"],
  ];
  test.each(config)("%s", async (text, code) => {
    using here = makeProject(project(text, threeDays));
    const error = await here.run({}).then(
      (outcome) => outcome.of("orders")?.error,
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({ code });
    expect(await here.catalog()).toEqual({});
  });

  test("replace_partitions over a landing zone would lose what came before", async () => {
    using here = makeProject({
      ...eventsProject,
      "models/events.sql": `{{config materialized="incremental" strategy="replace_partitions" partition_by="kind"}}
select * from {{ref "stg"}}
`,
      "landing-zone/events/a.jsonl": lines({ id: 1, kind: "old" }),
    });
    await expect(here.run({})).rejects.toMatchObject({ code: "run/strategy-with-landing" });
  });
});

test("plan names the strategy, and says what changed code does to rows that are there", async () => {
  using here = makeProject(project(`strategy="merge" unique_key="id"`, threeDays));
  await built(here);
  here.write({
    "models/orders.sql": here.read("models/orders.sql").replace("amount from", "amount + 1 as amount from"),
  });
  const { stdout } = await here.cli("plan", "-s", "orders", "--resource-type", "model");
  expect(stdout).toMatch(/orders +merge +lakehouse.orders +code changed: old rows keep the old logic/);
});
