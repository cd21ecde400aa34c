// What one append of one landing file to one table costs on the second target, in requests to the bucket and calls
// of the metastore: the figures of engine/README.md.
import { afterAll, beforeAll, expect, test } from "vitest";
import { executeRun } from "../../engine/run/execute-run.ts";
import { openProject } from "../../engine/run/open-project.ts";
import { createSession } from "../../engine/run/session.ts";
import { rememberFiles } from "../../engine/storage/remember-files.ts";
import type { S3Request } from "../../engine/storage/s3/s3-client.ts";
import { openS3Storage } from "../../engine/storage/s3/s3-storage.ts";
import { adapters } from "../../engine/wire.ts";
import { lakehouseUnavailable, startLakehouse, type RunningLakehouse } from "../services/lakehouse.ts";
import { describeWith } from "../services/skip.ts";
import { startThriftSpy, type ThriftSpy } from "../services/thrift-spy.ts";
import { makeProject, type TestProject } from "./project.ts";

describeWith(lakehouseUnavailable(), "one append on S3 and Hive Metastore", () => {
  let lakehouse: RunningLakehouse;
  let metastore: ThriftSpy;
  let project: TestProject;
  beforeAll(async () => {
    lakehouse = await startLakehouse();
    metastore = await startThriftSpy(lakehouse.metastore.port);
    const uri = `thrift://127.0.0.1:${metastore.port}`;
    project = makeProject({
      "models/sources.yml": `sources:
  - name: landing
    tables: [{name: events, location: events, columns: [{name: id, data_type: bigint}]}]
`,
      "models/events.sql": `{{config materialized="incremental" strategy="append"}}
select id from {{source "landing" "events"}}
`,
      "profiles.yml": lakehouse.profiles({ catalog: { type: "hive", uri } }),
    });
  });
  afterAll(async () => {
    project?.[Symbol.dispose]();
    await metastore?.close();
    await lakehouse?.stop();
  });

  const land = (id: number): Promise<void> =>
    openS3Storage({ storage: lakehouse.s3.storage }).write(
      `${lakehouse.landing}/events/${id}.jsonl`,
      new TextEncoder().encode(`{"id":${id}}\n`),
    );

  /** The requests of one run by their kind, and its calls in order. */
  async function run(): Promise<{ readonly s3: Record<string, number>; readonly calls: readonly string[] }> {
    const requests: S3Request[] = [];
    const counting = openS3Storage({
      storage: lakehouse.s3.storage,
      onRequest: (request) => requests.push(request),
    });
    const { graph, profile } = await openProject({ projectDir: project.root, env: {} });
    const storage = async (): Promise<ReturnType<typeof rememberFiles>> => rememberFiles(counting);
    const session = createSession({ graph, profile, adapters: { ...adapters, storage } });
    metastore.calls();
    try {
      const { results } = await executeRun(session, { command: "run" });
      expect(results.map(({ status }) => status)).toEqual(["success"]);
    } finally {
      await session.close();
    }
    const s3: Record<string, number> = {};
    for (const { operation } of requests) s3[operation] = (s3[operation] ?? 0) + 1;
    return { s3, calls: metastore.calls() };
  }

  test("takes so many requests and calls as the engine's README says", async () => {
    await land(1);
    await run();
    await land(2);
    expect(await run()).toEqual({
      // Of the table, of the landing zone, of lake itself: s3-warehouse.test.ts tells them apart.
      s3: { GetObject: 3 + 1 + 3, PutObject: 4 + 2, ListObjectsV2: 1 + 1, HeadObject: 2, DeleteObjects: 1 },
      calls: [
        // For the plan, and once more when the tables are taken; a quarantine would lie below the database.
        "get_table_objects_by_name_req",
        "get_database",
        "get_table_objects_by_name_req",
        "lock",
        "get_table_req",
        "alter_table_with_environment_context",
        "unlock",
      ],
    });
  });
});
