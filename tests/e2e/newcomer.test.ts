// The first minutes with the project itself: generate, build, look, change something, build again.
import { cpSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { execFile } from "node:child_process";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { filesBelow, mainFile } from "./project.ts";
import type { CliResult } from "./project.ts";

const repository = path.join(import.meta.dirname, "../..");
const events = 5001;
const root = mkdtempSync(path.join(tmpdir(), "lake-newcomer-"));

function lake(...args: string[]): Promise<CliResult> {
  return new Promise((resolve) => {
    const options = { cwd: root, env: { ...process.env, NO_COLOR: "1" }, maxBuffer: 64 << 20 };
    execFile(process.execPath, [mainFile, ...args], options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr });
    });
  });
}

async function ask(sql: string): Promise<Record<string, unknown>[]> {
  const { stdout, stderr } = await lake("query", sql, "--output", "json");
  if (stdout === "") throw new Error(stderr);
  return JSON.parse(stdout) as Record<string, unknown>[];
}

const silver = `{{ref "user_events_silver"}}`;
/** What does not depend on when a row was processed. */
const contents = `select count(*)::integer as n, count(distinct event_id)::integer as ids,
  md5(string_agg(concat_ws('|', event_id, event_name, user_id, utc_timestamp, "date", hour, page_name, prop_recipe_id, data_source), ',' order by event_id)) as digest
  from ${silver}`;

let first: CliResult;
beforeAll(async () => {
  for (const name of [
    "lake.yml",
    "profiles.yml",
    "selectors.yml",
    "models",
    "macros",
    "seeds",
    "tests/data",
  ]) {
    cpSync(path.join(repository, name), path.join(root, name), { recursive: true });
  }
  const generated = await lake("run-operation", "generate_events", "--args", `{events: ${events}}`);
  if (generated.code !== 0) throw new Error(generated.stderr);
  // One file comes later.
  renameSync(path.join(root, "landing-zone/events"), path.join(root, "all"));
  cpSync(path.join(root, "all"), path.join(root, "landing-zone/events"), {
    recursive: true,
    filter: (file) => !file.endsWith("2025-07-04_merged.jsonl"),
  });
  first = await lake("build");
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe("the project", () => {
  test("builds whole, its tests pass, and the end says what was built and what to try", () => {
    expect([first.stdout + first.stderr, first.code]).toEqual([expect.any(String), 0]);
    expect(first.stdout).toMatch(/recipe_analytics\.user_events_silver\s+[\d,]+\s+\+[\d,]+\s+\d+\s+\d+/);
    expect(first.stdout).toMatch(/Done: 6 tables built/);
    expect(first.stdout).toMatch(/\d+ tests passed/);
    expect(first.stdout).not.toMatch(/warn/i);
    expect(first.stdout).toContain("Try next");
  });

  test("a second build finds nothing new and writes nothing", async () => {
    const before = filesBelow(path.join(root, "warehouse"));
    expect((await lake("build")).stdout).toMatch(/Nothing new: 6 tables up to date/);
    expect(filesBelow(path.join(root, "warehouse"))).toEqual(before);
  });

  test("silver has exactly the 25 columns, in their order", async () => {
    const [row] = await ask(`select * from ${silver} limit 1`);
    expect(Object.keys(row ?? {})).toEqual([
      ..."event_id event_name user_id anonymous_id session_id utc_timestamp date year month day hour day_of_week".split(
        " ",
      ),
      ..."page_name page_url user_segment cooking_style ab_test_group prop_recipe_id prop_list_type prop_action".split(
        " ",
      ),
      ..."prop_search_keyword prop_result_count processed_at data_source pipeline_version".split(" "),
    ]);
  });

  test("silver lies where Spark and Hive would put it, with a folder for each hour", () => {
    const files = filesBelow(path.join(root, "warehouse/recipe_analytics.db/user_events_silver"));
    expect(files.some((file) => /^metadata\/00000-.*\.metadata\.json$/.test(file))).toBe(true);
    const data = files.filter((file) => file.startsWith("data/"));
    for (const file of data)
      expect(file).toMatch(/^data\/year=2025\/month=7\/day=\d+\/hour=\d+\/.*\.parquet$/);
    expect(data.length).toBeGreaterThan(100);
  });

  test("the file that arrives later is taken in alone, and the whole is that of one full build", async () => {
    cpSync(
      path.join(root, "all/2025-07-04_merged.jsonl"),
      path.join(root, "landing-zone/events/2025-07-04_merged.jsonl"),
    );
    const again = await lake("build");
    expect(again.code).toBe(0);
    expect(again.stdout).toMatch(
      /user_events_silver\s+appended [\d,]+ rows in \d+ files from 1 landing file/,
    );
    const incremental = await ask(contents);
    expect(incremental).toMatchObject([{ n: events, ids: events }]);
    expect((await lake("build", "--full-refresh")).code).toBe(0);
    expect(await ask(contents)).toEqual(incremental);
  });
});

describe("looking around", () => {
  test("show, query and ls answer", async () => {
    expect((await lake("show", "daily_user_activity")).stdout).toMatch(
      /date\s+user_segment\s+active_users\s+total_events/,
    );
    expect(await ask(`select count(*)::integer as n from ${silver}`)).toEqual([{ n: events }]);
    const names = (await lake("ls", "-s", "silver+", "--resource-type", "model", "--output", "name")).stdout
      .trim()
      .split("\n");
    expect(names.toSorted()).toEqual([
      "daily_user_activity",
      "daily_user_metrics",
      "ml_features",
      "recipe_recommendations",
      "user_events_silver",
    ]);
  });

  test("the days of gold add up to silver, and the hours are Korea's", async () => {
    expect(
      await ask(`select (select sum(total_events) from {{ref "daily_user_activity"}})::integer as gold, count(*)::integer as silver,
      count(*) filter (where hour <> hour(timezone('Asia/Seoul', utc_timestamp)))::integer as wrong_hours from ${silver}`),
    ).toEqual([{ gold: events, silver: events, wrong_hours: 0 }]);
  });
});

describe("changing a model", () => {
  const model = path.join(root, "models/gold/daily_user_activity.sql");

  test("builds that model alone; the others are reused", async () => {
    const before = readFileSync(model, "utf8");
    writeFileSync(
      model,
      before.replace(
        "count(*) as total_events,",
        "count(*) as total_events,\n    min(events.hour) as first_hour,",
      ),
    );
    const built = await lake("build", "-s", "user_events_silver+");
    expect(built.stdout).toMatch(/daily_user_activity\s+replaced by/);
    expect(built.stdout).toMatch(/daily_user_metrics\s+unchanged/);
    expect((await lake("show", "daily_user_activity", "--output", "csv")).stdout.split("\n")[0]).toContain(
      "first_hour",
    );
    writeFileSync(model, before);
  });

  test("wrongly is refused before anything runs, at its line, with the column that was meant", async () => {
    const before = readFileSync(model, "utf8");
    writeFileSync(model, before.replace("events.user_segment", "events.user_segmnt"));
    const built = await lake("build", "-s", "user_events_silver+");
    writeFileSync(model, before);
    expect(built.code).toBe(1);
    const line = before.split("\n").findIndex((text) => text.includes("events.user_segment")) + 1;
    expect(built.stdout + built.stderr).toMatch(new RegExp(`models/gold/daily_user_activity\\.sql:${line}:`));
    expect(built.stdout + built.stderr).toContain("user_segment");
  });

  test("an event name that nobody knows is a warning, and does not stop the build", async () => {
    const line = JSON.stringify({
      event_id: "new-1",
      event_name: "dance",
      session_id: "s",
      anonymous_id: "a",
      timestamp: "2025-07-31T10:00:00+09:00",
      date: "2025-07-31",
      context: {},
      event_properties: {},
    });
    writeFileSync(path.join(root, "landing-zone/events/streaming_events_new.jsonl"), `${line}\n`);
    const built = await lake("build");
    expect(built.code).toBe(0);
    expect(built.stdout).toMatch(/warn\s+event_name_is_known/i);
    expect(await ask(`select count(*)::integer as n from ${silver} where event_name = 'dance'`)).toEqual([
      { n: 1 },
    ]);
  });

  test("an event that arrives twice under two names stops the build", async () => {
    const file = path.join(root, "landing-zone/events/batch_events_again.jsonl");
    cpSync(path.join(root, "all/2025-07-04_merged.jsonl"), file);
    const built = await lake("build");
    expect(built.code).toBe(1);
    expect(built.stdout).toMatch(/unique_user_events_silver_event_id/);
    expect(built.stdout).toMatch(/nothing was published/);
    expect(await ask(`select count(*)::integer as n from ${silver}`)).toEqual([{ n: events + 1 }]);
    rmSync(file);
    expect((await lake("build")).code).toBe(0);
  });
});
