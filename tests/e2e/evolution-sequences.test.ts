// Any sequence of changes of a model's columns and layout, against a model in memory: every row keeps its values under
// the names of the day, whatever the schema, the partition spec and the file that it lies in.
import fc from "fast-check";
import { expect, test } from "vitest";
import { makeProject } from "./project.ts";
import type { TestProject } from "./project.ts";

type Step =
  | { readonly kind: "add" | "drop" | "rename" | "widen" | "reorder" | "describe"; readonly pick: number }
  | { readonly kind: "partition"; readonly by: string };

interface Column {
  readonly name: string;
  readonly type: "integer" | "bigint";
  readonly was?: string;
  readonly description?: string;
}

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constantFrom("add", "drop", "rename", "widen", "reorder", "describe" as const),
    pick: fc.nat(20),
  }),
  fc.record({
    kind: fc.constant("partition" as const),
    by: fc.constantFrom("", "id", "bucket(3, id)", "truncate(2, id)"),
  }),
);

/** What the project says after the step, and what that makes of the rows that are there. */
class Model {
  columns: Column[] = [
    { name: "id", type: "integer" },
    { name: "c0", type: "integer" },
  ];
  rows: Record<string, number | null>[] = [];
  partitionBy = "";
  #names = 1;

  apply(change: Step): void {
    if (change.kind === "partition") {
      this.partitionBy = change.by;
      return;
    }
    const others = this.columns.slice(1);
    const chosen = others[change.pick % Math.max(1, others.length)];
    const replace = (by: Partial<Column>): void => {
      this.columns = this.columns.map((column) => (column === chosen ? { ...column, ...by } : column));
    };
    switch (change.kind) {
      case "add": {
        const name = `c${this.#names++}`;
        this.columns.splice(1 + (change.pick % this.columns.length), 0, { name, type: "integer" });
        for (const row of this.rows) row[name] = null;
        return;
      }
      case "drop":
        this.columns = this.columns.filter((column) => column !== chosen);
        for (const row of this.rows) if (chosen !== undefined) delete row[chosen.name];
        return;
      case "rename": {
        if (chosen === undefined) return;
        const name = `c${this.#names++}`;
        replace({ name, was: chosen.name });
        this.rows = this.rows.map(({ [chosen.name]: value = null, ...row }) => ({ ...row, [name]: value }));
        return;
      }
      case "widen":
        return replace({ type: "bigint" });
      case "describe":
        return replace({ description: `number ${change.pick}` });
      case "reorder":
        this.columns = [...this.columns.slice(1).reverse(), this.columns[0] as Column];
        this.columns.sort((a, b) => (a.name === "id" ? -1 : b.name === "id" ? 1 : 0));
    }
  }

  /** Every build appends one row. */
  files(id: number): Record<string, string> {
    const values = this.columns.map(
      ({ name, type }, index) => `${name === "id" ? id : id * 100 + index}::${type} as ${name}`,
    );
    this.rows.push(
      Object.fromEntries(
        this.columns.map(({ name }, index) => [name, name === "id" ? id : id * 100 + index]),
      ),
    );
    const partition = this.partitionBy === "" ? "" : ` partition_by="${this.partitionBy}"`;
    const entries = this.columns.map(
      ({ name, was, description }) =>
        `      - {name: ${name}${was === undefined ? "" : `, was: ${was}`}${description === undefined ? "" : `, description: ${description}`}}\n`,
    );
    return {
      "models/t.sql": `{{config materialized="incremental" on_schema_change="sync_all_columns"${partition}}}\nselect ${values.join(", ")}\n`,
      "models/t.yml": `version: 2\nmodels:\n  - name: t\n    columns:\n${entries.join("")}`,
    };
  }
}

async function build(here: TestProject, model: Model, id: number): Promise<void> {
  here.write(model.files(id));
  const result = await here.run({});
  expect(result.of("t")?.error?.message).toBeUndefined();
  const names = model.columns.map(({ name }) => name);
  const rows = await here.query(`select * from {{ref "t"}} order by id`);
  expect(rows.map((row) => Object.fromEntries(names.map((name, index) => [name, row[index]])))).toEqual(
    model.rows.map((row) => Object.fromEntries(names.map((name) => [name, row[name]]))),
  );
}

test("every sequence leaves every row with its values", { timeout: 300_000 }, async () => {
  expect.hasAssertions();
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 7 }), async (steps) => {
      using here = makeProject({});
      const model = new Model();
      await build(here, model, 1);
      let id = 1;
      for (const change of steps) {
        model.apply(change);
        await build(here, model, ++id);
      }
    }),
    { numRuns: Number(process.env["LAKE_TEST_SEQUENCES"] ?? 6), seed: 20260131 },
  );
});
