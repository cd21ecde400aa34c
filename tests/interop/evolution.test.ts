// Tables that lake evolved, rolled back and named states of: PyIceberg reads the same rows, and the same history.
import { expect, test } from "vitest";
import { queryProject } from "../../engine/run/query-project.ts";
import { tableHistory } from "../../engine/run/tables/table-history.ts";
import { command } from "../e2e/command.ts";
import { makeProject } from "../e2e/project.ts";
import type { TestProject } from "../e2e/project.ts";
import { describeWith } from "../services/skip.ts";
import { ask, catalogUri } from "./ask.ts";
import { canonicalColumns, canonicalRows, schemaOf, tableOf } from "./canonical.ts";
import { whyNoPyiceberg } from "./pyiceberg.ts";

const table = "lakehouse.t";

function files(select: string, config: string, columns: readonly string[]): Record<string, string> {
  return {
    "models/t.sql": `{{config materialized="incremental" on_schema_change="sync_all_columns" ${config}}}\nselect ${select}\n`,
    "models/t.yml": `version: 2\nmodels:\n  - name: t\n    columns:\n${columns.map((entry) => `      - {${entry}}\n`).join("")}`,
  };
}

describeWith(await whyNoPyiceberg(), "what lake evolved", () => {
  /** The rows, which must be one and the same for PyIceberg and for lake. */
  const agreed = async (here: TestProject): Promise<string[]> => {
    const [{ rows: theirs }, { problems }] = await ask(catalogUri(here), [
      { ask: "rows", table },
      { ask: "audit", table },
    ]);
    // A rollback is logged with the time of the move, as iceberg-java does it; the audit expects the snapshot's.
    expect(problems.filter((problem) => !problem.startsWith("time in snapshot-log"))).toEqual([]);
    return here.withSession(async (session) => {
      const schema = schemaOf(await tableOf(session, table));
      const sql = `select ${canonicalColumns(schema)} from {{ref "t"}}`;
      const ours = canonicalRows(schema, (await queryProject(session, { sql })).rows);
      expect(ours).toEqual(canonicalRows(schema, theirs));
      return ours;
    });
  };

  test("PyIceberg reads alike after each step: schema, partitions, comments, rollback, tags", async () => {
    using here = makeProject({});
    const steps = [
      files("1 as id, 'a' as label, {'street': 'x', 'no': 1} as place, 1.5::float as x", "", ["name: id"]),
      files(
        "2::bigint as id, 'b' as name, {'road': 'y', 'no': 2::bigint} as place, 2.5::double as x, true as fresh",
        'partition_by="name"',
        [
          "name: id, description: the key",
          "name: name, was: label",
          "name: place",
          "name: place.road, was: street",
        ],
      ),
      files(
        "true as fresh, 3::bigint as id, 'c' as name, {'road': 'z', 'no': 3::bigint} as place",
        'partition_by="bucket(4, id)"',
        ["name: name, was: label"],
      ),
    ];
    for (const step of steps) {
      here.write(step);
      const result = await here.run({});
      expect(result.of("t")?.error?.message).toBeUndefined();
      await agreed(here);
    }
    // Layout alone: no snapshot, and PyIceberg sees it.
    here.write(
      files(
        "true as fresh, 3::bigint as id, 'c' as name, {'road': 'z', 'no': 3::bigint} as place",
        'partition_by="name"',
        ["name: name, was: label"],
      ),
    );
    expect((await here.run({})).of("t")?.message).toMatch(/^evolved: partitioned by name/);
    const history = await here.withSession((session) => tableHistory(session, "t"));
    const [, second] = history.snapshots;
    await command(here, "tag", "t", "audited");
    await command(here, "rollback", "t", "--to", String(second?.snapshotId));
    const [described] = await ask(catalogUri(here), [{ ask: "describe", table }]);
    expect(described.spec.map(([name]) => name)).toEqual(["name"]);
    expect(described.history.map(String)).toEqual([
      ...history.log.map((entry) => String(entry["snapshot-id"])),
      String(second?.snapshotId),
    ]);
    expect(await agreed(here)).toHaveLength(2);
  });
});
