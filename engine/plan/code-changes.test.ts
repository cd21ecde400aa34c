import { expect, test } from "vitest";
import { normaliseSql } from "../common/normalise-sql.ts";
import { codeChanges } from "./code-changes.ts";
import type { ModelCode } from "./fingerprint.ts";
import { modelFingerprint } from "./fingerprint.ts";

const code: ModelCode = {
  sql: "select 1\nfrom a",
  incrementalSql: "select 1\nfrom a\nwhere x",
  inlined: { "n.v": "select 1" },
  config: { materialized: "incremental", partitionBy: ["a", "b"] },
  landing: { "source.p.l.events": { format: "jsonl" } },
  context: { timezone: "UTC", engine: "duckdb v1" },
};
const changes = (after: Partial<ModelCode>): unknown[] =>
  codeChanges(code, { ...code, ...after }, normaliseSql).map(({ diff, ...rest }) => ({
    ...rest,
    ...(diff && { diff: diff.map(({ kind, text }) => kind + text) }),
  }));

const cases: readonly [string, Partial<ModelCode>, unknown[]][] = [
  ["nothing", {}, []],
  ["layout and comments", { sql: "select 1 from a -- yes", inlined: { "n.v": "select\n1" } }, []],
  [
    "both texts: said once",
    { sql: "select 2\nfrom a", incrementalSql: "select 2\nfrom a\nwhere x" },
    [{ what: "sql", diff: ["-select 1", "+select 2", " from a"] }],
  ],
  [
    "later runs alone",
    { incrementalSql: "select 1\nfrom a\nwhere y" },
    [{ what: "incremental sql", diff: [" select 1", " from a", "-where x", "+where y"] }],
  ],
  [
    "a view that came",
    { inlined: { ...code.inlined, "n.w": "select 3" } },
    [{ what: "view", name: "n.w", diff: ["+select 3"] }],
  ],
  ["a view that went", { inlined: {} }, [{ what: "view", name: "n.v", diff: ["-select 1"] }]],
  [
    "config",
    { config: { materialized: "table", partitionBy: ["a"], uniqueKey: ["id"] } },
    [
      { what: "config", name: "materialized", before: "incremental", after: "table" },
      { what: "config", name: "partition_by", before: "a, b", after: "a" },
      { what: "config", name: "unique_key", before: null, after: "id" },
    ],
  ],
  [
    "source",
    { landing: { "source.p.l.events": { format: "csv" } } },
    [{ what: "source", name: "source.p.l.events", before: '{"format":"jsonl"}', after: '{"format":"csv"}' }],
  ],
  [
    "time zone",
    { context: { ...code.context, timezone: "Asia/Seoul" } },
    [{ what: "time zone", before: "UTC", after: "Asia/Seoul" }],
  ],
  [
    "engine",
    { context: { ...code.context, engine: "duckdb v2" } },
    [{ what: "engine", before: "duckdb v1", after: "duckdb v2" }],
  ],
];

test.each(cases)("%s", (_name, after, expected) => {
  expect(changes(after)).toEqual(expected);
  // Whatever makes another fingerprint is said, and nothing else is.
  const isSame = modelFingerprint(code) === modelFingerprint({ ...code, ...after });
  expect(isSame).toBe(expected.length === 0);
});
