// A reader that shares nothing with lake looks every few milliseconds while builds succeed, fail, are killed and go
// on: what it reads is always a state that a build published, whole, and the tables of a build come together.
import { existsSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { eventsProject, goodLines } from "../e2e/events-project.ts";
import { makeProject } from "../e2e/project.ts";
import { startAtStep, stepsOf } from "../e2e/steps.ts";
import { describeWith } from "../services/skip.ts";
import { catalogUri } from "./ask.ts";
import { runPython, whyNoPyiceberg } from "./pyiceberg.ts";

/** Every state that it meets is read in full, once; the pointers of both tables are taken in one statement. */
const pollInPython = `
import json, os, sqlite3, sys, time
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import NoSuchTableError
uri, stop = sys.argv[1], sys.argv[2]
catalog = SqlCatalog("lake", uri=uri, warehouse="file:///nowhere")
database = sqlite3.connect(uri.removeprefix("sqlite:///"))
states, together, polls = {}, set(), 0
while not os.path.exists(stop):
    polls += 1
    pointers = database.execute("select table_name, metadata_location from iceberg_tables order by 1").fetchall()
    together.add(json.dumps(pointers))
    if polls == 2:
        open(f"{stop}.begun", "w").close()
    for name in ("events", "daily"):
        try:
            table = catalog.load_table(("lakehouse", name))
        except NoSuchTableError:
            continue
        if table.metadata_location not in states:
            rows = table.scan().to_arrow()
            states[table.metadata_location] = {"rows": rows.num_rows, "columns": rows.column_names}
    time.sleep(0.003)
print(json.dumps({"polls": polls, "states": states, "together": [json.loads(one) for one in sorted(together)]}))
`;

interface Polled {
  readonly polls: number;
  readonly states: Readonly<Record<string, { readonly rows: number; readonly columns: readonly string[] }>>;
  readonly together: readonly (readonly [table: string, location: string])[][];
}

const tested = (column = "id"): string => `version: 2
models: [{name: events, columns: [{name: ${column}, data_tests: [unique, not_null]}]}]
`;
const plain = eventsProject["models/events.sql"] as string;
const wider = (note: string): string =>
  `{{config materialized="incremental" strategy="append" on_schema_change="append_new_columns"}}
select *, ${note} as note from {{ref "stg"}}
`;

describeWith(await whyNoPyiceberg(), "PyIceberg, looking all the time", () => {
  test("never sees what is staged, half published or untested", async () => {
    using here = makeProject({ ...eventsProject, "models/tests.yml": tested() });
    const published: Record<string, string>[] = [{}];
    /** What a build left, and how many rows its table of events has then. */
    const rows = new Map<string, number>();
    const took = async (
      outcome: { readonly success: boolean },
      wanted: boolean,
      count: number,
    ): Promise<void> => {
      const locations = await here.catalog();
      expect(outcome.success).toBe(wanted);
      if (wanted) published.push(locations);
      // A failed build moved nothing.
      expect(locations).toEqual(published.at(-1));
      rows.set(locations["lakehouse.events"] ?? "", count);
    };
    const landing = (name: string, text: string): void =>
      here.write({ [`landing-zone/events/${name}.jsonl`]: text });

    landing("0", goodLines(10));
    await took(await here.run({}), true, 10);
    const stop = path.join(here.root, "stop");
    const polling = runPython(pollInPython, [catalogUri(here), stop]);
    try {
      while (!existsSync(`${stop}.begun`)) await new Promise((resolve) => setTimeout(resolve, 20));
      landing("1", goodLines(10, 11));
      await took(await here.run({}), true, 20);
      // A row that is there already: the build fails, and goes on once its file is mended.
      landing("2", goodLines(5, 20));
      await took(await here.run({}), false, 20);
      landing("2", goodLines(5, 21));
      await took(await here.run({}), true, 25);
      // A new column that its test refuses.
      here.write({ "models/events.sql": wider("null::varchar"), "models/tests.yml": tested("note") });
      landing("3", goodLines(5, 26));
      await took(await here.run({}), false, 25);
      here.write({ "models/events.sql": plain, "models/tests.yml": tested() });
      await took(await here.run({}), true, 30);
      // Killed when all is staged and tested.
      landing("4", goodLines(5, 31));
      await startAtStep({ root: here.root, at: 0 }).ended;
      published.push(await here.catalog());
      rows.set(published.at(-1)?.["lakehouse.events"] ?? "", 35);
      const commit = stepsOf(here.root).indexOf("before catalog.commit") + 1;
      landing("5", goodLines(5, 36));
      const killed = await startAtStep({ root: here.root, at: commit, signal: "SIGKILL" }).ended;
      expect(killed.signal).toBe("SIGKILL");
      expect(await here.catalog()).toEqual(published.at(-1));
      await took(await here.run({}), true, 40);
      here.write({ "models/events.sql": wider("'x'"), "models/tests.yml": tested() });
      landing("6", goodLines(5, 41));
      await took(await here.run({}), true, 45);
    } finally {
      writeFileSync(stop, "");
    }
    const { polls, states, together } = (await polling) as Polled;
    expect(polls).toBeGreaterThan(50);
    // Both tables of one build, or both of the one before.
    const known = published.map((locations) =>
      Object.entries(locations).map(([name, location]) => [name.replace("lakehouse.", ""), location]),
    );
    for (const one of together) expect(known).toContainEqual(one);
    expect(together.length).toBeGreaterThanOrEqual(5);
    // Every state that a table showed was read whole, with its own rows and columns.
    const last = published.at(-1)?.["lakehouse.events"];
    for (const [location, { rows: found, columns }] of Object.entries(states)) {
      const isEvents = rows.has(location);
      expect([location, isEvents || location.includes("/daily/")]).toEqual([location, true]);
      expect([location, isEvents ? found : 1]).toEqual([location, rows.get(location) ?? 1]);
      expect([location, columns.includes("note")]).toEqual([location, location === last]);
    }
    expect(Object.keys(states).length).toBeGreaterThanOrEqual(10);
  });
});
