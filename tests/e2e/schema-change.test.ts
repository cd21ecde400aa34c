// `on_schema_change`: what a later run of an incremental model does when its statement gives other columns than
// its table has. Columns are known by their field ids, so old rows keep their values whatever moves.
import { describe, expect, test } from "vitest";
import type { NestedField, Schema } from "../../engine/iceberg/types.ts";
import { currentSchema } from "../../engine/iceberg/metadata.ts";
import { tableOf } from "./foreign.ts";
import { makeProject } from "./project.ts";
import type { TestProject } from "./project.ts";

/** An appending model whose statement is given; the seed moves, so that each run has something to append. */
function project(statement: string, onSchemaChange: string): Record<string, string> {
  return {
    "seeds/tick.csv": "n\n1\n",
    "models/m.sql": `{{config materialized="incremental" strategy="append" on_schema_change="${onSchemaChange}"}}
${statement} from {{ref "tick"}}
`,
  };
}

async function rerun(here: TestProject, statement: string, onSchemaChange: string): Promise<void> {
  here.write({ ...project(statement, onSchemaChange), "seeds/tick.csv": "n\n2\n" });
  const outcome = await here.run({});
  expect(outcome.of("m")?.error ?? outcome.error).toBeUndefined();
  expect(outcome.success).toBe(true);
}

async function schemaOf(here: TestProject): Promise<Schema> {
  return here.withSession(async (session) => currentSchema((await tableOf(session, "m")).metadata));
}

function idsOf(fields: readonly NestedField[]): Record<string, number> {
  return Object.fromEntries(fields.map(({ name, id }) => [name, id]));
}

const first = `select n::integer as n, {'a': n::integer, 'b': [{'x': n::integer}]} as s`;
const wider = `select {'b': [{'x': n::bigint, 'y': 'new'}], 'a': n::bigint, 'c': 'c'} as s, n::bigint as n, 'z' as z`;

describe("new, wider and moved columns at any depth", () => {
  test("append_new_columns adds and widens them; ids and old values stay", async () => {
    using here = makeProject(project(first, "append_new_columns"));
    expect((await here.run({})).success).toBe(true);
    const before = await schemaOf(here);
    await rerun(here, wider, "append_new_columns");
    const after = await schemaOf(here);
    expect(after.fields.map(({ name }) => name)).toEqual(["n", "s", "z"]);
    expect(after.fields[0]).toMatchObject({ name: "n", type: "long" });
    expect(idsOf(after.fields)).toMatchObject(idsOf(before.fields));
    expect(await here.query(`select n, s.a, s.c, s.b[1].x, s.b[1].y, z from {{ref "m"}} order by n`)).toEqual(
      [
        [1, 1, null, 1, null, null],
        [2, 2, "c", 2, "new", "z"],
      ],
    );
  });

  test("sync_all_columns also drops and orders them, and a dropped column's id is never used again", async () => {
    using here = makeProject(project(`${first}, 'gone' as gone`, "sync_all_columns"));
    expect((await here.run({})).success).toBe(true);
    const before = await schemaOf(here);
    await rerun(here, wider, "sync_all_columns");
    const after = await schemaOf(here);
    expect(after.fields.map(({ name }) => name)).toEqual(["s", "n", "z"]);
    const { gone, ...kept } = idsOf(before.fields);
    expect(idsOf(after.fields)).toMatchObject(kept);
    expect(JSON.stringify(after)).not.toContain(`"id":${gone},`);
    await rerun(here, `${wider}, 'back' as gone`, "sync_all_columns");
    expect(idsOf((await schemaOf(here)).fields)["gone"]).toBeGreaterThan(gone as number);
    expect(await here.query(`select n, s.a, s.b[1].x, gone from {{ref "m"}} order by n, gone`)).toEqual([
      [1, 1, 1, null],
      [2, 2, 2, "back"],
      [2, 2, 2, null],
    ]);
  });

  test("ignore leaves the table's columns, says which stay out, and fills a missing one with null", async () => {
    using here = makeProject(project(`${first}, 'old' as old`, "ignore"));
    expect((await here.run({})).success).toBe(true);
    const before = await schemaOf(here);
    here.write({
      ...project(
        `select n::integer as n, {'b': [{'y': 1, 'x': n::integer}], 'a': n::integer, 'c': 3} as s, 'z' as z`,
        "ignore",
      ),
      "seeds/tick.csv": "n\n2\n",
    });
    const outcome = await here.run({});
    expect(outcome.of("m")?.error).toBeUndefined();
    expect(outcome.events.flatMap((event) => (event.kind === "warning" ? [event.message] : []))).toEqual([
      expect.stringContaining("the table has no column s.b.element.y, s.c, z, which stays out"),
    ]);
    expect(await schemaOf(here)).toEqual(before);
    expect(await here.query(`select n, s.a, s.b[1].x, old from {{ref "m"}} order by n`)).toEqual([
      [1, 1, 1, "old"],
      [2, 2, 2, null],
    ]);
  });

  test("fail names every difference before anything runs", async () => {
    using here = makeProject(project(`${first}, 'gone' as gone`, "fail"));
    expect((await here.run({})).success).toBe(true);
    const pointers = await here.catalog();
    here.write({ ...project(wider, "fail"), "seeds/tick.csv": "n\n2\n" });
    const outcome = await here.run({});
    const messages = outcome.of("m")?.error?.errors?.map(({ message }) => message) ?? [];
    for (const name of ["n", "s.a", "s.c", "s.b.element.x", "s.b.element.y", "z", "gone"])
      expect(messages).toContainEqual(expect.stringContaining(`column ${name} `));
    expect(outcome.of("tick")?.status).toBe("skipped");
    expect(await here.catalog()).toEqual(pointers);
  });

  test.each(["ignore", "append_new_columns", "sync_all_columns"])(
    "%s refuses a type that would lose values, with a hint",
    async (mode) => {
      using here = makeProject(project(`select n::bigint as n`, mode));
      expect((await here.run({})).success).toBe(true);
      here.write({ ...project(`select 'text' as n`, mode), "seeds/tick.csv": "n\n2\n" });
      const outcome = await here.run({});
      expect(outcome.of("m")?.error).toMatchObject({ code: "iceberg/incompatible-type" });
      expect(await here.query(`select n from {{ref "m"}}`)).toEqual([[1]]);
    },
  );
});
