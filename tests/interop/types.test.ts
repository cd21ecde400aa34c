// Every type and every partition transform, written by lake, judged by PyIceberg, fastavro and PyArrow.
import { afterAll, beforeAll, expect, test } from "vitest";
import { planScan } from "../../engine/iceberg/scan.ts";
import type { Schema } from "../../engine/iceberg/types.ts";
import type { Session } from "../../engine/run/session.ts";
import { makeProject } from "../e2e/project.ts";
import type { TestProject } from "../e2e/project.ts";
import { describeWith } from "../services/skip.ts";
import { ask, catalogUri } from "./ask.ts";
import { canonicalColumns, canonicalRows, rowsOfPlannedFiles, schemaOf, tableOf } from "./canonical.ts";
import { everyTypeSql, partitionedTables } from "./every-type.ts";
import type { PartitionedTable } from "./every-type.ts";
import { runPython, whyNoPyiceberg } from "./pyiceberg.ts";

describeWith(await whyNoPyiceberg(), "PyIceberg on what lake writes", () => {
  const tables = partitionedTables();
  let project: TestProject;

  beforeAll(async () => {
    project = makeProject({
      "models/every_type.sql": `{{config materialized="table"}}\n${everyTypeSql()}`,
      ...Object.fromEntries(
        tables.map(({ name, partitionBy }) => [`models/${name}.sql`, copyOf(partitionBy)]),
      ),
      "models/nested_source.sql": copyOf("s_deep.a, truncate(4, s_deep.b.c)"),
      "models/many_groups.sql": `{{config materialized="table"}}\n${manyGroups}`,
      "models/many_groups.yml": `version: 2
models: [{name: many_groups, config: {properties: {write.parquet.row-group-limit: "2048"}}}]
`,
      "models/far_source.sql": `{{config materialized="table"}}\n${farTimes}`,
      ...Object.fromEntries(
        farPartitions.map(({ name, partitionBy }) => [
          `models/${name}.sql`,
          `{{config materialized="table" partition_by="${partitionBy}"}}\nselect * from {{ref "far_source"}}`,
        ]),
      ),
    });
    const { results } = await project.run({});
    const failed = results.filter(({ status }) => status !== "success");
    if (failed.length > 0) throw new Error(JSON.stringify(failed));
  });
  afterAll(() => project[Symbol.dispose]());

  test("every type comes back with equal rows, and every bound holds", async () => {
    const [read, audit, described] = await ask(catalogUri(project), [
      { ask: "rows", table: "lakehouse.every_type", beside: true },
      { ask: "audit", table: "lakehouse.every_type" },
      { ask: "describe", table: "lakehouse.every_type" },
    ]);
    expect(audit.problems).toEqual([]);
    expect(described.fields.map(([, name, type]) => `${name} ${type}`)).toMatchInlineSnapshot(`
      [
        "row_number int",
        "c_boolean boolean",
        "c_int int",
        "c_long long",
        "c_float float",
        "c_double double",
        "c_decimal_5 decimal(5, 2)",
        "c_decimal_18 decimal(18, 4)",
        "c_decimal_38 decimal(38, 10)",
        "c_date date",
        "c_time time",
        "c_timestamp timestamp",
        "c_timestamptz timestamptz",
        "c_string string",
        "c_text string",
        "c_uuid uuid",
        "c_binary binary",
        "l_int list<int>",
        "l_struct list<struct<30: x: optional int, 31: y z: optional string>>",
        "m_text map<string, long>",
        "m_struct map<int, struct<36: z: optional string, 37: w: optional decimal(20, 3)>>",
        "s_deep struct<38: a: optional int, 39: b: optional struct<40: c: optional string, 41: d: optional struct<42: e: optional double, 43: f: optional timestamptz>>>",
        "l_nested list<list<int>>",
        "n_long long",
        "n_text string",
        "n_struct struct<46: a: optional int, 47: b: optional double>",
        "n_list list<string>",
      ]
    `);
    await project.withSession(async (session) => {
      const { ours, planned, schema } = await bothReadings(session, "every_type");
      expect(ours).toHaveLength(18);
      expect(canonicalRows(schema, read.stored)).toEqual(ours);
      expect(canonicalRows(schema, read.rows)).toEqual(ours.map((row) => withEmptyStructLists(schema, row)));
      expect(planned).toEqual(ours);
    });
  });

  test("each transform's partition values are what PyIceberg computes from the rows of the file", async () => {
    const names = [...tables, ...farPartitions].map(({ name }) => `lakehouse.${name}`);
    const reports = await ask(
      catalogUri(project),
      names.map((table) => ({ ask: "audit", table }) as const),
    );
    expect(
      reports.flatMap(({ problems }, index) => problems.map((problem) => `${names[index]}: ${problem}`)),
    ).toEqual([]);
    const files = Object.fromEntries(reports.map(({ facts }, index) => [names[index], facts.files]));
    expect(files["lakehouse.bucket_c_int"]).toBeGreaterThan(3);
    expect(files["lakehouse.identity_c_string"]).toBe(17);
    expect(files["lakehouse.void_c_int"]).toBe(1);
  });

  test("no filter loses a row: neither PyIceberg's nor ours", async () => {
    const reports = await ask(
      catalogUri(project),
      tables.map(({ name, column }) => ({ ask: "filters", table: `lakehouse.${name}`, column }) as const),
    );
    expect(reports.flatMap(({ problems }) => problems)).toEqual([]);
    // The filters do prune: a scan of all files would lose nothing, either.
    const [planned, all] = [
      sum(reports.map(({ planned: some }) => some)),
      sum(reports.map(({ possible }) => possible)),
    ];
    expect(planned / all).toBeLessThan(0.7);
  });

  test("every partitioned table holds the rows of the table it was made from", async () => {
    const names = tables.map(({ name }) => `lakehouse.${name}`);
    const read = await ask(
      catalogUri(project),
      names.map((table) => ({ ask: "rows", table, beside: true }) as const),
    );
    await project.withSession(async (session) => {
      const { ours, schema } = await bothReadings(session, "every_type");
      const asPyiceberg = ours.map((row) => withEmptyStructLists(schema, row)).sort();
      read.forEach(({ rows, stored }, index) => {
        expect.soft(canonicalRows(schema, stored), names[index]).toEqual(ours);
        expect.soft(canonicalRows(schema, rows), names[index]).toEqual(asPyiceberg);
      });
      const differing = [];
      for (const { name } of tables) {
        const table = await tableOf(session, `lakehouse.${name}`);
        if (JSON.stringify(await rowsOfPlannedFiles(session, table)) !== JSON.stringify(ours))
          differing.push(name);
      }
      expect(differing).toEqual([]);
    });
  });

  test("bounds hold over many row groups, and fields within structs partition, too", async () => {
    const [groups, nested, read] = await ask(catalogUri(project), [
      { ask: "audit", table: "lakehouse.many_groups" },
      { ask: "audit", table: "lakehouse.nested_source" },
      { ask: "rows", table: "lakehouse.nested_source", beside: true },
    ]);
    expect([...groups.problems, ...nested.problems]).toEqual([]);
    expect(groups.facts.files).toBe(1);
    expect(new Set(groups.facts.unbounded)).toEqual(new Set(withoutBounds));
    expect(nested.facts.files).toBeGreaterThan(3);
    await project.withSession(async (session) => {
      const { ours, schema } = await bothReadings(session, "nested_source");
      expect(canonicalRows(schema, read.stored)).toEqual(ours);
      expect(ours).toEqual((await bothReadings(session, "every_type")).ours);
    });
    const path = await project.withSession(async (session) => {
      const table = await tableOf(session, "lakehouse.many_groups");
      return (await planScan({ storage: await session.storage(), metadata: table.metadata }))[0]!.file.path;
    });
    const rowGroups = await runPython(
      "import pyarrow.parquet as pq, sys\nprint(pq.ParquetFile(sys.argv[1]).num_row_groups)",
      [path.replace("file://", "")],
    );
    expect(rowGroups).toBeGreaterThan(5);
  });

  test("infinite times stay what they are, in partitions too", async () => {
    const names = ["far_source", ...farPartitions.map(({ name }) => name)];
    const read = await ask(
      catalogUri(project),
      names.map((name) => ({ ask: "rows", table: `lakehouse.${name}` }) as const),
    );
    await project.withSession(async (session) => {
      const { ours, schema } = await bothReadings(session, "far_source");
      read.forEach(({ rows }, index) => expect.soft(canonicalRows(schema, rows), names[index]).toEqual(ours));
      expect(ours.filter((row) => row.includes("9223372036854775807"))).toHaveLength(2);
      for (const { name, column } of farPartitions) {
        const filtered = `select row_number from {{ref "${name}"}} where ${column} = 'infinity'`;
        expect.soft(await project.query(filtered), name).toEqual([[1]]);
      }
    });
  });
});

/** What one row group has and another has not: NaN, nulls only, the longest text, the extremes. */
const manyGroups = `
select
  i::integer as id,
  case when i = 5 then 'nan'::double else i * 1.5 - 9000 end as nan_first,
  case when i = 19999 then 'nan'::float else i * 1.5::float end as nan_last,
  case when i > 15000 then -i end::bigint as null_first,
  case when i < 5000 then i end::decimal(38, 2) as null_last,
  case when i = 9000 then repeat('z', 400) when i = 9001 then '' else 'm' || i end as text_extremes,
  case when i between 8000 and 8010 then i % 2 = 0 end as some_booleans,
  case i when 12000 then -0.0 when 3 then 0.0 end::double as two_zeros,
  timestamptz '1970-01-01 00:00:00+00' + to_seconds((i - 10000)::bigint * 3600) as at,
  {low: -i, high: i % 777} as pair
from (select unnest(generate_series(0, 19999)) as i)
`;

/** Their file has a row group of nothing but nulls: no bound is better than a wrong one. */
const withoutBounds = ["null_first", "null_last", "some_booleans", "two_zeros"];

const farTimes = `
select row_number::integer as row_number, c_date::date as c_date, c_timestamp::timestamp as c_timestamp, c_timestamptz::timestamptz as c_timestamptz
from (values
  (0, '2025-07-01', '2025-07-01 01:00:00', '2025-07-01 01:00:00+00'),
  (1, 'infinity', 'infinity', 'infinity'),
  (2, '-infinity', '-infinity', '-infinity'),
  (3, null, null, null)
) as far(row_number, c_date, c_timestamp, c_timestamptz)
`;

const farPartitions: readonly PartitionedTable[] = ["c_timestamp", "c_timestamptz"].flatMap((column) =>
  ["identity", "bucket", "day", "hour"].map((transform) => {
    const argument = transform === "bucket" ? "7, " : "";
    const partitionBy = transform === "identity" ? column : `${transform}(${argument}${column})`;
    return { name: `far_${transform}_${column}`, partitionBy, column };
  }),
);

function copyOf(partitionBy: string): string {
  return `{{config materialized="table" partition_by="${partitionBy}"}}\nselect * from {{ref "every_type"}}`;
}

async function bothReadings(
  session: Session,
  name: string,
): Promise<{
  ours: string[];
  planned: string[];
  schema: ReturnType<typeof schemaOf>;
}> {
  const table = await tableOf(session, `lakehouse.${name}`);
  const schema = schemaOf(table);
  const { queryProject } = await import("../../engine/run/query-project.ts");
  const { rows } = await queryProject(session, {
    sql: `select ${canonicalColumns(schema)} from {{ref "${name}"}}`,
  });
  return { ours: canonicalRows(schema, rows), planned: await rowsOfPlannedFiles(session, table), schema };
}

/** PyIceberg reads a null list (or map) of structs as an empty one: apache/iceberg-python#2246. */
function withEmptyStructLists(schema: Schema, row: string): string {
  const values = JSON.parse(row) as unknown[];
  return JSON.stringify(
    schema.fields.map(({ type }, index) => {
      const nests =
        typeof type !== "string" && type.type !== "struct" && JSON.stringify(type).includes('"struct"');
      return values[index] === null && nests ? [] : values[index];
    }),
  );
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
