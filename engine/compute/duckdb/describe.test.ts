import { afterAll, beforeAll, expect, test } from "vitest";
import { DuckDBInstance, type DuckDBConnection } from "@duckdb/node-api";
import { describeBatch, describeOne, structColumns } from "./describe.ts";

let connection: DuckDBConnection;
beforeAll(async () => {
  connection = await (await DuckDBInstance.create(":memory:", { threads: "1" })).connect();
});
afterAll(() => connection.closeSync());

const statements = [
  "select 1 as a, 1.5 as b, 'x' as c, 'x'::enum('a (b', 'it''s, \"x\"') as d, 1::union(n int, s varchar) as e",
  `select {'a b': 1, 'q"x': [{'select': null}]} as "we""ird, (name", map([1], [{'k': 'v'}]) as m, [1, 2]::int[2] as "  "`,
  "select null as a, [] as b, [null] as c, 1::decimal(38, 3) as d, now() as e, '1'::json as f, row(1, 2) as g",
  "select 1 as a, 2 as A, 3 as a, 4 as a_1",
  "select 1 as a_1, 2 as a, 3 as day_1",
  "select count(*), 1 + 1, 'text' -- the end",
  "select m from (select 1 as m, 2 as n) as m;  ",
  "values (1, 'a')",
  "from range(3)",
  "with recursive r as (select 1 as x union all select x + 1 from r where x < 3) from r",
  "select unnest({'a': 1, 'b': 2})",
];

test("many statements described at once have the columns that each has by itself", async () => {
  const alone = [];
  for (const sql of statements) alone.push(await describeOne(connection, sql));
  expect(alone.map((columns) => columns.length)).not.toContain(0);
  expect(await describeBatch(connection, statements)).toEqual(alone);
});

test("no statement sees the columns of another, not even of the query around it", async () => {
  const first = "select 1 as secret";
  await expect(describeBatch(connection, [first, "select secret"])).rejects.toThrow("secret");
  await expect(describeBatch(connection, ["select secret", first])).rejects.toThrow("secret");
});

test("a struct's type is split at its own commas alone", () => {
  expect(
    structColumns(`STRUCT(a STRUCT(b INTEGER, c DECIMAL(2,1))[], "x ""y"", (" ENUM('),(', 'q'))`),
  ).toEqual([
    { name: "a", type: "STRUCT(b INTEGER, c DECIMAL(2,1))[]" },
    { name: 'x "y", (', type: "ENUM('),(', 'q')" },
  ]);
});
