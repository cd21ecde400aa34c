// The repository's own project: however its landing files are spread over runs, in whatever order, with whole runs
// called twice and rebuilds between, every table ends as one build of everything makes it.
import fc from "fast-check";
import { copyFileSync, mkdirSync, readdirSync, renameSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ownProject } from "./own-project.ts";
import { makeProject } from "./project.ts";
import type { TestProject } from "./project.ts";

const events = 1501;
const silver = `{{ref "user_events_silver"}}`;
/** The tests of the data are asked elsewhere. */
const tables = { resourceTypes: ["model", "seed"] };
const gold = ["daily_user_activity", "daily_user_metrics", "ml_features", "recipe_recommendations"];

let whole: TestProject;
let expected: Record<string, unknown>;
const files = (): string[] => readdirSync(path.join(whole.root, "landing-zone/events")).sort();

beforeAll(async () => {
  whole = makeProject(ownProject());
  const generated = await whole.cli("run-operation", "generate_events", "--args", `{events: ${events}}`);
  if (generated.code !== 0) throw new Error(generated.stderr);
  if (!(await whole.run({})).success) throw new Error("the first build failed");
  expected = await contents(whole);
});
afterAll(() => whole[Symbol.dispose]());

/** All rows of all tables; of a landing file's path the name, since each project has its own folder. */
async function contents(of: TestProject): Promise<Record<string, unknown>> {
  const tables: Record<string, unknown> = {
    silver:
      await of.query(`select * exclude (processed_at, data_source), regexp_extract(data_source, '[^/]+$') as file
      from ${silver} order by event_id`),
  };
  for (const name of gold) tables[name] = await of.query(`select * from {{ref "${name}"}} order by all`);
  return tables;
}

interface Step {
  /** Names of landing files that arrive before the run. */
  readonly arrive: readonly string[];
  readonly again: boolean;
  readonly refresh: boolean;
}

/** Every file in one of up to four runs, in any order. */
function steps(): fc.Arbitrary<readonly Step[]> {
  const names = files();
  const turns = fc.array(fc.nat(3), { minLength: names.length, maxLength: names.length });
  const flags = fc.array(fc.record({ again: fc.boolean(), refresh: fc.boolean() }), {
    minLength: 4,
    maxLength: 4,
  });
  return fc
    .tuple(turns, flags)
    .map(([turnOf, flagsOf]) =>
      flagsOf
        .map((flag, turn) => ({ ...flag, arrive: names.filter((_, index) => turnOf[index] === turn) }))
        .filter(({ arrive }) => arrive.length > 0),
    );
}

test(
  "every split, order and repetition of runs makes the same silver and gold",
  { timeout: 600_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(steps(), async (plan) => {
        using here = makeProject(ownProject());
        const landing = path.join(here.root, "landing-zone/events");
        mkdirSync(landing, { recursive: true });
        for (const [index, { arrive, again, refresh }] of plan.entries()) {
          for (const name of arrive) {
            // As real deliveries do: another name while it is written.
            copyFileSync(path.join(whole.root, "landing-zone/events", name), path.join(landing, `.${name}`));
            renameSync(path.join(landing, `.${name}`), path.join(landing, name));
          }
          const run = await here.run({ ...tables, fullRefresh: refresh && index > 0 });
          expect(run.results.filter(({ error }) => error !== undefined)).toEqual([]);
          const second = again ? (await here.run(tables)).of("user_events_silver")?.status : "reused";
          expect(second).toBe("reused");
        }
        expect(await contents(here)).toEqual(expected);
      }),
      { numRuns: 3, endOnFailure: true },
    );
  },
);
