// Snapshots: every version of a row, with the time that it held.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { executeRun } from "../../engine/run/execute-run.ts";
import { openProject } from "../../engine/run/open-project.ts";
import { createSession } from "../../engine/run/session.ts";
import type { RunResult } from "../../engine/run/types.ts";
import { adapters } from "../../engine/wire.ts";
import { append, snapshotIds, tableOf } from "./foreign.ts";
import { makeProject } from "./project.ts";
import type { Files, TestProject } from "./project.ts";
import { lookAt } from "./snapshot-model.ts";
import type { ModelOptions, SourceRow, Version } from "./snapshot-model.ts";

const orders = (rows: string, columns = "id, status, changed"): string =>
  `select * from (values ${rows}) as t(${columns})\n`;
const declared = (config: string, rest = ""): string => `version: 2
snapshots:
  - name: history
    relation: ref('orders')
    config: {unique_key: id, ${config}}
${rest}`;
const day = (n: number): string => `timestamp '2025-07-0${n} 10:00:00'`;
const two = `(1, 'new', ${day(1)}), (2, 'new', ${day(1)})`;

/** One command at a moment of the test's choice. */
async function runAt(
  here: TestProject,
  nowMs: number,
  command: "snapshot" | "build" = "snapshot",
): Promise<RunResult> {
  const { graph, profile } = await openProject({ projectDir: here.root, env: {} });
  const session = createSession({ graph, profile, adapters, now: () => nowMs });
  try {
    return await executeRun(session, { command });
  } finally {
    await session.close();
  }
}

function started(config = "strategy: timestamp, updated_at: changed", rest = ""): TestProject {
  return makeProject({ "models/orders.sql": orders(two), "snapshots/s.yml": declared(config, rest) });
}

const at = (n: number): number => Date.UTC(2025, 6, n, 15);
const versions = (columns: string): string => `select ${columns} from {{ref "history"}} order by all`;

async function step(here: TestProject, rows: string, n: number, columns?: string): Promise<string> {
  here.write({ "models/orders.sql": orders(rows, columns) });
  const { results } = await runAt(here, at(n));
  const [result] = results;
  if (result?.error !== undefined) throw result.error;
  return result?.message ?? "";
}

describe("by timestamp", () => {
  test("a changed row ends its version and begins the next; ids are dbt's", async () => {
    using here = started();
    expect(await step(here, two, 1)).toBe("created with 2 rows in 1 file");
    expect(await step(here, `(1, 'paid', ${day(2)}), (2, 'new', ${day(1)}), (3, 'new', ${day(2)})`, 2)).toBe(
      "took 2 rows, rewrote 1 file of 1",
    );
    const found = await here.query(
      versions("id, status, dbt_valid_from::varchar, dbt_valid_to::varchar, dbt_updated_at::varchar"),
    );
    expect(found).toEqual([
      [1, "new", "2025-07-01 10:00:00", "2025-07-02 10:00:00", "2025-07-01 10:00:00"],
      [1, "paid", "2025-07-02 10:00:00", null, "2025-07-02 10:00:00"],
      [2, "new", "2025-07-01 10:00:00", null, "2025-07-01 10:00:00"],
      [3, "new", "2025-07-02 10:00:00", null, "2025-07-02 10:00:00"],
    ]);
    const ids = `count(distinct dbt_scd_id), bool_and(dbt_scd_id = md5(id::varchar || '|' || dbt_updated_at::varchar))`;
    expect(await here.query(`select ${ids} from {{ref "history"}}`)).toEqual([[4, true]]);
  });

  test("files without a version that ends are not touched, and a look that finds nothing moves nobody", async () => {
    using here = started();
    here.write({
      "models/after.sql": `{{config materialized="table"}}\nselect count(*) as n from {{ref "history"}}\n`,
    });
    expect((await runAt(here, at(1), "build")).success).toBe(true);
    await step(here, `${two}, (3, 'new', ${day(2)})`, 2);
    expect(await step(here, `(1, 'new', ${day(1)}), (2, 'new', ${day(1)}), (3, 'paid', ${day(3)})`, 3)).toBe(
      "took 1 row, rewrote 1 file of 2",
    );
    expect((await runAt(here, at(3), "build")).success).toBe(true);
    const before = await snapshotIds(here, "history");
    // A status that changed without its time: by timestamp that is no change.
    expect(await step(here, `(1, 'lost', ${day(1)}), (2, 'new', ${day(1)}), (3, 'paid', ${day(3)})`, 4)).toBe(
      "nothing changed",
    );
    const { metadata } = await here.withSession((session) => tableOf(session, "history"));
    expect(metadata.snapshots).toHaveLength(before.length + 1);
    expect(metadata.snapshots.at(-1)?.summary).toMatchObject({ operation: "replace", "total-records": "4" });
    const outcome = await here.run({});
    expect([outcome.of("history")?.status, outcome.of("after")?.status]).toEqual(["reused", "reused"]);
  });

  test("a row that comes back with an old time does not begin within what is told already", async () => {
    using here = started("strategy: timestamp, updated_at: changed, hard_deletes: invalidate");
    await step(here, two, 1);
    await step(here, `(2, 'new', ${day(1)})`, 5);
    await step(here, two, 8);
    const found = await here.query(
      versions("id, dbt_valid_from::varchar, dbt_valid_to::varchar, dbt_updated_at::varchar"),
    );
    // 15:00 UTC is midnight of the next day in the project's zone.
    expect(found).toEqual([
      [1, "2025-07-01 10:00:00", "2025-07-06 00:00:00", "2025-07-01 10:00:00"],
      [1, "2025-07-09 00:00:00", null, "2025-07-01 10:00:00"],
      [2, "2025-07-01 10:00:00", null, "2025-07-01 10:00:00"],
    ]);
    expect(await step(here, `(1, 'paid', ${day(4)}), (2, 'new', ${day(1)})`, 9)).toContain("took 1 row");
  });
});

describe("by check", () => {
  test("some columns or all of them, null-safe, with the moment of the look", async () => {
    using here = started("strategy: check, check_cols: [status]");
    await step(here, two, 1);
    await step(here, `(1, null, ${day(1)}), (2, 'new', ${day(3)})`, 2);
    await step(here, `(1, null, ${day(2)}), (2, 'new', ${day(4)})`, 3);
    const found = await here.query(versions("id, status, epoch_ms(dbt_valid_from), epoch_ms(dbt_valid_to)"));
    expect(found).toEqual([
      [1, "new", at(1), at(2)],
      [1, null, at(2), null],
      [2, "new", at(1), null],
    ]);
    here.write({ "snapshots/s.yml": declared("strategy: check, check_cols: all") });
    expect(await step(here, `(1, null, ${day(2)}), (2, 'new', ${day(4)})`, 4)).toContain("took 2 rows");
  });

  test("new columns come with their first version, removed ones stay empty in later ones", async () => {
    using here = started("strategy: check, check_cols: all");
    await step(here, two, 1);
    const wider = `(1, 'new', ${day(1)}, null), (2, 'new', ${day(1)}, 'card')`;
    expect(await step(here, wider, 2, "id, status, changed, paid_by")).toBe(
      "took 1 row, rewrote 1 file of 1",
    );
    expect(await step(here, `(1, 'new', 'cash'), (2, 'new', 'card')`, 3, "id, status, paid_by")).toContain(
      "took 1 row",
    );
    expect(await here.query(versions("id, paid_by, changed is null, dbt_valid_to is null"))).toEqual([
      [1, "cash", true, true],
      [1, null, false, false],
      [2, "card", false, true],
      [2, null, false, false],
    ]);
  });
});

describe("what is gone", () => {
  const gone = `(2, 'new', ${day(1)})`;
  const shown = "id, status, dbt_valid_to::varchar";

  test("is left as it is by default", async () => {
    using here = started();
    await step(here, two, 1);
    expect(await step(here, gone, 2)).toBe("nothing changed");
  });

  test("ends with invalidate, as with the older invalidate_hard_deletes", async () => {
    for (const config of ["hard_deletes: invalidate", "invalidate_hard_deletes: true"]) {
      using here = started(`strategy: timestamp, updated_at: changed, ${config}`);
      await step(here, two, 1);
      await step(here, gone, 2);
      expect(await here.query(versions(shown))).toEqual([
        [1, "new", "2025-07-03 00:00:00"],
        [2, "new", null],
      ]);
    }
  });

  test("gets a record of its own with new_record, which ends when the row is back", async () => {
    using here = started("strategy: timestamp, updated_at: changed, hard_deletes: new_record");
    await step(here, two, 1);
    await step(here, gone, 2);
    const again = `(2, 'new', ${day(1)} + interval 0 day)`;
    expect(await step(here, again, 3)).toBe("nothing changed");
    await step(here, `(1, 'back', ${day(6)}), ${gone}`, 6);
    expect(
      await here.query(
        versions("id, dbt_valid_from::varchar, dbt_valid_to::varchar, dbt_is_deleted, status"),
      ),
    ).toEqual([
      [1, "2025-07-01 10:00:00", "2025-07-03 00:00:00", "False", "new"],
      [1, "2025-07-03 00:00:00", "2025-07-06 10:00:00", "True", "new"],
      [1, "2025-07-06 10:00:00", null, "False", "back"],
      [2, "2025-07-01 10:00:00", null, "False", "new"],
    ]);
  });
});

test("names of the columns and the end of what still holds are the config's", async () => {
  const names =
    "{dbt_valid_from: since, dbt_valid_to: until, dbt_scd_id: version_id, dbt_updated_at: updated}";
  using here = started(
    `strategy: timestamp, updated_at: changed, snapshot_meta_column_names: ${names}, dbt_valid_to_current: "timestamp '9999-12-31'"`,
  );
  await step(here, two, 1);
  await step(here, `(1, 'paid', ${day(2)}), (2, 'new', ${day(1)})`, 2);
  expect(await here.query(versions("id, status, since::varchar, until::varchar"))).toEqual([
    [1, "new", "2025-07-01 10:00:00", "2025-07-02 10:00:00"],
    [1, "paid", "2025-07-02 10:00:00", "9999-12-31 00:00:00"],
    [2, "new", "2025-07-01 10:00:00", "9999-12-31 00:00:00"],
  ]);
  expect(
    Object.keys((await here.query(`select version_id, updated from {{ref "history"}} limit 1`))[0] ?? []),
  ).toHaveLength(2);
});

describe("refused, with nothing changed", () => {
  const cases: readonly [string, string, string, RegExp][] = [
    [
      "two rows of one key",
      `(1, 'a', ${day(2)}), (1, 'b', ${day(2)}), (2, 'c', ${day(1)})`,
      "run/duplicate-keys",
      /id 1 \(2 rows\)/,
    ],
    [
      "a row without a key",
      `(null, 'a', ${day(2)}), (2, 'c', ${day(1)})`,
      "run/snapshot-null",
      /a row of the snapshot history has no id/,
    ],
    [
      "rows without a time",
      `(1, 'a', null::timestamp), (2, 'c', null)`,
      "run/snapshot-null",
      /2 rows .* have no changed/,
    ],
  ];
  test.each(cases)("%s", async (_name, rows, code, message) => {
    using here = started();
    await step(here, two, 1);
    const before = await here.catalog();
    await expect(step(here, rows, 2)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message) as unknown,
    });
    expect(await here.catalog()).toEqual(before);
    using fresh = started();
    await expect(step(fresh, rows, 1)).rejects.toMatchObject({ code });
  });

  test("a history that somebody else wrote a second current version into", async () => {
    using here = started();
    await step(here, two, 1);
    await append(
      here,
      "history",
      `select 1 as id, 'foreign' as status, ${day(3)} as changed, 'x' as dbt_scd_id, ${day(3)} as dbt_updated_at, ${day(3)} as dbt_valid_from, null::timestamp as dbt_valid_to`,
    );
    await expect(step(here, `(1, 'paid', ${day(4)})`, 2)).rejects.toMatchObject({
      code: "run/snapshot-two-current",
    });
  });

  test("a time that is none, columns that are not there, and what must be said", async () => {
    const error = async (config: string, rows?: string): Promise<unknown> => {
      using here = started(config);
      if (rows !== undefined) here.write({ "models/orders.sql": orders(rows) });
      const outcome = await runAt(here, at(1)).catch(
        (thrown: unknown) => thrown as { code: string; message: string },
      );
      if (!("results" in outcome)) return `${outcome.code} ${outcome.message}`;
      const [result] = outcome.results;
      return `${result?.error?.errors[0]?.code ?? result?.error?.code} ${result?.message}`;
    };
    expect(await error("strategy: timestamp, updated_at: changed", "(1, 'a', 5)")).toMatch(
      /^run\/snapshot-time .*changed/,
    );
    expect(await error("strategy: timestamp, updated_at: change")).toMatch(/^compute\/bind .*"change"/);
    expect(await error("strategy: check, check_cols: [state]")).toMatch(/^run\/unknown-key-column/);
    expect(await error("strategy: check")).toMatch(/^project\/missing-key .*check_cols/);
    expect(await error("strategy: timestamp")).toMatch(/^project\/missing-key .*updated_at/);
    expect(await error("updated_at: changed")).toMatch(/^project\/missing-key .*strategy/);
  });
});

describe("in the project", () => {
  test("a file of SQL with its config inside, refs onto it, tests, selection, ls and compile", async () => {
    using here = makeProject({
      "lake.yml": "name: shop\nprofile: shop\nsnapshots: {shop: {+tags: [nightly]}}\n",
      "models/orders.sql": orders(two),
      "snapshots/big/history.sql": `{{config strategy="timestamp" unique_key="id" updated_at="changed"}}\nselect * from {{ref "orders"}} where id > 0\n`,
      "snapshots/s.yml": `version: 2\nsnapshots: [{name: history, columns: [{name: id, data_tests: [not_null]}]}]\n`,
      "models/now.sql": `{{config materialized="table"}}\nselect id, status, dbt_valid_from from {{ref "history"}} where dbt_valid_to is null\n`,
    });
    const outcome = await here.run({});
    expect(outcome.success).toBe(true);
    expect(
      outcome.results.map(({ uniqueId, status }) => [uniqueId.split(".").slice(0, 3).join("."), status]),
    ).toEqual([
      ["model.shop.orders", "success"],
      ["snapshot.shop.history", "success"],
      ["model.shop.now", "success"],
      ["test.shop.not_null_history_id", "pass"],
    ]);
    expect(await here.query(`select count(*) from {{ref "now"}}`)).toEqual([[2]]);
    const names = async (...args: string[]): Promise<string[]> =>
      (await here.cli("ls", "--output", "name", ...args)).stdout.trim().split("\n");
    expect(await names("-s", "resource_type:snapshot")).toEqual(["history", "not_null_history_id"]);
    expect(await names("-s", "tag:nightly", "--resource-type", "snapshot")).toEqual(["history"]);
    expect(await names("-s", "history+", "--resource-type", "model")).toEqual(["now"]);
    expect((await here.cli("compile", "-s", "history")).code).toBe(0);
    expect(here.read("target/compiled/shop/snapshots/big/history.sql")).toContain("where id > 0");
    await here.cli("parse");
    const manifest = JSON.parse(here.read("target/manifest.json")) as {
      nodes: Record<string, { resource_type: string }>;
    };
    expect(manifest.nodes["snapshot.shop.history"]).toMatchObject({
      resource_type: "snapshot",
      config: { materialized: "snapshot" },
    });
  });

  test("lake run leaves it alone, lake snapshot takes it alone, a full refresh never loses history", async () => {
    using here = started();
    expect((await here.run({ command: "run" })).of("history")).toBeUndefined();
    const only = await here.cli("snapshot");
    expect([only.code, only.stdout]).toEqual([0, expect.stringContaining("1 table built")]);
    await step(here, `(1, 'paid', ${day(2)}), (2, 'new', ${day(1)})`, 2);
    expect((await here.run({ fullRefresh: true })).success).toBe(true);
    expect(await here.query(`select count(*) from {{ref "history"}}`)).toEqual([[3]]);
    here.write({ "snapshots/s.yml": declared("strategy: check, check_cols: all") });
    expect((await here.run({})).of("history")?.error?.code).toBeUndefined();
    expect(
      await here.query(`select count(*) from {{ref "history"}} where status = 'new' and id = 1`),
    ).toEqual([[1]]);
  });

  test("a name that is taken and a relation that is none are said with their place", async () => {
    const problem = async (files: Files): Promise<string> => {
      using here = makeProject({ "models/orders.sql": orders(two), ...files });
      return (await here.cli("parse")).stderr;
    };
    expect(
      await problem({
        "snapshots/orders.sql": `{{config strategy="check" check_cols="all" unique_key="id"}}select 1 as id`,
      }),
    ).toMatch(/project\/duplicate-name/);
    expect(
      await problem({
        "snapshots/s.yml": declared("strategy: check, check_cols: all").replace("ref('orders')", "orders"),
      }),
    ).toMatch(/project\/bad-value.*relation of snapshot history[^]*snapshots\/s\.yml:3/);
    expect(
      await problem({
        "snapshots/s.yml": declared("strategy: check, check_cols: all").replace("orders", "order"),
      }),
    ).toMatch(/graph\/unknown-ref[^]*snapshots\/s\.yml:3[^]*did you mean "orders"/);
  });
});

const minute = (n: number): string => `timestamptz '2025-07-01 00:00:00+00' + interval ${n} minute`;
const origin = Date.UTC(2025, 6, 1);

const look = fc.record({
  advance: fc.integer({ min: 1, max: 90 }),
  rows: fc.array(
    fc.record({
      id: fc.integer({ min: 1, max: 4 }),
      status: fc.constantFrom("a", "b", null),
      changed: fc.integer({ min: 0, max: 300 }),
    }),
    { maxLength: 4 },
  ),
});

test(
  "any course of looks gives the history that follows from them, and no time is told twice",
  { timeout: 600_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(look, { minLength: 2, maxLength: 5 }),
        fc.record({
          by: fc.constantFrom<ModelOptions["by"]>("timestamp", "check", "check with updated_at"),
          hardDeletes: fc.constantFrom<ModelOptions["hardDeletes"]>("ignore", "invalidate", "new_record"),
          until: fc.constantFrom(undefined, "timestamptz '9999-12-31 00:00:00+00'"),
        }),
        async (looks, { by, hardDeletes, until }) => {
          const strategy = by === "timestamp" ? "timestamp" : "check, check_cols: [status]";
          const config = [
            `strategy: ${strategy}`,
            `hard_deletes: ${hardDeletes}`,
            ...(by === "check" ? [] : ["updated_at: changed"]),
            ...(until === undefined ? [] : [`dbt_valid_to_current: "${until}"`]),
          ];
          using here = makeProject({ "snapshots/s.yml": declared(config.join(", ")) });
          let history: readonly Version[] = [];
          let now = 0;
          for (const { advance, rows } of looks) {
            now += advance;
            const unique = [...new Map(rows.map((row) => [row.id, row])).values()];
            const values = unique.map(
              ({ id, status, changed }) =>
                `(${id}, ${status === null ? "null" : `'${status}'`}, ${minute(changed)})`,
            );
            const none = `(0, 'x', ${minute(0)})`;
            const text = orders([none, ...values].join(", "));
            here.write({ "models/orders.sql": `${text}where id > 0\n` });
            const { success } = await runAt(here, origin + now * 60_000);
            expect(success).toBe(true);
            history = lookAt(history, unique, now, { by, hardDeletes });
            expect(await written(here, hardDeletes, until)).toEqual(history.map(shown).sort());
          }
          checkTold(history, looks, by, hardDeletes);
        },
      ),
      { numRuns: 8 },
    );
  },
);

function shown({ id, status, changed, from, to, updatedAt, deleted }: Version): string {
  return [id, status, changed, from, to, updatedAt, deleted].join(" ");
}

async function written(here: TestProject, hardDeletes: string, until: string | undefined): Promise<string[]> {
  const minutes = (column: string): string => `(epoch_ms(${column}) - ${origin}) / 60000`;
  const to =
    until === undefined
      ? minutes("dbt_valid_to")
      : `case when dbt_valid_to = ${until} then null else ${minutes("dbt_valid_to")} end`;
  const deleted = hardDeletes === "new_record" ? "dbt_is_deleted = 'True'" : "false";
  const columns = [
    "id",
    "status",
    minutes("changed"),
    minutes("dbt_valid_from"),
    to,
    minutes("dbt_updated_at"),
    deleted,
  ];
  return (await here.query(`select ${columns.join(", ")} from {{ref "history"}}`))
    .map((row) => row.join(" "))
    .sort();
}

/** Of each key one version after the other, and at each look by check what was there then. */
function checkTold(
  history: readonly Version[],
  looks: readonly { readonly advance: number; readonly rows: readonly SourceRow[] }[],
  by: string,
  hardDeletes: string,
): void {
  for (const some of Map.groupBy(history, ({ id }) => id).values()) {
    const ordered = some.toSorted((a, b) => a.from - b.from || (a.to ?? Infinity) - (b.to ?? Infinity));
    for (const [index, version] of ordered.entries()) {
      const next = ordered[index + 1];
      if (next === undefined) continue;
      expect(version.to).not.toBeNull();
      expect(version.to).toBeLessThanOrEqual(next.from);
      expect(version.from).toBeLessThanOrEqual(version.to as number);
    }
  }
  if (by !== "check" || hardDeletes === "ignore") return;
  let now = 0;
  for (const { advance, rows } of looks) {
    now += advance;
    const then = history.filter(
      ({ from, to, deleted }) => from <= now && (to === null || now < to) && !deleted,
    );
    const there = [...new Map(rows.map((row) => [row.id, row])).values()];
    expect(then.map(({ id, status }) => `${id} ${status}`).sort()).toEqual(
      there.map(({ id, status }) => `${id} ${status}`).sort(),
    );
  }
}
