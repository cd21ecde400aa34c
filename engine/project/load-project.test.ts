import { expect, test } from "vitest";
import { LakeError } from "../common/errors.ts";
import { TemporaryProject, testProfile } from "./temporary-project.ts";
import type { DataTest, Model, Source } from "./types.ts";

/** `code file:line hint` of every error that loading ends with. */
async function errorsOf(files: Readonly<Record<string, string>>): Promise<string[]> {
  using project = new TemporaryProject(files);
  try {
    await project.load();
  } catch (error) {
    if (!(error instanceof LakeError)) throw error;
    const all = error.errors.length > 0 ? error.errors : [error];
    return all.map(
      ({ code, at, hint }) => `${code} ${at?.file}:${at?.line}${hint === undefined ? "" : ` ${hint}`}`,
    );
  }
  return [];
}

test("a project of models, seeds, sources, tests and exposures is read whole", async () => {
  using project = new TemporaryProject({
    "models/silver/orders.sql": `{{config unique_key="id, line"}}\nselect * from {{ref "raw_orders"}} join {{source "shop" "orders"}} using (id)`,
    "models/silver/_silver.yml": `version: 2
models:
  - name: orders
    description: Orders.
    data_tests:
      - unique_combination_of_columns: {arguments: {combination_of_columns: [id, line]}}
    columns:
      - name: id
        data_type: bigint
        data_tests:
          - not_null
          - relationships: {to: ref('raw_orders'), field: id, severity: warn}
sources:
  - name: shop
    tables:
      - name: orders
        columns:
          - {name: id, data_type: bigint, required: true}
          - {name: detail.price, data_type: double}
exposures:
  - name: board
    type: dashboard
    owner: {name: Data}
    depends_on: [ref('orders'), "source('shop', 'orders')"]
`,
    "seeds/raw_orders.csv": "id\n1\n",
    "tests/data/positive.sql": `select * from {{ref "orders"}} where id < 0`,
    "macros/one.sql": "1",
    "macros/one.spark.sql": "2",
  });
  const { nodes, macros, warnings } = await project.load();
  expect([...nodes.keys()].map((id) => id.replace(/[0-9a-f]{10}$/, "…")).sort()).toEqual([
    "exposure.shop.board",
    "model.shop.orders",
    "seed.shop.raw_orders",
    "source.shop.shop.orders",
    "test.shop.not_null_orders_id.…",
    "test.shop.positive",
    "test.shop.relationships_orders_id__id__ref_raw_orders_.…",
    "test.shop.unique_combination_of_columns_orders_id__line.…",
  ]);
  const model = nodes.get("model.shop.orders") as Model;
  expect(model.fqn).toEqual(["shop", "silver", "orders"]);
  expect(model.config).toMatchObject({ materialized: "view", uniqueKey: ["id", "line"], enabled: true });
  expect(model.references.refs).toEqual([
    {
      name: "raw_orders",
      at: { file: "models/silver/orders.sql", line: 2, column: expect.any(Number) as number },
    },
  ]);
  const source = nodes.get("source.shop.shop.orders") as Source;
  expect(source).toMatchObject({
    type: "landing",
    location: "orders",
    files: ["*.jsonl", "*.jsonl.gz", "*.jsonl.zst"],
    landingColumns: [
      { name: "id", type: "bigint", required: true },
      { name: "detail.price", type: "double" },
    ],
    onBadRecord: "fail",
  });
  const relationships = [...nodes.values()].find((node) => node.name.startsWith("relationships")) as DataTest;
  expect(relationships.testConfig.severity).toBe("warn");
  expect(relationships.references.refs.map(({ name }) => name)).toEqual(["raw_orders"]);
  expect(relationships.at).toMatchObject({ file: "models/silver/_silver.yml", line: 12 });
  expect(macros.get("one")?.map(({ engine }) => engine)).toEqual(["spark", null]);
  expect(warnings).toEqual([]);
});

test("config goes from folder to properties to the model's own tag; tags and meta add up", async () => {
  using project = new TemporaryProject({
    "lake.yml": `name: shop
models:
  shop:
    +meta: {owner: data, tier: 3}
    gold:
      materialized: table
      +tags: [gold]
      daily: {+partition_by: "year, bucket(16, id)"}
`,
    "models/gold/daily/a.sql": `{{config tags="own" format_version=3}}select 1 as id`,
    "models/gold/b.sql": "select 1 as id",
    "models/gold/_gold.yml": `version: 2
models:
  - name: a
    tags: yml
    config: {materialized: incremental, meta: {tier: 1}, properties: {write.metadata.delete-after-commit.enabled: true}}
`,
  });
  const { nodes } = await project.load();
  expect((nodes.get("model.shop.a") as Model).config).toEqual({
    enabled: true,
    materialized: "incremental",
    tags: ["gold", "yml", "own"],
    meta: { owner: "data", tier: 1 },
    partitionBy: ["year", "bucket(16, id)"],
    formatVersion: 3,
    properties: { "write.metadata.delete-after-commit.enabled": "true" },
  });
  expect((nodes.get("model.shop.b") as Model).config).toMatchObject({
    materialized: "table",
    tags: ["gold"],
  });
});

test("all errors of a project come together, each with its place and a suggestion", async () => {
  const errors = await errorsOf({
    "lake.yml": "name: shop\nmodels:\n  +materialised: table\n",
    "models/a.sql": `{{config partition="x"}}select 1`,
    "models/B.sql": "select 1",
    "models/c.sql": `select {{var "missing"}}`,
    "models/_m.yml": `version: 2
models:
  - name: a
    descripton: x
    columns:
      - name: id
        data_tests:
          - not_nul
          - accepted_values: {value: [1]}
          - accepted_range: {min_value: 1}
            max_value: 2
`,
  });
  expect(errors).toEqual([
    'project/unknown-key lake.yml:3 did you mean "materialized"?',
    'project/unknown-key models/_m.yml:4 did you mean "description"?',
    "project/bad-name models/B.sql:undefined rename the file",
    expect.stringMatching(/^project\/unknown-key models\/a\.sql:1/) as string,
    expect.stringMatching(/^template\/missing-var models\/c\.sql:1/) as string,
    'project/unknown-test models/_m.yml:8 did you mean "not_null"?',
    'project/unknown-key models/_m.yml:9 did you mean "values"?',
    "project/missing-key models/_m.yml:9",
    "project/wrong-type models/_m.yml:10 the test's arguments must be indented below its name",
  ]);
});

test.for([
  [
    "a time zone that is none",
    { "lake.yml": "name: shop\ntimezone: Asia/Seuol\n" },
    "project/bad-value lake.yml:2",
  ],
  [
    "a time zone as an offset",
    { "lake.yml": "name: shop\ntimezone: '+09:00'\n" },
    "project/bad-value lake.yml:2",
  ],
  [
    "a folder outside the project",
    { "lake.yml": "name: shop\nmodel-paths: [../x]\n" },
    "project/bad-value lake.yml:2",
  ],
  [
    "a key that is none",
    { "lake.yml": "name: shop\nmodel-path: [x]\n" },
    'project/unknown-key lake.yml:2 did you mean "model-paths"?',
  ],
  ["bad YAML", { "models/x.yml": "version: 2\nmodels: [\n" }, "project/bad-yaml models/x.yml:3"],
  [
    "a list that is indented too little",
    { "models/x.yml": "version: 2\nmodels:\n  - name: m\n   columns: []\n" },
    "project/bad-yaml models/x.yml:4 the keys of one mapping and the items of one list start in the same column, with spaces and no tabs",
  ],
  [
    "a key twice",
    { "models/x.yml": "version: 2\nmodels: []\nmodels: []\n" },
    "project/bad-yaml models/x.yml:3",
  ],
  [
    "a number that cannot be kept",
    { "lake.yml": "name: shop\nvars: {id: 9007199254740993}\n" },
    "project/bad-yaml lake.yml:2 put it in quotes",
  ],
  [
    "two models of a name",
    { "models/a/m.sql": "select 1", "models/b/m.sql": "select 1" },
    "project/duplicate-name models/b/m.sql:undefined rename one of the two",
  ],
  [
    "a model and a seed of a name",
    { "models/m.sql": "select 1", "seeds/m.csv": "a\n" },
    "project/duplicate-name seeds/m.csv:undefined",
  ],
  [
    "two models of a table",
    { "models/m.sql": "select 1", "models/n.sql": `{{config alias="m"}}select 1` },
    "project/duplicate-table models/n.sql:undefined give one of them another alias",
  ],
  [
    "a model described twice",
    {
      "models/m.sql": "select 1",
      "models/a.yml": "models: [{name: m}]",
      "models/b.yml": "models: [{name: m}]",
    },
    "project/duplicate-entry models/b.yml:1",
  ],
  [
    "a wrong type",
    { "models/m.sql": "select 1", "models/a.yml": "models: [{name: m, config: {tags: {a: 1}}}]" },
    "project/wrong-type models/a.yml:1",
  ],
  [
    "a group that is none",
    { "models/m.sql": `{{config group="x"}}select 1` },
    "project/unknown-group models/m.sql:undefined declare it under groups: in a yml file",
  ],
  [
    "a test declared twice",
    {
      "models/m.sql": "select 1",
      "models/a.yml": "models: [{name: m, columns: [{name: id, tests: [unique, unique]}]}]",
    },
    "project/duplicate-test models/a.yml:1 give one of them a name",
  ],
  [
    "a condition that is none",
    { "tests/data/t.sql": `{{config error_if="more than 3"}}select 1` },
    "project/bad-value tests/data/t.sql:1",
  ],
  [
    "a materialisation that is none",
    { "models/m.sql": `{{config materialized="tabel"}}select 1` },
    'project/bad-value models/m.sql:1 did you mean "table"?',
  ],
] as const)("%s is one clear error", async ([, files, expected]) => {
  expect(await errorsOf(files)).toEqual([expected]);
});

test("properties of a model that does not exist, and settings of a folder without nodes, are warnings", async () => {
  using project = new TemporaryProject({
    "lake.yml": "name: shop\nmodels: {shop: {silvr: {+tags: x}}}\n",
    "models/silver/orders.sql": "select 1",
    "models/silver/_m.yml":
      "version: 2\nmodels:\n  - name: order\n    columns: [{name: a, data_tests: [unique]}]\n",
  });
  const { warnings } = await project.load();
  expect(warnings?.map(({ message, at }) => `${message} ${at.file}:${at.line}`)).toEqual([
    'no model is called order: did you mean "orders"? models/silver/_m.yml:3',
    'no node lies under silvr: its settings are not used (did you mean "silver"?) lake.yml:2',
  ]);
});

test("a macro test_x is a test x, whose own references count", async () => {
  using project = new TemporaryProject({
    "macros/test_below.sql": `select * from {{model}} where {{column_name}} > (select max(top) from {{ref "limits"}}) + {{more}}`,
    "models/m.sql": "select 1 as id",
    "models/limits.sql": "select 1 as top",
    "models/_m.yml": "version: 2\nmodels: [{name: m, columns: [{name: id, tests: [{below: {more: 3}}]}]}]\n",
  });
  const { nodes } = await project.load();
  const found = [...nodes.values()].find(({ name }) => name === "below_m_id__3") as DataTest;
  expect(found.references.refs.map(({ name }) => name)).toEqual(["limits"]);
  expect(found.arguments).toEqual({ more: 3 });
});

test("values of the command line win over lake.yml, and only allowed environment variables are read", async () => {
  using project = new TemporaryProject({
    "lake.yml": "name: shop\nvars: {a: 1, b: 2}\nenv-vars: [REGION, AWS_SECRET]\n",
    "models/m.sql": `select {{var "a"}} as a, '{{env_var "REGION"}}' as r`,
  });
  const loaded = await project.load({ vars: { a: 5 }, env: { REGION: "kr" } });
  expect(loaded.settings.vars).toEqual({ a: 5, b: 2 });
  project.write({ "models/n.sql": `select '{{env_var "AWS_SECRET"}}' as x` });
  await expect(project.load({ env: { REGION: "kr", AWS_SECRET: "s" } })).rejects.toMatchObject({
    code: "template/forbidden-env-var",
  });
});

test("sources of both types, with what a source says for all its tables", async () => {
  using project = new TemporaryProject({
    "models/_s.yml": `version: 2
sources:
  - name: raw
    location: s3://lake/raw/
    loaded_at_field: at
    freshness: {warn_after: {count: 1, period: day}}
    tables:
      - {name: a}
      - {name: b, location: bb, on_bad_record: quarantine, freshness: {error_after: {count: 2, period: hour}, filter: "x > 1"}}
      - {name: c, location: /data/c}
  - name: other
    type: iceberg
    schema: warehouse
    tables:
      - {name: t, identifier: real_t}
      - {name: u, table: elsewhere.u}
      - {name: v, metadata_location: s3://lake/v/metadata/1.json}
`,
  });
  const { nodes } = await project.load();
  const source = (name: string): Source => nodes.get(`source.shop.${name}`) as Source;
  expect(source("raw.a")).toMatchObject({
    location: "s3://lake/raw/a",
    loadedAtField: "at",
    freshness: { warnAfter: { count: 1, period: "day" } },
  });
  expect(source("raw.b")).toMatchObject({
    location: "s3://lake/raw/bb",
    onBadRecord: "quarantine",
    freshness: { errorAfter: { count: 2, period: "hour" }, filter: "x > 1" },
  });
  expect(source("raw.c").location).toBe("/data/c");
  expect(source("other.t")).toMatchObject({ type: "iceberg", identifier: "warehouse.real_t" });
  expect(source("other.u").identifier).toBe("elsewhere.u");
  expect(source("other.v")).toMatchObject({ location: "s3://lake/v/metadata/1.json" });
});

test("a folder without lake.yml is no project", async () => {
  const { loadProject } = await import("./load-project.ts");
  await expect(
    loadProject({ root: "/nowhere/at/all", profile: testProfile, engine: "duckdb" }),
  ).rejects.toMatchObject({
    code: "project/not-found",
  });
});
