// A project of one landing zone, one table that takes it in with a quarantine, and one on top, on any catalog.
import { randomUUID } from "node:crypto";
import { queryProject } from "../../engine/run/query-project.ts";
import { goodLines, quarantining } from "../e2e/events-project.ts";
import { makeProject } from "../e2e/project.ts";
import type { Files, TestProject } from "../e2e/project.ts";
import { catalogTables } from "../e2e/warehouse-files.ts";
import type { CatalogConnection } from "./adapters.ts";

/** Ten good lines and a bad one for each file. */
export const landingFile = (number: number): Files => ({
  [`landing-zone/events/${number}.jsonl`]: `${goodLines(10, number * 10 + 1)}not json\n`,
});

const files: Files = {
  ...quarantining,
  "models/tests.yml": `version: 2
models:
  - name: events
    columns: [{name: id, data_tests: [unique, not_null]}]
  - name: daily
    columns: [{name: n, data_tests: [not_null]}]
`,
};

export function projectOn({ adapter, options }: CatalogConnection, more: Files = {}): TestProject {
  const { name = "lake", uri = "", warehouse } = options;
  const output = {
    schema: "lakehouse",
    // Records of runs that an earlier test killed are none of this one's.
    warehouse: warehouse === undefined ? "warehouse" : `${warehouse}/${randomUUID()}`,
    landing: "landing-zone",
    threads: 2,
    catalog: adapter === "hive" ? { type: "hive", uri } : { type: "sql", name, uri },
    compute: { type: "duckdb" },
  };
  return makeProject({
    ...files,
    ...more,
    "profiles.yml": JSON.stringify({ shop: { target: "dev", outputs: { dev: output } } }),
  });
}

interface State {
  readonly events: number;
  readonly distinct: number;
  readonly quarantined: number;
  readonly daily: number;
}

/** Rows, distinct ids, lines in quarantine, and what the table on top counted; 0 for what is not there. */
export function state(here: TestProject): Promise<State> {
  return here.withSession(async (session) => {
    const tables = await catalogTables(session);
    const count = async (table: string, sql: string): Promise<number> => {
      if (!tables.has(`lakehouse.${table}`)) return 0;
      return Number((await queryProject(session, { sql })).rows[0]?.[0] ?? 0);
    };
    return {
      events: await count("events", `select count(*) from {{ref "events"}}`),
      distinct: await count("events", `select count(distinct id) from {{ref "events"}}`),
      quarantined: await count(
        "events_quarantine",
        `select count(*) from {{source "lakehouse" "events_quarantine"}}`,
      ),
      daily: await count("daily", `select sum(n) from {{ref "daily"}}`),
    };
  });
}
