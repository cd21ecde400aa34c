// Runs one of the two hand-written scripts: node tests/bench/raw/run.ts direct|staged LANDING OUTPUT
import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";

const [plan, landing, output] = process.argv.slice(2);
if ((plan !== "direct" && plan !== "staged") || landing === undefined || output === undefined) {
  throw new Error("usage: run.ts direct|staged LANDING OUTPUT");
}
const text = (name: string): string => readFileSync(join(import.meta.dirname, name), "utf8");
const stage = `${output}.stage`;
const fill = (sql: string, day = ""): string =>
  sql
    .replaceAll("$silver", () => text("silver.sql"))
    .replaceAll("$landing", () => landing)
    .replaceAll("$output", () => output)
    .replaceAll("$stage", () => stage)
    .replaceAll("$day", () => day);

rmSync(output, { recursive: true, force: true });
rmSync(stage, { recursive: true, force: true });
mkdirSync(output, { recursive: true });
const instance = await DuckDBInstance.create(":memory:", { temp_directory: `${output}.tmp` });
const connection = await instance.connect();
const [first = "", perDay] = text(`${plan}.sql`).split("-- each day --");
await connection.run(fill(first));
if (perDay !== undefined) {
  for (const day of readdirSync(stage).toSorted()) await connection.run(fill(perDay, join(stage, day)));
}
rmSync(stage, { recursive: true, force: true });
connection.closeSync();
instance.closeSync();
