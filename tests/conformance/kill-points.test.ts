// A run that is killed at each of its steps, on every catalog: readers see whole states only, and the next
// command ends right, with no row twice and none lost.
import { afterAll, beforeAll, expect, test } from "vitest";
import { startAtStep, stepsOf } from "../e2e/steps.ts";
import type { TestProject } from "../e2e/project.ts";
import { describeWith } from "../services/skip.ts";
import { catalogAdapters } from "./adapters.ts";
import type { CatalogConnection } from "./adapters.ts";
import { landingFile, projectOn, state } from "./run-project.ts";

interface Scenario {
  readonly name: string;
  /** Files of the landing zone that earlier builds have taken in. */
  readonly before: number;
  readonly command: "build" | "run";
}

const first: Scenario = { name: "the first build", before: 0, command: "build" };
const next: Scenario = { name: "a build that takes in one more file", before: 1, command: "build" };
const run: Scenario = { name: "a run that takes in one more file", before: 1, command: "run" };

/** SQLite stands in for a catalog without transactions where no other service is at hand. */
const cases: Readonly<Record<string, readonly (Scenario & { readonly oneByOne: boolean })[]>> = {
  "sql on SQLite": [
    { ...next, oneByOne: false },
    { ...first, oneByOne: true },
    { ...run, oneByOne: true },
  ],
  "sql on PostgreSQL": [{ ...next, oneByOne: false }],
  hive: [first, next, run].map((scenario) => ({ ...scenario, oneByOne: true })),
};

/** Before every step, and after each commit: its answer never comes. What lies between two steps is no step. */
function killPoints(steps: readonly string[]): number[] {
  return steps.flatMap((step, index) =>
    step.startsWith("before ") || step === "after catalog.commit" ? [index + 1] : [],
  );
}

async function prepared(connection: CatalogConnection, { before }: Scenario): Promise<TestProject> {
  const here = projectOn(connection, quarantineSource);
  for (let file = 0; file < before; file += 1) {
    here.write(landingFile(file));
    expect((await here.run({})).success).toBe(true);
  }
  here.write(landingFile(before));
  return here;
}

const quarantineSource = {
  "models/quarantine.yml": `version: 2
sources: [{name: lakehouse, tables: [{name: events_quarantine, type: iceberg}]}]
`,
};

for (const adapter of catalogAdapters) {
  describeWith(adapter.unavailable(), `killed at every step, ${adapter.name}`, () => {
    let server: Awaited<ReturnType<typeof adapter.start>>;
    beforeAll(async () => {
      server = await adapter.start();
    });
    afterAll(() => server.stop());

    test.each(cases[adapter.name] ?? [])(
      "$name, one table at a time: $oneByOne",
      async (scenario) => {
        const { command, oneByOne } = scenario;
        using whole = await prepared(await server.fresh(), scenario);
        const request = { options: { command }, oneByOne };
        expect(await startAtStep({ ...request, root: whole.root, at: 0 }).ended).toMatchObject({ code: 0 });
        const points = killPoints(stepsOf(whole.root));
        expect(points.length).toBeGreaterThan(15);
        const [old, fresh] = [scenario.before * 10, scenario.before * 10 + 10];
        for (const at of points) {
          using here = await prepared(await server.fresh(), scenario);
          const killed = await startAtStep({ ...request, root: here.root, at, signal: "SIGKILL" }).ended;
          const seen = await state(here);
          const label = `${at} ${stepsOf(here.root).at(-1)} ${JSON.stringify(seen)}`;
          expect([label, killed]).toMatchObject([label, { signal: "SIGKILL" }]);
          // Whole states only, and nothing on top of what is not there.
          const apart = new Set([seen.events, seen.daily, seen.quarantined * 10]).size > 1;
          const torn = [seen.events, seen.daily].some((count) => count !== old && count !== fresh);
          const ahead = seen.daily > seen.events;
          const together = command === "build" && !oneByOne;
          expect([label, torn, ahead, together && apart]).toEqual([label, false, false, false]);
          const again = await here.run({ command });
          const errors = again.results.flatMap(({ error }) => error ?? []);
          expect([label, errors, again.success]).toEqual([label, [], true]);
          const quarantined = scenario.before + 1;
          const right = { events: fresh, distinct: fresh, quarantined, daily: fresh };
          expect([label, await state(here)]).toEqual([label, right]);
        }
      },
      600_000,
    );
  });
}
