// Tables as they were: `version=` and `at=` in models and queries, `lake query --at`, and what a run makes of it.
import { describe, expect, test } from "vitest";
import { command } from "./command.ts";
import { eventsProject, goodLines } from "./events-project.ts";
import { snapshotIds, tableOf, update } from "./foreign.ts";
import { environments, makeProject } from "./project.ts";
import type { Files, TestProject } from "./project.ts";

const landing = (name: string): string => `landing-zone/events/${name}`;

/** Two runs, one file each: two snapshots of `events`, with 2 and 5 rows, the first tagged `audited`. */
async function twoRuns(files: Files = {}, target?: string): Promise<TestProject> {
  const here = makeProject({ ...eventsProject, [landing("f1.jsonl")]: goodLines(2, 1) });
  const on = target === undefined ? {} : { target };
  if (target !== undefined) here.write({ "profiles.yml": environments });
  expect((await here.run(on)).success).toBe(true);
  expect((await command(here, "tag", "events", "audited")).code).toBe(0);
  here.write({ [landing("f2.jsonl")]: goodLines(3, 3) });
  expect((await here.run(on)).success).toBe(true);
  here.write(files);
  return here;
}

const count = async (here: TestProject, name: string): Promise<unknown> =>
  (await here.query(`select n from {{ref "${name}"}}`))[0]?.[0];

async function moveTag(here: TestProject, to: string): Promise<void> {
  const { code, stderr } = await command(here, "tag", "events", "audited", "--replace", "--at", to);
  expect([code, stderr]).toEqual([0, ""]);
}

async function logTime(here: TestProject, index: number): Promise<string> {
  const { metadata } = await here.withSession((session) => tableOf(session, "events"));
  return new Date(metadata["snapshot-log"][index]?.["timestamp-ms"] ?? 0).toISOString();
}

const counting = (ref: string): string =>
  `{{config materialized="table"}}\nselect count(*)::integer as n from {{ref "events" ${ref}}}\n`;

describe("a model that reads another state of a table", () => {
  test("reads it beside the newest, and each is an input of its own", async () => {
    using here = await twoRuns({
      "models/growth.sql": `{{config materialized="table"}}
select (select count(*) from {{ref "events"}})::integer as n, (select count(*) from {{ref "events" at="audited"}})::integer as before
`,
    });
    expect((await here.run({})).success).toBe(true);
    expect(await here.query(`select n, before from {{ref "growth"}}`)).toEqual([[5, 2]]);
    const inputs = await here.withSession(async (session) => {
      const { metadata } = await tableOf(session, "growth");
      return JSON.parse(metadata.snapshots[0]?.summary["lake.inputs"] ?? "{}") as Record<string, string>;
    });
    const [first, second] = await snapshotIds(here, "events");
    expect(Object.keys(inputs).sort()).toEqual(["model.shop.events", "model.shop.events@at=audited"]);
    expect(inputs["model.shop.events"]).toContain(`@${second}#`);
    expect(inputs["model.shop.events@at=audited"]).toContain(`@${first}#`);
  });

  test("is not built again while a tag stands, whatever the table does, and is when the tag moves", async () => {
    using here = await twoRuns({ "models/then.sql": counting('at="audited"') });
    expect((await here.run({})).of("then")?.status).toBe("success");
    here.write({ [landing("f3.jsonl")]: goodLines(1, 6) });
    const grown = await here.run({});
    expect([grown.of("events")?.status, grown.of("then")?.status]).toEqual(["success", "reused"]);
    expect(await count(here, "then")).toBe(2);
    const [first, second] = await snapshotIds(here, "events");
    await moveTag(here, String(second));
    const moved = await here.run({});
    const reason = moved.events.find((event) => event.kind === "node-started" && /then/.test(event.uniqueId));
    expect(reason).toMatchObject({
      reason: `events at="audited" moved from snapshot ${first} to ${second}`,
    });
    expect(await count(here, "then")).toBe(5);
    expect((await here.run({})).of("then")?.status).toBe("reused");
  });

  test("a version never moves: not with tags, rollbacks or new rows", async () => {
    using here = await twoRuns();
    const [first, second] = await snapshotIds(here, "events");
    here.write({ "models/then.sql": counting(`version="${second}"`) });
    expect((await here.run({})).success).toBe(true);
    expect(await count(here, "then")).toBe(5);
    await command(here, "rollback", "events", "--to", String(first));
    expect((await here.run({ select: ["then"] })).of("then")?.status).toBe("reused");
    expect((await here.run({ select: ["then"], noReuse: true })).success).toBe(true);
    expect(await count(here, "then")).toBe(5);
  });

  test("a time is read in the project's zone", async () => {
    using here = await twoRuns();
    const wall = await here.query(
      `select strftime((timestamptz '${await logTime(here, 0)}')::timestamp, '%Y-%m-%d %H:%M:%S.%g')`,
    );
    here.write({ "models/then.sql": counting(`at="${String(wall[0]?.[0])}"`) });
    expect((await here.run({})).success).toBe(true);
    expect(await count(here, "then")).toBe(2);
  });

  test("a snapshot and a tag are read with their own schema, a branch with the table's", async () => {
    using here = await twoRuns();
    await command(here, "branch", "events", "line", "--at", "audited");
    const { metadata } = await here.withSession((session) => tableOf(session, "events"));
    const schema = metadata.schemas[0] as (typeof metadata.schemas)[number];
    const field = { id: 99, name: "extra", required: false, type: "string" } as const;
    await update(here, "events", [
      {
        action: "add-schema",
        schema: { ...schema, fields: [...schema.fields, field] },
        "last-column-id": 99,
      },
      { action: "set-current-schema", "schema-id": -1 },
    ]);
    const columns = async (at: string): Promise<string[]> => {
      const { stdout } = await command(here, "show", "events", "--at", at, "--output", "json");
      return Object.keys((JSON.parse(stdout) as object[])[0] ?? {});
    };
    expect(await columns("audited")).not.toContain("extra");
    expect(await columns(String(metadata["current-snapshot-id"]))).not.toContain("extra");
    expect(await columns("line")).toContain("extra");
    expect(await columns("main")).toContain("extra");
    expect(
      await here.query(`select extra, count(*)::integer from {{ref "events" at="line"}} group by 1`),
    ).toEqual([[null, 2]]);
    here.write({
      "models/then.sql": '{{config materialized="table"}}\nselect extra from {{ref "events" at="audited"}}\n',
    });
    expect((await here.run({ select: ["then"] })).of("then")?.message).toMatch(/"extra"/);
  });

  test("so can a table of others be read", async () => {
    using here = await twoRuns({
      "models/foreign.yml": `version: 2
sources:
  - name: raw
    tables:
      - {name: events, type: iceberg, identifier: lakehouse.events}
`,
      "models/then.sql": counting("").replace('{{ref "events" }}', '{{source "raw" "events" at="audited"}}'),
    });
    expect((await here.run({})).success).toBe(true);
    expect(await count(here, "then")).toBe(2);
  });

  test("through a view its state is asked for in the view, and moves with it", async () => {
    using here = await twoRuns({
      "models/audited.sql": '{{config materialized="view"}}\nselect * from {{ref "events" at="audited"}}\n',
      "models/then.sql":
        '{{config materialized="table"}}\nselect count(*)::integer as n from {{ref "audited"}}\n',
    });
    expect((await here.run({})).success).toBe(true);
    expect(await count(here, "then")).toBe(2);
    await moveTag(here, String((await snapshotIds(here, "events"))[1]));
    expect((await here.run({})).of("then")?.status).toBe("success");
    expect(await count(here, "then")).toBe(5);
  });

  test("what cannot be read is told with its place: at parse, in a plan, by compile for all models", async () => {
    using here = await twoRuns({ "models/then.sql": counting('at="auditet"') });
    const plan = await command(here, "plan");
    expect(plan.stderr).toContain('lakehouse.events has no snapshot, tag or branch "auditet"');
    expect(plan.stderr).toContain('did you mean "audited"?');
    expect(plan.stderr).toContain("models/then.sql:2:42");
    here.write({ "models/early.sql": counting('at="2001-01-01"') });
    const compiled = await command(here, "compile");
    expect(compiled.code).toBe(1);
    expect(compiled.stderr + compiled.stdout).toMatch(
      /unknown-point[\s\S]*before-history|before-history[\s\S]*unknown-point/,
    );
    here.write({ "models/then.sql": counting("").replace('"events" ', '"stg" at="audited"') });
    expect((await command(here, "ls")).stderr).toContain("older state of stg, which is a view and has none");
  });

  test("a unit test gives rows for each state by its own name", async () => {
    using here = await twoRuns({
      "models/growth.sql": `{{config materialized="table"}}
select (select count(*) from {{ref "events"}})::integer as n, (select count(*) from {{ref "events" at="audited"}})::integer as before
`,
      "models/growth.yml": `version: 2
unit_tests:
  - name: counts
    model: growth
    given:
      - {input: ref('events'), rows: [{id: 1}, {id: 2}, {id: 3}]}
      - {input: "ref('events', at='audited')", rows: [{id: 1}]}
    expect: {rows: [{n: 3, before: 1}]}
`,
    });
    expect((await here.run({ select: ["growth"] })).of("counts")?.status).toBe("pass");
    here.write({ "models/growth.yml": here.read("models/growth.yml").replace("at='audited'", "at='audit'") });
    expect((await command(here, "ls")).stderr).toContain("did you mean \"ref('events', at='audited')\"?");
  });

  test("an environment finds a state that its own table lacks in the target below", async () => {
    using here = await twoRuns({}, "prod");
    here.write({
      "models/events.sql": here.read("models/events.sql").replace("select *", "select *, 1 as extra"),
      "models/then.sql": counting('at="audited"'),
    });
    const outcome = await here.run({ target: "pr_7", fullRefresh: true });
    expect([outcome.of("events")?.status, outcome.of("then")?.status]).toEqual(["success", "success"]);
    expect(await here.query(`select n from {{ref "then"}}`, "pr_7")).toEqual([[2]]);
    const refused = await command(here, "rollback", "lakehouse.events", "--to", "audited", "-t", "pr_7");
    expect(refused.stderr).toContain("run/foreign-namespace");
  });
});

describe("lake query --at", () => {
  test("asks all tables of the query as they were then, views between them too", async () => {
    using here = await twoRuns({
      "models/both.sql": `{{config materialized="view"}}
select (select count(*) from {{ref "events"}})::integer as n, (select sum(n) from {{ref "daily"}})::integer as total
`,
    });
    const ask = async (at: string): Promise<unknown> => {
      const sql = 'select n, total from {{ref "both"}}';
      const { stdout, stderr } = await command(here, "query", sql, "--at", at, "--output", "json");
      return stdout === "" ? /error\[([^\]]+)\]/.exec(stderr)?.[1] : JSON.parse(stdout);
    };
    // `daily` was published with `events`, at one time.
    expect(await ask(await logTime(here, 0))).toEqual([{ n: 2, total: 2 }]);
    expect(await ask("2090-01-01")).toEqual([{ n: 5, total: 5 }]);
    // A tag must be there in each table.
    expect(await ask("audited")).toBe("iceberg/unknown-point");
    await command(here, "tag", "daily", "audited", "--at", await logTime(here, 0));
    expect(await ask("audited")).toEqual([{ n: 2, total: 2 }]);
    const [first] = await snapshotIds(here, "events");
    const one = await command(
      here,
      "query",
      'select count(*) as n from {{ref "events"}}',
      "--at",
      String(first),
      "--output",
      "csv",
    );
    expect(one.stdout).toBe("n\n2\n");
  });

  test("leaves a state that the query names itself, and refuses a landing zone", async () => {
    using here = await twoRuns();
    const sql =
      'select (select count(*) from {{ref "events"}}) as now, (select count(*) from {{ref "events" at="audited"}}) as then';
    const { stdout } = await command(here, "query", sql, "--at", await logTime(here, 1), "--output", "csv");
    expect(stdout).toBe("now,then\n5,2\n");
    const refused = await command(here, "query", 'select * from {{ref "stg"}}', "--at", "audited");
    expect(refused.stderr).toContain(
      "the query reads landing.events, which is no table and has no older states",
    );
  });
});
