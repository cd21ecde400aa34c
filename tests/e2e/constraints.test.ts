// An enforced contract's constraints: what is wrong with them is said before anything runs, and a table whose rows
// break one stays as it was, also without tests (`lake run`).
import { expect, test } from "vitest";
import { makeProject } from "./project.ts";

const project = (rows: string, constraints: string): Record<string, string> => ({
  "seeds/batch.csv": `id,amount\n${rows}`,
  "models/orders.sql": `{{config materialized="incremental" strategy="append"}}
select id::bigint as id, amount::bigint as amount from {{ref "batch"}}
`,
  "models/orders.yml": `version: 2
models:
  - name: orders
    config: {contract: {enforced: true}}
    constraints:
${constraints}
    columns: [{name: id, data_type: bigint}, {name: amount, data_type: bigint}]
`,
});
const both = `      - {type: check, expression: "amount >= 0"}
      - {type: primary_key, columns: [id]}`;

test.each([
  ["a check", "3,-1\n", "check (amount >= 0) by 1 row"],
  ["a key that is there already", "1,5\n", "primary_key (id) by 1 key"],
  ["a key without a value", "3,1\n,5\n", "primary_key (id) by 1 key"],
])("%s is enforced over old and new rows, and nothing moves", async (_name, rows, broken) => {
  using here = makeProject(project("1,10\n2,20\n", both));
  const first = await here.run({ command: "build" });
  expect(first.of("orders")?.error).toBeUndefined();
  const pointers = await here.catalog();
  const files = here.files("warehouse/lakehouse.db/orders/data");
  here.write(project(rows, both));
  await here.run({ command: "seed" });
  const outcome = await here.run({ command: "run" });
  expect(outcome.of("orders")?.error).toMatchObject({
    code: "run/constraint-broken",
    message: `rows of orders break its contract: ${broken}`,
  });
  expect((await here.catalog())["lakehouse.orders"]).toBe(pointers["lakehouse.orders"]);
  expect(here.files("warehouse/lakehouse.db/orders/data")).toEqual(files);
});

test.each([
  [`      - {type: check}`, "run/contract"],
  [`      - {type: primary_key, columns: [idd]}`, "run/contract"],
  [`      - {type: check, expression: "amuont >= 0"}`, "compute/bind"],
])("%s is refused before anything runs", async (constraints, code) => {
  using here = makeProject(project("1,10\n", constraints));
  const outcome = await here.run({});
  expect(outcome.of("orders")?.error).toMatchObject({ code });
  expect(outcome.of("batch")?.status).toBe("skipped");
  expect(await here.catalog()).toEqual({});
});
