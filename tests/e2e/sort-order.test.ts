// `sorted_by`: the order stands in the table's metadata and its files' rows lie in it, however they are written.
import { expect, test } from "vitest";
import { defaultSortOrder } from "../../engine/iceberg/metadata.ts";
import { pathKey } from "../../engine/iceberg/path-key.ts";
import { planScan } from "../../engine/iceberg/scan.ts";
import { tableOf } from "./foreign.ts";
import { makeProject } from "./project.ts";
import type { TestProject } from "./project.ts";

const model = (config: string): string => `{{config materialized="table" ${config}}}
select hash(n) % 1000 as n, n % 3 as p, case when n % 7 = 0 then null else n end as maybe
from range(50000) as numbers(n)`;

/** Of each live file: its sort order id, and whether its rows lie in the order of the columns. */
function filesOf(here: TestProject, check: string): Promise<{ id: number | undefined; sorted: unknown }[]> {
  return here.withSession(async (session) => {
    const [storage, compute] = await Promise.all([session.storage(), session.compute()]);
    const { metadata } = await tableOf(session, "numbers");
    const files = [];
    for (const { file } of await planScan({ storage, metadata })) {
      const sql = `select bool_and(ok) from (select ${check} as ok from read_parquet('${pathKey(file.path)}', file_row_number = true) window w as (order by file_row_number))`;
      const { rows } = await compute.operate(sql, []);
      files.push({ id: file.sortOrderId, sorted: rows[0]?.[0] });
    }
    return files;
  });
}
const ascending = "coalesce(n >= lag(n) over w, true)";

test.each([
  ["without partitions", ""],
  ["with partitions", `partition_by="p"`],
])("rows of each file are in order: %s", async (_name, config) => {
  using here = makeProject({ "models/numbers.sql": model(`sorted_by="n" ${config}`) });
  expect((await here.run({})).success).toBe(true);
  const order = await here.withSession(async (session) =>
    defaultSortOrder((await tableOf(session, "numbers")).metadata),
  );
  expect(order).toEqual({
    "order-id": 1,
    fields: [{ transform: "identity", "source-id": 1, direction: "asc", "null-order": "nulls-first" }],
  });
  const files = await filesOf(here, ascending);
  expect(files.length).toBe(config.includes("partition") ? 3 : 1);
  expect(new Set(files.map(({ id, sorted }) => `${id} ${String(sorted)}`))).toEqual(new Set(["1 true"]));
});

test("a changed order is the table's from then on; an order of the same meaning is not added twice", async () => {
  using here = makeProject({ "models/numbers.sql": model(`sorted_by="maybe desc"`) });
  await here.run({});
  expect(await filesOf(here, "maybe is null or coalesce(maybe <= lag(maybe) over w, true)")).toEqual([
    { id: 1, sorted: true },
  ]);
  const ordersOf = (): Promise<[number, number]> =>
    here.withSession(async (session) => {
      const { metadata } = await tableOf(session, "numbers");
      return [metadata["default-sort-order-id"], metadata["sort-orders"].length];
    });
  here.write({ "models/numbers.sql": model(`sorted_by="n"`) });
  await here.run({});
  expect(await ordersOf()).toEqual([2, 2]);
  here.write({ "models/numbers.sql": model(`sorted_by="maybe desc nulls last"`) });
  await here.run({});
  expect(await ordersOf()).toEqual([1, 2]);
  here.write({ "models/numbers.sql": model(`sorted_by="nothing asc"`) });
  const { stdout, stderr } = await here.cli("build");
  expect(stdout + stderr).toMatch(/nothing, which is not a column|nothing is not a column/);
});
