// Defaults of columns in tables of format 3: rows that are older than a column have its default without being written.
import { describe, expect, test } from "vitest";
import { currentSchema } from "../../engine/iceberg/metadata.ts";
import type { NestedField } from "../../engine/iceberg/types.ts";
import { tableOf } from "./foreign.ts";
import { makeProject, type TestProject } from "./project.ts";

const values = {
  ok: ["boolean", "true", true],
  n: ["integer", "-34", -34],
  big: ["bigint", "9007199254740993", 9_007_199_254_740_993n],
  f: ["float", "1.5", 1.5],
  d: ["double", "-0.1", -0.1],
  price: ["decimal(9, 2)", "7", "7.00"],
  day: ["date", "1969-02-03", "1969-02-03"],
  hour: ["time", "10:11:12.5", "10:11:12.500000"],
  local: ["timestamp", "2024-01-01 00:00:00", "2024-01-01T00:00:00"],
  moment: ["timestamptz", "2024-01-01T09:00:00+09:00", "2024-01-01T00:00:00+00:00"],
  text: ["varchar", `it's '한글' "quoted"`, `it's '한글' "quoted"`],
  u: ["uuid", "F79C3E09-677C-4BBD-A479-3F349CB785E7", "f79c3e09-677c-4bbd-a479-3f349cb785e7"],
  raw: ["blob", "00ff", "00ff"],
} as const;

const model = (columns: string, version = 3): string =>
  `{{config materialized="incremental" strategy="append" on_schema_change="append_new_columns" format_version=${version}}}
select ${columns} from {{ref "given"}}
`;
const given = (id: number): Record<string, string> => ({ "seeds/given.csv": `id\n${id}\n` });
const yaml = (columns: Record<string, string>): string =>
  JSON.stringify({
    models: [
      {
        name: "t",
        columns: Object.entries(columns).map(([name, value]) => ({ name, default: value })),
      },
    ],
  });

async function built(here: TestProject): Promise<string> {
  const outcome = await here.run({});
  expect(outcome.results.flatMap(({ error }) => error ?? [])).toEqual([]);
  return outcome.of("t")?.message ?? "";
}

const fieldsOf = (here: TestProject): Promise<readonly NestedField[]> =>
  here.withSession(async (session) => currentSchema((await tableOf(session, "t")).metadata).fields);

test("a new column has its default in the rows that are there, whatever its type, and nothing is written anew", async () => {
  const nulls = Object.entries(values).map(([name, [type]]) => `null::${type} as ${name}`);
  using here = makeProject({ ...given(1), "models/t.sql": model("id") });
  await built(here);
  here.write({
    ...given(2),
    "models/t.sql": model(["id", ...nulls].join(", ")),
    "models/t.yml": yaml(Object.fromEntries(Object.entries(values).map(([name, [, text]]) => [name, text]))),
  });
  const plan = await here.cli("plan");
  expect(plan.stdout).toContain("column n (int) is new, and -34 in the rows that are there");
  await built(here);
  const fields = await fieldsOf(here);
  for (const [name, [, , json]] of Object.entries(values)) {
    const field = fields.find((one) => one.name === name);
    expect([name, field?.["initial-default"], field?.["write-default"]]).toEqual([name, json, json]);
  }
  const shown = Object.entries(values).map(([name, [type, text]]) =>
    type === "blob" ? `${name} = from_hex('${text}')` : `${name} = '${text.replaceAll("'", "''")}'::${type}`,
  );
  const list = shown.map((condition) => `coalesce(${condition}, false)`).join(", ");
  expect(await here.query(`select id, ${list} from {{ref "t"}} order by id`)).toEqual([
    [1, ...shown.map(() => true)],
    [2, ...shown.map(() => false)],
  ]);
  // Filters prune nothing that a default would answer.
  for (const condition of shown)
    expect([condition, await here.query(`select id from {{ref "t"}} where ${condition}`)]).toEqual([
      condition,
      [[1]],
    ]);
});

describe("a default", () => {
  test("that changes is that of later writers; older rows keep the first, through renaming and rebuilding", async () => {
    using here = makeProject({ ...given(1), "models/t.sql": model("id") });
    await built(here);
    here.write({ "models/t.sql": model("id, 5 as n"), "models/t.yml": yaml({ n: "7" }), ...given(2) });
    await built(here);
    here.write({ "models/t.yml": yaml({ n: "9" }) });
    expect((await here.cli("plan")).stdout).toContain("column n has the default 9 instead of 7");
    await built(here);
    const field = (await fieldsOf(here)).find(({ name }) => name === "n");
    expect([field?.["initial-default"], field?.["write-default"]]).toEqual([7, 9]);
    expect(await here.query(`select id, n from {{ref "t"}} order by id`)).toEqual([
      [1, 7],
      [2, 5],
    ]);
    // Compaction writes what was read.
    expect((await here.cli("compact", "-s", "t", "--rewrite-all")).code).toBe(0);
    expect(await here.query(`select id, n from {{ref "t"}} order by id`)).toEqual([
      [1, 7],
      [2, 5],
    ]);
    expect((await here.run({ fullRefresh: true })).success).toBe(true);
    const rebuilt = (await fieldsOf(here)).find(({ name }) => name === "n");
    expect([rebuilt?.id, rebuilt?.["initial-default"], rebuilt?.["write-default"]]).toEqual([
      field?.id,
      7,
      9,
    ]);
  });

  test("stands in for a column that the statement gives no more", async () => {
    const ignore = (columns: string): string => model(columns).replace("append_new_columns", "ignore");
    using here = makeProject({
      ...given(1),
      "models/t.sql": ignore("id, 1 as n"),
      "models/t.yml": yaml({ n: "7" }),
    });
    await built(here);
    here.write({ ...given(2), "models/t.sql": ignore("id") });
    await built(here);
    expect(await here.query(`select id, n from {{ref "t"}} order by id`)).toEqual([
      [1, 1],
      [2, 7],
    ]);
  });

  test.each([
    ["of another type", "n", "'x'", "one", "one is not a value of type int"],
    ["out of range", "n", "1", "3000000000", "3000000000 is not a value of type int"],
    ["a day that there is not", "d", "date '2024-01-01'", "2024-02-30", "is not a value of type date"],
    ["too many digits", "p", "1::decimal(4, 2)", "123.45", "is not a value of type decimal(4, 2)"],
    ["of fields", "s", "{a: 1}", "1", "is not a value of type struct"],
  ])("is refused: %s", async (_, name, sql, value, message) => {
    const column = name === "n" ? `${sql === "'x'" ? 1 : sql} as n` : `${sql} as ${name}`;
    using here = makeProject({
      ...given(1),
      "models/t.sql": model(`id, ${column}`),
      "models/t.yml": yaml({ [name]: value }),
    });
    const { code, stderr, stdout } = await here.cli("compile");
    expect([code, stderr + stdout]).toEqual([1, expect.stringContaining(message)]);
  });

  test("needs format 3, and takes it in the same step", async () => {
    using here = makeProject({ ...given(1), "models/t.sql": model("id", 2) });
    await built(here);
    here.write({ "models/t.sql": model("id, null::int as n", 2), "models/t.yml": yaml({ n: "7" }) });
    const refused = await here.cli("run");
    expect([refused.code, refused.stdout + refused.stderr]).toEqual([
      1,
      expect.stringMatching(/a table of format version 2 cannot keep[^]*set format_version: 3/),
    ]);
    here.write({ "models/t.sql": model("id, null::int as n"), ...given(2) });
    await built(here);
    expect(await here.query(`select id, n from {{ref "t"}} order by id`)).toEqual([
      [1, 7],
      [2, null],
    ]);
  });
});
