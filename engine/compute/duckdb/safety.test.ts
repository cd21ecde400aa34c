import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { EmptyRelation } from "../compute.ts";
import { openTestEngine, type TestEngine } from "./test-support.ts";

let engine: TestEngine;
let outside: string;
beforeAll(async () => {
  engine = await openTestEngine();
  outside = join(engine.folder, "secret.csv");
  await mkdir(join(engine.folder, "data"), { recursive: true });
  await writeFile(outside, "a\nsecret\n");
  await writeFile(join(engine.folder, "data", "inside.csv"), "a\n1\n");
  await symlink(outside, join(engine.folder, "data", "link.csv"));
});
afterAll(() => engine.close());

const table: EmptyRelation = { kind: "empty", name: "n.t", columns: [{ name: "a", type: "INTEGER" }] };
const run = (sql: string) => engine.compute.query({ sql, relations: [table] });

describe("a model is one SELECT over what it was given", () => {
  test.each([
    [`select a from "n.t"`],
    [`from "n.t"`],
    [`values (1), (2)`],
    [`with x as (select 1 as a), y as (from x) select * from y union all select a from "n.t"`],
    [`with recursive r(n) as (select 1 union all select n + 1 from r where n < 3) select * from r`],
    [`select * from range(3) as r(i), lateral (select i + 1), unnest([1, 2]) as u(v)`],
    [`select (select max(a) from "n.t"), exists (from "N.T"), list_transform([1], lambda x: x + 1)`],
    [`from (pivot (select 1 as k, 2 as v) on k in (1, 2) using sum(v))`],
    [`select * from json_each('{"a": 1}') -- a comment`],
    [`select a, row_number() over (order by a) from "n.t" qualify row_number() over () = 1;`],
  ])("%s", async (sql) => {
    await expect(run(sql)).resolves.toBeDefined();
  });

  test.each([
    ["", "compute/not-one-select"],
    ["select 1; select 2", "compute/not-one-select"],
    [`insert into "n.t" values (1)`, "compute/not-one-select"],
    ["-- looks harmless\ndrop view x", "compute/not-one-select"],
    [`copy (select 1) to 'x.csv'`, "compute/not-one-select"],
    ["attach 'x.db'", "compute/not-one-select"],
    ["install httpfs", "compute/not-one-select"],
    ["set threads = 1", "compute/not-one-select"],
    ["pragma version", "compute/not-one-select"],
    ["call duckdb_settings()", "compute/not-one-select"],
    ["selec 1", "compute/syntax"],
    ["select ?", "compute/parameter"],
    [`select a from "n.t" where a = $limit`, "compute/parameter"],
    ["from read_csv('/etc/passwd')", "compute/not-allowed"],
    ["from read_text('/etc/passwd')", "compute/not-allowed"],
    ["from glob('/*')", "compute/not-allowed"],
    ["from query('select 1')", "compute/not-allowed"],
    ["from query_table('n.t')", "compute/not-allowed"],
    ["from duckdb_settings()", "compute/not-allowed"],
    ["from duckdb_secrets()", "compute/not-allowed"],
    ["from json_execute_serialized_sql('{}')", "compute/not-allowed"],
    ["from histogram('duckdb_settings', 'name')", "compute/not-allowed"],
    ["select current_setting('temp_directory')", "compute/not-allowed"],
    ["select getenv('HOME')", "compute/not-allowed"],
    ["select system.now()", "compute/not-allowed"],
    ["show tables", "compute/not-allowed"],
    ["from '/etc/passwd'", "compute/unknown-relation"],
    ["from duckdb_settings", "compute/unknown-relation"],
    ["from pg_catalog.pg_settings", "compute/unknown-relation"],
    ["from information_schema.tables", "compute/unknown-relation"],
    ["with duckdb_views as (from duckdb_views) from duckdb_views", "compute/unknown-relation"],
    ["select 1 where exists (with x as (select 1) from x) and exists (from x)", "compute/unknown-relation"],
    ["select (select max(name) from duckdb_settings)", "compute/unknown-relation"],
    ["select 1 order by (select max(name) from duckdb_settings)", "compute/unknown-relation"],
    [
      "select list_transform([1], lambda x: (select max(name) from duckdb_settings))",
      "compute/unknown-relation",
    ],
    ["from (summarize duckdb_settings)", "compute/unknown-relation"],
    ["from (pivot duckdb_settings on name in ('a') using count(*))", "compute/unknown-relation"],
    ["from (values ((select max(name) from duckdb_settings)))", "compute/unknown-relation"],
    ["select * from range((select count(*) from duckdb_settings))", "compute/unknown-relation"],
    [`select 1 from "n.t" as t join duckdb_settings as s on true`, "compute/unknown-relation"],
  ])("%s is refused", async (sql, code) => {
    await expect(run(sql)).rejects.toMatchObject({ code });
  });

  test("views are held to the same rules, and read only what stands before them", async () => {
    const view = (sql: string) => ({ kind: "sql" as const, name: "n.v", sql });
    const query = (sql: string) => engine.compute.query({ sql: 'from "n.v"', relations: [view(sql), table] });
    await expect(query("from read_text('/etc/passwd')")).rejects.toMatchObject({
      code: "compute/not-allowed",
    });
    await expect(query('from "n.t"')).rejects.toMatchObject({ code: "compute/unknown-relation" });
    await expect(query('from "n.v"')).rejects.toMatchObject({ code: "compute/unknown-relation" });
  });

  test("the message names what it found and where", async () => {
    await expect(run("select 'é', x from read_text('/etc/passwd')")).rejects.toMatchObject({
      message: "not allowed in a model, test or query: the table function read_text()",
      positionBytes: 20,
    });
  });
});

describe("behind the gate the engine itself is closed, also for operations", () => {
  const operate = (sql: string) => engine.compute.operate(sql, []);

  test("operations may run several statements and write inside the allowed folders", async () => {
    const path = join(engine.folder, "data", "made.csv");
    const result = await operate(
      `create temp table x as select 41 as a; copy x to '${path}'; select a + 1 as b from read_csv('${path}')`,
    );
    expect(result).toEqual({ columns: [{ name: "b", type: "BIGINT" }], rows: [[42]] });
  });

  test.each([
    ["read_csv", () => `from read_csv('${outside}')`],
    ["read_text", () => `from read_text('/etc/passwd')`],
    ["a replacement scan", () => `from '${outside}'`],
    ["..", () => `from read_csv('${engine.folder}/data/../secret.csv')`],
    ["a symbolic link", () => `from read_csv('${engine.folder}/data/link.csv')`],
    ["COPY", () => `copy (select 1) to '${engine.folder}/out.csv'`],
    ["ATTACH", () => `attach '${engine.folder}/out.db'`],
    ["INSTALL", () => "install httpfs"],
    ["LOAD", () => "load httpfs"],
    ["opening it again", () => "set enable_external_access = true"],
    ["another folder", () => "set allowed_directories = ['/']"],
    ["unlocking", () => "set lock_configuration = false"],
    ["another memory limit", () => "reset memory_limit"],
  ])("%s is refused", async (_, sql) => {
    await expect(operate(sql())).rejects.toMatchObject({ name: "LakeError" });
  });
});
