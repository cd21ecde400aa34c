import { access } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { icebergRelation, openTestEngine, schemaOf, type TestEngine } from "./test-support.ts";

let engine: TestEngine;
beforeAll(async () => {
  engine = await openTestEngine();
});
afterAll(() => engine.close());

const schema = schemaOf(
  { id: 4, name: "a", required: false, type: "long" },
  {
    id: 7,
    name: "s",
    required: false,
    type: { type: "struct", fields: [{ id: 8, name: "x", required: false, type: "string" }] },
  },
);

test("kept rows are read by name as often as needed, and are gone when released", async () => {
  const kept = await engine.compute.keep({
    id: "m",
    name: "lake@rows",
    sql: `select * from "n.src"`,
    relations: [{ kind: "sql", name: "n.src", sql: "select unnest([3, null, 1]) as a, {'x': 'y'} as s" }],
    schema,
  });
  expect(kept.rows).toBe(3n);
  const sql = `select count(*), sum(a), min(s.x) from "lake@rows"`;
  for (const limit of [1, 2])
    expect((await engine.compute.query({ sql, relations: [kept.relation], limit })).rows).toEqual([
      [3, 4, "y"],
    ]);
  const [file] = kept.files;
  expect(file?.nullValueCounts?.get(4)).toBe(1n);
  await kept.release();
  await expect(access(file?.path ?? "")).rejects.toThrow("ENOENT");
});

test("the file column says which file of the list a row lies in, with and without the column in the file", async () => {
  const ids = "{a: 4}";
  const first = await engine.write("one.parquet", "select 1::bigint as a", ids);
  const second = await engine.write("two.parquet", "select unnest([2, 3])::bigint as a", ids);
  const bare = await engine.write("bare.parquet", "select 9::bigint as b", "{b: 9}");
  const relation = {
    ...icebergRelation(schemaOf({ id: 4, name: "a", required: false, type: "long" }), [
      second,
      { file: bare, constants: new Map([[4, (): bigint => 5n]]) },
      first,
    ]),
    fileColumn: "place",
  };
  const { rows } = await engine.compute.query({
    sql: `select place, a from "n.t" order by all`,
    relations: [relation],
  });
  expect(rows).toEqual([
    [0, 2],
    [0, 3],
    [1, 5],
    [2, 1],
  ]);
  const none = { ...relation, tasks: [] };
  expect((await engine.compute.query({ sql: `select place from "n.t"`, relations: [none] })).rows).toEqual(
    [],
  );
});
