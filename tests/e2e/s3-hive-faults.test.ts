// What goes wrong between lake, the bucket and the metastore in the middle of a build, with the outcome looked at
// row by row: right after it, after the next build, and after the next cleaning.
import { randomUUID } from "node:crypto";
import { readdirSync, statSync, utimesSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { isLakeError } from "../../engine/common/errors.ts";
import { reachableFiles } from "../../engine/iceberg/reachable-files.ts";
import { loadTable } from "../../engine/iceberg/load-table.ts";
import { pathKey } from "../../engine/iceberg/path-key.ts";
import { queryProject } from "../../engine/run/query-project.ts";
import { openS3Storage } from "../../engine/storage/s3/s3-storage.ts";
import { removeOrphanFiles } from "../../engine/upkeep/remove-orphan-files.ts";
import { startCuttingProxy, type CuttingProxy } from "../services/cutting-proxy.ts";
import { startHttpFaultProxy, type Fault, type HttpFaultProxy } from "../services/http-fault-proxy.ts";
import { lakehouseUnavailable, startLakehouse, type RunningLakehouse } from "../services/lakehouse.ts";
import { describeWith } from "../services/skip.ts";
import { makeProject, type TestProject } from "./project.ts";

const models = {
  "models/sources.yml": `sources:
  - name: landing
    tables:
      - name: events
        location: events
        columns: [{name: id, data_type: bigint}, {name: kind, data_type: varchar}]
`,
  "models/events.sql": `{{config materialized="incremental" strategy="append" partition_by="kind"}}
select id, kind from {{source "landing" "events"}}
`,
  "models/kinds.sql": `{{config materialized="table"}}
select kind, count(*) as n, sum(id)::bigint as ids from {{ref "events"}} group by all
`,
  "models/total.sql": `{{config materialized="table"}} select sum(n)::bigint as n from {{ref "kinds"}}
`,
};
const names = ["events", "kinds", "total"] as const;
/** In the order of their names. */
const kinds = ["like", "search", "view"];

/** A hundred events of a file, ids counted on. */
const idsOf = (file: number): number[] => Array.from({ length: 100 }, (_, index) => file * 100 + index);

interface Tables {
  readonly events: unknown;
  readonly kinds: unknown;
  readonly total: unknown;
}

/** What the tables hold when so many files are in. */
function tablesOf(files: number): Tables {
  const ids = Array.from({ length: files }, (_, file) => idsOf(file)).flat();
  const ofKind = kinds.map((kind, at) => {
    const own = ids.filter((id) => id % 3 === at);
    return [kind, own.length, own.reduce((sum, id) => sum + id, 0)];
  });
  return { events: ids, kinds: ofKind, total: [ids.length] };
}

const alter = "alter_table_with_environment_context";

describeWith(lakehouseUnavailable(), "a build that meets a fault", () => {
  let lakehouse: RunningLakehouse;
  let metastore: CuttingProxy;
  let s3: HttpFaultProxy;
  let restarted: Promise<void> = Promise.resolve();
  /** By schema; they share the servers, not a table. */
  const projects = new Map<string, TestProject>();
  const restart = (): void => {
    restarted = lakehouse.metastore.restart();
  };
  beforeAll(async () => {
    // A lock whose holder was cut off must not hold up the next build for five minutes.
    lakehouse = await startLakehouse({ transactionTimeoutSeconds: 5 });
    metastore = await startCuttingProxy(lakehouse.metastore.port);
    s3 = await startHttpFaultProxy(lakehouse.s3.endpoint);
  });
  afterAll(async () => {
    for (const project of projects.values()) project[Symbol.dispose]();
    await metastore?.close();
    await s3?.close();
    await lakehouse?.stop();
  });

  /** A project with one file in its tables and a second one waiting. */
  async function begin(): Promise<TestProject> {
    const schema = `s_${randomUUID().replaceAll("-", "")}`;
    const landing = `${lakehouse.landing}/${schema}`;
    const storage = { type: "s3", ...lakehouse.s3.storage, endpoint: s3.endpoint, retries: 3 };
    const project = makeProject({
      ...models,
      "profiles.yml": lakehouse.profiles({
        schema,
        landing,
        storage: { ...storage, request_timeout: "2s" },
        catalog: { type: "hive", uri: `thrift://127.0.0.1:${metastore.port}` },
      }),
    });
    const direct = openS3Storage({ storage: lakehouse.s3.storage });
    const land = (file: number): Promise<void> => {
      const lines = idsOf(file).map((id) => `${JSON.stringify({ id, kind: kinds[id % 3] })}\n`);
      return direct.write(`${landing}/events/${file}.jsonl`, new TextEncoder().encode(lines.join("")));
    };
    await land(0);
    expect(await build(project)).toBe("success");
    expect(await read(project)).toEqual(tablesOf(1));
    await land(1);
    projects.set(schema, project);
    return project;
  }

  /** "success", or the code of what failed. */
  async function build(project: TestProject): Promise<string> {
    try {
      const outcome = await project.run({});
      if (outcome.success) return "success";
      const failed = outcome.error ?? outcome.results.find(({ error }) => error !== undefined)?.error;
      return failed?.code ?? "a failure without a reason";
    } catch (error) {
      if (isLakeError(error)) return error.code;
      throw error;
    }
  }

  const read = (project: TestProject): Promise<Tables> =>
    project.withSession(async (session) => {
      const rows = async (sql: string): Promise<unknown[][]> =>
        (await queryProject(session, { sql })).rows.map((row) =>
          row.map((one) => (typeof one === "bigint" ? Number(one) : one)),
        );
      return {
        events: (await rows(`select id from {{ref "events"}} order by id`)).flat(),
        kinds: await rows(`select * from {{ref "kinds"}} order by kind`),
        total: (await rows(`select n from {{ref "total"}}`)).flat(),
      };
    });

  /** Every table by itself is as it was or as it will be. */
  async function isWhole(project: TestProject, outcome: string): Promise<void> {
    const found = await read(project);
    for (const name of names) {
      const allowed = outcome === "success" ? [tablesOf(2)] : [tablesOf(1), tablesOf(2)];
      expect(allowed.map((tables) => tables[name])).toContainEqual(found[name]);
    }
  }

  /** The next build ends it, and the one after that has nothing to do. */
  async function isHealed(project: TestProject): Promise<void> {
    expect(await build(project)).toBe("success");
    expect(await read(project)).toEqual(tablesOf(2));
    const idle = await project.run({});
    expect(idle.results.map(({ status }) => status)).toEqual(["reused", "reused", "reused"]);
    expect(idle.published).toBe(false);
  }

  const either = /^(success|catalog\/(unreachable|unknown-outcome|locked))$/;

  test.each([
    ["killed before the alter", { deliver: "never" }, 0],
    ["killed during the alter", { deliver: "before" }, 0],
    ["killed during the second table's alter", { deliver: "before" }, 1],
    ["killed before the third table's alter", { deliver: "never" }, 2],
  ] as const)("the metastore %s", async (_, { deliver }, after) => {
    const project = await begin();
    metastore.cut({ word: alter, deliver, after, reconnect: true, meanwhile: restart });
    const outcome = await build(project);
    expect(outcome).toMatch(either);
    await restarted;
    await isWhole(project, outcome);
    await isHealed(project);
  });

  test("the metastore killed after the alter, with the lock still held", async () => {
    const project = await begin();
    metastore.cut({ word: "\0\0\0\u0006unlock", deliver: "never", reconnect: true, meanwhile: restart });
    const outcome = await build(project);
    expect(outcome).toMatch(either);
    await restarted;
    await isWhole(project, outcome);
    await isHealed(project);
  });

  test.each([
    ["the reply to an alter lost", alter, "before"],
    ["the reply to a lock lost", "\0\0\0\u0004lock", "before"],
    ["the socket cut before the alter", alter, "never"],
    ["the socket cut before the lock", "\0\0\0\u0004lock", "never"],
    ["an alter that arrives after we asked", alter, { afterMs: 500 }],
  ] as const)("%s is no failure", async (_, word, deliver) => {
    const project = await begin();
    metastore.cut({ word, deliver, after: 1, reconnect: true });
    expect(await build(project)).toBe("success");
    await isWhole(project, "success");
    await isHealed(project);
  });

  const passing: readonly (readonly [string, readonly Fault[]])[] = [
    ["500", every(["PUT", "GET", "HEAD"], { answer: 500, code: "InternalError" })],
    ["503 slow down", every(["PUT", "GET", "HEAD", "POST"], { answer: 503, code: "SlowDown" })],
    ["truncated bodies", every(["GET"], { cutReplyAfter: 100 })],
    ["changed bodies", every(["GET"], { spoilReply: true })],
    ["lost replies", every(["PUT"], { loseReply: true })],
    ["silence", every(["GET", "PUT"], { silent: true })],
  ];
  test.each(passing)("S3 answers with %s for a while: the build gets through", async (_, faults) => {
    const project = await begin();
    s3.fail(...faults);
    expect(await build(project)).toBe("success");
    s3.fail();
    await isWhole(project, "success");
    await isHealed(project);
  });

  // Which write of the build it is: a record of the run, a data file, a manifest, a list, metadata, the ledger.
  test.each([0, 2, 4, 6, 9, 12, 15, 18])(
    "S3 refuses the write after %i others, and all after it: nothing of the run is lost or there twice",
    async (after) => {
      const project = await begin();
      s3.fail({ method: "PUT", after, times: 1000, what: { answer: 403, code: "AccessDenied" } });
      const outcome = await build(project);
      s3.fail();
      expect(outcome).toMatch(/^(success|storage\/failed|run\/publishing-cut)$/);
      await isWhole(project, outcome);
      await isHealed(project);
    },
  );

  test.each([3, 8])("S3 fails without an end after %i reads", async (after) => {
    const project = await begin();
    s3.fail({ method: "GET", after, times: 1000, what: { answer: 500, code: "InternalError" } });
    const outcome = await build(project);
    s3.fail();
    expect(outcome).toMatch(/^(success|storage\/failed)$/);
    await isWhole(project, outcome);
    await isHealed(project);
  });

  // The last test, on what all the others left.
  test("the next cleaning finds the leftovers of all of them, and nothing that is needed", async () => {
    age(lakehouse.s3.folder(lakehouse.bucket), 8);
    let orphans = 0;
    for (const [schema, project] of projects) {
      await project.withSession(async (session) => {
        const [catalog, storage] = [await session.catalog(), await session.storage()];
        for (const name of names) {
          const identifier = { namespace: schema, name };
          const { files } = await removeOrphanFiles({
            session,
            identifier,
            olderThanMs: 3 * 86_400_000,
            dryRun: false,
          });
          orphans += files;
          const table = await loadTable({ catalog, storage, identifier });
          if (table === null) throw new Error(`no table ${name}`);
          const needed = await reachableFiles(storage, table.metadata, table.metadataLocation);
          const there = new Set<string>();
          for await (const file of storage.list(table.metadata.location)) there.add(pathKey(file.path));
          expect([...there].filter((file) => !needed.has(file))).toEqual([]);
          expect([...needed].filter((file) => !there.has(file))).toEqual([]);
        }
      });
      expect(await read(project)).toEqual(tablesOf(2));
    }
    expect(orphans).toBeGreaterThan(0);
  });
});

/** The second and third request of each method meet it. */
function every(methods: readonly string[], what: Fault["what"]): Fault[] {
  return methods.map((method) => ({ method, after: 1, times: 2, what }));
}

/** Makes every object look as if it had been written so many days ago. */
function age(folder: string, days: number): void {
  for (const name of readdirSync(folder, { recursive: true }) as string[]) {
    const file = path.join(folder, name);
    const seconds = statSync(file).mtimeMs / 1000 - days * 86_400;
    utimesSync(file, seconds, seconds);
  }
}
