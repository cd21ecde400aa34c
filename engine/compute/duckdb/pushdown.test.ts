import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Predicate } from "../../iceberg/predicate.ts";
import type { IcebergType, Value } from "../../iceberg/types.ts";
import type { Relation } from "../compute.ts";
import { schemaOf, openTestEngine, type TestEngine } from "./test-support.ts";
import { valueLiteral } from "./text.ts";
import { toColumns } from "./types.ts";

let engine: TestEngine;
beforeAll(async () => {
  engine = await openTestEngine({ nowMs: Date.UTC(2025, 6, 1) });
});
afterAll(() => engine.close());

const types: Record<string, IcebergType> = {
  id: "long",
  n: "int",
  name: "string",
  day: "date",
  seen: "timestamptz",
  local: "timestamp",
  price: "decimal(10, 2)",
  ratio: "double",
  ok: "boolean",
  s: { type: "struct", fields: [{ id: 20, name: "x", required: false, type: "int" }] },
};
const schema = schemaOf(
  ...Object.entries(types).map(([name, type], index) => ({ id: index + 1, name, required: false, type })),
);
const predicateFor = (sql: string): Promise<Predicate | null> =>
  engine.compute.predicateFor!(sql, "n.t", schema);
const where = (condition: string) => predicateFor(`select count(*) from "n.t" where ${condition}`);
const compare = (column: string, operator: string, value: unknown) => ({
  kind: "compare",
  column: [column],
  operator,
  value,
});

describe("conditions", () => {
  test.each<[string, unknown]>([
    ["id = 5", compare("id", "=", 5n)],
    ["not (id = 1)", compare("id", "!=", 1n)],
    ["5 < ID", compare("id", ">", 5n)],
    ["n <= -3", compare("n", "<=", -3)],
    ["id = '7'", compare("id", "=", 7n)],
    ["name = 'it''s'", compare("name", "=", "it's")],
    ["name like 'ab%c'", { kind: "starts-with", column: ["name"], prefix: "ab" }],
    ["day >= '2025-07-01'", compare("day", ">=", 20270)],
    ["day >= date '2025-07-01' - 1", compare("day", ">=", 20269)],
    ["day = current_date", compare("day", "=", 20270)],
    ["seen >= '2025-07-01'", compare("seen", ">=", 1751295600000000n)],
    ["seen >= now() - interval 1 day", compare("seen", ">=", 1751241600000000n)],
    ["local < timestamp '1970-01-01 00:00:01'", compare("local", "<", 1000000n)],
    ["price = 1.5", compare("price", "=", 150n)],
    ["ratio < 2", compare("ratio", "<", 2)],
    ["ok = true", compare("ok", "=", true)],
    ["s.x = 1", { kind: "compare", column: ["s", "x"], operator: "=", value: 1 }],
    ["id in (1, 2)", { kind: "in", column: ["id"], values: [1n, 2n] }],
    ["name is null", { kind: "is-null", column: ["name"] }],
    ["name is not null", { kind: "not-null", column: ["name"] }],
    ["id between 1 and 2", { kind: "and", terms: [compare("id", ">=", 1n), compare("id", "<=", 2n)] }],
    ["id = 1 and random() > 0.5", { kind: "and", terms: [compare("id", "=", 1n)] }],
    ["false", { kind: "false" }],
    [
      "id = 1 and (n = 2 or false)",
      {
        kind: "and",
        terms: [compare("id", "=", 1n), { kind: "or", terms: [compare("n", "=", 2), { kind: "false" }] }],
      },
    ],
    ["id = 1 or n = 2", { kind: "or", terms: [compare("id", "=", 1n), compare("n", "=", 2)] }],
  ])("%s", async (condition, expected) => {
    expect(await where(condition)).toEqual(expected);
  });

  test.each([
    ["id = 1 or random() > 0.5"],
    ["true"],
    ["not (id = 1 and n = 1)"],
    ["not (name like 'a%')"],
    ["id = 1.5"],
    ["id = 9007199254740993"],
    ["n = 3000000000"],
    ["name = 5"],
    ["day = timestamp '2025-07-01 10:00:00'"],
    ["price = 1.555"],
    ["ratio > 1"],
    ["ratio = 0"],
    ["id + 1 = 2"],
    ["id = n"],
    ["id not in (1)"],
    ["name like '%x'"],
    ["id = null"],
    ["id in (1, null)"],
    ["name in (select 'x')"],
    ["other = 1"],
  ])("%s says nothing for sure", async (condition) => {
    expect(await where(condition)).toBeNull();
  });
});

describe("places", () => {
  const expected = compare("id", "=", 1n);
  test.each([
    [`from "n.t" t where t.id = 1`],
    [`from "N.T" where "n.t".id = 1`],
    [`select * from "n.t" t join "n.u" u on t.id = u.id where t.id = 1 and u.x = 2`],
    [`select * from "n.u" u join "n.t" t using (id) where t.id = 1`],
    [`select * from "n.t" t left join "n.u" u using (id) where t.id = 1`],
    [`select * from "n.t" t join "n.u" u on true where id = 1`],
    [`select * from "n.t" t left join "n.u" u using (id) where id = 1`],
    [`with c as (select * from "n.t" where id = 1) select * from c`],
    [`select * from (select * from "n.t" where id = 1) x left join "n.u" u on true`],
    [`with c as (select * from "n.t"), d as (from c) select * from d where id = 1`],
    [`with c as (select * from "n.t") select * from c as x join "n.u" on true where x.id = 1`],
    [`select (select max(name) from "n.t" where id = 1)`],
    [`select 1 where exists (from "n.t" where id = 1)`],
  ])("%s", async (sql) => {
    const predicate = await predicateFor(sql);
    expect(predicate).toEqual(sql.includes("u.x") ? { kind: "and", terms: [expected] } : expected);
  });

  test("several uses need what any of them needs", async () => {
    expect(
      await predicateFor(`select * from "n.t" where id = 1 union all select * from "n.t" where id = 2`),
    ).toEqual({
      kind: "or",
      terms: [expected, compare("id", "=", 2n)],
    });
  });

  test.each([
    [`select * from "n.t" where id = 1 union all select * from "n.t"`],
    [`select * from "n.u" u left join "n.t" t using (id) where t.id = 1`],
    [`select * from "n.t" t full join "n.u" u using (id) where t.id = 1`],
    [`select * from "n.u" u left join "n.t" t on true where id = 1`],
    [`select * from "n.u" u left join "n.t" t using (id) where id = 1`],
    [`select * from "n.t" t full join "n.u" u using (id) where id = 1`],
    [`select * from "n.t" t join "n.u" s on true where s.x = 1`],
    [`select * from "n.t" t where id = 1 and exists (from "n.t")`],
    [`select * from "n.t" tablesample 10% where id = 1`],
    [`select * from "n.t" as t(a, id) where id = 1`],
    [`select * from "n.u" where id = 1`],
    [`with "n.t" as (select 1 as id) select * from "n.t" where id = 1`],
    [`select count(*) from "n.t" having count(*) = 1`],
    [`select sum(n) over (order by id) from "n.t" qualify id = 1`],
    [`select * from (from (summarize "n.t")) where id = 1`],
    [`with c as (select * from "n.t") select * from c where id = 1 union all select * from c`],
    [`with c as (select * replace (2 as id) from "n.t") select * from c where id = 1`],
    [`with c as (select * from "n.t" limit 5) select * from c where id = 1`],
    [`with c(a, id) as (select * from "n.t") select * from c where id = 1`],
    [`with c as (select distinct * from "n.t") select * from c where id = 1`],
    [`not sql`],
  ])("%s: nothing", async (sql) => {
    expect(await predicateFor(sql)).toBeNull();
  });
});

test("property: whatever rows a statement needs, its predicate keeps", async () => {
  const columns = toColumns(schema);
  const atom = fc.constantFrom(
    "id = 1",
    "id <> 1",
    "id < 2",
    "id >= '2'",
    "id in (0, 2)",
    "not id in (1)",
    "id between 0 and 1",
    "id is null",
    "not (id > 1)",
    "n > id",
    "n is not null",
    "n = 1.0",
    "name like 'a%'",
    "name not like 'a%'",
    "name >= 'b'",
    "name = id::varchar",
    "name is null",
    "day < '1970-01-02'",
    "day = date '1970-01-01' + 1",
    "price > 0.5",
    "price = 1",
    "ratio < 1",
    "ratio > 0",
    "ratio <> 0",
    "ratio = 'nan'",
    "ok",
    "not ok",
    "ok = false",
    "s.x = 1",
    "s is null",
    "seen > local",
    "seen >= '1970-01-01 09:00:00'",
    "random() < 2",
    "coalesce(id, 1) = 1",
  );
  const { condition: anyCondition } = fc.letrec<{ condition: string }>((tie) => ({
    condition: fc.oneof(
      { maxDepth: 3 },
      atom,
      fc
        .tuple(tie("condition"), fc.constantFrom("and", "or"), tie("condition"))
        .map(([a, operator, b]) => `(${a} ${operator} ${b})`),
      tie("condition").map((inner) => `(not ${inner})`),
    ),
  }));
  const rows = [
    [0n, 1, "a", 0, 0n, 0n, 100n, 0.5, true],
    [1n, 1, "ab", 1, 1n, 1n, 50n, Number.NaN, false],
    [2n, 0, "b", -1, -1n, 5n, 51n, -0, true],
    [3n, null, "1", null, null, null, null, Number.POSITIVE_INFINITY, null],
    [null, 2, null, 3, 3n, 0n, 0n, null, false],
  ] satisfies Value[][];
  const flat = columns.slice(0, -1);
  const data: Relation[] = [
    { kind: "rows", name: "n.flat", columns: flat, rows },
    { kind: "sql", name: "n.t", sql: `select *, case when id < 3 then {x: id::int} end as s from "n.flat"` },
  ];
  await fc.assert(
    fc.asyncProperty(anyCondition, async (condition) => {
      const predicate = await where(condition);
      if (predicate === null) return;
      const lost = await engine.compute.query({
        sql: `select * from "n.t" where (${condition}) and not coalesce(${predicateSql(predicate)}, false)`,
        relations: data,
      });
      expect(lost.rows).toEqual([]);
    }),
    { numRuns: 150 },
  );
});

/** What a pruner takes the predicate to mean: NaN and other rows without bounds match no comparison. */
function predicateSql(predicate: Predicate): string {
  if ("terms" in predicate) return `(${predicate.terms.map(predicateSql).join(` ${predicate.kind} `)})`;
  if ("term" in predicate) return `(not ${predicateSql(predicate.term)})`;
  if (!("column" in predicate)) return predicate.kind;
  const name = predicate.column.map((part) => `"${part}"`).join(".");
  const type = predicate.column.length > 1 ? "int" : types[predicate.column[0]!]!;
  const finite = type === "double" ? `not isnan(${name}) and ` : "";
  if ("prefix" in predicate) return `starts_with(${name}, '${predicate.prefix}')`;
  if ("value" in predicate)
    return `(${finite}${name} ${predicate.operator} ${valueLiteral(predicate.value, type)})`;
  if ("values" in predicate) {
    return `(${finite}${name} in (${predicate.values.map((value) => valueLiteral(value, type)).join(", ")}))`;
  }
  return predicate.kind === "is-null" ? `(${name} is null)` : `(${name} is not null)`;
}
