// Runs one of the two hand-written scripts, then the gold tables: node tests/bench/raw/run.ts direct|staged PROJECT OUTPUT
// With RAW_S3 (JSON: extension, landing, and the server's address and keys) files are read and written by httpfs.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";

const [plan, project, output] = process.argv.slice(2);
if ((plan !== "direct" && plan !== "staged") || project === undefined || output === undefined) {
  throw new Error("usage: run.ts direct|staged PROJECT OUTPUT");
}
const text = (name: string): string => readFileSync(join(import.meta.dirname, name), "utf8");
interface S3 {
  readonly extension: string;
  readonly landing: string;
  readonly endpoint: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}
const s3 = process.env["RAW_S3"] === undefined ? null : (JSON.parse(process.env["RAW_S3"]) as S3);
const scratch = s3 === null ? output : mkdtempSync(join(tmpdir(), "lake-raw-"));
const stage = `${scratch}.stage`;
const fill = (sql: string, day = ""): string =>
  sql
    .replaceAll("$silver", () => text("silver.sql"))
    .replaceAll("$landing", () => s3?.landing ?? `${project}/landing-zone`)
    .replaceAll("$project", () => project)
    .replaceAll("$output", () => output)
    .replaceAll("$stage", () => stage)
    .replaceAll("$day", () => day)
    // Uploads hold their parts in memory: a script for a bucket gets more of it.
    .replaceAll("700MB", () => (s3 === null ? "700MB" : "3GB"));

if (s3 === null) mkdirSync(output, { recursive: true });
const instance = await DuckDBInstance.create(":memory:", { temp_directory: `${scratch}.tmp` });
const connection = await instance.connect();
if (s3 !== null) {
  await connection.run(`load '${s3.extension}'`);
  await connection.run(`create secret (type s3, key_id '${s3.accessKeyId}', secret '${s3.secretAccessKey}',
    region '${s3.region}', endpoint '${new URL(s3.endpoint).host}', use_ssl false, url_style 'path')`);
  // Parts of 5 MB: the default of 80 MB for each open file is more than the machine has.
  await connection.run("set s3_uploader_max_filesize = '50GB'");
}
const [first = "", perDay] = text(`${plan}.sql`).split("-- each day --");
await connection.run(fill(first));
if (perDay !== undefined) {
  for (const day of readdirSync(stage).toSorted()) await connection.run(fill(perDay, join(stage, day)));
  rmSync(stage, { recursive: true });
}
await connection.run(fill(text("gold.sql")));
connection.closeSync();
instance.closeSync();
if (s3 !== null) rmSync(scratch, { recursive: true });
