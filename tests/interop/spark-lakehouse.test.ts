// Spark 3.5.1 with Iceberg 1.4.2 on the same metastore and bucket: it reads every table that lake wrote, in every
// state it went through; it writes to them, and lake goes on from there; its housekeeping harms none of them.
import { readdirSync, rmSync, statSync, utimesSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openS3Storage } from "../../engine/storage/s3/s3-storage.ts";
import { loadTable } from "../../engine/iceberg/load-table.ts";
import type { Schema } from "../../engine/iceberg/types.ts";
import { queryProject } from "../../engine/run/query-project.ts";
import type { Session } from "../../engine/run/session.ts";
import { makeProject, type RunOutcome, type TestProject } from "../e2e/project.ts";
import { lakehouseUnavailable, startLakehouse, type RunningLakehouse } from "../services/lakehouse.ts";
import { describeWith } from "../services/skip.ts";
import { canonicalColumns, canonicalRows, schemaOf } from "./canonical.ts";
import { everyTypeSql, partitionedTables } from "./every-type.ts";
import { askHive } from "./hive/hive.ts";
import { sparkRows } from "./spark/spark-rows.ts";
import { openSpark, whyNoSpark, type SparkSession } from "./spark/spark.ts";

/** Spark has no type for a time of day: it reads no table that has one. */
const withoutTime = everyTypeSql().replaceAll(/cast\([^)\n]* as time\) as c_time, /g, "");
/** One for each way in which Spark tells partitions apart; PyIceberg judges every pair (`types.test.ts`). */
const transforms =
  "identity_c_string identity_c_decimal_38 identity_c_uuid identity_c_timestamptz bucket_c_string bucket_c_decimal_5 " +
  "truncate_c_string truncate_c_long year_c_date month_c_timestamp day_c_timestamptz hour_c_timestamptz void_c_int";
const partitioned = partitionedTables().filter(({ name }) => transforms.split(" ").includes(name));

const models: Record<string, string> = {
  "models/sources.yml": `version: 2
sources:
  - name: landing
    tables:
      - name: events
        location: events
        on_bad_record: quarantine
        columns:
          - {name: id, data_type: bigint}
          - {name: kind, data_type: varchar}
          - {name: happened, data_type: timestamptz}
  - name: elsewhere
    schema: lakehouse
    tables:
      - {name: sparks, type: iceberg}
      - {name: events_quarantine, type: iceberg}
`,
  "models/events.sql": `{{config materialized="incremental" strategy="append" partition_by="day(happened)"}}
select id, kind, happened, (id * 1.5)::decimal(9, 2) as price, {city: 'Seoul ' || id, zip: id} as place, [kind] as tags
from {{source "landing" "events"}}
`,
  "models/kinds.sql": `{{config materialized="table"}}
select kind, count(*) as n, sum(id)::bigint as ids from {{ref "events"}} group by all
`,
  // Half of the rows that the first file gave are marked as deleted when the second one comes.
  "models/merged.sql": `{{config materialized="incremental" strategy="merge" unique_key="id" partition_by="day(happened)"}}
select id % 15 as id, id as top, happened from {{ref "events"}}
where id < 20 {{#if incremental}}and id > (select max(top) from {{this}}){{/if}}
`,
  "models/merged.yml": `models: [{name: merged, config: {properties: {write.merge.mode: merge-on-read}}}]
`,
  "models/every_type.sql": `{{config materialized="table"}}\n${withoutTime}`,
  ...Object.fromEntries(
    partitioned.map(({ name, partitionBy }) => [
      `models/${name}.sql`,
      `{{config materialized="table" partition_by="${partitionBy}"}}\nselect * from {{ref "every_type"}}`,
    ]),
  ),
};

/** How a statement of lake names a table. */
const relationOf = (name: string): string =>
  ["sparks", "events_quarantine"].includes(name) ? `{{source "elsewhere" "${name}"}}` : `{{ref "${name}"}}`;

/** Ten events over three days; the last line is none. */
function lines(number: number): string {
  const events = Array.from({ length: 10 }, (_, index) => {
    const id = number * 10 + index;
    const happened = `2025-07-0${1 + (index % 3)}T20:00:00Z`;
    return JSON.stringify({ id, kind: ["view", "like"][index % 2], happened });
  });
  return `${[...events, `no event ${number}`].join("\n")}\n`;
}

const reason = lakehouseUnavailable() ?? (await whyNoSpark());

describeWith(reason, "lake and Spark on one metastore and bucket", () => {
  let lakehouse: RunningLakehouse;
  let project: TestProject;
  let spark: SparkSession;
  /** Table → snapshot → its rows, as lake read them when it was the newest. */
  const states = new Map<string, Map<bigint, string[]>>();

  const build = async (): Promise<RunOutcome> => {
    const outcome = await project.run({});
    expect(outcome.results.filter(({ error }) => error !== undefined)).toEqual([]);
    return outcome;
  };
  const land = (number: number): Promise<void> =>
    openS3Storage({ storage: lakehouse.s3.storage }).write(
      `${lakehouse.landing}/events/batch_${number}.jsonl`,
      new TextEncoder().encode(lines(number)),
    );
  const numbers = async (sql: string): Promise<number[][]> =>
    (await project.query(sql)).map((row) => row.map(Number));
  /** Each table as lake reads it now: its schema, newest snapshot, and rows. */
  const tables = (some: readonly string[] = []): Promise<Map<string, TableState>> =>
    project.withSession(async (session) => {
      const all = (await (await session.catalog()).list("lakehouse")).map(({ name }) => name);
      const found = new Map<string, TableState>();
      for (const name of some.length === 0 ? all : some) found.set(name, await readTable(session, name));
      return found;
    });
  async function remember(): Promise<void> {
    for (const [name, { snapshot, rows }] of await tables()) {
      const known = states.get(name) ?? new Map<bigint, string[]>();
      states.set(name, known.set(snapshot, known.get(snapshot) ?? rows));
    }
  }
  /** Both engines on every table, or on some. */
  async function agreed(...some: readonly string[]): Promise<number> {
    const all = await tables(some);
    for (const [name, { schema, rows }] of all) {
      expect({ name, rows: await sparkRows(spark, schema, `lakehouse.\`${name}\``) }).toEqual({ name, rows });
    }
    return all.size;
  }

  beforeAll(async () => {
    lakehouse = await startLakehouse();
    project = makeProject({ ...models, "profiles.yml": lakehouse.profiles() });
    for (const number of [0, 1]) {
      await land(number);
      await build();
      await remember();
    }
    spark = await openSpark(lakehouse);
  });
  afterAll(async () => {
    await spark?.close();
    project?.[Symbol.dispose]();
    await lakehouse?.stop();
  });

  test("Spark lists and describes what lake built", async () => {
    const [listed, described] = await spark.sql(
      "show tables in lakehouse",
      "describe extended lakehouse.events",
    );
    expect(listed?.map(([, name]) => name)).toEqual(expect.arrayContaining(["events", "kinds", "merged"]));
    expect(listed).toHaveLength(partitioned.length + 5);
    expect(described).toEqual(
      expect.arrayContaining([
        ["price", "decimal(9,2)", null],
        ["happened", "timestamp", null],
        ["place", "struct<city:string,zip:bigint>", null],
        ["Part 0", "days(happened)", ""],
        ["Provider", "iceberg", ""],
        ["Location", `${lakehouse.warehouse}/lakehouse.db/events`, ""],
      ]),
    );
  });

  test("Hive shows a table of lake's and one of Spark's in the same words", async () => {
    await spark.sql(
      "create table lakehouse.sparks using iceberg partitioned by (days(happened)) as select * from lakehouse.events",
    );
    const [ours = "", theirs = ""] = await askHive(
      lakehouse.metastore.uri,
      "show create table lakehouse.events",
      "show create table lakehouse.sparks",
    );
    await spark.sql("drop table lakehouse.sparks");
    expect(ours).toMatch(/^CREATE EXTERNAL TABLE `lakehouse`\.`events`\(/);
    expect(ours).toContain("`place` struct<`city`:string, `zip`:bigint>");
    expect(ours).toContain(`'${lakehouse.warehouse}/lakehouse.db/events'`);
    expect(sameForBoth(ours, "events")).toEqual(sameForBoth(theirs, "sparks"));
  });

  test("every table has equal rows, also in each of its earlier states", async () => {
    expect(await agreed()).toBe(partitioned.length + 5);
    const all = await tables();
    let travelled = 0;
    for (const [name, known] of states) {
      for (const [snapshot, rows] of known) {
        const from = `lakehouse.\`${name}\` version as of ${snapshot}`;
        expect({ name, rows: await sparkRows(spark, all.get(name)!.schema, from) }).toEqual({ name, rows });
        travelled += 1;
      }
    }
    // The second landing file moved four of them.
    expect(travelled).toBe(partitioned.length + 5 + 4);
  });

  describe("after Spark", () => {
    const events = "lakehouse.events";
    const ids = async (): Promise<number[]> =>
      (await numbers(`select id from {{ref "events"}} order by id`)).flat();
    const range = (from: number, to: number): number[] =>
      Array.from({ length: to - from }, (_, index) => from + index);

    test("appended, lake reads the rows, and its next files come in beside them", async () => {
      await spark.sql(
        `insert into ${events} select id + 100, kind, happened, price, place, tags from ${events} where id < 3`,
      );
      expect(await ids()).toEqual([...range(0, 20), 100, 101, 102]);
      await land(2);
      await build();
      expect(await ids()).toEqual([...range(0, 30), 100, 101, 102]);
      expect(await numbers(`select sum(n), sum(ids) from {{ref "kinds"}}`)).toEqual([[33, 435 + 303]]);
      await agreed("events", "kinds", "events_quarantine");
    });

    test("overwrote a partition, lake has the new rows, and goes on", async () => {
      // Of the second day only one row stays, with another kind.
      await spark.sql(
        `insert overwrite ${events} select id, 'rewritten', happened, price, place, tags from ${events} where id = 1`,
      );
      const left = [...range(0, 30), 100, 102].filter((id) => id >= 100 || (id % 10) % 3 !== 1);
      const expected = [...left, 1].sort((one, other) => one - other);
      expect(await ids()).toEqual(expected);
      expect(await project.query(`select kind from {{ref "events"}} where id = 1`)).toEqual([["rewritten"]]);
      await land(3);
      await build();
      expect(await ids()).toEqual([...expected.filter((id) => id < 100), ...range(30, 40), 100, 102]);
      await agreed("events", "kinds", "events_quarantine");
    });

    test("deleted rows, by copies and by positions, they are gone for lake", async () => {
      await spark.sql(
        `delete from ${events} where id = 5`,
        `alter table ${events} set tblproperties ('write.delete.mode' = 'merge-on-read')`,
        `delete from ${events} where id in (6, 33, 102)`,
        `alter table ${events} unset tblproperties ('write.delete.mode')`,
      );
      const left = await ids();
      expect(left.filter((id) => [5, 6, 33, 102].includes(id))).toEqual([]);
      await land(4);
      await build();
      expect(await ids()).toEqual([...left.filter((id) => id < 100), ...range(40, 50), 100]);
      await agreed("events", "kinds", "events_quarantine");
    });

    test("added a column, lake reads it, and goes on writing the table", async () => {
      await spark.sql(
        `alter table ${events} add column note string`,
        `update ${events} set note = 'by hand' where id = 0`,
      );
      expect(await project.query(`select id, note from {{ref "events"}} where note is not null`)).toEqual([
        [0, "by hand"],
      ]);
      await land(5);
      await build();
      expect(
        // The ten that came, the one with a note, and Spark's own 100.
        await numbers(`select count(*), count(note) from {{ref "events"}} where id >= 50 or id = 0`),
      ).toEqual([[12, 1]]);
      await agreed("events", "kinds", "events_quarantine");
    });

    test("made a table of its own, lake reads it", async () => {
      await spark.sql(
        `create table lakehouse.sparks using iceberg partitioned by (bucket(2, id)) as select id, kind from ${events}`,
      );
      const [[all] = []] = await numbers(`select count(*), sum(id) from {{ref "events"}}`);
      expect(await numbers(`select count(*), sum(id) from {{source "elsewhere" "sparks"}}`)).toEqual([
        (await numbers(`select count(*), sum(id) from {{ref "events"}}`))[0],
      ]);
      expect(all).toBeGreaterThan(0);
      await spark.sql("drop table lakehouse.sparks");
    });

    test("evolved a table that lake evolves and rolls back, both read equal rows after each step", async () => {
      const evolve = async (select: string, config: string, columns: string): Promise<void> => {
        project.write({
          "models/evolving.sql": `{{config materialized="incremental" on_schema_change="sync_all_columns" ${config}}}\nselect ${select}\n`,
          "models/evolving.yml": `models: [{name: evolving, columns: [${columns}]}]\n`,
        });
        const { results } = await project.run({ select: ["evolving"] });
        expect(results.flatMap(({ error }) => error ?? [])).toEqual([]);
        await agreed("evolving");
      };
      const table = "lakehouse.evolving";
      const named = "{name: name, was: label}, {name: place.road, was: street}";
      await evolve("1 as id, 'a' as label, {'street': 'x', 'no': 1} as place, [1.5::float] as x", "", "");
      await evolve(
        "2::bigint as id, 'b' as name, {'road': 'y', 'no': 2::bigint} as place, [2.5::double] as x, true as fresh",
        'partition_by="name"',
        named,
      );
      await evolve(
        "3::bigint as id, 'c' as name, {'no': 3::bigint, 'road': 'z', 'more': [{'k': 1}]} as place, [2.5::double] as x, false as fresh",
        'partition_by="bucket(4, id)" sorted_by="name desc"',
        named,
      );
      const [[[before] = []] = []] = await spark.sql(
        `select snapshot_id from ${table}.snapshots order by committed_at limit 1`,
      );
      await spark.sql(
        `alter table ${table} rename column fresh to is_fresh`,
        `alter table ${table} add column place.zip int`,
        `alter table ${table} add partition field truncate(1, name)`,
        `insert into ${table} select id + 10, name, place, x, is_fresh from ${table}`,
      );
      await agreed("evolving");
      await evolve(
        "4::bigint as id, 'd' as name, {'no': 4::bigint, 'road': 'w', 'more': null::struct(k integer)[], 'zip': 1} as place, [2.5::double] as x, null::boolean as is_fresh",
        'partition_by="bucket(4, id)" sorted_by="name desc"',
        named,
      );
      expect(await numbers(`select id from {{ref "evolving"}} order by id`)).toEqual(
        [1, 2, 3, 4, 11, 12, 13].map((id) => [id]),
      );
      // Back to the first state, by lake, and on from there by both.
      const back = await project.cli("rollback", table, "--to", String(before));
      expect([back.code, back.stderr]).toEqual([0, expect.anything()]);
      expect(await numbers(`select id from {{ref "evolving"}}`)).toEqual([[1]]);
      await agreed("evolving");
      await spark.sql(`insert into ${table} select id + 20, name, place, x, is_fresh from ${table}`);
      expect(await numbers(`select id from {{ref "evolving"}} order by id`)).toEqual([[1], [21]]);
      await agreed("evolving");
      // It would append at each build.
      for (const file of ["evolving.sql", "evolving.yml"]) rmSync(path.join(project.root, "models", file));
      await spark.sql(`drop table ${table}`);
    });

    test("cleaned up, every table is whole, and nothing of lake's own is missed", async () => {
      const storage = openS3Storage({ storage: lakehouse.s3.storage });
      const orphan = `${lakehouse.warehouse}/lakehouse.db/events/data/left-behind.parquet`;
      await storage.write(orphan, new TextEncoder().encode("nobody names this file"));
      const before = await tables();
      // Everything looks a week old: what Spark does not know of, it takes away.
      age(lakehouse.s3.folder(lakehouse.bucket), 7);
      const kept = ["events", "kinds", "events_quarantine", "bucket_c_string", "day_c_timestamptz"].map(
        (name) => `'lakehouse.${name}'`,
      );
      for (const table of kept) {
        await spark.sql(
          `call lake.system.rewrite_data_files(table => ${table}, options => map('min-input-files', '2'))`,
          `call lake.system.rewrite_manifests(${table})`,
        );
      }
      // Compaction changes no row: nothing is built again.
      const idle = await build();
      expect(idle.results.filter(({ status }) => status === "success")).toEqual([]);
      for (const table of kept) {
        await spark.sql(
          `call lake.system.expire_snapshots(table => ${table}, older_than => timestamp '2100-01-01 00:00:00', retain_last => 1)`,
          `call lake.system.remove_orphan_files(table => ${table}, dry_run => false)`,
        );
      }
      expect(await storage.stat(orphan)).toBeNull();
      const after = await tables();
      for (const [name, { rows }] of before)
        expect({ name, rows: after.get(name)?.rows }).toEqual({ name, rows });
      expect(after.get("events")?.snapshot).not.toBe(before.get("events")?.snapshot);
      await agreed();
      // With the history goes the proof that only a compaction came: what reads the table is built once more, and what
      // takes in landing files still knows which it holds.
      const rebuilt = await build();
      expect(rebuilt.of("events")?.status).toBe("reused");
      expect((await build()).results.filter(({ status }) => status === "success")).toEqual([]);
      const held = await ids();
      await land(6);
      await build();
      expect(await ids()).toEqual([...held, ...range(60, 70)].sort((one, other) => one - other));
      expect(await numbers(`select count(*) from ${relationOf("events_quarantine")}`)).toEqual([[7]]);
      await agreed();
    });
  });

  interface TableState {
    readonly schema: Schema;
    readonly snapshot: bigint;
    readonly rows: string[];
  }
  async function readTable(session: Session, name: string): Promise<TableState> {
    const table = await loadTable({
      catalog: await session.catalog(),
      storage: await session.storage(),
      identifier: { namespace: "lakehouse", name },
    });
    if (table === null) throw new Error(`no table ${name}`);
    const schema = readableBySpark(name, schemaOf(table));
    const { rows } = await queryProject(session, {
      sql: `select ${canonicalColumns(schema)} from ${relationOf(name)}`,
    });
    return { schema, snapshot: table.metadata["current-snapshot-id"]!, rows: canonicalRows(schema, rows) };
  }
});

/** `show create table` without what differs from table to table (its name, the values of its state, lake's own keys)
 *  and from version to version: Spark says who owns a table, and spells an instant as Hive 2 did; later versions of iceberg-java note
 *  that the server is not to count. */
function sameForBoth(shown: string, name: string): string[] {
  const state =
    /^( *'(?:uuid|metadata_location|snapshot-count|transient_lastDdlTime|current-snapshot-[a-z-]+)'=)'.*'/;
  const ofOne = /^ *'(?:lake\.|previous_metadata_location'|owner'|DO_NOT_UPDATE_STATS')/;
  return shown
    .replaceAll(new RegExp(`\\b${name}\\b`, "g"), "…")
    .replaceAll("timestamp with local time zone", "timestamp")
    .split("\n")
    .filter((line) => !ofOne.test(line))
    .map((line) => line.replace(state, "$1…").trimEnd());
}

/** Iceberg 1.4.2 hands Spark the UUID of an identity partition as an object that Spark cannot take, whoever wrote the
 *  table: of that one table all other columns are compared. */
function readableBySpark(name: string, schema: Schema): Schema {
  if (name !== "identity_c_uuid") return schema;
  return { ...schema, fields: schema.fields.filter((field) => field.name !== "c_uuid") };
}

/** Makes every object look as if it had been written so many days ago. */
function age(folder: string, days: number): void {
  for (const name of readdirSync(folder, { recursive: true }) as string[]) {
    const file = path.join(folder, name);
    const { mtimeMs } = statSync(file);
    const seconds = mtimeMs / 1000 - days * 86_400;
    utimesSync(file, seconds, seconds);
  }
}
