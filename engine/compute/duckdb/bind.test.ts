import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { BindResult, EmptyRelation } from "../compute.ts";
import { openTestEngine, type TestEngine } from "./test-support.ts";

let engine: TestEngine;
beforeAll(async () => {
  engine = await openTestEngine();
});
afterAll(() => engine.close());

const source: EmptyRelation = {
  kind: "empty",
  name: "raw.events",
  columns: [
    { name: "event_id", type: "BIGINT" },
    { name: "event_name", type: "VARCHAR" },
    { name: "context", type: 'STRUCT(page STRUCT("the url" VARCHAR), tags VARCHAR[])' },
    { name: "at", type: "TIMESTAMP WITH TIME ZONE" },
  ],
};

function bind(models: Record<string, string>): Promise<readonly BindResult[]> {
  const requests = Object.entries(models).map(([name, sql]) => ({
    id: `model.${name}`,
    name: `n.${name}`,
    sql,
  }));
  return engine.compute.bind(requests, [source]);
}
async function errorOf(sql: string) {
  const [result] = await bind({ m: sql });
  if (!result || !("error" in result)) throw new Error(`bound: ${JSON.stringify(result)}`);
  return result.error;
}

describe("columns", () => {
  test("each statement sees the columns of those before it, nested types whole", async () => {
    const results = await bind({
      a: `select event_id as id, context from "raw.events"`,
      b: `select id, context.page as page, count(*) as n from "n.a" group by all; `,
      c: `select page."the url" as url, sum(n)::bigint as n, max(id)::json as j from "n.b" group by 1 -- end`,
    });
    expect(results).toEqual([
      {
        id: "model.a",
        columns: [
          { name: "id", type: "BIGINT" },
          { name: "context", type: source.columns[2]!.type },
        ],
        inputs: ["raw.events"],
      },
      {
        id: "model.b",
        columns: [
          { name: "id", type: "BIGINT" },
          { name: "page", type: 'STRUCT("the url" VARCHAR)' },
          { name: "n", type: "BIGINT" },
        ],
        inputs: ["n.a"],
      },
      {
        id: "model.c",
        columns: [
          { name: "url", type: "VARCHAR" },
          { name: "n", type: "BIGINT" },
          { name: "j", type: "JSON" },
        ],
        inputs: ["n.b"],
      },
    ]);
  });

  test("a statement that ends in a semicolon and a comment binds too", async () => {
    expect(await bind({ a: `select 1 as x; -- done` })).toEqual([
      { id: "model.a", columns: [{ name: "x", type: "INTEGER" }], inputs: [] },
    ]);
  });

  test("a request that brings its columns is not bound, and seen by those after it alone", async () => {
    const known = { id: "b", name: "n.b", sql: "not even SQL", columns: [{ name: "x", type: "DATE" }] };
    const reads = (id: string) => ({ id, name: `n.${id}`, sql: `select x from "n.b"` });
    const results = await engine.compute.bind([reads("a"), known, reads("c")], []);
    expect(results).toMatchObject([
      { id: "a", error: { code: "compute/unknown-relation" } },
      { id: "b", columns: known.columns },
      { id: "c", columns: known.columns, inputs: ["n.b"] },
    ]);
    expect(await engine.compute.bind([known], [])).toEqual([{ id: "b", columns: known.columns }]);
  });

  test("a table is not seen by those before it", async () => {
    const [early] = await bind({ a: 'from "n.b"', b: "select 1 as x" });
    expect(early).toMatchObject({ error: { code: "compute/unknown-relation" } });
  });

  test("duplicate and nameless columns are errors, all at once", async () => {
    const error = await errorOf(
      `select event_id, event_id, count(*), event_id + 1, max(event_name) as EVENT_ID from "raw.events" group by all`,
    );
    expect(error.errors.map(({ code }) => code)).toEqual([
      "compute/duplicate-column",
      "compute/duplicate-column",
      "compute/nameless-column",
      "compute/nameless-column",
    ]);
    expect(error.errors[2]!.message).toBe(
      "column 3 (count_star()) has no name; expected an alias: … as name",
    );
    expect((await errorOf(`select 1 as a, 2 from "raw.events" union all select 1, 2`)).code).toBe(
      "compute/nameless-column",
    );
  });

  test("nameless columns are seen through `select *` over a query of the same statement", async () => {
    for (const sql of [
      `select * from (select event_id, count(*) from "raw.events" group by 1)`,
      `with a as (select event_id, count(*) from "raw.events" group by 1), b as (select * from a) from b`,
    ]) {
      expect(await errorOf(sql)).toMatchObject({
        code: "compute/nameless-column",
        message: "column 2 (count_star()) has no name; expected an alias: … as name",
        positionBytes: sql.indexOf("count("),
      });
    }
    const named = [
      `select * from (select count(*) from "raw.events") as t(n)`,
      `with a(n) as (select count(*) from "raw.events") select * from a`,
      `select n from (select count(*), 1 as n from "raw.events")`,
      `with "raw.events" as (select * from "raw.events") select count(*) as n from "raw.events"`,
    ];
    for (const sql of named) expect(await bind({ m: sql })).toMatchObject([{ columns: [{ name: "n" }] }]);
  });

  test("a CTE may have the name of the table that it reads", async () => {
    const [result] = await bind({
      m: `with "raw.events" as (select * from "raw.events") select * from "raw.events"`,
    });
    expect(result).toEqual({ id: "model.m", columns: source.columns, inputs: ["raw.events"] });
  });

  test("null without a type is said, since the engine would call it INTEGER", async () => {
    expect(await errorOf("select 1 as a, null as b")).toMatchObject({
      code: "compute/untyped-null",
      positionBytes: 15,
    });
    expect(await bind({ a: "select null::date as b union all select null" })).toMatchObject([
      { columns: [{ type: "DATE" }] },
    ]);
  });
});

describe("errors", () => {
  test("one bad statement does not hide the others, and its consumers are not blamed for it", async () => {
    const results = await bind({
      good: `select event_id from "raw.events"`,
      bad: `select evnt_id from "raw.events"`,
      worse: `select nope( event_id) as x from "raw.events"`,
      child: `select * from "n.bad"`,
      grandchild: `select * from "n.child"`,
      other: `select * from "n.good"`,
    });
    expect(results.map((result) => ("error" in result ? result.error.code : "bound"))).toEqual([
      "bound",
      "compute/bind",
      "compute/bind",
      "compute/input-failed",
      "compute/input-failed",
      "bound",
    ]);
    expect(results[4]).toMatchObject({
      error: { message: "n.grandchild was not checked, because its input n.child has errors" },
    });
  });

  test("an unknown column names its candidates and its place in UTF-8 bytes", async () => {
    const sql = `select 'é' as x, evnt_id from "raw.events"`;
    const error = await errorOf(sql);
    expect(error.message).toBe('referenced column "evnt_id" not found in FROM clause');
    expect(error.hint).toMatch(/^did you mean event_id/);
    expect(error.positionBytes).toBe(Buffer.byteLength("select 'é' as x, "));
  });

  test("forty candidates of an operator become a short hint", async () => {
    const error = await errorOf(`select event_id + event_name::json as x from "raw.events"`);
    expect(error.message).toBe("no function matches the given name and argument types '+(BIGINT, JSON)'");
    expect(error.hint!.length).toBeLessThan(200);
  });

  test("text that is no SQL says where", async () => {
    expect(await errorOf("select 1 as a frm x")).toMatchObject({ code: "compute/syntax", positionBytes: 14 });
  });

  test("what a message says stays within the statement, whatever stands before it in the batch", async () => {
    const models: Record<string, string> = {};
    for (let index = 0; index < 120; index += 1) models[`m${index}`] = `select ${index} as a`;
    models["last"] = `select a, b from "n.m7"`;
    const results = await bind(models);
    expect(results.filter((result) => "error" in result)).toMatchObject([
      { id: "model.last", error: { positionBytes: 10 } },
    ]);
  });
});

test("every result stands where its request stood", async () => {
  const models: Record<string, string> = {};
  for (let index = 0; index < 250; index += 1) {
    const input = index % 3 === 0 ? "raw.events" : `n.m${index - 1}`;
    models[`m${index}`] = `select event_id, ${index} as a${index % 3} from "${input}"`;
  }
  const results = await bind(models);
  expect(results.map(({ id }) => id)).toEqual(Object.keys(models).map((name) => `model.${name}`));
  expect(results.every((result) => "columns" in result)).toBe(true);
});
