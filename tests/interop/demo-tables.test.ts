// The repository's own project on 20,001 events: each table as PyIceberg, lake and plain DuckDB see it, and its
// files field by field.
import { readdirSync, renameSync, statSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { tableName } from "../../engine/catalog/catalog.ts";
import { queryProject } from "../../engine/run/query-project.ts";
import type { Session } from "../../engine/run/session.ts";
import { ownProject } from "../e2e/own-project.ts";
import { makeProject } from "../e2e/project.ts";
import type { TestProject } from "../e2e/project.ts";
import { describeWith } from "../services/skip.ts";
import { ask, catalogUri } from "./ask.ts";
import { canonicalColumns, canonicalRows, rowsOfPlannedFiles, schemaOf, tableOf } from "./canonical.ts";
import { whyNoPyiceberg } from "./pyiceberg.ts";

const eventCount = 20_001;
const models = [
  "daily_user_activity",
  "daily_user_metrics",
  "event_names",
  "ml_features",
  "recipe_recommendations",
  "user_events_silver",
];
const tableNames = models.map((model) => `recipe_analytics.${model}`);
const silver = "recipe_analytics.user_events_silver";
/** Arrives after the first run. */
const lateFile = "streaming_events_20250729.jsonl";

describeWith(await whyNoPyiceberg(), "the demo's tables", () => {
  let project: TestProject;
  let uri: string;
  /** Each table's rows after the first run. */
  let before: Map<string, string[]>;
  let after: Map<string, string[]>;

  beforeAll(async () => {
    project = makeProject(ownProject());
    uri = catalogUri(project, "warehouse/catalog.db");
    const generated = await project.cli(
      "run-operation",
      "generate_events",
      "--args",
      `{events: ${eventCount}}`,
    );
    if (generated.code !== 0) throw new Error(generated.stderr);
    const landing = path.join(project.root, "landing-zone/events", lateFile);
    const aside = path.join(project.root, lateFile);
    renameSync(landing, aside);
    before = await build(project);
    renameSync(aside, landing);
    after = await build(project);
  });
  afterAll(() => project[Symbol.dispose]());

  test("the project builds these tables and no others, and the second run changed what it should", async () => {
    expect((await project.withSession(tablesInCatalog)).sort()).toEqual(tableNames);
    expect(after.get(silver)).toHaveLength(eventCount);
    const unchanged = tableNames.filter(
      (name) => JSON.stringify(before.get(name)) === JSON.stringify(after.get(name)),
    );
    expect(unchanged).toEqual(["recipe_analytics.event_names"]);
  });

  test("PyIceberg reads the rows that lake reads, and so does DuckDB from the planned files", async () => {
    const read = await ask(
      uri,
      tableNames.map((table) => ({ ask: "rows", table }) as const),
    );
    await project.withSession(async (session) => {
      for (const [index, name] of tableNames.entries()) {
        const table = await tableOf(session, name);
        expect
          .soft(differences(canonicalRows(schemaOf(table), read[index]!.rows), after.get(name)!), name)
          .toEqual([]);
        expect
          .soft(differences(await rowsOfPlannedFiles(session, table), after.get(name)!), name)
          .toEqual([]);
      }
    });
  });

  test("filtered scans give the rows that lake gives, from few files", async () => {
    const read = await ask(
      uri,
      filters.map(([filter]) => ({ ask: "rows", table: silver, filter }) as const),
    );
    await project.withSession(async (session) => {
      const schema = schemaOf(await tableOf(session, silver));
      for (const [index, [filter, mostFiles]] of filters.entries()) {
        const sql = `select ${canonicalColumns(schema)} from {{ref "user_events_silver"}} where ${filter}`;
        const ours = canonicalRows(schema, (await queryProject(session, { sql })).rows);
        expect.soft(differences(canonicalRows(schema, read[index]!.rows), ours), filter).toEqual([]);
        expect.soft(ours.length > 0, filter).toBe(mostFiles > 0);
        expect.soft(read[index]!.files, filter).toBeLessThanOrEqual(mostFiles);
      }
    });
  });

  test("history is kept, by a rebuild of a table too: the first run's rows are there by snapshot id", async () => {
    const described = await ask(
      uri,
      tableNames.map((table) => ({ ask: "describe", table }) as const),
    );
    expect(Object.fromEntries(described.map(({ operations }, index) => [models[index], operations]))).toEqual(
      {
        daily_user_activity: ["append", "overwrite"],
        daily_user_metrics: ["append", "overwrite"],
        event_names: ["append"],
        ml_features: ["append", "overwrite"],
        recipe_recommendations: ["append", "overwrite"],
        user_events_silver: ["append", "append"],
      },
    );
    const first = described.map(({ history }) => String(history[0]));
    const read = await ask(
      uri,
      tableNames.map((table, index) => ({ ask: "rows", table, snapshot: first[index]! }) as const),
    );
    await project.withSession(async (session) => {
      for (const [index, name] of tableNames.entries()) {
        const rows = canonicalRows(schemaOf(await tableOf(session, name)), read[index]!.rows);
        expect.soft(differences(rows, before.get(name)!), name).toEqual([]);
      }
    });
  });

  test("silver has its 25 columns, partitions and place", async () => {
    const [described] = await ask(uri, [{ ask: "describe", table: silver }]);
    const folder = path.join(project.root, "warehouse/recipe_analytics.db/user_events_silver");
    expect(described.location).toBe(`file://${folder}`);
    expect(path.dirname(described.metadata)).toBe(`file://${folder}/metadata`);
    expect(readdirSync(folder).sort()).toEqual(["data", "metadata"]);
    const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) =>
      statSync(path.join(folder, name)).isFile(),
    );
    const strange = files.filter(
      (name) => !/^data\/year=2025\/month=7\/day=\d+\/hour=\d+\/[^/]+\.parquet$/.test(name),
    );
    expect(strange.filter((name) => !/^metadata\/[^/]+\.(?:metadata\.json|avro)$/.test(name))).toEqual([]);
    expect(described.spec).toEqual(["year", "month", "day", "hour"].map((name) => [name, "identity"]));
    expect(described.fields).toEqual(silverColumns.map(([name, type], index) => [index + 1, name, type]));
  });

  test("every table's metadata, manifest lists and manifests are as iceberg-java writes them, and bounds hold", async () => {
    const reports = await ask(
      uri,
      tableNames.map((table) => ({ ask: "audit", table }) as const),
    );
    for (const [index, { problems, facts }] of reports.entries()) {
      expect.soft(problems, tableNames[index]).toEqual([]);
      expect.soft(facts.unbounded, tableNames[index]).toEqual([]);
      expect.soft(facts.bounds, tableNames[index]).toBeGreaterThan(0);
      expect.soft(facts.snapshots, tableNames[index]).toBe(models[index] === "event_names" ? 1 : 2);
    }
    expect(reports[models.indexOf("user_events_silver")]!.facts.files).toBeGreaterThan(744);
  });
});

/** A filter in words that both engines know, and the most files that it may need. */
const filters: readonly (readonly [string, number])[] = [
  ["day = 14", 24],
  ["year = 2025 and month = 7 and day = 3 and hour < 5", 5],
  ["date = '2025-07-31' and hour in (0, 23)", 2],
  ["utc_timestamp >= '2025-07-10T00:00:00+00:00' and utc_timestamp < '2025-07-10T02:00:00+00:00'", 2],
  ["prop_recipe_id is null and day > 30", 24],
  ["prop_recipe_id > 6815000", 744],
  ["prop_search_keyword like '김치%'", 744],
  ["hour = 24", 0],
];

const silverColumns = [
  ["event_id", "string"],
  ["event_name", "string"],
  ["user_id", "string"],
  ["anonymous_id", "string"],
  ["session_id", "string"],
  ["utc_timestamp", "timestamptz"],
  ["date", "date"],
  ["year", "int"],
  ["month", "int"],
  ["day", "int"],
  ["hour", "int"],
  ["day_of_week", "string"],
  ["page_name", "string"],
  ["page_url", "string"],
  ["user_segment", "string"],
  ["cooking_style", "string"],
  ["ab_test_group", "string"],
  ["prop_recipe_id", "long"],
  ["prop_list_type", "string"],
  ["prop_action", "string"],
  ["prop_search_keyword", "string"],
  ["prop_result_count", "int"],
  ["processed_at", "timestamptz"],
  ["data_source", "string"],
  ["pipeline_version", "string"],
] as const;

/** Builds everything and gives each table's rows as `lake query` shows them. */
async function build(project: TestProject): Promise<Map<string, string[]>> {
  const { results, published } = await project.run({});
  const failed = results.filter(({ status }) => !["success", "pass", "skipped", "reused"].includes(status));
  expect(failed.map(({ uniqueId, status, message }) => [uniqueId, status, message])).toEqual([]);
  expect(published).toBe(true);
  return project.withSession(async (session) => {
    const rows = new Map<string, string[]>();
    for (const model of models) {
      const schema = schemaOf(await tableOf(session, `recipe_analytics.${model}`));
      const sql = `select ${canonicalColumns(schema)} from {{ref "${model}"}}`;
      rows.set(
        `recipe_analytics.${model}`,
        canonicalRows(schema, (await queryProject(session, { sql })).rows),
      );
    }
    return rows;
  });
}

async function tablesInCatalog(session: Session): Promise<string[]> {
  const catalog = await session.catalog();
  const tables = await Promise.all(
    (await catalog.listNamespaces()).map((namespace) => catalog.list(namespace)),
  );
  return tables.flat().map(tableName);
}

/** The first few rows that only one side has; twenty thousand in a report help nobody. */
function differences(theirs: readonly string[], ours: readonly string[]): string[] {
  if (theirs.length === ours.length && theirs.every((row, index) => row === ours[index])) return [];
  const [left, right] = [new Set(theirs), new Set(ours)];
  const only = [
    ...theirs.filter((row) => !right.has(row)).map((row) => `only theirs: ${row}`),
    ...ours.filter((row) => !left.has(row)).map((row) => `only ours: ${row}`),
  ];
  return [`${theirs.length} rows against ${ours.length}`, ...only.slice(0, 6)];
}
