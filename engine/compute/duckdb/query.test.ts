import { readdir } from "node:fs/promises";
import { writeFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Relation } from "../compute.ts";
import { openSession } from "./session.ts";
import { openTestEngine, type TestEngine } from "./test-support.ts";

const nowMs = Date.UTC(2025, 6, 1, 15, 30, 0, 250);
let engine: TestEngine;
beforeAll(async () => {
  engine = await openTestEngine({ nowMs });
});
afterAll(() => engine.close());

const rowsOf = async (sql: string, relations: readonly Relation[] = []) =>
  (await engine.compute.query({ sql, relations })).rows;

describe("rows as people read them", () => {
  test("numbers that fit are numbers, all else is text; nested values nest", async () => {
    const rows =
      await rowsOf(`select 1 as a, 9007199254740993 as b, 1.50::decimal(10, 2) as c, 'nan'::double as d, '-inf'::float as e,
      true as f, null::int as g, date '2025-01-02' as h, time '10:00:00' as i, timestamp '2025-01-02 03:04:05.000006' as j,
      timestamptz '2025-01-02 03:04:05+09' as k, 'ab'::blob as l, {x: [1, null], 'y z': {d: date '2025-01-02'}} as m,
      map {'k': 1.5::decimal(3, 1)} as n, map {1: 'x'} as o, 170141183460469231731687303715884105727::hugeint as p,
      'c33f7d4a-0000-4000-8000-000000000001'::uuid as q, timestamptz '1969-12-31 23:59:59.5+00' as r, '{"a": 1}'::json as s`);
    expect(rows).toEqual([
      [
        1,
        "9007199254740993",
        "1.50",
        "nan",
        "-inf",
        true,
        null,
        "2025-01-02",
        "10:00:00",
        "2025-01-02T03:04:05.000006",
        "2025-01-01T18:04:05Z",
        "6162",
        { x: [1, null], "y z": { d: "2025-01-02" } },
        { k: "1.5" },
        [{ key: 1, value: "x" }],
        "170141183460469231731687303715884105727",
        "c33f7d4a-0000-4000-8000-000000000001",
        "1969-12-31T23:59:59.5Z",
        '{"a": 1}',
      ],
    ]);
    expect(() => JSON.stringify(rows)).not.toThrow();
  });

  test("limit fetches no more than it says and keeps the order", async () => {
    const { rows } = await engine.compute.query({
      sql: "select i from range(100000) t(i) order by i desc",
      relations: [],
      limit: 3,
    });
    expect(rows).toEqual([[99999], [99998], [99997]]);
  });

  test("a failing cast says the value and its place", async () => {
    await expect(rowsOf("select y::int as z from (select 'abc' as y)")).rejects.toMatchObject({
      code: "compute/bad-value",
      message: expect.stringContaining("'abc'"),
      positionBytes: 8,
    });
  });
});

describe("relations", () => {
  test("rows of every type, quotes in names and text, later views over earlier relations", async () => {
    const relations: Relation[] = [
      {
        kind: "rows",
        name: 'n."odd"',
        columns: [
          { name: 'a"b', type: "VARCHAR" },
          { name: "d", type: "DECIMAL(38,4)" },
          { name: "t", type: "TIMESTAMP WITH TIME ZONE" },
          { name: "u", type: "UUID" },
          { name: "b", type: "BLOB" },
          { name: "f", type: "DOUBLE" },
          { name: "day", type: "DATE" },
          { name: "time", type: "TIME" },
          { name: "ok", type: "BOOLEAN" },
        ],
        rows: [
          [
            "it's\0\"",
            -12345n,
            1_500_000n,
            "c33f7d4a-0000-4000-8000-000000000001",
            new Uint8Array([0, 255]),
            0.1,
            -1,
            1n,
            true,
          ],
          [null, null, null, null, null, Number.NaN, null, null, null],
        ],
      },
      { kind: "sql", name: "n.v", sql: 'select * from "n.""odd""" where d is not null' },
    ];
    expect(await rowsOf('select * from "n.v"', relations)).toEqual([
      [
        "it's\0\"",
        "-1.2345",
        "1970-01-01T00:00:01.5Z",
        "c33f7d4a-0000-4000-8000-000000000001",
        "00ff",
        0.1,
        "1969-12-31",
        "00:00:00.000001",
        true,
      ],
    ]);
    expect(await rowsOf('select count(*), count(f) from "n.""odd"""', relations)).toEqual([[2, 2]]);
  });

  test("CSV files with fixed and inferred types", async () => {
    const path = join(engine.folder, "data", "seed [1].csv");
    await mkdir(join(engine.folder, "data"), { recursive: true });
    await writeFile(path, "id;zip;n\n1;01234;x\n2;;\n");
    const relation: Relation = {
      kind: "csv",
      name: "n.seed",
      path,
      delimiter: ";",
      columns: { zip: "VARCHAR" },
    };
    const result = await engine.compute.query({
      sql: 'select * from "n.seed" order by id',
      relations: [relation],
    });
    expect(result.columns.map(({ type }) => type)).toEqual(["BIGINT", "VARCHAR", "VARCHAR"]);
    expect(result.rows).toEqual([
      [1, "01234", "x"],
      [2, null, null],
    ]);
  });

  test("an error in a view has its place in the view's own SQL", async () => {
    const relations: Relation[] = [
      { kind: "empty", name: "n.t", columns: [{ name: "a", type: "INTEGER" }] },
      { kind: "sql", name: "n.view", sql: 'select a, b from "n.t"' },
    ];
    await expect(rowsOf('from "n.view"', relations)).rejects.toMatchObject({
      code: "compute/bind",
      positionBytes: 10,
    });
  });

  test("relations of one query are not seen by another", async () => {
    const relation: Relation = {
      kind: "rows",
      name: "n.mine",
      columns: [{ name: "a", type: "INTEGER" }],
      rows: [[1]],
    };
    expect(await rowsOf('from "n.mine"', [relation])).toEqual([[1]]);
    await expect(engine.compute.operate('from "n.mine"', [])).rejects.toMatchObject({ code: "compute/bind" });
  });
});

describe("the run's clock", () => {
  test("all functions of the clock give the same instant in every statement", async () => {
    const sql = `select now(), current_timestamp, transaction_timestamp(), localtimestamp, current_date, today(), localtime, current_time::text`;
    const expected = [
      [
        "2025-07-01T15:30:00.25Z",
        "2025-07-01T15:30:00.25Z",
        "2025-07-01T15:30:00.25Z",
        "2025-07-02T00:30:00.25",
        "2025-07-02",
        "2025-07-02",
        "00:30:00.25",
        "00:30:00.25+09",
      ],
    ];
    expect(await rowsOf(sql)).toEqual(expected);
    expect(await rowsOf(sql)).toEqual(expected);
  });

  test("one query may have another clock, views below it too; those beside and after it have not", async () => {
    const sql = `select now(), current_date, localtime, current_time::text, (select instant from "v") from "v"`;
    const relations: Relation[] = [{ kind: "sql", name: "v", sql: "select now() as instant" }];
    const ask = async (at?: number) =>
      (await engine.compute.query({ sql, relations, ...(at !== undefined && { nowMs: at }) })).rows;
    const frozen = ["1999-12-31T15:00:00Z", "2000-01-01", "00:00:00", "00:00:00+09", "1999-12-31T15:00:00Z"];
    const usual = [
      "2025-07-01T15:30:00.25Z",
      "2025-07-02",
      "00:30:00.25",
      "00:30:00.25+09",
      "2025-07-01T15:30:00.25Z",
    ];
    const answers = await Promise.all([
      ask(Date.UTC(1999, 11, 31, 15)),
      ask(),
      ask(Date.UTC(1999, 11, 31, 15)),
    ]);
    expect(answers).toEqual([[frozen], [usual], [frozen]]);
    expect(await ask()).toEqual([usual]);
  });

  test("functions that differ between runs are named", async () => {
    expect(
      await engine.compute.volatileFunctions(
        `select random() as a, lower(uuid()::text), now(), localtimestamp from x using sample 3`,
      ),
    ).toEqual(["current_localtimestamp", "now", "random", "using sample", "uuid"]);
    expect(
      await engine.compute.volatileFunctions(
        `select sum(a) over (order by b), case when a > 1 then error('x') end from x`,
      ),
    ).toEqual([]);
  });
});

describe("the session", () => {
  test("settings that cannot be are named, and leave nothing behind", async () => {
    const tempDirectory = join(engine.folder, "refused-temp");
    await expect(
      openSession({ ...engine.settings, tempDirectory, timezone: "Asia/Soul" }),
    ).rejects.toMatchObject({
      name: "LakeError",
      message: expect.stringContaining("Asia/Soul"),
    });
    expect(await readdir(tempDirectory)).toEqual([]);
    const file = join(engine.folder, "a-file");
    await writeFile(file, "");
    await expect(openSession({ ...engine.settings, tempDirectory: file })).rejects.toMatchObject({
      code: "compute/no-temp-directory",
    });
  });

  test("an aborted signal interrupts a running statement", async () => {
    const session = await openSession(engine.settings);
    try {
      const controller = new AbortController();
      const endless = session.withConnection(
        (connection) =>
          connection.run(
            "select count(*) from range(1000000000) a, range(1000000000) b where a.range + b.range = -1",
          ),
        controller.signal,
      );
      setTimeout(() => controller.abort(), 30);
      await expect(endless).rejects.toMatchObject({ code: "compute/interrupted" });
      await expect(session.withConnection(async () => 1, controller.signal)).rejects.toMatchObject({
        code: "compute/interrupted",
      });
    } finally {
      await session.close();
    }
  });

  test("closing interrupts what runs, and leaves no file", async () => {
    const tempDirectory = join(engine.folder, "other-temp");
    const session = await openSession({ ...engine.settings, tempDirectory, memoryLimitBytes: 60_000_000 });
    const spilling = session.withConnection((connection) =>
      connection.run(
        "create temp table x as select i, md5(i::text) as h from range(3000000) t(i); select count(*) from (from x order by h)",
      ),
    );
    const outcome = spilling.then(
      () => "done",
      (error: unknown) => (error as { code?: string }).code,
    );
    await new Promise((resolve) => setTimeout(resolve, 100));
    await session.close();
    expect(["done", "compute/interrupted"]).toContain(await outcome);
    expect(await readdir(tempDirectory)).toEqual([]);
  });
});
