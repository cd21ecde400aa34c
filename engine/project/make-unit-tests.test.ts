import path from "node:path";
import { describe, expect, test } from "vitest";
import { LakeError } from "../common/errors.ts";
import { TemporaryProject } from "./temporary-project.ts";
import type { UnitTest } from "./types.ts";

const base = {
  "models/silver/m.sql": `select {{> one}} as x from {{ref "a"}} join {{source "raw" "b"}} using (id) {{#if incremental}}where id > (select max(id) from {{this}}){{/if}}`,
  "models/a.sql": "select 1 as id",
  "models/raw.yml":
    "version: 2\nsources: [{name: raw, tables: [{name: b, columns: [{name: id, data_type: bigint}]}]}]\n",
  "macros/one.sql": "1",
  "tests/fixtures/some.csv": "id,name\n1,\n",
  "tests/fixtures/deep/rows.sql": "select 1 as id;\n",
};

const yml = `version: 2
unit_tests:
  - name: t
    description: What it proves.
    model: m
    config: {tags: [quick], meta: {owner: me}}
    overrides:
      vars: {a: 1}
      macros: {is_incremental: true, one: "{{literal}}"}
      env_vars: {REGION: kr}
      now: "2025-07-31T00:00:00+09:00"
    given:
      - input: ref('a')
        rows: [{id: 1, name: x}, {id: 2, nested: {k: [1]}}]
      - {input: "source('raw', 'b')", format: csv, fixture: some}
      - {input: this, format: sql, fixture: rows}
    expect:
      format: csv
      rows: |
        x
        1
`;

const idOf = "unit_test.shop.m.t";

test("a unit test is read with its inputs, formats and overrides", async () => {
  using project = new TemporaryProject({ ...base, "models/silver/_m.yml": yml });
  const { nodes, warnings } = await project.load();
  const file = "models/silver/_m.yml";
  expect(nodes.get(idOf)).toEqual({
    resourceType: "unit_test",
    uniqueId: idOf,
    name: "t",
    fqn: ["shop", "silver", "m", "t"],
    path: file,
    description: "What it proves.",
    config: { enabled: true, tags: ["quick"], meta: { owner: "me" } },
    checksum: expect.stringMatching(/^[0-9a-f]{64}$/),
    attachedTo: "model.shop.m",
    incremental: true,
    given: [
      {
        input: { kind: "ref", name: "a" },
        at: { file, line: 13, column: 16 },
        fixture: {
          kind: "rows",
          columns: ["id", "name", "nested"],
          rows: [
            [1, "x", null],
            [2, null, { k: [1] }],
          ],
          at: expect.objectContaining({ file, line: 14 }),
        },
      },
      {
        input: { kind: "source", source: "raw", table: "b" },
        at: expect.objectContaining({ line: 15 }),
        fixture: {
          kind: "rows",
          columns: ["id", "name"],
          rows: [["1", null]],
          at: { file: "tests/fixtures/some.csv", line: 1 },
        },
      },
      {
        input: { kind: "this" },
        at: expect.objectContaining({ line: 16 }),
        fixture: {
          kind: "sql",
          sql: "select 1 as id",
          at: { file: "tests/fixtures/deep/rows.sql", line: 1 },
        },
      },
    ],
    expect: { kind: "rows", columns: ["x"], rows: [["1"]], at: expect.objectContaining({ line: 20 }) },
    overrides: {
      vars: { a: 1 },
      macros: { one: "{{literal}}" },
      envVars: { REGION: "kr" },
      nowMs: Date.parse("2025-07-30T15:00:00Z"),
    },
    at: expect.objectContaining({ file, line: 3 }),
  });
  expect(warnings).toEqual([]);
});

test("a fixture in SQL is no data test, also where the test path is the folder above", async () => {
  using project = new TemporaryProject({
    ...base,
    "lake.yml": "name: shop\ntest-paths: [tests]\n",
    "models/silver/_m.yml": yml,
  });
  const { nodes } = await project.load();
  expect([...nodes.values()].filter(({ resourceType }) => resourceType === "test")).toEqual([]);
});

test("from the parse cache it is the same, until a fixture changes", async () => {
  using project = new TemporaryProject({ ...base, "models/silver/_m.yml": yml });
  const cacheDirectory = path.join(project.root, "cache");
  const first = await project.load({ cacheDirectory });
  expect(await project.load({ cacheDirectory })).toEqual(first);
  project.write({ "tests/fixtures/some.csv": "id,name\n7,x\n" });
  const changed = await project.load({ cacheDirectory });
  expect(changed).toEqual(await project.load());
  expect((changed.nodes.get(idOf) as UnitTest).checksum).not.toBe(
    (first.nodes.get(idOf) as UnitTest).checksum,
  );
});

test("the checksum does not hang on where the test stands", async () => {
  using project = new TemporaryProject({ ...base, "models/silver/_m.yml": yml });
  const before = (await project.load()).nodes.get(idOf) as UnitTest;
  project.write({ "models/silver/_m.yml": yml.replace("unit_tests:", "\n# a remark\n\nunit_tests:") });
  const after = (await project.load()).nodes.get(idOf) as UnitTest;
  expect([after.checksum, after.at.line]).toEqual([before.checksum, 6]);
});

test("plain incremental: true means the same as the override", async () => {
  const plain = yml
    .replace("is_incremental: true, ", "")
    .replace("    model: m", "    model: m\n    incremental: true");
  using project = new TemporaryProject({ ...base, "models/silver/_m.yml": plain });
  expect((await project.load()).nodes.get(idOf)).toMatchObject({ incremental: true });
});

describe("what is wrong is told with its line", () => {
  test.each([
    ["an unknown model", ["model: m", "model: mm"], 'project/unit-test-model 3 did you mean "m"?'],
    ["no model", ["    model: m\n", ""], "project/missing-key 3"],
    ["no expect", [/ {4}expect:[\s\S]*/, ""], "project/missing-key 3"],
    [
      "an unknown key",
      ["    overrides:", "    override: {}\n    overrides:"],
      'project/unknown-key 7 did you mean "overrides"?',
    ],
    [
      "an input that the model does not read",
      ["ref('a')", "ref('aa')"],
      "project/unit-test-input 13 did you mean \"ref('a')\"?",
    ],
    ["an input that is none", ["ref('a')", "a"], "project/bad-value 13"],
    ["no input", ["input: ref('a')", "description: x"], "project/missing-key 13"],
    ["an input given twice", ["source('raw', 'b')", "ref('a')"], "project/duplicate-entry 15"],
    [
      "an unknown fixture",
      ["fixture: some", "fixture: same"],
      'project/unknown-fixture 15 did you mean "some"?',
    ],
    [
      "a fixture of another format",
      ["format: sql, fixture: rows", "format: csv, fixture: rows"],
      "project/unknown-fixture 16",
    ],
    ["rows and a fixture", ["fixture: some", "fixture: some, rows: a"], "project/bad-value 15"],
    ["neither rows nor a fixture", [", fixture: some", ""], "project/missing-key 15 rows: [] for none"],
    ["an unknown format", ["format: sql", "format: xls"], "project/bad-value 16"],
    [
      "text where the format is dict",
      ["format: csv\n      rows", "rows"],
      "project/wrong-type 19 or say format: csv or format: sql",
    ],
    ["a row that is no mapping", ["[{id: 1, name: x}", "[1"], "project/wrong-type 14"],
    ["bad CSV", ["        1\n", "        1,2\n"], "project/bad-csv 21"],
    ["a clock without an offset", ["+09:00", ""], "project/bad-value 11"],
    ["an unknown macro", [" one:", " ome:"], 'project/unknown-key 9 did you mean "one"?'],
    ["a bad flag", ["is_incremental: true", "is_incremental: maybe"], "project/wrong-type 9"],
    ["an unknown config", ["config: {tags", "config: {tag"], 'project/unknown-key 6 did you mean "tags"?'],
  ] as const)("%s", async (_, [from, to], wanted) => {
    using project = new TemporaryProject({ ...base, "models/silver/_m.yml": yml.replace(from, to) });
    const error = await project.load().then(
      () => null,
      (failure: unknown) => failure as LakeError,
    );
    const [first] = error?.errors.length ? error.errors : [error];
    const hint = first?.hint === undefined ? "" : ` ${first.hint}`;
    expect(`${first?.code} ${first?.at?.line}${hint}`).toBe(wanted);
  });

  test("a line of a fixture's CSV", async () => {
    using project = new TemporaryProject({
      ...base,
      "tests/fixtures/some.csv": "id\n1\n1,2\n",
      "models/silver/_m.yml": yml,
    });
    await expect(project.load()).rejects.toMatchObject({
      code: "project/bad-csv",
      at: { file: "tests/fixtures/some.csv", line: 3 },
    });
  });
});
