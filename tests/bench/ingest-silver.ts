// The ingest alone, to be compared with raw/run.ts: node tests/bench/ingest-silver.ts LANDING OUTPUT [LIMIT_MB]
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import type { LandingColumn } from "../../engine/compute/compute.ts";
import { openDuckDb } from "../../engine/compute/duckdb/duckdb-compute.ts";
import type { PrimitiveType } from "../../engine/iceberg/types.ts";

const [landing, output, limitMb = "700"] = process.argv.slice(2);
if (landing === undefined || output === undefined)
  throw new Error("usage: ingest-silver.ts LANDING OUTPUT [LIMIT_MB]");
rmSync(output, { recursive: true, force: true });
mkdirSync(output, { recursive: true });

const declared: LandingColumn[] = [
  ...["event_id", "event_name", "user_id", "anonymous_id", "session_id"].map((name) => ({
    name,
    type: "varchar",
  })),
  { name: "timestamp", type: "timestamptz" },
  { name: "date", type: "date" },
  { name: "context.page.name", type: "varchar" },
  { name: "event_properties.recipe_id", type: "bigint" },
  { name: "event_properties.result_count", type: "integer" },
];
const types: Record<string, PrimitiveType> = {
  utc_timestamp: "timestamptz",
  date: "date",
  year: "int",
  month: "int",
  day: "int",
  hour: "int",
  prop_recipe_id: "long",
  prop_result_count: "int",
  processed_at: "timestamptz",
};
const names =
  "event_id event_name user_id anonymous_id session_id utc_timestamp date year month day hour day_of_week " +
  "page_name page_url user_segment cooking_style ab_test_group prop_recipe_id prop_list_type prop_action " +
  "prop_search_keyword prop_result_count processed_at data_source pipeline_version";
const fields = names
  .split(" ")
  .map((name, index) => ({ id: index + 1, name, required: false, type: types[name] ?? ("string" as const) }));
const sql = readFileSync(join(import.meta.dirname, "raw", "silver.sql"), "utf8")
  .replace(/from read_json\([\s\S]*?\}\)\n/, 'from "landing.events"\n')
  .replaceAll("filename", "_file");
const files = readdirSync(landing).map((name) => {
  const path = resolve(landing, name);
  return { path, sizeBytes: statSync(path).size };
});
const started = performance.now();
const compute = await openDuckDb({
  timezone: "Asia/Seoul",
  threads: 2,
  memoryLimitBytes: Number(limitMb) * 1e6,
  tempDirectory: `${resolve(output)}.tmp`,
  allowedDirectories: [resolve(landing), resolve(output)],
});
try {
  const result = await compute.write({
    id: "silver",
    sql,
    relations: [
      {
        kind: "landing",
        name: "landing.events",
        format: "jsonl",
        files,
        columns: declared,
        onBadRecord: "fail",
        declaredAt: { file: "models/sources.yml" },
      },
    ],
    schema: { type: "struct", "schema-id": 0, fields },
    spec: {
      "spec-id": 0,
      fields: ["year", "month", "day", "hour"].map((name, index) => ({
        name,
        transform: "identity",
        "source-id": 8 + index,
        "field-id": 1000 + index,
      })),
    },
    dataLocation: join(resolve(output), "data"),
    properties: {},
    writeId: `bench-${process.pid}`,
  });
  const cpu = process.cpuUsage();
  console.log(
    `${result.rows} rows in ${result.files.length} files, ${((performance.now() - started) / 1000).toFixed(2)} s, ` +
      `cpu ${((cpu.user + cpu.system) / 1e6).toFixed(2)} s, peak ${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MiB`,
  );
} finally {
  await compute.close();
}
