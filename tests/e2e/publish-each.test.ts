// `publish: each`: a failure elsewhere does not hold a table back; one of its own tests, or of what it reads, does.
import { expect, test } from "vitest";
import { makeProject } from "./project.ts";

const model = (sql: string, publish = "each"): string =>
  `{{config materialized="table" publish="${publish}"}}\n${sql}\n`;

test("after a failure, tables of `each` are published whose tests and inputs are fine, and no others", async () => {
  using here = makeProject({
    "models/fine.sql": model("select 1 as n"),
    "models/on_fine.sql": model(`select n from {{ref "fine"}}`),
    "models/usual.sql": model("select 1 as n", "run"),
    "models/on_usual.sql": model(`select n from {{ref "usual"}}`),
    "models/tested.sql": model("select 1 as n"),
    "models/through.sql": `{{config materialized="view"}}\nselect n from {{ref "tested"}}\n`,
    "tests/data/tested_is_wrong.sql": `select * from {{ref "through"}}\n`,
    "models/warned.sql": model("select 1 as n"),
    "tests/data/warned.sql": `{{config severity="warn"}}\nselect * from {{ref "warned"}}\n`,
  });
  const failed = await here.run({});
  expect(failed).toMatchObject({ success: false, published: true, staged: true });
  expect(failed.of("tested_is_wrong")?.status).toBe("fail");
  const names = ["lakehouse.fine", "lakehouse.on_fine", "lakehouse.warned"];
  expect(Object.keys(await here.catalog()).toSorted((a, b) => a.localeCompare(b))).toEqual(names);

  // What was published is not made again; the rest comes with the mended test.
  here.write({ "tests/data/tested_is_wrong.sql": `select * from {{ref "through"}} where n <> 1\n` });
  const mended = await here.run({});
  expect(mended).toMatchObject({ success: true, published: true });
  expect(mended.of("fine")?.status).toBe("reused");
  expect(Object.keys(await here.catalog())).toHaveLength(6);
});
