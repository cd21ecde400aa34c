// `lake build` on S3 and Hive Metastore, killed with SIGKILL at many random points: whatever is in the tables is
// whole after each of them, and in the end every landing file is in once.
import { spawn } from "node:child_process";
import { afterAll, beforeAll, expect, test } from "vitest";
import { queryProject } from "../../engine/run/query-project.ts";
import { openS3Storage } from "../../engine/storage/s3/s3-storage.ts";
import { lakehouseUnavailable, startLakehouse, type RunningLakehouse } from "../services/lakehouse.ts";
import { describeWith } from "../services/skip.ts";
import { mainFile, makeProject, type TestProject } from "./project.ts";

const kills = Number(process.env["LAKE_KILLS"] ?? 100);
const rowsPerFile = 50;
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
select kind, count(*) as n from {{ref "events"}} group by all
`,
  "models/schema.yml": `models:
  - name: events
    columns: [{name: id, data_tests: [unique, not_null]}]
`,
};

describeWith(lakehouseUnavailable(), "lake build, killed", () => {
  let lakehouse: RunningLakehouse;
  let project: TestProject;
  beforeAll(async () => {
    // What a killed run locked is free again after this time.
    lakehouse = await startLakehouse({ transactionTimeoutSeconds: 3 });
    project = makeProject({ ...models, "profiles.yml": lakehouse.profiles() });
  });
  afterAll(async () => {
    project?.[Symbol.dispose]();
    await lakehouse?.stop();
  });

  async function land(file: number): Promise<void> {
    const lines = Array.from({ length: rowsPerFile }, (_, index) => {
      const id = file * rowsPerFile + index;
      return `${JSON.stringify({ id, kind: id % 2 === 0 ? "view" : "like" })}\n`;
    });
    const bytes = new TextEncoder().encode(lines.join(""));
    await openS3Storage({ storage: lakehouse.s3.storage }).write(
      `${lakehouse.landing}/events/${file}.jsonl`,
      bytes,
    );
  }

  /** Null where it ended by itself. */
  function buildKilledAfter(ms: number): Promise<NodeJS.Signals | null> {
    const child = spawn(process.execPath, [mainFile, "build"], { cwd: project.root, stdio: "ignore" });
    const timer = setTimeout(() => child.kill("SIGKILL"), ms);
    return new Promise((resolve) => {
      child.once("close", (_code, signal) => {
        clearTimeout(timer);
        resolve(signal);
      });
    });
  }

  /** Files that are in with all of their rows, and what is wrong. */
  const look = (): Promise<{ files: number; problems: unknown[] }> =>
    project.withSession(async (session) => {
      const ask = async (sql: string): Promise<number[][]> =>
        (await queryProject(session, { sql })).rows.map((row) => row.map(Number));
      const counts = await ask(
        `select id // ${rowsPerFile}, count(*), count(distinct id) from {{ref "events"}} group by 1 order by 1`,
      );
      const problems = counts.filter(([, rows, ids]) => rows !== rowsPerFile || ids !== rowsPerFile);
      // Built from a state of the events: never from half a file.
      const [[total = 0] = []] = await ask(`select coalesce(sum(n), 0) from {{ref "kinds"}}`);
      if (total % rowsPerFile !== 0 || total > counts.length * rowsPerFile) problems.push([total]);
      return { files: counts.length, problems };
    });

  test(`at ${kills} random points`, async () => {
    await land(0);
    expect((await project.cli("build")).code).toBe(0);
    // How long a build takes, learnt from those that come to their end.
    let wholeMs = 4000;
    let killed = 0;
    let files = 1;
    for (let attempt = 1; attempt <= kills; attempt += 1) {
      await land(attempt);
      const started = performance.now();
      const signal = await buildKilledAfter(wholeMs * (0.1 + Math.random()));
      if (signal === "SIGKILL") killed += 1;
      else wholeMs = performance.now() - started;
      const seen = await look();
      expect({ attempt, ...seen }).toEqual({ attempt, files: seen.files, problems: [] });
      // Nothing that was in has gone.
      expect(seen.files).toBeGreaterThanOrEqual(files);
      files = seen.files;
    }
    const last = await project.cli("build");
    expect([last.stdout + last.stderr, last.code]).toEqual([expect.any(String), 0]);
    expect(await look()).toEqual({ files: kills + 1, problems: [] });
    const total = await project.query(`select sum(n)::bigint from {{ref "kinds"}}`);
    expect(total.flat().map(Number)).toEqual([(kills + 1) * rowsPerFile]);
    expect(killed).toBeGreaterThan(kills / 4);
    const idle = await project.run({});
    expect(idle.published).toBe(false);
  }, 1_800_000);
});
