import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  DuckDBInstance,
  type DuckDBConnection,
  type DuckDBMapValue,
  type DuckDBValue,
} from "@duckdb/node-api";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { truncateUpper } from "./bounds.ts";
import { dataFileFromStats, metricsPlan } from "./metrics.ts";
import { assignFreshIds, fieldsById } from "./schema.ts";
import type { DataFile, IcebergType, NestedField, PartitionSpec, Schema } from "./types.ts";
import { deserialiseValue, valueToText } from "./values.ts";

const unpartitioned: PartitionSpec = { "spec-id": 0, fields: [] };
const optional = (name: string, type: IcebergType): NestedField => ({ id: 0, name, required: false, type });
const schemaOf = (...fields: readonly NestedField[]): Schema =>
  assignFreshIds({ type: "struct", "schema-id": 0, fields }).schema;

let instance: DuckDBInstance;
let connection: DuckDBConnection;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lake-metrics-"));
  instance = await DuckDBInstance.create(":memory:", { threads: "1" });
  connection = await instance.connect();
  await connection.run("SET timezone = 'Asia/Seoul'");
});
afterAll(async () => {
  connection.closeSync();
  instance.closeSync();
  await rm(folder, { recursive: true });
});

/** Writes the rows with the real engine and gives what the manifest would say, in texts by column. */
async function written(
  fields: readonly NestedField[],
  sql: string,
  options: { properties?: Record<string, string>; copy?: string } = {},
): Promise<{ file: DataFile; columns: Record<string, string> }> {
  const schema = schemaOf(...fields);
  const target = join(folder, "data.parquet").replaceAll("'", "''");
  const reader = await connection.runAndReadAll(
    `COPY (${sql}) TO '${target}' (FORMAT parquet, RETURN_STATS${options.copy ?? ""})`,
  );
  const row = reader.getRowObjects()[0] as Record<string, DuckDBValue>;
  const statistics = (row["column_statistics"] as DuckDBMapValue).entries;
  const file = dataFileFromStats({
    plan: metricsPlan({ schema, spec: unpartitioned, properties: options.properties ?? {} }),
    path: "file:///x.parquet",
    recordCount: row["count"] as bigint,
    sizeBytes: row["file_size_bytes"] as bigint,
    columnStatistics: new Map(
      statistics.map(({ key, value }) => [
        key as string,
        new Map(
          (value as DuckDBMapValue).entries.map((entry) => [entry.key as string, entry.value as string]),
        ),
      ]),
    ),
    partition: [],
  });
  const columns: Record<string, string> = {};
  for (const [id, { field, path }] of fieldsById(schema)) {
    if (!file.columnSizes?.has(id)) continue;
    const text = (bytes: Uint8Array | undefined): string =>
      bytes ? valueToText(field.type, deserialiseValue(field.type, bytes)) : "-";
    const counts = `${file.valueCounts?.get(id) ?? "-"}/${file.nullValueCounts?.get(id) ?? "-"}`;
    columns[path.join(".")] =
      `${counts} ${text(file.lowerBounds?.get(id))}..${text(file.upperBounds?.get(id))}`;
  }
  return { file, columns };
}

describe("what the engine's statistics become", () => {
  test("every type", async () => {
    const { file, columns } = await written(
      [
        optional("b", "boolean"),
        optional("i", "int"),
        optional("l", "long"),
        optional("f", "float"),
        optional("d", "double"),
        optional("m", "decimal(9, 2)"),
        optional("big", "decimal(38, 2)"),
        optional("day", "date"),
        optional("t", "time"),
        optional("ts", "timestamp"),
        optional("tz", "timestamptz"),
        optional("s", "string"),
        optional("u", "uuid"),
        optional("x", "binary"),
      ],
      `SELECT true b, -1::INTEGER i, 5::BIGINT l, 0.1::FLOAT f, 1e300 d, -0.05::DECIMAL(9,2) m,
        123456789012345678901234567890.12::DECIMAL(38,2) big, DATE '0044-03-15 (BC)' "day", TIME '12:34:56.789' t,
        TIMESTAMP '1969-12-31 23:59:59.999999' ts, TIMESTAMPTZ '2020-01-01 00:00:00+00' tz, 'ab' s,
        'f79c3e09-677c-4bbd-a479-3f349cb785e7'::UUID u, from_hex('00ff') x
       UNION ALL SELECT NULL, 7, NULL, 0.2, 2, 3, 4, DATE '12345-01-02', TIME '01:00:00', NULL,
        TIMESTAMPTZ '2020-01-01 09:00:00+09', 'b', NULL, from_hex('')`,
    );
    expect(columns).toEqual({
      b: "2/1 true..true",
      i: "2/0 -1..7",
      l: "2/1 5..5",
      f: `2/0 ${Math.fround(0.1)}..${Math.fround(0.2)}`,
      d: "2/0 2..1e+300",
      m: "2/0 -0.05..3.00",
      big: "2/0 4.00..123456789012345678901234567890.12",
      day: "2/0 -0043-03-15..+12345-01-02",
      t: "2/0 01:00:00..12:34:56.789000",
      ts: "2/1 1969-12-31T23:59:59.999999..1969-12-31T23:59:59.999999",
      tz: "2/0 2020-01-01T00:00:00+00:00..2020-01-01T00:00:00+00:00",
      s: "2/0 ab..b",
      u: "2/1 f79c3e09-677c-4bbd-a479-3f349cb785e7..f79c3e09-677c-4bbd-a479-3f349cb785e7",
      x: "2/0 ..00ff",
    });
    expect([file.recordCount, file.format, file.sortOrderId]).toEqual([2n, "PARQUET", 0]);
  });

  test("structs have metrics by their leaves, lists and maps only sizes", async () => {
    const { columns } = await written(
      [
        optional('a"b', {
          type: "struct",
          fields: [
            optional("c.d", "int"),
            optional("e", { type: "struct", fields: [optional("f", "string")] }),
          ],
        }),
        optional("l", { type: "list", "element-id": 0, element: "int", "element-required": false }),
        optional("m", {
          type: "map",
          "key-id": 0,
          key: "string",
          "value-id": 0,
          value: "int",
          "value-required": false,
        }),
      ],
      `SELECT {'c.d': 1, e: {f: 'x'}} "a""b", [1, 2, 3] l, MAP {'k': 1} m UNION ALL SELECT NULL, NULL, NULL`,
    );
    expect(columns).toEqual({
      'a"b.c.d': "2/1 1..1",
      'a"b.e.f': "2/1 x..x",
      "l.element": "-/- -..-",
      "m.key": "-/- -..-",
      "m.value": "-/- -..-",
    });
  });

  test("zeros of either sign lie between -0.0 and +0.0, NaN is no bound", async () => {
    const { file } = await written(
      [optional("z", "double"), optional("n", "double"), optional("all", "float")],
      "SELECT -0.0::DOUBLE z, 1.0::DOUBLE n, 'nan'::FLOAT \"all\" UNION ALL SELECT 0.0, 'nan', 'nan'",
    );
    const bounds = [file.lowerBounds, file.upperBounds].map((side) =>
      deserialiseValue("double", side?.get(1) as Uint8Array),
    );
    expect(bounds).toEqual([-0, 0]);
    expect([file.lowerBounds?.has(3), file.upperBounds?.has(3), file.nullValueCounts?.get(3)]).toEqual([
      false,
      false,
      0n,
    ]);
  });

  test("NaN in an earlier row group, which the engine's has_nan hides, is never denied", async () => {
    const { file } = await written(
      [optional("d", "double")],
      "SELECT CASE WHEN i = 100 THEN 'nan'::DOUBLE ELSE i END d FROM range(4096) t(i)",
      { copy: ", ROW_GROUP_SIZE 2048" },
    );
    expect(file.nanValueCounts?.has(1)).toBe(false);
  });

  test("strings and bytes are cut to 16 code points or bytes, the upper bound raised", async () => {
    const { columns } = await written(
      [
        optional("s", "string"),
        optional("e", "string"),
        optional("x", "binary"),
        optional("ff", "binary"),
        optional("exact", "string"),
      ],
      `SELECT 'American Football' s, repeat('😀', 17) e, unhex(repeat('61', 15) || 'FF61') x, unhex(repeat('FF', 17)) ff, '0123456789abcdef' exact`,
    );
    expect(columns).toEqual({
      s: "1/0 American Footbal..American Footbam",
      e: `1/0 ${"😀".repeat(16)}..${"😀".repeat(15)}😁`,
      x: `1/0 ${"61".repeat(15)}ff..${"61".repeat(14)}62`,
      ff: `1/0 ${"ff".repeat(16)}..-`,
      exact: "1/0 0123456789abcdef..0123456789abcdef",
    });
  });

  test("strings that the engine itself cut at 256 bytes stay inside their bounds", async () => {
    const { file } = await written([optional("s", "string")], "SELECT repeat('a', 300) s", {
      properties: { "write.metadata.metrics.default": "full" },
    });
    const [lower, upper] = [file.lowerBounds, file.upperBounds].map(
      (side) => deserialiseValue("string", side?.get(1) as Uint8Array) as string,
    );
    expect((lower as string) <= "a".repeat(300) && (upper as string) >= "a".repeat(300)).toBe(true);
  });
});

describe("metrics modes", () => {
  const fields = [
    optional("a", "string"),
    optional("s", { type: "struct", fields: [optional("b", "string")] }),
    optional("c", "int"),
  ];
  const sql = "SELECT 'aaaa' a, {b: 'bbbb'} s, 1 c";
  test("by table and by column", async () => {
    const { columns } = await written(fields, sql, {
      properties: {
        "write.metadata.metrics.default": "counts",
        "write.metadata.metrics.column.s.b": "truncate(2)",
        "write.metadata.metrics.column.c": "none",
      },
    });
    expect(columns).toEqual({ a: "1/0 -..-", "s.b": "1/0 bb..bc", c: "-/- -..-" });
  });
  test("beyond the inferred columns there are none, unless a default is set", async () => {
    const limit = { "write.metadata.metrics.max-inferred-column-defaults": "1" };
    expect((await written(fields, sql, { properties: limit })).columns).toEqual({
      a: "1/0 aaaa..aaaa",
      "s.b": "-/- -..-",
      c: "-/- -..-",
    });
    const set = { ...limit, "write.metadata.metrics.default": "full" };
    expect((await written(fields, sql, { properties: set })).columns["c"]).toBe("1/0 1..1");
  });
});

describe("refusals", () => {
  const schema = schemaOf({ ...optional("id", "int"), required: true });
  const plan = metricsPlan({ schema, spec: unpartitioned, properties: {} });
  const file =
    (column: string, nulls: string): (() => DataFile) =>
    () =>
      dataFileFromStats({
        plan,
        path: "x.parquet",
        recordCount: 2n,
        sizeBytes: 1n,
        columnStatistics: new Map([[column, new Map([["null_count", nulls]])]]),
        partition: [],
      });
  test("nulls in a required column", () => {
    expect(file('"id"', "2")).toThrow(
      "column id is required, and the file x.parquet would hold 2 nulls in it",
    );
    expect(file('"id"', "0")).not.toThrow();
  });
  test("statistics of other columns", () => expect(file('"idd"', "0")).toThrow('"idd"'));
});

test("upper bounds: surrogates are skipped, and the last code point carries to the left", () => {
  expect(truncateUpper("a\uD7FFz", 2)).toBe("a\uE000");
  expect(truncateUpper("a\u{10FFFF}z", 2)).toBe("b");
  expect(truncateUpper("\u{10FFFF}z", 1)).toBeUndefined();
});
