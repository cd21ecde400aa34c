import * as fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { IcebergType } from "../../iceberg/types.ts";
import { openTestEngine, schemaOf, type TestEngine } from "./test-support.ts";
import { duckdbType, icebergType, isWrittenAs, sqlCast, toColumns, toSchema } from "./types.ts";

let engine: TestEngine;
beforeAll(async () => {
  engine = await openTestEngine();
});
afterAll(() => engine.close());

test("every engine type has its Iceberg type, or says why not", () => {
  const expected: Record<string, IcebergType> = {
    BOOLEAN: "boolean",
    TINYINT: "int",
    USMALLINT: "int",
    INTEGER: "int",
    UINTEGER: "long",
    BIGINT: "long",
    UBIGINT: "decimal(20, 0)",
    HUGEINT: "decimal(38, 0)",
    FLOAT: "float",
    DOUBLE: "double",
    "DECIMAL(18,3)": "decimal(18, 3)",
    DATE: "date",
    TIME: "time",
    TIMESTAMP: "timestamp",
    TIMESTAMP_S: "timestamp",
    TIMESTAMP_MS: "timestamp",
    "TIMESTAMP WITH TIME ZONE": "timestamptz",
    VARCHAR: "string",
    JSON: "string",
    "ENUM('a', 'it''s (b)')": "string",
    UUID: "uuid",
    BLOB: "binary",
  };
  for (const [engineType, type] of Object.entries(expected))
    expect([engineType, icebergType(engineType)]).toEqual([engineType, type]);
  for (const refused of [
    "INTERVAL",
    "BIT",
    "TIMESTAMP_NS",
    "TIME WITH TIME ZONE",
    'UNION("k" INTEGER)',
    "BIGNUM",
    "VARIANT",
    "GEOMETRY",
  ]) {
    expect(() => icebergType(refused)).toThrow(/no type for/);
  }
});

test("field ids count a struct's fields before what lies inside them", () => {
  const schema = toSchema([
    { name: "s", type: 'STRUCT(x INTEGER, "y z" STRUCT(q DATE)[])' },
    { name: "m", type: "MAP(VARCHAR, BIGINT[3])" },
    { name: "n", type: "INTEGER" },
  ]);
  expect(JSON.stringify(schema).match(/"(?:[a-z-]*-)?id":\d+/g)).toEqual([
    '"schema-id":0',
    '"id":1',
    '"id":4',
    '"id":5',
    '"element-id":6',
    '"id":7',
    '"id":2',
    '"key-id":8',
    '"value-id":9',
    '"element-id":10',
    '"id":3',
  ]);
  expect(toColumns(schema)).toEqual([
    { name: "s", type: 'STRUCT("x" INTEGER, "y z" STRUCT("q" DATE)[])' },
    { name: "m", type: "MAP(VARCHAR, BIGINT[])" },
    { name: "n", type: "INTEGER" },
  ]);
});

test("all columns' failures are reported at once", () => {
  const columns = [
    { name: "a", type: "INTERVAL" },
    { name: "A", type: "INTEGER" },
    { name: "", type: "STRUCT(x INTEGER, X DATE)" },
  ];
  let codes: string[] = [];
  try {
    toSchema(columns);
  } catch (error) {
    codes = (error as { errors: { code: string }[] }).errors.map(({ code }) => code);
  }
  expect(codes).toEqual([
    "compute/duplicate-column",
    "compute/nameless-column",
    "compute/no-iceberg-type",
    "compute/duplicate-column",
  ]);
});

test("only what is written otherwise is cast", () => {
  expect(sqlCast({ name: 'a"b', type: "BIGINT" }, "long")).toBe('"a""b"');
  expect(sqlCast({ name: "a", type: "HUGEINT" }, "decimal(38, 0)")).toBe('cast("a" as DECIMAL(38,0))');
  expect(sqlCast({ name: "a", type: "JSON" }, "string")).toBe('cast("a" as VARCHAR)');
  expect(sqlCast({ name: "a", type: "INTEGER[2]" }, icebergType("INTEGER[]"))).toBe('cast("a" as INTEGER[])');
  expect(isWrittenAs("STRUCT(a TIMESTAMPTZ)", icebergType("STRUCT(a TIMESTAMP WITH TIME ZONE)"))).toBe(false);
});

const primitive = fc.constantFrom<IcebergType>(
  "boolean",
  "int",
  "long",
  "float",
  "double",
  "date",
  "time",
  "timestamp",
  "timestamptz",
  "string",
  "uuid",
  "binary",
  "decimal(38, 10)",
);
const name = fc.string({ minLength: 1, maxLength: 6 }).filter((text) => !text.includes("\0"));
const { type: anyType } = fc.letrec<{ type: IcebergType }>((tie) => ({
  type: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    primitive,
    tie("type").map((element): IcebergType => ({
      type: "list",
      "element-id": 0,
      element,
      "element-required": false,
    })),
    fc.tuple(primitive, tie("type")).map(([key, value]): IcebergType => ({
      type: "map",
      "key-id": 0,
      key,
      "value-id": 0,
      value,
      "value-required": false,
    })),
    fc
      .uniqueArray(name, { minLength: 1, maxLength: 3, selector: (text) => text.toLowerCase() })
      .chain((names) =>
        fc
          .array(tie("type"), { minLength: names.length, maxLength: names.length })
          .map((types): IcebergType => ({
            type: "struct",
            fields: types.map((type, index) => ({ id: 0, name: names[index]!, required: false, type })),
          })),
      ),
  ),
}));

const withoutIds = (type: unknown): unknown =>
  JSON.parse(JSON.stringify(type, (key, value: unknown) => (key.endsWith("id") ? 0 : value)));

test("property: the engine describes a column as a type that leads back to the same Iceberg type", async () => {
  await fc.assert(
    fc.asyncProperty(anyType, async (type) => {
      const columns = toColumns(schemaOf({ id: 1, name: "c", required: false, type }));
      const result = await engine.compute.query({
        sql: 'from "n.e"',
        relations: [{ kind: "empty", name: "n.e", columns }],
      });
      expect(withoutIds(icebergType(result.columns[0]!.type))).toEqual(withoutIds(type));
      expect(isWrittenAs(result.columns[0]!.type, type)).toBe(true);
      expect(duckdbType(type)).toBe(columns[0]!.type);
    }),
    { numRuns: 60 },
  );
});
