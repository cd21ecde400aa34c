// Spark 3.5.1 with Iceberg 1.4.2 on the same metastore: reads what lake built, writes to it, and lake goes on.
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeProject, type TestProject } from "../e2e/project.ts";
import {
  hiveMetastoreUnavailable,
  startHiveMetastore,
  type RunningHiveMetastore,
} from "../services/hive-metastore.ts";
import { describeWith } from "../services/skip.ts";
import { runSpark, whyNoSpark } from "./spark/spark.ts";

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
    schema: lakehouse
    tables:
      - {name: sparks, type: iceberg}
`,
  "models/events.sql": `{{config materialized="incremental" strategy="append" partition_by="day(happened)"}}
select id, kind, happened, (id * 1.5)::decimal(9, 2) as price, {city: 'Seoul ' || id, zip: id} as place, [kind] as tags
from {{source "landing" "events"}}
`,
  "models/kinds.sql": `{{config materialized="table"}}
select kind, count(*) as n, sum(id)::bigint as ids from {{ref "events"}} group by all
`,
};

function landing(number: number): Record<string, string> {
  const lines = Array.from({ length: 10 }, (_, index) => {
    const id = number * 10 + index;
    const happened = `2025-07-0${1 + (index % 3)}T20:00:00Z`;
    return JSON.stringify({ id, kind: ["view", "like"][index % 2], happened });
  });
  return { [`landing-zone/events/batch_${number}.jsonl`]: `${lines.join("\n")}\n` };
}

describeWith(
  hiveMetastoreUnavailable() ?? (await whyNoSpark()),
  "lake and Spark on one Hive Metastore",
  () => {
    let server: RunningHiveMetastore;
    let project: TestProject;
    const build = async (): Promise<void> => {
      const { results } = await project.run({});
      expect(results.filter(({ error }) => error !== undefined)).toEqual([]);
    };
    const numbers = async (sql: string): Promise<number[][]> =>
      (await project.query(sql)).map((row) => row.map(Number));
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
      await build();
      project.write(landing(1));
      await build();
    });
    afterAll(async () => {
      project[Symbol.dispose]();
      await server.stop();
    });

    test("each reads what the other wrote, in both directions and again", async () => {
      const events = "lakehouse.events";
      const [tables, described, read, history, , , , , left] = await runSpark(server, [
        "show tables in lakehouse",
        "describe extended lakehouse.events",
        `select id, kind, date_format(happened, 'yyyy-MM-dd HH'), price, place.city, tags from ${events} order by id`,
        `select count(*) from ${events}.snapshots`,
        `insert into ${events} select id + 100, kind, happened, price, place, tags from ${events} where id < 3`,
        `delete from ${events} where id = 5`,
        `alter table ${events} add column note string`,
        "create table lakehouse.sparks using iceberg partitioned by (bucket(2, id)) as select id, kind from lakehouse.events",
        `select count(*), sum(id), count(note) from ${events}`,
      ]);
      expect(tables?.map(([, name]) => name).sort()).toEqual(["events", "kinds"]);
      expect(described).toContainEqual(["Provider", "iceberg", ""]);
      expect(described).toContainEqual(["Location", `${server.warehouse}/lakehouse.db/events`, ""]);
      expect(read).toHaveLength(20);
      expect(read?.[7]).toEqual([7, "like", "2025-07-02 20", "10.50", "Seoul 7", ["like"]]);
      expect(history).toEqual([[2]]);
      const sum = 190 + 303 - 5;
      expect(left).toEqual([[22, sum, 0]]);

      expect(await numbers('select count(*), sum(id), count(note) from {{ref "events"}}')).toEqual([
        [22, sum, 0],
      ]);
      expect(await numbers('select count(*), sum(id) from {{source "elsewhere" "sparks"}}')).toEqual([
        [22, sum],
      ]);
      // Spark's own housekeeping, then both once more.
      const [, , , again] = await runSpark(server, [
        `call hive.system.rewrite_data_files(table => '${events}', options => map('min-input-files', '2'))`,
        `call hive.system.expire_snapshots(table => '${events}', older_than => timestamp '2100-01-01 00:00:00', retain_last => 1)`,
        `call hive.system.remove_orphan_files(table => '${events}', dry_run => false)`,
        `select count(*), sum(id) from ${events}`,
      ]);
      expect(again).toEqual([[22, sum]]);
      expect(await numbers('select count(*), sum(id) from {{ref "events"}}')).toEqual([[22, sum]]);
    });
  },
);
