// A landing zone of 100,000 objects: listed page by page, never held as a whole by the storage, and planned by a
// process whose heap could not hold the answers of the server.
import { execFile } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openS3Storage } from "../../engine/storage/s3/s3-storage.ts";
import { describeWith } from "../services/skip.ts";
import { startVersitygw, versitygwUnavailable, type RunningS3 } from "../services/versitygw.ts";
import { mainFile, makeProject, type TestProject } from "./project.ts";

/** Of V8's heap; the answers of the server alone are more. */
const heapMegabytes = 96;
const models = {
  "models/sources.yml": `sources:
  - name: landing
    tables: [{name: events, location: events, files: ["**/*.jsonl"], columns: [{name: id, data_type: bigint}]}]
`,
  "models/events.sql": `{{config materialized="incremental" strategy="append"}}
select id from {{source "landing" "events"}}
`,
};

const objects = 100_000;
const perPage = 1000;

describeWith(versitygwUnavailable(), "a landing zone of 100,000 objects", () => {
  let server: RunningS3;
  let bucket: string;
  beforeAll(async () => {
    server = await startVersitygw();
    bucket = await server.createBucket();
    // As files of the server's folder: a hundred thousand uploads would take minutes.
    for (let folder = 0; folder < 100; folder += 1) {
      const at = path.join(server.folder(bucket), "events", String(folder).padStart(3, "0"));
      mkdirSync(at, { recursive: true });
      for (let file = 0; file < objects / 100; file += 1) writeFileSync(path.join(at, `${file}.jsonl`), "");
    }
  });
  afterAll(() => server?.stop());

  test("takes a request for each thousand, and memory for two of them", async () => {
    let pages = 0;
    const storage = openS3Storage({ storage: server.storage, onRequest: () => (pages += 1) });
    const before = process.memoryUsage().heapUsed;
    let [seen, highest] = [0, 0];
    for await (const file of storage.list(`s3://${bucket}/events`)) {
      expect(file.path.startsWith(`s3://${bucket}/events/`)).toBe(true);
      seen += 1;
      if (seen % 10_000 !== 0) continue;
      global.gc?.();
      highest = Math.max(highest, process.memoryUsage().heapUsed - before);
    }
    expect([seen, pages]).toEqual([objects, objects / perPage]);
    // What nobody holds is not collected at once: some tens of megabytes, where all objects with their answers
    // would be hundreds.
    expect(highest).toBeLessThan(80 * 1024 * 1024);
  });

  const newProject = (landing: string): TestProject => {
    const output = {
      schema: "lakehouse",
      warehouse: `s3://${bucket}/warehouse`,
      landing,
      catalog: { type: "sql", uri: "sqlite:///lake.db" },
      storage: server.storage,
    };
    return makeProject({
      ...models,
      "profiles.yml": JSON.stringify({ shop: { outputs: { dev: output } } }),
    });
  };

  test("is planned within a heap of few megabytes", async () => {
    using project = newProject(`s3://${bucket}`);
    const { stdout } = await promisify(execFile)(process.execPath, [mainFile, "plan"], {
      cwd: project.root,
      env: { ...process.env, NO_COLOR: "1", NODE_OPTIONS: `--max-old-space-size=${heapMegabytes}` },
    });
    expect(stdout).toContain("100000 landing files");
  });

  test("is read in part by a process that may open few files at a time", async () => {
    const folder = path.join(server.folder(bucket), "some/events");
    mkdirSync(folder, { recursive: true });
    for (let id = 0; id < 1000; id += 1) writeFileSync(path.join(folder, `${id}.jsonl`), `{"id":${id}}\n`);
    using project = newProject(`s3://${bucket}/some`);
    const limited = ["-c", 'ulimit -n 256; exec "$0" "$@"', process.execPath, mainFile, "build"];
    await promisify(execFile)("sh", limited, { cwd: project.root });
    const total = await project.query(`select count(*), sum(id)::bigint from {{ref "events"}}`);
    expect(total.flat().map(Number)).toEqual([1000, 499_500]);
  });
});
