// Ten thousand small files become few: `lake compact` beside Spark's rewrite_data_files (Iceberg 1.4.2), each on a table
// of its own with the same files.
import { randomUUID } from "node:crypto";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { publishChanges, stageChange } from "../../engine/iceberg/transaction.ts";
import type { PartitionSpec, Schema } from "../../engine/iceberg/types.ts";
import { pathKey } from "../../engine/iceberg/path-key.ts";
import { openProject } from "../../engine/run/open-project.ts";
import { createSession } from "../../engine/run/session.ts";
import { adapters } from "../../engine/wire.ts";
import { runSparkScript, whyNoSpark } from "../interop/spark/spark.ts";
import { columns, measure, row, table } from "./measure.ts";

const files = Number(process.env["BENCH_FILES"] ?? 10_000);
const rowsPerFile = 100;

const schema: Schema = {
  type: "struct",
  "schema-id": 0,
  fields: [
    { id: 1, name: "id", required: false, type: "long" },
    { id: 2, name: "part", required: false, type: "int" },
    { id: 3, name: "kind", required: false, type: "string" },
    { id: 4, name: "session_id", required: false, type: "string" },
  ],
};
const byPart: PartitionSpec = {
  "spec-id": 0,
  fields: [{ "source-id": 2, "field-id": 1000, name: "part", transform: "identity" }],
};
const unpartitioned: PartitionSpec = { "spec-id": 0, fields: [] };

export async function compaction(): Promise<string> {
  const rows: string[][] = [];
  {
    using place = await smallFiles();
    const launcher = path.join(import.meta.dirname, "../../engine/bin/lake.js");
    const measured = await measure([process.execPath, launcher, "compact", "-s", "small"], {
      cwd: place.root,
    });
    rows.push(row("`lake compact`, the whole process", measured, null).slice(0, 4));
  }
  if ((await whyNoSpark()) === null) {
    using place = await smallFiles();
    const catalog = path.join(place.root, "spark");
    const versions = path.join(catalog, "db/small/metadata");
    mkdirSync(versions, { recursive: true });
    copyFileSync(pathKey(place.metadata), path.join(versions, "v1.metadata.json"));
    writeFileSync(path.join(versions, "version-hint.text"), "1");
    const script = path.join(import.meta.dirname, "compaction.py");
    const started = performance.now();
    const procedure = (await runSparkScript("1.4.2", script, [catalog])) as number;
    const whole = (performance.now() - started) / 1000;
    rows.push(["Spark's `rewrite_data_files`, the whole process", whole.toFixed(2), "", ""]);
    rows.push(["the same, the procedure alone", procedure.toFixed(2), "", ""]);
  }
  return `### Compaction of ${files.toLocaleString("en")} files of ${rowsPerFile} rows (one run each)\n\n${table([columns.slice(0, 4), ...rows])}`;
}

/** A table without partitions, of many small files: written as one for each part, which it then forgets. */
async function smallFiles(): Promise<Disposable & { readonly root: string; readonly metadata: string }> {
  const root = mkdtempSync(path.join(tmpdir(), "lake-bench-compaction-"));
  const dev = { schema: "bench", warehouse: "warehouse", landing: "landing", threads: 2 };
  mkdirSync(path.join(root, "models"));
  writeFileSync(path.join(root, "lake.yml"), "name: bench\nprofile: bench\n");
  writeFileSync(
    path.join(root, "profiles.yml"),
    JSON.stringify({ bench: { target: "dev", outputs: { dev } } }),
  );
  writeFileSync(path.join(root, "models/small.sql"), `{{config materialized="table"}}\nselect 1 as id\n`);
  const { graph, profile } = await openProject({ projectDir: root, env: {} });
  const session = createSession({ graph, profile, adapters });
  try {
    const [catalog, storage, compute] = await Promise.all([
      session.catalog(),
      session.storage(),
      session.compute(),
    ]);
    const location = `${profile.warehouse}/bench.db/small`;
    const commitId = randomUUID();
    const written = await compute.write({
      id: "small files",
      sql: `select i as id, (i // ${rowsPerFile})::integer as part, ['view', 'like', 'search'][1 + i % 3] as kind, md5(i::varchar) as session_id from range(${files * rowsPerFile}) t(i)`,
      relations: [],
      schema,
      spec: byPart,
      dataLocation: `${location}/data`,
      properties: {},
      writeId: commitId,
    });
    const staged = await stageChange({
      storage,
      nowMs: Date.now(),
      request: {
        identifier: { namespace: "bench", name: "small" },
        base: null,
        location,
        schema,
        spec: unpartitioned,
        properties: {},
        operation: { kind: "append", add: written.files.map((file) => ({ ...file, partition: [] })) },
        summary: {},
        commitId,
        formatVersion: 2,
      },
    });
    await catalog.createNamespace("bench", {});
    const [made] = await publishChanges({ catalog, storage, staged: [staged], nowMs: Date.now() });
    return {
      root,
      metadata: made?.metadataLocation ?? "",
      [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }),
    };
  } finally {
    await session.close();
  }
}
