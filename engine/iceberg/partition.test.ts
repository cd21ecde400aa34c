import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isLakeError } from "../common/errors.ts";
import { parsePartitionBy, partitionFieldTypes, partitionKey, partitionPath } from "./partition.ts";
import type { PartitionSpec, Schema } from "./types.ts";

const schema: Schema = {
  type: "struct",
  "schema-id": 0,
  fields: [
    { id: 1, name: "id", required: true, type: "long" },
    { id: 2, name: "ts", required: false, type: "timestamptz" },
    { id: 3, name: "name", required: false, type: "string" },
    { id: 4, name: "year", required: false, type: "int" },
    {
      id: 5,
      name: "s",
      required: false,
      type: { type: "struct", fields: [{ id: 6, name: "d", required: false, type: "date" }] },
    },
    { id: 7, name: "ts_hour", required: false, type: "int" },
    {
      id: 8,
      name: "tags",
      required: false,
      type: { type: "list", "element-id": 9, element: "string", "element-required": false },
    },
    { id: 10, name: "b", required: false, type: "binary" },
    { id: 11, name: "month of", required: false, type: "double" },
  ],
};
const parse = (
  texts: readonly string[],
  existingSpecs: readonly PartitionSpec[] = [],
  lastPartitionId = 999,
): ReturnType<typeof parsePartitionBy> => parsePartitionBy({ texts, schema, existingSpecs, lastPartitionId });

describe("partition_by", () => {
  test("terms become fields with Java's names and ids from 1000", () => {
    const texts = [
      "year",
      "day(ts)",
      "bucket(16, id)",
      "truncate(name, 4)",
      "Month( s.d )",
      "void(b)",
      'identity("month of")',
    ];
    const { spec, lastPartitionId } = parse(texts);
    expect(spec["spec-id"]).toBe(0);
    expect(lastPartitionId).toBe(1006);
    expect(
      spec.fields.map((field) => [field["field-id"], field.name, field.transform, field["source-id"]]),
    ).toEqual([
      [1000, "year", "identity", 4],
      [1001, "ts_day", "day", 2],
      [1002, "id_bucket", "bucket[16]", 1],
      [1003, "name_trunc", "truncate[4]", 3],
      [1004, "s.d_month", "month", 6],
      [1005, "b_null", "void", 10],
      [1006, "month of", "identity", 11],
    ]);
    expect(partitionFieldTypes(spec, schema)).toEqual([
      "int",
      "date",
      "int",
      "string",
      "int",
      "binary",
      "double",
    ]);
  });

  test("no terms are the unpartitioned spec", () => {
    expect(parse([])).toEqual({ spec: { "spec-id": 0, fields: [] }, lastPartitionId: 999 });
  });

  test("a spec that the table has is used again, and fields keep their ids in a new one", () => {
    const first = parse(["year", "day(ts)"]);
    const again = parse(["year", "day(ts)"], [first.spec], first.lastPartitionId);
    expect(again).toEqual(first);
    const second = parse(["day(ts)", "bucket(4, id)"], [first.spec], first.lastPartitionId);
    expect(second.spec["spec-id"]).toBe(1);
    expect(second.spec.fields.map((field) => field["field-id"])).toEqual([1001, 1002]);
    const third = parse(["year"], [first.spec, second.spec], second.lastPartitionId);
    expect([third.spec["spec-id"], third.spec.fields[0]?.["field-id"], third.lastPartitionId]).toEqual([
      2, 1000, 1002,
    ]);
  });

  for (const [texts, code, text] of [
    [["yaer"], "iceberg/partition-column", 'did you mean "year"?'],
    [["S.D.x"], "iceberg/partition-column", "there are id, ts"],
    [["tags.element"], "iceberg/partition-column", ""],
    [["dya(ts)"], "iceberg/unknown-transform", 'did you mean "day"?'],
    [["hour(s.d)"], "iceberg/transform-type", "transforms that fit: identity, bucket, year, month, day"],
    [["tags"], "iceberg/transform-type", "none"],
    [["bucket(id)"], "iceberg/partition-syntax", ""],
    [["bucket(0, id)"], "iceberg/partition-syntax", ""],
    [["day()"], "iceberg/partition-syntax", ""],
    [["day(ts)", "month(ts)"], "iceberg/partition-duplicate", ""],
    [["year", "YEAR"], "iceberg/partition-duplicate", ""],
    [["hour(ts)"], "iceberg/partition-duplicate", ""],
  ] as const) {
    test(`${texts.join(", ")} is refused`, () => {
      const error = errorOf(() => parse(texts));
      expect(error.code).toBe(code);
      expect(error.hint ?? "").toContain(text);
    });
  }
});

describe("partition paths are iceberg-java's", () => {
  const { spec } = parse(["year", "name", "day(ts)", "month(s.d)", "b"]);
  const types = partitionFieldTypes(spec, schema);
  test("values as people read them, URL-encoded", () => {
    expect(partitionPath(spec, types, [2025, "a/b c*~", 20_270, 666, Uint8Array.of(0, 255)])).toBe(
      "year=2025/name=a%2Fb+c*%7E/ts_day=2025-07-01/s.d_month=2025-07/b=AP8%3D",
    );
    expect(partitionPath(spec, types, [null, null, null, -1, null])).toBe(
      "year=null/name=null/ts_day=null/s.d_month=1969-12/b=null",
    );
  });
  test("hours and years", () => {
    const hours: PartitionSpec = {
      "spec-id": 0,
      fields: [
        { name: "h", transform: "hour", "source-id": 2, "field-id": 1000 },
        { name: "y", transform: "year", "source-id": 6, "field-id": 1001 },
      ],
    };
    expect(partitionPath(hours, ["int", "int"], [-1, 55])).toBe("h=1969-12-31-23/y=2025");
  });
});

test("partition keys are equal exactly for equal partitions", () => {
  const same = (a: string, b: string): boolean => a === b;
  expect(same(partitionKey(0, [null, 1]), partitionKey(0, [null, 1n]))).toBe(true);
  expect(same(partitionKey(0, [Number.NaN]), partitionKey(0, [Number.NaN]))).toBe(true);
  expect(same(partitionKey(0, [Uint8Array.of(1)]), partitionKey(0, [Uint8Array.of(1)]))).toBe(true);
  const different = [
    partitionKey(0, [null]),
    partitionKey(1, [null]),
    partitionKey(0, ["null"]),
    partitionKey(0, [0]),
    partitionKey(0, [-0]),
    partitionKey(0, ["0"]),
    partitionKey(0, [false]),
    partitionKey(0, [Uint8Array.of()]),
    partitionKey(0, [""]),
    partitionKey(0, ["a", "b"]),
    partitionKey(0, ['a","b']),
  ];
  expect(new Set(different).size).toBe(different.length);
  const value = fc.oneof(fc.string(), fc.integer(), fc.constant(null), fc.boolean());
  fc.assert(
    fc.property(fc.array(value, { maxLength: 3 }), fc.array(value, { maxLength: 3 }), (a, b) => {
      const equal = a.length === b.length && a.every((one, index) => Object.is(one, b[index]));
      expect(partitionKey(0, a) === partitionKey(0, b)).toBe(equal);
    }),
  );
});

function errorOf(action: () => unknown): { code: string; message: string; hint: string | undefined } {
  try {
    action();
  } catch (error) {
    if (isLakeError(error)) return error;
    throw error;
  }
  throw new Error("expected an error");
}
