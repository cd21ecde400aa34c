import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { icebergRelation, openTestEngine, type TestEngine } from "./test-support.ts";

let engine: TestEngine;
beforeAll(async () => {
  engine = await openTestEngine();
});
afterAll(() => engine.close());

/** Column → expressions of its rows, in the engine's SQL. */
const everyType: Record<string, readonly [string, string]> = {
  bool: ["true", "null"],
  tiny: ["(-128)::tinyint", "null"],
  small: ["32767::smallint", "null"],
  unsigned: ["4294967295::uinteger", "0::uinteger"],
  int: ["2147483647", "(-2147483648)::int"],
  big: ["9223372036854775807", "(-9223372036854775808)::bigint"],
  ubig: ["18446744073709551615::ubigint", "null"],
  huge: ["99999999999999999999999999999999999999::hugeint", "(-99999999999999999999)::hugeint"],
  float: ["1.5::float", "'nan'::float"],
  double: ["0.1::double", "'-inf'::double"],
  decimal9: ["1.23::decimal(9, 2)", "null"],
  decimal18: ["1.23::decimal(18, 4)", "null"],
  decimal38: ["1234567890123456789012345678.0123456789::decimal(38, 10)", "(-0.0000000001)::decimal(38, 10)"],
  day: ["date '2025-07-01'", "date '0001-01-01'"],
  clock: ["time '23:59:59.999999'", "null"],
  local: ["timestamp '2025-07-01 00:00:00.000001'", "timestamp '1900-01-01 00:00:00'"],
  seconds: ["'2025-07-01 00:00:01'::timestamp_s", "null"],
  millis: ["'2025-07-01 00:00:00.001'::timestamp_ms", "null"],
  instant: ["timestamptz '2025-07-01 00:00:00+09'", "null"],
  text: ["'é😀''\"'", "''"],
  json: [`'{"a": [1, null]}'::json`, "null"],
  label: ["'b'::enum('a', 'b')", "null"],
  id: ["'c33f7d4a-0000-4000-8000-000000000001'::uuid", "null"],
  bytes: ["from_hex('00ff61')", "''::blob"],
  list: ["[1, null]::int[]", "[]::int[]"],
  array: ["[1, 2]::bigint[2]", "null"],
  struct: ["{a: 1, 'b c': {d: date '2025-07-01'}}", "null"],
  map: ["map {'k': {v: 1}, 'l': null}", "map {}"],
  deep: ["[{m: map {1: [[1.5::decimal(5, 2)]]}}]", "null"],
};

test("a table of every type, written and read back, gives the rows of the query", async () => {
  const select = (row: 0 | 1) =>
    Object.entries(everyType).map(([name, expressions]) => `${expressions[row]} as "${name}"`);
  const sql = `select 1 as n, ${select(0).join(", ")} union all select 2 as n, ${select(1).join(", ")}`;
  const [bound] = await engine.compute.bind([{ id: "m", name: "n.m", sql }], []);
  if (!bound || "error" in bound) throw bound?.error ?? new Error("nothing was bound");
  const schema = engine.compute.toSchema(bound.columns);
  const written = await engine.compute.write({
    id: "m",
    sql,
    relations: [],
    schema,
    spec: { "spec-id": 0, fields: [] },
    dataLocation: join(engine.folder, "data", "every", "data"),
    properties: {},
    writeId: "w1",
  });
  expect(written.rows).toBe(2n);
  const expected = await engine.compute.query({
    sql: `select * from (${sql}) as t order by n`,
    relations: [],
  });
  const found = await engine.compute.query({
    sql: 'select * from "n.t" order by n',
    relations: [icebergRelation(schema, written.files)],
  });
  const named = (row: readonly unknown[]) =>
    Object.fromEntries(bound.columns.map(({ name }, index) => [name, row[index]]));
  expect(found.rows.map(named)).toEqual(expected.rows.map(named));
  expect(engine.compute.toSchema(found.columns)).toEqual(schema);
});
