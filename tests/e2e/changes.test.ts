// `lake changes`: rows that came and went between two states, from the files that differ.
import { describe, expect, test } from "vitest";
import { tableChanges } from "../../engine/run/tables/table-changes.ts";
import type { ChangesRequest, TableChanges } from "../../engine/run/tables/table-changes.ts";
import { command } from "./command.ts";
import { compact, snapshotIds, tableOf, update } from "./foreign.ts";
import { deletePositions } from "./foreign-deletes.ts";
import { makeProject } from "./project.ts";
import type { TestProject } from "./project.ts";

const model = (rows: string, config = 'materialized="table"'): string =>
  `{{config ${config}}}\nselect * from (values ${rows}) as rows(id, name)\n`;

/** One build for each set of rows. */
async function states(all: readonly string[], config?: string): Promise<TestProject> {
  const here = makeProject({ "models/t.sql": model(all[0] ?? "", config) });
  for (const rows of all) {
    here.write({ "models/t.sql": model(rows, config) });
    expect((await here.run({})).success).toBe(true);
  }
  return here;
}

const appending = 'materialized="incremental" strategy="append"';

function changes(here: TestProject, request: Partial<ChangesRequest> = {}): Promise<TableChanges> {
  return here.withSession((session) => tableChanges(session, { table: "t", ...request }));
}

const summaryOf = ({ added, removed, updated, filesRead }: TableChanges): number[] => [
  added,
  removed,
  updated,
  filesRead,
];

describe("between two states", () => {
  test("a rebuilt table shows the rows that differ, each as often as it came or went", async () => {
    using here = await states([
      "(1, 'a'), (2, 'b'), (2, 'b'), (3, null)",
      "(2, 'b'), (3, null), (4, 'd'), (4, 'd')",
    ]);
    const found = await changes(here);
    expect(found.result.columns.map(({ name }) => name)).toEqual(["_change_type", "id", "name"]);
    expect(found.result.rows).toEqual([
      ["DELETE", 1, "a"],
      ["DELETE", 2, "b"],
      ["INSERT", 4, "d"],
      ["INSERT", 4, "d"],
    ]);
    expect(summaryOf(found)).toEqual([2, 2, 0, 2]);
    const [first, second] = await snapshotIds(here, "t");
    const back = await changes(here, { from: String(second), to: String(first) });
    expect(back.result.rows.map(([type]) => type)).toEqual(["INSERT", "INSERT", "DELETE", "DELETE"]);
    expect((await changes(here, { from: "main" })).result.rows).toEqual([]);
  });

  test("an append reads its own file only; the first state comes from nothing", async () => {
    using here = await states(["(1, 'a')", "(2, 'b')", "(3, 'c')"], appending);
    const last = await changes(here);
    expect([last.result.rows, last.filesRead]).toEqual([[["INSERT", 3, "c"]], 1]);
    const [first] = await snapshotIds(here, "t");
    expect((await changes(here, { to: String(first) })).result.rows).toEqual([["INSERT", 1, "a"]]);
    const since = await changes(here, { from: String(first) });
    expect([summaryOf(since), since.from]).toEqual([[2, 0, 0, 2], first]);
  });

  test("with a key a row that changed is an update, and what has no partner is not", async () => {
    using here = await states(
      [
        "(1, 'a'), (2, 'b'), (3, 'c'), (9, 'x'), (9, 'y')",
        "(1, 'A'), (3, 'c'), (4, 'd'), (9, 'x'), (9, 'z')",
      ],
      'materialized="table" unique_key="id"',
    );
    const found = await changes(here);
    expect(found.result.rows).toEqual([
      ["UPDATE_BEFORE", 1, "a"],
      ["UPDATE_AFTER", 1, "A"],
      ["DELETE", 2, "b"],
      ["INSERT", 4, "d"],
      ["UPDATE_BEFORE", 9, "y"],
      ["UPDATE_AFTER", 9, "z"],
    ]);
    expect(summaryOf(found)).toEqual([1, 1, 2, 2]);
    const byName = await changes(here, { key: ["NAME"] });
    expect(summaryOf(byName).slice(0, 3)).toEqual([3, 3, 0]);
    await expect(changes(here, { key: ["nme"] })).rejects.toMatchObject({ code: "run/unknown-column" });
  });

  test("compaction shows nothing, and its files are not read, between other changes either", async () => {
    using here = await states(["(1, 'a')", "(2, 'b')"], appending);
    await compact(here, "t");
    const only = await changes(here);
    expect([only.result.rows, only.filesRead]).toEqual([[], 0]);
    here.write({ "models/t.sql": model("(3, 'c')", appending) });
    expect((await here.run({})).success).toBe(true);
    const [first] = await snapshotIds(here, "t");
    const across = await changes(here, { from: String(first) });
    expect(across.result.rows).toEqual([
      ["INSERT", 2, "b"],
      ["INSERT", 3, "c"],
    ]);
    expect(across.filesRead).toBe(2);
    // Against the order of the line the states are compared as they are.
    const back = await changes(here, { from: "main", to: String(first) });
    expect(back.result.rows.map((row) => row[0])).toEqual(["DELETE", "DELETE"]);
  });

  test.each(["position-deletes", "deletion-vector"] as const)(
    "%s show the rows that they delete",
    async (kind) => {
      const version = kind === "deletion-vector" ? " format_version=3" : "";
      using here = await states(["(1, 'a'), (2, 'b'), (3, 'c')", "(4, 'd'), (5, 'e')"], appending + version);
      const isFirst = (records: bigint): boolean => records === 3n;
      await deletePositions(here, "t", kind, ({ recordCount }) => (isFirst(recordCount) ? [1] : []));
      const deleted = await changes(here);
      // A file of position deletes that names no data file may reach every file of the partition.
      const read = kind === "position-deletes" ? 2 : 1;
      expect([deleted.result.rows, deleted.filesRead]).toEqual([[["DELETE", 2, "b"]], read]);
      const [first] = await snapshotIds(here, "t");
      expect((await changes(here, { from: String(first) })).result.rows).toEqual([
        ["DELETE", 2, "b"],
        ["INSERT", 4, "d"],
        ["INSERT", 5, "e"],
      ]);
      // Compaction applies them; what is deleted before and after it is one story.
      await compact(here, "t");
      expect((await changes(here)).result.rows).toEqual([]);
      await deletePositions(here, "t", kind, () => [0]);
      const whole = await changes(here, { from: String(first) });
      expect([whole.added, whole.removed]).toEqual([
        (await here.query(`select count(*)::integer from {{ref "t"}} where id > 3`))[0]?.[0],
        3 - Number((await here.query(`select count(*)::integer from {{ref "t"}} where id < 4`))[0]?.[0]),
      ]);
    },
  );

  test("after a rollback the states are compared, not the line between them", async () => {
    using here = await states(["(1, 'a')", "(2, 'b')", "(3, 'c')"], appending);
    const [first, second, third] = await snapshotIds(here, "t");
    await command(here, "rollback", "t", "--to", String(first));
    here.write({ "models/t.sql": model("(7, 'g')", appending) });
    expect((await here.run({})).success).toBe(true);
    const found = await changes(here, { from: String(third) });
    expect(found.result.rows).toEqual([
      ["DELETE", 2, "b"],
      ["DELETE", 3, "c"],
      ["INSERT", 7, "g"],
    ]);
    expect((await changes(here, { from: String(second), to: String(third) })).added).toBe(1);
  });

  test("a column that came between is null before, one that went is not compared", async () => {
    using here = await states(["(1, 'a')", "(2, 'b')"], appending);
    const { metadata } = await here.withSession((session) => tableOf(session, "t"));
    const schema = metadata.schemas[0] as (typeof metadata.schemas)[number];
    const [id] = schema.fields;
    const fields = [
      id as (typeof schema.fields)[number],
      { id: 9, name: "extra", required: true, type: "string" as const },
    ];
    await update(here, "t", [
      { action: "add-schema", schema: { ...schema, fields }, "last-column-id": 9 },
      { action: "set-current-schema", "schema-id": -1 },
    ]);
    const found = await changes(here);
    expect(found.result.columns.map(({ name }) => name)).toEqual(["_change_type", "id", "extra"]);
    expect(found.result.rows).toEqual([["INSERT", 2, null]]);
  });
});

test("the command shows rows and counts, as a table, as data, or the counts alone", async () => {
  using here = await states(["(1, 'a'), (2, 'b')", "(2, 'b'), (3, 'c'), (4, 'd')"]);
  const table = await command(here, "changes", "t", "--limit", "1");
  expect(table.stdout).toMatch(/^_change_type +id +name\n/);
  expect(table.stdout).toMatch(
    /lakehouse\.t from snapshot \d+ to \d+: 2 rows added, 1 row removed {2}\[2 files read\]\n$/,
  );
  const csv = await command(here, "changes", "t", "--output", "csv", "-q");
  expect(csv.stdout).toBe("_change_type,id,name\nDELETE,1,a\nINSERT,3,c\nINSERT,4,d\n");
  expect(csv.stderr).toBe("");
  const summary = await command(here, "changes", "t", "--summary", "--output", "json");
  expect(JSON.parse(summary.stdout)).toMatchObject({ added: 2, removed: 1, updated: 0 });
  const none = await command(here, "changes", "t", "--from", "main");
  expect(none.stdout).toMatch(/0 rows added, 0 rows removed/);
});
