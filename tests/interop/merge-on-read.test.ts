// Rows that lake marks as deleted are gone for PyIceberg, too, under a partition spec that changed and in every state
// that the table went through; delete files and their manifests are as the specification wants them.
import { expect, test } from "vitest";
import { makeProject } from "../e2e/project.ts";
import type { Files } from "../e2e/project.ts";
import { describeWith } from "../services/skip.ts";
import { ask, catalogUri } from "./ask.ts";
import { canonicalColumns, canonicalRows, schemaOf, tableOf } from "./canonical.ts";
import { whyNoPyiceberg } from "./pyiceberg.ts";
import { queryProject } from "../../engine/run/query-project.ts";

const files = (partition: string, rows: string): Files => ({
  "seeds/given.csv": `id,day,name\n${rows}`,
  "seeds/given.yml":
    "seeds: [{name: given, config: {column_types: {id: bigint, day: date, name: varchar}}}]\n",
  "models/people.sql": `{{config materialized="incremental" strategy="merge" unique_key="id" partition_by="${partition}"}}
select * from {{ref "given"}}
`,
  "models/people.yml": "models: [{name: people, config: {properties: {write.merge.mode: merge-on-read}}}]\n",
});
const many = (from: number, to: number, name: string): string =>
  Array.from(
    { length: to - from },
    (_, index) => `${from + index},2025-07-0${1 + ((from + index) % 3)},${name} ${from + index}\n`,
  ).join("");

describeWith(await whyNoPyiceberg(), "merge-on-read, judged by PyIceberg", () => {
  test("rows, also of earlier states, and every field of the files", async () => {
    using here = makeProject(files("day(day)", many(0, 60, "first")));
    const states: string[][] = [];
    const remember = async (): Promise<void> => {
      const outcome = await here.run({});
      expect(outcome.results.flatMap(({ error }) => error ?? [])).toEqual([]);
      await here.withSession(async (session) => {
        const schema = schemaOf(await tableOf(session, "lakehouse.people"));
        const sql = `select ${canonicalColumns(schema)} from {{ref "people"}}`;
        states.push(canonicalRows(schema, (await queryProject(session, { sql })).rows));
      });
    };
    await remember();
    for (const rows of [many(3, 9, "second"), many(5, 12, "third"), many(58, 64, "fourth")]) {
      here.write({ "seeds/given.csv": `id,day,name\n${rows}` });
      await remember();
    }
    // Files of the older spec are marked under it.
    here.write(files("bucket(2, id)", many(0, 4, "fifth")));
    await remember();
    const [{ history }, { problems, facts }] = await ask(catalogUri(here), [
      { ask: "describe", table: "lakehouse.people" },
      { ask: "audit", table: "lakehouse.people" },
    ]);
    expect(problems).toEqual([]);
    expect(facts.snapshots).toBe(states.length);
    const answers = await ask(
      catalogUri(here),
      history.map((snapshot) => ({
        ask: "rows" as const,
        table: "lakehouse.people",
        snapshot: String(snapshot),
      })),
    );
    const schema = await here.withSession(async (session) =>
      schemaOf(await tableOf(session, "lakehouse.people")),
    );
    expect(answers.map(({ rows }) => canonicalRows(schema, rows))).toEqual(states);
    const deletes = await here.withSession(
      async (session) =>
        (await tableOf(session, "lakehouse.people")).metadata.snapshots.at(-1)?.summary["total-delete-files"],
    );
    expect(Number(deletes)).toBeGreaterThan(5);
  });
});
