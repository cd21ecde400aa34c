import { DuckDBInstance, type DuckDBConnection } from "@duckdb/node-api";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { transformSql } from "./transform-sql.ts";
import { applyTransform, transformResultType } from "./transform.ts";
import type { IcebergType, Value } from "./types.ts";
import { parseEngineText, serialiseValue, valueToSqlLiteral } from "./values.ts";

let connection: DuckDBConnection;
let instance: DuckDBInstance;
beforeAll(async () => {
  instance = await DuckDBInstance.create(":memory:", { threads: "1" });
  connection = await instance.connect();
  // A zone far from UTC: a transform that went through it would show.
  await connection.run("SET timezone = 'Asia/Seoul'");
});
afterAll(() => {
  connection.closeSync();
  instance.closeSync();
});

const micros = fc.oneof(
  fc.bigInt({ min: -62_135_596_800_000_000n, max: 253_402_300_799_999_999n }),
  fc.constantFrom(-1n, 0n, 1n, -3_600_000_000n, -86_400_000_000n, -86_400_000_001n),
);
const limits = fc.constantFrom(9_223_372_036_854_775_807n, -9_223_372_036_854_775_807n);
const long = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.bigInt({ min: -300n, max: 300n }),
);
const bytes = fc.uint8Array({ maxLength: 23 });
const text = fc.string({ unit: "binary", maxLength: 12 });
const unscaled = (digits: number): fc.Arbitrary<bigint> =>
  fc.oneof(
    fc.bigInt({ min: -(10n ** BigInt(digits)) + 1n, max: 10n ** BigInt(digits) - 1n }),
    fc.constantFrom(0n, 127n, 128n, -128n, -129n, 255n, 256n, -1n),
  );
const values: Readonly<Record<string, fc.Arbitrary<Value>>> = {
  int: fc.oneof(fc.integer(), fc.constantFrom(-2_147_483_648, 2_147_483_647)),
  long,
  date: fc.oneof(
    fc.integer({ min: -1_000_000, max: 3_000_000 }),
    fc.constantFrom(2_147_483_647, -2_147_483_647),
  ),
  time: fc.bigInt({ min: 0n, max: 86_399_999_999n }),
  timestamp: fc.oneof(micros, limits),
  timestamptz: fc.oneof(micros, limits),
  timestamp_ns: fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n }),
  string: text,
  uuid: fc.uuid(),
  binary: bytes,
  boolean: fc.boolean(),
  float: fc.float(),
  double: fc.double(),
  "decimal(9, 2)": unscaled(9),
  "decimal(18, 4)": unscaled(18),
  "decimal(38, 10)": unscaled(37),
};

const cases: readonly (readonly [IcebergType, readonly string[]])[] = [
  ["int", ["bucket[16]", "bucket[2147483647]", "truncate[10]", "truncate[1]", "void", "identity"]],
  ["long", ["bucket[16]", "bucket[2147483647]", "truncate[10]", "truncate[2147483647]"]],
  ["date", ["identity", "bucket[2147483647]", "year", "month", "day"]],
  ["boolean", ["identity"]],
  ["float", ["identity"]],
  ["double", ["identity"]],
  ["time", ["bucket[2147483647]", "identity"]],
  ["timestamp", ["identity", "bucket[2147483647]", "year", "month", "day", "hour"]],
  ["timestamptz", ["identity", "bucket[2147483647]", "year", "month", "day", "hour"]],
  ["timestamp_ns", ["identity", "bucket[2147483647]", "year", "month", "day", "hour"]],
  ["string", ["identity", "bucket[2147483647]", "truncate[3]", "truncate[1]"]],
  ["uuid", ["identity", "bucket[2147483647]"]],
  ["binary", ["identity", "bucket[2147483647]", "truncate[3]"]],
  ["decimal(9, 2)", ["bucket[2147483647]", "truncate[50]", "truncate[100000]"]],
  ["decimal(18, 4)", ["bucket[2147483647]", "truncate[7]"]],
  ["decimal(38, 10)", ["identity", "bucket[2147483647]", "truncate[7]"]],
];

describe("the engine's expression gives the partition value of the specification", () => {
  for (const [type, transforms] of cases) {
    test(`${type as string}: ${transforms.join(", ")}`, async () => {
      const source = values[type as string] as fc.Arbitrary<Value>;
      const sample: Value[] = [null, ...fc.sample(source, { numRuns: 300, seed: 7 })];
      const rows = sample.map((value, index) => `(${index}, ${valueToSqlLiteral(type, value)})`).join(", ");
      for (const transform of transforms) {
        const result = transformResultType(transform, type);
        const shown = shownAs(result);
        const sql = `SELECT ${shown} FROM (SELECT i, ${transformSql(transform, '"c d"', type)} AS p FROM (VALUES ${rows}) t(i, "c d")) ORDER BY i`;
        const reader = await connection.runAndReadAll(sql);
        const found = reader.getRows().map(([shownValue]) => shownValue as string | null);
        for (const [index, value] of sample.entries()) {
          const expected = applyTransform(transform, type, value);
          const engine = found[index] ?? null;
          const parsed = engine === null ? null : parseEngineText(result, engine);
          expect(bytesOf(result, parsed), `${transform}(${String(value)})`).toEqual(
            bytesOf(result, expected),
          );
        }
      }
    });
  }
});

function shownAs(result: IcebergType): string {
  if (result === "binary") return "hex(p)";
  // In the session's zone DuckDB prints offsets without their seconds, which Seoul had until 1908.
  if (result !== "timestamptz") return "p::VARCHAR";
  return "CASE WHEN isinf(p) THEN p::VARCHAR ELSE (p AT TIME ZONE 'UTC')::VARCHAR || '+00' END";
}

function bytesOf(type: IcebergType, value: Value): Uint8Array | null {
  return value === null ? null : serialiseValue(type, value);
}
