// Runs one of the two hand-written scripts, then the gold tables: node tests/bench/raw/run.ts direct|staged PROJECT OUTPUT
import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";

const [plan, project, output] = process.argv.slice(2);
if ((plan !== "direct" && plan !== "staged") || project === undefined || output === undefined) {
  throw new Error("usage: run.ts direct|staged PROJECT OUTPUT");
}
const text = (name: string): string => readFileSync(join(import.meta.dirname, name), "utf8");
const stage = `${output}.stage`;
const fill = (sql: string, day = ""): string =>
  sql
    .replaceAll("$silver", () => text("silver.sql"))
    .replaceAll("$project", () => project)
    .replaceAll("$output", () => output)
    .replaceAll("$stage", () => stage)
    .replaceAll("$day", () => day);

mkdirSync(output, { recursive: true });
const instance = await DuckDBInstance.create(":memory:", { temp_directory: `${output}.tmp` });
const connection = await instance.connect();
const [first = "", perDay] = text(`${plan}.sql`).split("-- each day --");
await connection.run(fill(first));
if (perDay !== undefined) {
  for (const day of readdirSync(stage).toSorted()) await connection.run(fill(perDay, join(stage, day)));
  rmSync(stage, { recursive: true });
}
await connection.run(fill(text("gold.sql")));
connection.closeSync();
instance.closeSync();
