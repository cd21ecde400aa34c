// The whole engine with its warehouse and landing zone on S3: the same project, nothing else changed.
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { rememberFiles } from "../../engine/storage/remember-files.ts";
import { openS3Storage } from "../../engine/storage/s3/s3-storage.ts";
import type { S3Request } from "../../engine/storage/s3/s3-client.ts";
import type { Storage } from "../../engine/storage/storage.ts";
import { adapters } from "../../engine/wire.ts";
import { openProject } from "../../engine/run/open-project.ts";
import { createSession } from "../../engine/run/session.ts";
import { executeRun } from "../../engine/run/execute-run.ts";
import { rowsOnS3 } from "../interop/pyiceberg-s3.ts";
import { whyNoPyiceberg } from "../interop/pyiceberg.ts";
import { describeWith } from "../services/skip.ts";
import { startVersitygw, versitygwUnavailable, type RunningS3 } from "../services/versitygw.ts";
import { makeProject, type RunOutcome, type TestProject } from "./project.ts";

const models = {
  "models/sources.yml": `sources:
  - name: landing
    tables:
      - name: events
        location: events
        columns:
          - {name: id, data_type: bigint}
          - {name: kind, data_type: varchar}
          - {name: happened, data_type: varchar}
`,
  "models/stg.sql": `{{config materialized="view"}}
select id, kind, happened::timestamptz as happened, _file as data_source from {{source "landing" "events"}}
`,
  "models/events.sql": `{{config materialized="incremental" strategy="append" partition_by="day(happened)"}}
select * from {{ref "stg"}}
`,
  "models/daily.sql": `{{config materialized="table"}}
select happened::date as day, kind, count(*) as n from {{ref "events"}} group by all
`,
  "models/schema.yml": `models:
  - name: events
    columns: [{name: id, data_tests: [unique, not_null]}]
`,
};

const lines = (first: number, count: number): string =>
  Array.from({ length: count }, (_, index) => {
    const id = first + index;
    const kind = ["view", "like", "search"][id % 3];
    return `${JSON.stringify({ id, kind, happened: `2025-07-0${1 + (id % 5)}T03:00:00+09:00` })}\n`;
  }).join("");

const noPyiceberg = await whyNoPyiceberg();

describeWith(versitygwUnavailable(), "a warehouse and a landing zone on S3", () => {
  let server: RunningS3;
  let bucket: string;
  let storage: Storage;
  let project: TestProject;
  beforeAll(async () => {
    server = await startVersitygw();
    storage = openS3Storage({ storage: server.storage });
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    bucket = await server.createBucket();
    const output = {
      schema: "lakehouse",
      // Spelled as Hadoop does: what Spark writes beside us must find the same spelling.
      warehouse: `s3a://${bucket}/iceberg/warehouse`,
      landing: `s3://${bucket}/bronze/landing-zone`,
      threads: 2,
      catalog: { type: "sql", uri: "sqlite:///lake.db" },
      storage: server.storage,
    };
    project = makeProject({
      ...models,
      "profiles.yml": JSON.stringify({ shop: { outputs: { dev: output } } }),
    });
  });
  afterEach(() => project[Symbol.dispose]());

  const land = (name: string, text: string): Promise<void> =>
    storage.write(`s3://${bucket}/bronze/landing-zone/events/${name}`, new TextEncoder().encode(text));
  async function objects(prefix = ""): Promise<string[]> {
    const found: string[] = [];
    for await (const file of storage.list(`s3a://${bucket}/${prefix}`)) found.push(file.path);
    return found;
  }
  const statuses = ({ results }: RunOutcome): string[] => results.map(({ status }) => status).sort();

  test("a build, a run with nothing new, a run with one new file", async () => {
    await land("a.jsonl", lines(0, 1000));
    const first = await project.run({});
    expect(first.results.map(({ error }) => error).filter(Boolean)).toEqual([]);
    expect(
      await project.query(
        `select count(*), count(distinct data_source), min(data_source) from {{ref "events"}}`,
      ),
    ).toEqual([[1000, 1, `s3://${bucket}/bronze/landing-zone/events/a.jsonl`]]);
    expect(
      Object.values(await project.catalog()).every((location) =>
        location.startsWith(`s3a://${bucket}/iceberg/warehouse/lakehouse.db/`),
      ),
    ).toBe(true);

    const before = await project.catalog();
    const second = await project.run({});
    expect(statuses(second)).not.toContain("error");
    expect(await project.catalog()).toEqual(before);

    await land("b.jsonl", lines(1000, 500));
    await project.run({});
    expect(
      await project.query(
        `select count(*), count(distinct id), count(distinct data_source) from {{ref "events"}}`,
      ),
    ).toEqual([[1500, 1500, 2]]);
    expect(await project.query(`select sum(n) from {{ref "daily"}}`)).toEqual([[1500]]);
    expect(project.files("warehouse")).toEqual([]);
  });

  test("one append of one file to one table costs few requests", async () => {
    const requests: S3Request[] = [];
    const counting = openS3Storage({
      storage: server.storage,
      onRequest: (request) => requests.push(request),
    });
    const build = async (): Promise<Record<string, number>> => {
      const { graph, profile } = await openProject({ projectDir: project.root, env: {} });
      const session = createSession({
        graph,
        profile,
        adapters: { ...adapters, storage: async () => rememberFiles(counting) },
      });
      requests.length = 0;
      try {
        const result = await executeRun(session, { command: "run", select: ["events"] });
        expect(result.results.map(({ status }) => status)).toEqual(["success"]);
      } finally {
        await session.close();
      }
      const counts: Record<string, number> = {};
      for (const { operation } of requests) counts[operation] = (counts[operation] ?? 0) + 1;
      return counts;
    };
    // All of a day, so that one data file is written.
    await land("a.jsonl", `${JSON.stringify({ id: 1, kind: "view", happened: "2025-07-01T03:00:00Z" })}\n`);
    await build();
    await land("b.jsonl", `${JSON.stringify({ id: 2, kind: "view", happened: "2025-07-01T03:00:00Z" })}\n`);
    // Of the table: metadata, manifest list and manifest read; data file, manifest, manifest list and metadata
    // written. Of the landing zone: one list, the file, and a look before and after it. Of lake's own: the
    // ledger, the test cache and the published manifest read, a ledger segment and the run's record written, the records of other
    // runs listed, its own removed.
    expect(await build()).toEqual({
      GetObject: 3 + 1 + 3,
      PutObject: 4 + 2,
      ListObjectsV2: 1 + 1,
      HeadObject: 2,
      DeleteObjects: 1,
    });
  });

  test("a landing zone of local files feeds a warehouse on S3", async () => {
    const mixed = JSON.parse(project.read("profiles.yml")) as {
      shop: { outputs: { dev: Record<string, unknown> } };
    };
    mixed.shop.outputs.dev["landing"] = "landing-zone";
    project.write({ "profiles.yml": JSON.stringify(mixed), "landing-zone/events/a.jsonl": lines(0, 100) });
    await project.run({});
    expect(await project.query(`select count(*), min(data_source) from {{ref "events"}}`)).toEqual([
      [100, `file://${project.root}/landing-zone/events/a.jsonl`],
    ]);
    expect((await objects("iceberg")).some((path) => path.endsWith(".parquet"))).toBe(true);
  });

  test("a table is a source under every spelling of the store, whatever spelling it uses itself", async () => {
    await land("a.jsonl", lines(0, 100));
    await project.run({});
    const { "lakehouse.events": location = "" } = await project.catalog();
    for (const scheme of ["s3", "s3a", "s3n"]) {
      for (const place of [location, location.replace(/\/metadata\/.*/, "")]) {
        const spelled = place.replace(/^s3a:/, `${scheme}:`);
        project.write({
          "models/others.yml": `sources: [{name: others, type: iceberg, tables: [{name: t, metadata_location: "${spelled}"}]}]\n`,
        });
        expect(await project.query(`select count(*) from {{source "others" "t"}}`)).toEqual([[100]]);
      }
    }
  });

  test("files become as large as the table's target size says", async () => {
    project.write({
      "models/wide.sql": `{{config materialized="table" partition_by="k"}}
select i as id, md5(i::varchar) as text, i % 2 as k from range(100000) as t(i)
`,
      "models/wide.yml": `models: [{name: wide, config: {properties: {write.target-file-size-bytes: 500000}}}]\n`,
    });
    const outcome = await project.run({ select: ["wide"] });
    expect(outcome.results.flatMap(({ error }) => error ?? [])).toEqual([]);
    const files = (await objects("iceberg")).filter((path) => path.endsWith(".parquet"));
    expect(files.length).toBeGreaterThan(3);
    expect(await project.query(`select count(*), count(distinct id), sum(k) from {{ref "wide"}}`)).toEqual([
      [100_000, 100_000, 50_000],
    ]);
  });

  test("a bad line is named by its place in the landing zone, and no data file is left", async () => {
    await land("bad.jsonl", `${lines(0, 3)}not json\n${lines(3, 3)}`);
    const failed = await project.run({});
    const shown = JSON.stringify(failed.results);
    expect(shown).toContain(`s3://${bucket}/bronze/landing-zone/events/bad.jsonl`);
    expect(shown).toContain('"line":4');
    expect((await objects("iceberg")).filter((path) => path.endsWith(".parquet"))).toEqual([]);
  });

  describeWith(noPyiceberg, "PyIceberg beside it", () => {
    test("it reads what was written, row for row", async () => {
      await land("a.jsonl", lines(0, 1000));
      await project.run({});
      const ours = await project.query(
        `select id, kind, epoch_us(happened), data_source from {{ref "events"}} order by id`,
      );
      const { "lakehouse.events": metadata = "" } = await project.catalog();
      const happened = `int(round(r["happened"].timestamp() * 1e6))`;
      const theirs = await rowsOnS3(server, metadata, [`r["id"]`, `r["kind"]`, happened, `r["data_source"]`]);
      expect(JSON.stringify(theirs)).toBe(JSON.stringify(ours));
    });
  });
});
