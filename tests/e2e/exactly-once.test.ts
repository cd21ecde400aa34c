// Promise 3: however the landing files are spread over runs, the table holds each line once, and the tables
// built on it are those of one full build.
import fc from "fast-check";
import { rmSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { makeProject } from "./project.ts";
import type { TestProject } from "./project.ts";

const project = {
  "models/sources.yml": `version: 2
sources:
  - name: landing
    tables:
      - name: events
        location: events
        columns:
          - {name: id, data_type: bigint}
          - {name: kind, data_type: varchar}
          - {name: happened, data_type: varchar}
`,
  "models/stg.sql": `{{config materialized="view"}}
select id, kind, happened::timestamptz as happened, _file as data_source from {{source "landing" "events"}}
`,
  "models/events.sql": `{{config materialized="incremental" strategy="append" partition_by="day(happened)"}}
select * from {{ref "stg"}}
`,
  "models/daily.sql": `{{config materialized="table"}}
select happened::date as day, kind, count(*) as n from {{ref "events"}} group by all
`,
};

interface Event {
  readonly day: number;
  readonly kind: string;
}

/** Ids are unique over all files, so that a doubled or lost line shows. */
function landingFiles(files: readonly (readonly Event[])[]): Record<string, string> {
  let id = 0;
  return Object.fromEntries(
    files.map((events, index) => [
      `landing-zone/events/batch_${index}.jsonl`,
      events
        .map(
          ({ day, kind }) =>
            `${JSON.stringify({ id: id++, kind, happened: `2025-07-0${day}T03:00:00+09:00` })}\n`,
        )
        .join(""),
    ]),
  );
}

async function contents(of: TestProject): Promise<unknown> {
  return {
    events: await of.query(`select id, kind, happened::varchar from {{ref "events"}} order by id`),
    daily: await of.query(`select * from {{ref "daily"}} order by all`),
  };
}

const event = fc.record({
  day: fc.integer({ min: 1, max: 9 }),
  kind: fc.constantFrom("view", "like", "search"),
});

test("any split of the files over any runs ends in the same rows as one build", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(event, { maxLength: 8 }), { minLength: 1, maxLength: 5 }),
      fc.infiniteStream(fc.integer({ min: 0, max: 3 })),
      fc.boolean(),
      async (files, runOf, repeat) => {
        const all = landingFiles(files);
        using whole = makeProject({ ...project, ...all });
        expect((await whole.run({})).success).toBe(true);
        using split = makeProject(project);
        split.write({ "landing-zone/events/.keep": "" });
        const runs = Map.groupBy(Object.entries(all), () => runOf.next().value as number);
        for (const [, some] of [...runs].sort(([a], [b]) => b - a)) {
          split.write(Object.fromEntries(some));
          expect((await split.run({})).success).toBe(true);
          const again = repeat ? (await split.run({})).of("events")?.status : "reused";
          expect(again).toBe("reused");
        }
        expect(await contents(split)).toEqual(await contents(whole));
      },
    ),
    { numRuns: 6 },
  );
});

test("a second run finds nothing new and writes nothing", async () => {
  using here = makeProject({ ...project, ...landingFiles([[{ day: 1, kind: "view" }]]) });
  const first = await here.run({});
  expect(first.of("events")?.message).toContain("1 row");
  const before = await here.query(`select 1`);
  const second = await here.run({});
  expect(before).toEqual([[1]]);
  expect(second.results.map(({ status }) => status)).toEqual(["success", "reused", "reused"]);
});

test("a changed file under a known name is refused with choices", async () => {
  using here = makeProject({ ...project, ...landingFiles([[{ day: 1, kind: "view" }]]) });
  await here.run({});
  here.write({
    "landing-zone/events/batch_0.jsonl": `{"id": 9, "kind": "like", "happened": "2025-07-01"}\n\n`,
  });
  await expect(here.run({})).rejects.toMatchObject({ code: "run/landing-file-changed" });
  expect(await here.query(`select count(*) from {{ref "events"}}`)).toEqual([[1]]);
});

test("a full refresh that would lose rows is refused", async () => {
  using here = makeProject({
    ...project,
    ...landingFiles([[{ day: 1, kind: "view" }], [{ day: 2, kind: "like" }]]),
  });
  await here.run({});
  rmSync(path.join(here.root, "landing-zone/events/batch_0.jsonl"));
  await expect(here.run({ fullRefresh: true })).rejects.toMatchObject({ code: "run/landing-files-gone" });
  expect((await here.run({})).of("events")?.status).toBe("reused");
  expect(await here.query(`select count(*) from {{ref "events"}}`)).toEqual([[2]]);
});
