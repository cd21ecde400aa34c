// Rule 17: whatever happens upstream, and however builds fall in between, an incremental model that follows its
// input holds the rows of one full build, under every strategy.
import fc from "fast-check";
import { expect, test } from "vitest";
import { append, compact, deletePositions, deleteWhere, rollBack, snapshotIds } from "./foreign.ts";
import { makeProject } from "./project.ts";
import type { TestProject } from "./project.ts";

const counted = `select day, kind, count(*) as n, min(id) as first from {{ref "events"}}`;
const followed = `${counted} where {{changed "events" by="day"}} group by all\n`;
const incremental = (config: string, sql: string): string =>
  `{{config materialized="incremental" ${config}}}\n${sql}`;

const project = {
  "models/sources.yml": `version: 2
sources:
  - name: landing
    tables:
      - name: events
        location: events
        columns:
          - {name: id, data_type: bigint}
          - {name: day, data_type: date}
          - {name: kind, data_type: varchar}
models:
  - name: events
    config: {event_time: day}
`,
  "models/events.sql": incremental("", `select id, day, kind from {{source "landing" "events"}}`),
  "models/merged.sql": incremental(`strategy="merge" unique_key="day, kind"`, followed),
  "models/inserted.sql": incremental(`strategy="delete+insert" unique_key="day"`, followed),
  "models/replaced.sql": incremental(`strategy="replace_partitions" partition_by="day"`, followed),
  "models/batched.sql": incremental(
    `strategy="microbatch" event_time="day" batch_size="day" begin="2025-07-01"`,
    `${counted} group by all\n`,
  ),
  "landing-zone/events/.keep": "",
};

const day = fc.option(fc.integer({ min: 1, max: 4 }).map((n) => `2025-07-0${n}`));
const rows = fc.array(fc.record({ day, kind: fc.option(fc.constantFrom("a", "b")) }), { maxLength: 4 });
const action = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("land" as const), rows }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("foreign append" as const), day }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom("delete by rewrite" as const, "delete beside" as const),
      where: fc.constantFrom("id % 2 = 0", "day = '2025-07-02'", "day is null", "kind = 'a'"),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom("compact" as const, "roll back" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom("rebuild" as const) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("build" as const) }) },
);
type Action = typeof action extends fc.Arbitrary<infer T> ? T : never;

const models = ["merged", "inserted", "replaced", "batched"];

async function build(here: TestProject, options = {}): Promise<void> {
  const outcome = await here.run({ now: () => Date.parse("2025-07-06T12:00:00+09:00"), ...options });
  expect(outcome.results.map(({ error }) => error?.message).filter(Boolean)).toEqual([]);
  expect(outcome.success).toBe(true);
}

async function perform(here: TestProject, step: Action, id: () => number): Promise<void> {
  switch (step.kind) {
    case "land": {
      const lines = step.rows.map((row) => `${JSON.stringify({ id: id(), ...row })}\n`).join("");
      here.write({ [`landing-zone/events/${String(id()).padStart(4, "0")}.jsonl`]: lines });
      return build(here, { select: ["events"] });
    }
    case "foreign append": {
      const at = step.day === null ? "null" : `'${step.day}'`;
      return append(here, "events", `select ${id()}::bigint as id, ${at}::date as day, 'f' as kind`);
    }
    case "delete by rewrite":
      return deleteWhere(here, "events", step.where);
    case "delete beside":
      return deletePositions(here, "events", step.where);
    case "compact":
      return compact(here, "events");
    case "roll back": {
      const ids = await snapshotIds(here, "events");
      return rollBack(here, "events", ids[Math.floor(ids.length / 2)] as bigint);
    }
    case "rebuild":
      return build(here, { select: models, fullRefresh: true });
    case "build":
      return build(here, { select: models });
  }
}

test("any sequence of appends, late files, deletes, rollbacks and builds ends in the rows of one full build", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { minLength: 2, maxLength: 7 }), async (steps) => {
      using here = makeProject(project);
      let last = 0;
      const id = (): number => ++last;
      await perform(here, { kind: "land", rows: [{ day: "2025-07-01", kind: "a" }] }, id);
      await build(here);
      for (const step of steps) await perform(here, step, id);
      await build(here, { select: models });
      const expected = await here.query(
        `select day::varchar, kind, n, first from (${counted} group by all) order by all`,
      );
      const timed = expected.filter(([at]) => at !== null);
      for (const model of models) {
        const found = await here.query(
          `select day::varchar, kind, n, first from {{ref "${model}"}} order by all`,
        );
        // A row without a time is in no batch.
        expect([model, found]).toEqual([model, model === "batched" ? timed : expected]);
      }
    }),
    { numRuns: Number(process.env["LAKE_TEST_RUNS"] ?? 3) },
  );
}, 300_000);
