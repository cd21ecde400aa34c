// Which edits and which moves of tables make a node run again, and which do not; and that `lake plan` says what
// a run then does.
import { rmSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Json } from "../../engine/common/json.ts";
import type { Plan, PlanStep } from "../../engine/plan/types.ts";
import { openProject } from "../../engine/run/open-project.ts";
import { planRun } from "../../engine/run/planning/plan-run.ts";
import { createSession } from "../../engine/run/session.ts";
import type { RunOptions } from "../../engine/run/types.ts";
import { adapters } from "../../engine/wire.ts";
import { append, compact, rollBack, snapshotIds, update } from "./foreign.ts";
import { makeProject } from "./project.ts";
import type { Files, TestProject } from "./project.ts";

const project: Files = {
  "lake.yml":
    "name: shop\nprofile: shop\ntimezone: Asia/Seoul\nenv-vars: [MOOD, OTHER]\nvars: {least: 1, unused: 1}\n",
  "macros/twice.sql": `({{column}} * 2)`,
  "macros/unused.sql": `'nobody calls it'`,
  "seeds/rates.csv": "currency,rate\nKRW,1\nUSD,1400\n",
  "models/orders.sql": `{{config materialized="table" tags="a"}}
select id, currency, {{> twice column="amount"}} as amount -- doubled
from (values (1, 'KRW', 10), (2, 'USD', 20)) as t(id, currency, amount)
where amount >= {{var "least"}} and {{sql_literal (env_var "MOOD" default="calm")}} <> ''
`,
  "models/small.sql": `{{config materialized="view"}}\nselect * from {{ref "orders"}} where amount < 1000\n`,
  "models/won.sql": `{{config materialized="table"}}
select id, amount * rate as won
from {{ref "small"}}
join {{ref "rates"}} using (currency)
where id > 0
`,
  "models/later.sql": `{{config materialized="incremental"}}
select id from {{ref "orders"}}
{{#if incremental}}where id > (select max(id) from {{this}}){{/if}}
`,
  "models/clock.sql": `{{config materialized="table"}}\nselect now() as at\n`,
  "models/dice.sql": `{{config materialized="table"}}\nselect random() as x\n`,
  "models/kept.sql": `{{config materialized="table" reuse=true}}\nselect random() as x\n`,
  "models/m.yml": `version: 2
models:
  - name: orders
    description: what was ordered
    columns:
      - {name: id, data_type: integer, description: the number, data_tests: [not_null, unique]}
      - {name: currency, data_type: varchar}
      - {name: amount, data_type: integer}
  - name: won
    columns: [{name: won, data_tests: [not_null]}]
`,
};

interface Setting {
  readonly vars?: Record<string, Json>;
  readonly env?: Record<string, string>;
  readonly engine?: string;
  readonly options?: Partial<RunOptions>;
}

async function planOf(root: string, setting: Setting = {}): Promise<Plan> {
  const { vars, env = {}, engine, options } = setting;
  const { graph, profile } = await openProject({ projectDir: root, env, ...(vars && { vars }) });
  const other = {
    ...adapters,
    ...(engine !== undefined && { engineVersion: () => Promise.resolve(engine) }),
  };
  const session = createSession({ graph, profile, adapters: other, env });
  try {
    return await planRun(session, { command: "build", ...options });
  } finally {
    await session.close();
  }
}

/** `name: reason` of every step that would do something. */
function active({ steps }: Plan): string[] {
  return steps
    .filter(({ action }) => action === "build" || action === "test")
    .map(({ uniqueId, reason }) => `${nameOf(uniqueId)}: ${reason}`)
    .sort();
}

function nameOf(uniqueId: string): string {
  const parts = uniqueId.split(".");
  return parts[0] === "test" ? `test ${parts[2]}` : (parts[2] ?? "");
}

function stepOf({ steps }: Plan, name: string): PlanStep {
  return steps.find(({ uniqueId }) => nameOf(uniqueId) === name) as PlanStep;
}

const edit = (file: string, from: string | RegExp, to: string): Files => ({
  [file]: String(project[file]).replace(from, to),
});

/** They ask the clock or the dice: they are never reused. */
const always = ["clock: now() differs from run to run", "dice: random() differs from run to run"];
const afterOrders = [
  "later: orders changes in this run",
  "test not_null_orders_id: orders changes in this run",
  "test unique_orders_id: orders changes in this run",
  "won: orders changes in this run",
  "test not_null_won_won: won changes in this run",
];
const ordersChanged = ["orders: code changed", ...afterOrders];
/** No row of it changes: what reads it is left alone. */
const ordersEvolve = ["orders: columns or layout are defined otherwise"];
const oldRows = ": old rows keep the old logic, --full-refresh rebuilds them";
const wonChanged = ["won: code changed", "test not_null_won_won: won changes in this run"];

let here: TestProject;
beforeAll(async () => {
  here = makeProject(project);
  await here.run({});
});
afterAll(() => here[Symbol.dispose]());

interface Edit extends Setting {
  readonly files?: Files;
  readonly runs: readonly string[];
}

const nothing: readonly string[] = [];
const edits: Readonly<Record<string, Edit>> = {
  "nothing at all": { runs: nothing },
  "a comment in SQL": { files: edit("models/orders.sql", "-- doubled", "-- twice as much"), runs: nothing },
  "a comment of the template": {
    files: edit("models/orders.sql", "select", "{{!-- first --}}select"),
    runs: nothing,
  },
  layout: {
    files: edit("models/orders.sql", "select id, currency,", "select\n  id,\n  currency,\n"),
    runs: nothing,
  },
  "layout of a view": { files: edit("models/small.sql", "select *", "select\n\n *"), runs: nothing },
  "layout inside of a text": { files: edit("models/orders.sql", "'KRW'", "'K RW'"), runs: ordersChanged },
  "a column": {
    files: edit("models/orders.sql", "id, currency,", "id, currency, id as other,"),
    runs: ordersChanged,
  },
  "the body of a macro that is called": {
    files: { "macros/twice.sql": "({{column}} * 3)" },
    runs: ordersChanged,
  },
  "layout of a macro": { files: { "macros/twice.sql": "(\n  {{column}}\n  * 2)" }, runs: nothing },
  "a macro that nobody calls": { files: { "macros/unused.sql": "'not even now'" }, runs: nothing },
  "a new macro": { files: { "macros/another.sql": "1" }, runs: nothing },
  "a variable that is read": { vars: { least: 2 }, runs: ordersChanged },
  "a variable that nobody reads": { vars: { unused: 2 }, runs: nothing },
  "an environment variable that is read": { env: { MOOD: "good" }, runs: ordersChanged },
  "an environment variable that nobody reads": { env: { OTHER: "good" }, runs: nothing },
  "a partition": {
    files: edit("models/orders.sql", "tags=", `partition_by="currency" tags=`),
    runs: ordersEvolve,
  },
  "a table property": {
    files: edit(
      "models/m.yml",
      "description: what",
      `config: {properties: {"write.parquet.compression-codec": gzip}}\n    description: what`,
    ),
    runs: ordersEvolve,
  },
  "tags, meta, descriptions of models, group, access": {
    files: {
      ...edit("models/orders.sql", `tags="a"`, `tags="b" access="public"`),
      "models/m.yml": String(project["models/m.yml"])
        .replace("what was ordered", "what is ordered")
        .replace("description: what", "config: {meta: {owner: me}}\n    description: what"),
    },
    runs: nothing,
  },
  "the description of a column": {
    files: edit("models/m.yml", "the number", "a number"),
    runs: ordersEvolve,
  },
  "reuse, publish and full_refresh: false": {
    files: edit("models/orders.sql", "tags=", `reuse=true publish="each" full_refresh=false tags=`),
    runs: nothing,
  },
  "an enforced contract": {
    files: edit("models/m.yml", "description: what", "config: {contract: true}\n    description: what"),
    runs: ordersEvolve,
  },
  "the content of a seed": {
    files: { "seeds/rates.csv": "currency,rate\nKRW,1\nUSD,1300\n" },
    runs: [
      "rates: the file changed",
      "won: rates changes in this run",
      "test not_null_won_won: won changes in this run",
    ],
  },
  "the type of a seed's column": {
    files: { "seeds/s.yml": "version: 2\nseeds: [{name: rates, config: {column_types: {rate: bigint}}}]\n" },
    runs: [
      "rates: the file changed",
      "won: rates changes in this run",
      "test not_null_won_won: won changes in this run",
    ],
  },
  "the description of a seed": {
    files: { "seeds/s.yml": "version: 2\nseeds: [{name: rates, description: rates}]\n" },
    runs: nothing,
  },
  "a view on the way": { files: edit("models/small.sql", "< 1000", "< 999"), runs: wonChanged },
  "a join": { files: edit("models/won.sql", "id > 0", "id > 1"), runs: wonChanged },
  "another input": {
    files: edit("models/won.sql", "where id > 0", `where id > 0 and id in (select id from {{ref "later"}})`),
    runs: wonChanged,
  },
  "what only later runs of an incremental model do": {
    files: edit("models/later.sql", "where id >", "where id >="),
    runs: [`later: code changed${oldRows}`],
  },
  "a condition that counts always now, and only on later runs before": {
    files: {
      "models/later.sql": `{{config materialized="incremental"}}\nselect id from {{ref "orders"}}\nwhere id > (select max(id) from {{this}})\n`,
    },
    runs: [`later: code changed${oldRows}`],
  },
  "the time zone": {
    files: edit("lake.yml", "Asia/Seoul", "UTC"),
    runs: [
      ...["clock", "dice", "kept", "orders", "won"].map((name) => `${name}: code changed`),
      `later: code changed${oldRows}`,
      "rates: the file changed",
      ...["not_null_orders_id", "unique_orders_id"].map((name) => `test ${name}: orders changes in this run`),
      "test not_null_won_won: won changes in this run",
    ],
  },
  "the engine's version": {
    engine: "duckdb v99",
    runs: [
      ...["clock", "dice", "kept", "orders", "won"].map((name) => `${name}: code changed`),
      `later: code changed${oldRows}`,
      "rates: the file changed",
      ...["not_null_orders_id", "unique_orders_id"].map((name) => `test ${name}: orders changes in this run`),
      "test not_null_won_won: won changes in this run",
    ],
  },
  "another name for a table": {
    files: edit("models/orders.sql", "tags=", `alias="ordered" tags=`),
    runs: ["orders: new", ...afterOrders],
  },
  "how a test judges": {
    files: edit(
      "models/m.yml",
      "columns: [{name: won, data_tests: [not_null]}]",
      "columns: [{name: won, data_tests: [{not_null: {config: {severity: warn}}}]}]",
    ),
    runs: ["test not_null_won_won: test changed"],
  },
  "which rows a test looks at": {
    files: edit("models/m.yml", "[not_null, unique]", "[not_null, {unique: {config: {where: id > 1}}}]"),
    runs: ["test unique_orders_id: test changed"],
  },
  "a new test": {
    files: { "tests/data/none.sql": `select * from {{ref "won"}} where won < 0\n` },
    runs: ["test none: has not passed yet"],
  },
  "a model's file moved to another folder": {
    files: { "models/gold/won.sql": String(project["models/won.sql"]), "models/won.sql": "" },
    runs: nothing,
  },
};

describe("an edit makes run what it decides about, and nothing else", () => {
  test.each(Object.entries(edits))("%s", async (_name, { files = {}, runs, ...setting }) => {
    // Beside the tables of the project, so that nothing has to be built for each edit.
    using there = makeProject({ ...project, ...files });
    const profiles = here
      .read("profiles.yml")
      .replace("warehouse: warehouse", `warehouse: ${here.root}/warehouse`)
      .replace("sqlite:///lake.db", `sqlite:///${here.root}/lake.db`);
    there.write({ "profiles.yml": profiles });
    for (const [name, text] of Object.entries(files)) if (text === "") rmSync(path.join(there.root, name));
    const plan = await planOf(there.root, setting);
    const named = new Set(runs.map((line) => line.split(":")[0]));
    const untouched = always.filter((line) => !named.has(line.split(":")[0]));
    expect(active(plan)).toEqual([...runs, ...untouched].sort());
  });
});

const moved = (name: string): RegExp => new RegExp(`^${name} moved from snapshot [0-9]+ to [0-9]+$`);
const rowOfOrders = "select 9::integer as id, 'KRW' as currency, 90::integer as amount";

interface Move {
  readonly move: (project: TestProject) => Promise<unknown>;
  readonly runs: readonly string[];
}

const moves: Readonly<Record<string, Move>> = {
  "compaction of a table and of an input": { move: (of) => compact(of, "orders"), runs: nothing },
  "a tag and a property": {
    move: async (of) => {
      const [first] = await snapshotIds(of, "orders");
      await update(of, "orders", [
        { action: "set-properties", updates: { owner: "somebody" } },
        { action: "set-snapshot-ref", "ref-name": "kept", type: "tag", "snapshot-id": first as bigint },
      ]);
    },
    runs: nothing,
  },
  "another engine's append to a table": {
    move: (of) => append(of, "orders", rowOfOrders),
    runs: ["orders: another engine wrote the table", ...afterOrders],
  },
  "another engine's append to a table that nobody reads": {
    move: (of) => append(of, "won", "select 9::integer as id, 9::bigint as won"),
    runs: ["won: another engine wrote the table", "test not_null_won_won: won changes in this run"],
  },
  "another engine's append to a seed": {
    move: (of) => append(of, "rates", "select 'EUR' as currency, 1600::bigint as rate"),
    runs: [
      "rates: another engine wrote the table",
      "won: rates changes in this run",
      "test not_null_won_won: won changes in this run",
    ],
  },
  "an append and a compaction after it": {
    move: async (of) => {
      await append(of, "orders", rowOfOrders);
      await compact(of, "orders");
    },
    runs: ["orders: another engine wrote the table", ...afterOrders],
  },
  "a compaction whose parent expired": {
    move: async (of) => {
      const [first] = await snapshotIds(of, "orders");
      await compact(of, "orders");
      await update(of, "orders", [{ action: "remove-snapshots", "snapshot-ids": [first as bigint] }]);
    },
    runs: ["orders: the table was not built by lake", ...afterOrders],
  },
};

describe("a table that moved makes run what hangs on it, and nothing else", () => {
  test.each(Object.entries(moves))("%s", async (_name, { move, runs }) => {
    using there = makeProject(project);
    expect((await there.run({})).success).toBe(true);
    await move(there);
    expect(active(await planOf(there.root))).toEqual([...runs, ...always].sort());
  });

  test("an input that is not part of the run: its new rows, and its way back", async () => {
    using there = makeProject(project);
    expect((await there.run({})).success).toBe(true);
    const [first] = await snapshotIds(there, "orders");
    const select = { options: { select: ["won", "later"], indirectSelection: "empty" as const } };
    await append(there, "orders", rowOfOrders);
    const plan = await planOf(there.root, select);
    for (const name of ["won", "later"]) expect(stepOf(plan, name).reason).toMatch(moved("orders"));
    expect((await there.run({ select: ["won", "later"] })).success).toBe(true);
    expect(active(await planOf(there.root, select))).toEqual([]);
    await rollBack(there, "orders", first as bigint);
    expect(stepOf(await planOf(there.root, select), "won").reason).toMatch(moved("orders"));
  });

  test("a table that was rolled back behind a rebuild is built again", async () => {
    using there = makeProject(project);
    expect((await there.run({})).success).toBe(true);
    there.write(edit("models/won.sql", "id > 0", "id > 1"));
    expect((await there.run({})).success).toBe(true);
    const [first] = await snapshotIds(there, "won");
    await rollBack(there, "won", first as bigint);
    expect(stepOf(await planOf(there.root), "won").reason).toBe("code changed");
  });
});

describe("lake plan", () => {
  test("says what a run then does, step by step", async () => {
    for (const change of [
      {},
      edit("models/won.sql", "id > 0", "id > 1"),
      edit("models/small.sql", "< 1000", "< 999"),
      { "seeds/rates.csv": "currency,rate\nKRW,2\n" },
    ] satisfies Files[]) {
      using there = makeProject(project);
      expect((await there.run({})).success).toBe(true);
      there.write(change);
      for (const options of [{}, { noReuse: true }, { fullRefresh: true }, { select: ["won"] }]) {
        const planned = await planOf(there.root, { options });
        const outcome = await there.run(options);
        const started = outcome.events.find(({ kind }) => kind === "run-started");
        const steps = planned.steps.map(({ changes: _changes, evolution: _evolution, ...step }) => step);
        expect(started).toMatchObject({ plan: { ...planned, steps } });
        const done = new Map(outcome.results.map(({ uniqueId, status }) => [uniqueId, status]));
        for (const { uniqueId, action } of planned.steps)
          expect([uniqueId, done.get(uniqueId)]).toEqual([
            uniqueId,
            { build: "success", staged: "success", reuse: "reused", inline: "success", test: "pass" }[action],
          ]);
      }
    }
  });

  test("--no-reuse builds what is unchanged, --full-refresh also incremental models from nothing", async () => {
    const off = await planOf(here.root, { options: { noReuse: true } });
    expect([stepOf(off, "won"), stepOf(off, "later")]).toMatchObject([
      { action: "build", mode: "replace", reason: "reuse is off" },
      { action: "build", mode: "append", reason: "reuse is off" },
    ]);
    const refresh = await planOf(here.root, { options: { fullRefresh: true } });
    for (const name of ["rates", "orders", "won", "later"])
      expect(stepOf(refresh, name)).toMatchObject({
        action: "build",
        mode: "replace",
        reason: "full refresh",
      });
  });

  test("shows how the code changed: lines of SQL, the view on the way, config, once each", async () => {
    using there = makeProject({
      ...project,
      "models/other.sql": `{{config materialized="table"}}\nselect count(*) as n from {{ref "small"}}\n`,
    });
    expect((await there.run({})).success).toBe(true);
    there.write({
      ...edit("models/small.sql", "< 1000", "< 999"),
      "models/won.sql": String(project["models/won.sql"])
        .replace("id > 0", "id > 1 -- not the first")
        .replace("materialized", `partition_by="id" materialized`),
    });
    const { stdout, code } = await there.cli("plan", "-s", "won", "other", "--resource-type", "model");
    expect(code).toBe(0);
    expect(stdout).toContain(`
other
  view small
    - select * from "orders" where amount < 1000
    + select * from "orders" where amount < 999
`);
    expect(stdout).toContain(`
won
  SQL
    … line 2
      from "small"
      join "rates" using (currency)
    - where id > 0
    + where id > 1 -- not the first
  view small: as for other
`);
    expect(stdout).toContain(`
lakehouse.won
  partitioned by id instead of nothing (with the rewrite)
`);
    const json = await there.cli("plan", "-s", "won", "--output", "json");
    const { steps } = JSON.parse(json.stdout) as Plan;
    const won = steps.find(({ uniqueId }) => uniqueId === "model.shop.won");
    expect(won?.changes?.map(({ what, name }) => `${what} ${name ?? ""}`.trim())).toEqual([
      "sql",
      "view model.shop.small",
    ]);
    expect(won?.changes?.[0]?.diff).toContainEqual({ kind: "-", text: "where id > 0" });
    expect((await there.run({})).success).toBe(true);
    expect((await planOf(there.root)).steps.every(({ changes }) => changes === undefined)).toBe(true);
  });

  test("says so where it is not known what a table was built with", async () => {
    using there = makeProject(project);
    expect((await there.run({})).success).toBe(true);
    rmSync(path.join(there.root, "warehouse/_lake/dev/code"), { recursive: true });
    there.write(edit("models/won.sql", "id > 0", "id > 1"));
    expect(stepOf(await planOf(there.root), "won")).toMatchObject({ reason: "code changed", changes: null });
    expect((await there.cli("plan", "-s", "won")).stdout).toContain(
      "what its table was built with is not kept",
    );
    expect((await there.run({})).success).toBe(true);
  });
});
