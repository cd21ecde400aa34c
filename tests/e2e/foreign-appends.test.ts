// Another engine appends to a table while a build of it is at any of its steps: its row is there once whatever the
// build made of it, none of the build's rows is lost or there twice, and the next build ends right.
import { expect, test } from "vitest";
import { state } from "../conformance/run-project.ts";
import { goodLines, quarantining } from "./events-project.ts";
import { append } from "./foreign.ts";
import { makeProject } from "./project.ts";
import type { TestProject } from "./project.ts";
import { startAtStep, stepsOf, stoppedAtStep } from "./steps.ts";

const theirs =
  "select 999::bigint as id, 'x' as kind, null as happened, null as page, null::bigint as recipe_id, 'x' as data_source";

/** One landing file is in the tables, another waits; each has a line that goes into quarantine. */
async function prepared(): Promise<TestProject> {
  const here = makeProject({
    ...quarantining,
    "models/quarantine.yml": `version: 2
sources: [{name: lakehouse, tables: [{name: events_quarantine, type: iceberg}]}]
`,
    "landing-zone/events/0.jsonl": `${goodLines(10)}not json\n`,
  });
  expect((await here.run({})).success).toBe(true);
  here.write({ "landing-zone/events/1.jsonl": `${goodLines(10, 11)}neither\n` });
  return here;
}

test.each([
  { how: "all tables together", oneByOne: false },
  { how: "one table at a time", oneByOne: true },
])(
  "at each step of a build that publishes $how",
  async ({ oneByOne }) => {
    using whole = await prepared();
    expect(await startAtStep({ root: whole.root, oneByOne, at: 0 }).ended).toMatchObject({ code: 0 });
    // What lies between two of them is no step.
    const points = stepsOf(whole.root).flatMap((step, index) =>
      step.startsWith("before ") ? [index + 1] : [],
    );
    expect(points.length).toBeGreaterThan(10);
    const outcomes = new Set<number | null>();
    for (const at of points) {
      using here = await prepared();
      const { child, ended } = await stoppedAtStep({ root: here.root, oneByOne, at });
      const label = `${at} ${stepsOf(here.root).at(-1)}`;
      await append(here, "events", theirs);
      child.kill("SIGCONT");
      const { code, output } = await ended;
      outcomes.add(code);
      const seen = await state(here);
      // Ours are in it whole or not at all, beside the one that is not ours.
      expect([label, output, code, seen]).toEqual([
        label,
        output,
        expect.toBeOneOf([0, 1]),
        expect.toSatisfy(
          ({ events, distinct, daily }: typeof seen) =>
            [11, 21].includes(events) && distinct === events && [10, 11, 20, 21].includes(daily),
        ),
      ]);
      const again = await here.run({});
      expect([label, again.results.flatMap(({ error }) => error ?? []), again.success]).toEqual([
        label,
        [],
        true,
      ]);
      const right = { events: 21, distinct: 21, quarantined: 2, daily: 21 };
      expect([label, await state(here)]).toEqual([label, right]);
    }
    // An append commutes. Where tables move one by one, one that moved after the last look is left to the next build.
    expect([...outcomes].filter((code) => code !== 0 && !oneByOne)).toEqual([]);
  },
  600_000,
);
