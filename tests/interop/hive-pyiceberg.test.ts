// lake and PyIceberg on one Hive Metastore: each goes on where the other stopped, also at the same time.
import { afterAll, beforeAll, expect, test } from "vitest";
import { openHiveCatalog } from "../../engine/catalog/hive/hive-catalog.ts";
import type { Catalog } from "../../engine/catalog/catalog.ts";
import { makeProject, type TestProject } from "../e2e/project.ts";
import {
  hiveMetastoreUnavailable,
  startHiveMetastore,
  type RunningHiveMetastore,
} from "../services/hive-metastore.ts";
import { describeWith } from "../services/skip.ts";
import { runPython, whyNoPyiceberg } from "./pyiceberg.ts";

const models = {
  "models/sources.yml": `version: 2
sources:
  - name: landing
    tables:
      - name: events
        location: events
        columns:
          - {name: id, data_type: bigint}
          - {name: kind, data_type: varchar}
          - {name: happened, data_type: timestamptz}
  - name: elsewhere
    schema: foreign_data
    tables:
      - {name: made_by_python, type: iceberg}
`,
  "models/events.sql": `{{config materialized="incremental" strategy="append" partition_by="day(happened)"}}
select id, kind, happened, (id * 1.5)::decimal(9, 2) as price, {city: 'Seoul ' || id, zip: id} as place, [kind] as tags
from {{source "landing" "events"}}
`,
  "models/kinds.sql": `{{config materialized="table"}}
select kind, count(*) as n, sum(id)::bigint as ids from {{ref "events"}} group by all
`,
  "models/theirs.sql": `{{config materialized="view"}}
select day, n * 2 as twice from {{source "elsewhere" "made_by_python"}}
`,
};

function landing(number: number): Record<string, string> {
  const lines = Array.from({ length: 10 }, (_, index) => {
    const id = number * 10 + index;
    return JSON.stringify({
      id,
      kind: ["view", "like"][index % 2],
      happened: `2025-07-0${1 + (index % 3)}T20:00:00Z`,
    });
  });
  return { [`landing-zone/events/batch_${number}.jsonl`]: `${lines.join("\n")}\n` };
}

const opening = `
import json, sys
import pyarrow as pa
from pyiceberg.catalog.hive import HiveCatalog
catalog = HiveCatalog("lake", uri=sys.argv[1], warehouse=sys.argv[2],
  **{"lock-check-min-wait-time": "0.02", "lock-check-max-wait-time": "0.1", "lock-check-retries": "1000"})
def ids(table, **how): return sorted(table.scan(selected_fields=("id",), **how).to_arrow()["id"].to_pylist())
`;

const prerequisite = (await whyNoPyiceberg()) ?? hiveMetastoreUnavailable();

describeWith(prerequisite, "lake and PyIceberg on one Hive Metastore", () => {
  let server: RunningHiveMetastore;
  let project: TestProject;
  let catalog: Catalog;
  const python = (script: string, ...args: string[]): Promise<unknown> =>
    runPython(`${opening}${script}\nprint(json.dumps(globals().get("result")))`, [
      server.uri,
      server.warehouse,
      ...args,
    ]);
  const build = async (): Promise<void> => {
    const { results } = await project.run({});
    expect(results.filter(({ status }) => !/^(success|reused|pass)/.test(status))).toEqual([]);
  };
  const numbers = async (sql: string): Promise<number[][]> =>
    (await project.query(sql)).map((row) => row.map(Number));
  const located = async (name: string): Promise<string | undefined> =>
    (await catalog.locate([{ namespace: "lakehouse", name }])).get(`lakehouse.${name}`);

  beforeAll(async () => {
    server = await startHiveMetastore();
    project = makeProject({
      ...models,
      ...landing(0),
      "profiles.yml": `shop:
  target: prod
  outputs:
    prod:
      schema: lakehouse
      warehouse: ${server.warehouse}
      landing: landing-zone
      threads: 2
      catalog: {type: hive, uri: "${server.uri}"}
      compute: {type: duckdb}
`,
    });
    catalog = await openHiveCatalog({ name: "lake", uris: [server.uri], warehouse: server.warehouse });
    await python(`
catalog.create_namespace("foreign_data")
table = catalog.create_table("foreign_data.made_by_python", pa.schema([("day", pa.date32()), ("n", pa.int64())]))
table.append(pa.table({"day": pa.array([20000, 20001], pa.date32()), "n": pa.array([1, 2], pa.int64())}))`);
    await build();
  });
  afterAll(async () => {
    await catalog.close();
    project[Symbol.dispose]();
    await server.stop();
  });

  test("PyIceberg lists, describes and reads what lake built, and every state that it went through", async () => {
    project.write(landing(1));
    await build();
    const seen = await python(`
table = catalog.load_table("lakehouse.events")
result = {
  "tables": sorted(name for _, name in catalog.list_tables("lakehouse")),
  "ids": ids(table), "history": [ids(table, snapshot_id=entry.snapshot_id) for entry in table.history()],
  "filtered": ids(table, row_filter="happened >= '2025-07-03T00:00:00+00:00'"),
  "place": table.scan(row_filter="id = 7").to_arrow().to_pylist()[0]["place"],
  "spec": [str(field.transform) for field in table.spec().fields],
  "kinds": sorted(map(list, (row.values() for row in catalog.load_table("lakehouse.kinds").scan().to_arrow().to_pylist()))),
}`);
    const all = Array.from({ length: 20 }, (_, id) => id);
    expect(seen).toEqual({
      tables: ["events", "kinds"],
      ids: all,
      history: [all.slice(0, 10), all],
      filtered: all.filter((id) => (id % 10) % 3 === 2),
      place: { city: "Seoul 7", zip: 7 },
      spec: ["day"],
      kinds: [
        ["like", 10, 100],
        ["view", 10, 90],
      ],
    });
  });

  test("lake reads what PyIceberg made, and goes on after it appended, deleted and added a column", async () => {
    expect(await numbers('select twice from {{ref "theirs"}} order by 1')).toEqual([[2], [4]]);
    await python(`
table = catalog.load_table("lakehouse.events")
row = table.scan(row_filter="id = 3").to_arrow()
table.append(row.set_column(0, row.schema.field(0), pa.array([1003], pa.int64())))
table.delete("id = 4")
with table.update_schema() as change:
    change.add_column("note", __import__("pyiceberg.types").types.StringType())`);
    const theirs = await located("events");
    expect(await numbers('select count(*), max(id) from {{ref "events"}}')).toEqual([[20, 1003]]);
    await catalog.rename(
      { namespace: "lakehouse", name: "events" },
      { namespace: "lakehouse", name: "aside" },
    );
    expect(await located("aside")).toBe(theirs);
    expect(await python('result = ids(catalog.load_table("lakehouse.aside"))')).toHaveLength(20);
    await python('catalog.rename_table("lakehouse.aside", "lakehouse.events")');
    expect(await located("events")).toBe(theirs);
  });

  test("each drops what the other made, and a folder's files stay", async () => {
    await python('catalog.create_table("foreign_data.gone", pa.schema([("n", pa.int64())]))');
    await catalog.drop({ namespace: "foreign_data", name: "gone" });
    expect(await python('result = catalog.table_exists("foreign_data.gone")')).toBe(false);
    const kinds = await located("kinds");
    await python('catalog.drop_table("lakehouse.kinds")');
    expect(await located("kinds")).toBeUndefined();
    await build();
    expect(await located("kinds")).not.toBe(kinds);
  });
});
