// The artifacts as tools of dbt's world read them: a parser that is made from dbt's published schemas and takes
// no key that they do not have.
import { rmSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { makeProject } from "../e2e/project.ts";
import type { TestProject } from "../e2e/project.ts";
import { describeWith } from "../services/skip.ts";
import { runPython, whyNoPyiceberg } from "./pyiceberg.ts";

const files = {
  "landing-zone/events/a.jsonl": '{"id": 1, "kind": "view"}\n{"id": 2, "kind": "like"}\n',
  "landing-zone/late/.keep": "",
  "seeds/kinds.csv": "kind,label\nview,Viewed\nlike,Liked\n",
  "models/stg.sql": `select id, kind from {{source "landing" "events"}}`,
  "models/events.sql": `{{config materialized="incremental" strategy="append" partition_by="kind"}}
select * from {{ref "stg"}}`,
  "models/daily.sql": `{{config materialized="table" group="growth" access="public"}}
select kind, count(*) as n from {{ref "events"}} join {{ref "kinds"}} using (kind) group by 1`,
  "macros/shout.sql": "upper({{word}})",
  "macros/tests/test_positive.sql": "select * from {{model}} where not {{quote column_name}} > 0",
  "tests/data/all_counted.sql": `select {{> shout word="kind"}} from {{ref "daily"}} where n < 1`,
  "selectors.yml": "selectors:\n  - name: nightly\n    definition: {method: tag, value: nightly}\n",
  "models/_all.yml": `
version: 2
groups: [{name: growth, owner: {name: Growth}}]
sources:
  - name: landing
    tables:
      - name: events
        type: landing
        freshness: {warn_after: {count: 1, period: minute}, filter: id > 0}
        loaded_at_field: "timestamptz '2025-07-01 00:00:00+00' + to_days(id::int)"
        columns: [{name: id, data_type: bigint}, {name: kind, data_type: varchar}]
      - name: late
        type: landing
        freshness: {warn_after: {count: 1, period: day}}
        columns: [{name: id, data_type: bigint}]
models:
  - name: events
    description: All of them.
    config: {contract: {enforced: true}, tags: [nightly]}
    constraints: [{type: primary_key, columns: [id]}]
    columns:
      - {name: id, data_type: bigint, description: Key., constraints: [{type: not_null}], data_tests: [unique, positive]}
      - {name: kind, data_type: varchar, data_tests: [{relationships: {arguments: {to: ref('kinds'), field: kind}, config: {severity: warn}}}]}
unit_tests:
  - name: counts
    model: daily
    given:
      - {input: ref('events'), rows: [{id: 1, kind: view}]}
      - {input: ref('kinds'), format: csv, rows: "kind\\nview\\n"}
    expect: {rows: [{kind: view, n: 1}]}
exposures:
  - {name: board, type: dashboard, maturity: high, owner: {name: Ann, email: a@example.com}, depends_on: [ref('daily')]}
`,
};

interface Found {
  readonly nodes: Readonly<Record<string, readonly string[]>>;
  readonly statuses: Readonly<Record<string, string>>;
  readonly [key: string]: unknown;
}

describeWith(await whyNoPyiceberg(), "dbt's schemas", () => {
  async function parsed(here: TestProject): Promise<Found> {
    return (await runPython("artifacts.py", [path.join(here.root, "target")])) as Found;
  }

  test("take the manifest and the results of a build, of one that found nothing new, and of freshness", async () => {
    using here = makeProject(files);
    expect(await here.cli("build")).toMatchObject({ code: 0, stderr: "" });
    await here.cli("source", "freshness");
    const found = await parsed(here);
    expect(found).toMatchObject({
      sources: ["source.shop.landing.events", "source.shop.landing.late"],
      exposures: ["exposure.shop.board"],
      unit_tests: ["unit_test.shop.daily.counts"],
      groups: { growth: ["model.shop.daily"] },
      freshness: { "source.shop.landing.events": "warn", "source.shop.landing.late": "runtime error" },
    });
    expect(found.nodes).toMatchObject({
      model: ["model.shop.daily", "model.shop.events", "model.shop.stg"],
      seed: ["seed.shop.kinds"],
    });
    expect(found.nodes["test"]).toHaveLength(4);
    expect(found.statuses).toMatchObject({
      "model.shop.events": "success",
      "unit_test.shop.daily.counts": "pass",
    });
    expect(await here.cli("build")).toMatchObject({ code: 0, stderr: "" });
    expect((await parsed(here)).statuses).toMatchObject({
      "model.shop.events": "success",
      "seed.shop.kinds": "success",
      "unit_test.shop.daily.counts": "pass",
    });
  });

  test("take the results of a model that failed, of a test that failed, and of a run that failed whole", async () => {
    using here = makeProject({
      ...files,
      "models/broken.sql": `{{config materialized="table"}}\nselect error('stop') as a from {{ref "events"}}`,
      "tests/data/all_counted.sql": `{{config store_failures=true}}select * from {{ref "daily"}}`,
    });
    expect(await here.cli("build")).toMatchObject({ code: 1 });
    const { statuses } = await parsed(here);
    expect(statuses).toMatchObject({ "model.shop.broken": "error", "test.shop.all_counted": "fail" });
    here.write({ "models/broken.sql": `select nope from {{ref "events"}}` });
    expect(await here.cli("build")).toMatchObject({ code: 1 });
    expect((await parsed(here)).statuses).toMatchObject({
      "model.shop.broken": "error",
      "model.shop.events": "skipped",
    });
    rmSync(path.join(here.root, "landing-zone/events"), { recursive: true });
    expect(await here.cli("build")).toMatchObject({ code: 1 });
    expect((await parsed(here)).statuses).toEqual({ "operation.shop.build": "error" });
  });
});
