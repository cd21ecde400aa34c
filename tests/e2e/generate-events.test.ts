// The demo's landing zone: what `macros/operations/generate_events.sql` promises about its events.
import { DuckDBInstance } from "@duckdb/node-api";
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const repository = path.join(import.meta.dirname, "../..");
const eventCount = 100_001;
const root = mkdtempSync(path.join(tmpdir(), "lake-generate-"));
const landing = path.join(root, "landing-zone/events");

function generate(folder: string): string {
  const lake = path.join(repository, "engine/bin/lake.js");
  const options = ["--args", `{events: ${eventCount}}`, "--project-dir", folder];
  return execFileSync(process.execPath, [lake, "run-operation", "generate_events", ...options], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });
}

function copyProject(folder: string): void {
  for (const name of ["lake.yml", "profiles.yml", "models", "macros", "seeds"]) {
    cpSync(path.join(repository, name), path.join(folder, name), { recursive: true });
  }
}

async function ask(sql: string): Promise<Record<string, unknown>[]> {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  try {
    await connection.run("set timezone = 'Asia/Seoul'");
    await connection.run(`create view events as
      select *, "timestamp"::timestamptz as instant, timezone('Asia/Seoul', "timestamp"::timestamptz) as korean
      from read_json('${landing}/*.jsonl*', format = 'newline_delimited', filename = true, columns = {
        event_id: 'varchar', event_name: 'varchar', user_id: 'varchar', anonymous_id: 'varchar', session_id: 'varchar',
        "timestamp": 'varchar', "date": 'varchar', context: 'varchar', event_properties: 'varchar'
      })`);
    return await (await connection.run(sql)).getRowObjectsJson();
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

beforeAll(() => {
  copyProject(root);
  generate(root);
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe("the synthetic landing zone", () => {
  test("has the recorded mix of event names, scaled, to the event", async () => {
    const recorded: Record<string, number> = {
      view_page: 300_526,
      view_recipe_list: 169_199,
      click_auth_button: 141_482,
      search_recipe: 126_375,
      click_recipe: 90_778,
      auth_success: 52_373,
      view_ads: 50_774,
      create_comment: 20_439,
      click_like: 19_961,
      click_bookmark: 16_935,
    };
    const rows = await ask("select event_name, count(*)::integer as events from events group by 1");
    const found: Record<string, number> = Object.fromEntries(
      rows.map((row) => [row["event_name"], Number(row["events"])]),
    );
    expect(Object.values(found).reduce((sum, events) => sum + events, 0)).toBe(eventCount);
    for (const [name, events] of Object.entries(recorded)) {
      // Rounded running totals: never more than one off, and nothing missing in all.
      expect(Math.abs((found[name] ?? 0) - (events * eventCount) / 1_000_001)).toBeLessThanOrEqual(1);
    }
  });

  test("has sessions of 1 to 60 events and one bot, every hour of July 2025 in Korea, and unique ids", async () => {
    const [sessions] = await ask(`
      select min(n)::integer as least, max(n) filter (where n <= 60)::integer as most, count(*) filter (where n > 60)::integer as bots,
        max(n)::integer as bot_events
      from (select count(*) as n from events group by session_id)`);
    expect(sessions).toEqual({ least: 1, most: 60, bots: 1, bot_events: 2000 });
    const [hours] = await ask(`
      select count(distinct date_trunc('hour', korean))::integer as hours, min(korean)::date::varchar as first,
        max(korean)::date::varchar as last, (count(*) - count(distinct event_id))::integer as doubled,
        count(*) filter (where korean::date::varchar <> "date")::integer as wrong_date
      from events`);
    expect(hours).toEqual({ hours: 744, first: "2025-07-01", last: "2025-07-31", doubled: 0, wrong_date: 0 });
  });

  test("has several kinds of files, packed ones too, and a few events in a file of a later day", async () => {
    const names = readdirSync(landing);
    for (const kind of [
      /_merged\.jsonl$/,
      /^batch_events_.*\.jsonl$/,
      /^streaming_events_.*\.jsonl$/,
      /\.gz$/,
      /\.zst$/,
    ]) {
      expect(names.filter((name) => kind.test(name))).not.toEqual([]);
    }
    const [late] = await ask(`
      with arrivals as (
        select korean::date as day,
          strptime(replace(regexp_extract(filename, '(2025-?07-?\\d\\d)', 1), '-', ''), '%Y%m%d')::date as file_day
        from events
      )
      select count(*) filter (where day < file_day) / count(*) as share from arrivals`);
    expect(late?.["share"]).toBeGreaterThan(0.0005);
    expect(late?.["share"]).toBeLessThan(0.01);
  });

  test("holds context and properties as JSON text and as objects, timestamps with offset, Z and none", async () => {
    const forms = await ask(`
      select distinct regexp_extract(line, '"context":(.)', 1) as form
      from read_csv('${landing}/*.jsonl', columns = {line: 'varchar'}, header = false, quote = '', escape = '', delim = '\x01')
      order by 1`);
    expect(forms.map((row) => row["form"])).toEqual(['"', "{"]);
    const [spelled] = await ask(`
      select count(*) filter (where "timestamp" like '%+09:00')::integer as offsets,
        count(*) filter (where "timestamp" like '%Z')::integer as zulu,
        count(*) filter (where regexp_matches("timestamp", '\\d$') and "timestamp" not like '%+09:00')::integer as bare,
        count(*) filter (where not json_valid(context) or not json_valid(event_properties))::integer as broken
      from events`);
    expect(spelled?.["offsets"]).toBeGreaterThan(eventCount * 0.9);
    expect(spelled?.["zulu"]).toBeGreaterThan(0);
    expect(spelled?.["bare"]).toBeGreaterThan(0);
    expect(spelled?.["broken"]).toBe(0);
  });

  test("is skewed: the ten most viewed of its recipes take many times their share", async () => {
    const [skew] = await ask(`
      with views as (
        select event_properties->>'recipe_id' as recipe, count(*) as n from events
        where event_name = 'click_recipe' group by 1
      )
      select sum(n) filter (where rank <= 10) / sum(n) * max(rank) / 10 as times
      from (select n, row_number() over (order by n desc) as rank from views)`);
    expect(skew?.["times"]).toBeGreaterThan(5);
  });

  test("is not written again while it is there, and holds the same events when it is", async () => {
    const before = readdirSync(landing).map((name) => statSync(path.join(landing, name)).mtimeMs);
    generate(root);
    expect(readdirSync(landing).map((name) => statSync(path.join(landing, name)).mtimeMs)).toEqual(before);
    const again = mkdtempSync(path.join(tmpdir(), "lake-generate-again-"));
    try {
      copyProject(again);
      generate(again);
      // The order of lines within a file is the engine's.
      const contents = (folder: string): Promise<Record<string, unknown>[]> =>
        ask(`
          select parse_filename(filename) as file, count(*) as lines, bit_xor(hash(line))::varchar as mark
          from read_csv('${folder}/landing-zone/events/*.jsonl*', columns = {line: 'varchar'}, header = false, quote = '',
            escape = '', delim = '\x01', filename = true)
          group by 1 order by 1`);
      expect(await contents(again)).toEqual(await contents(root));
    } finally {
      rmSync(again, { recursive: true, force: true });
    }
  });
});
