import { describe, expect, test } from "vitest";
import { isLakeError } from "../common/errors.ts";
import {
  applyTransform,
  hashValue,
  parseTransform,
  transformResultType,
  transformText,
} from "./transform.ts";
import type { IcebergType, Value } from "./types.ts";
import { parseEngineText, valueToText } from "./values.ts";

const nanos = (text: string): Value => parseEngineText("timestamp_ns", text);

describe("hashes are those of the specification (appendix B)", () => {
  const vectors: readonly (readonly [IcebergType, Value, number])[] = [
    ["int", 34, 2_017_239_379],
    ["long", 34n, 2_017_239_379],
    ["decimal(9, 2)", 1420n, -500_754_589],
    ["date", parseEngineText("date", "2017-11-16"), -653_330_422],
    ["time", parseEngineText("time", "22:31:08"), -662_762_989],
    ["timestamp", parseEngineText("timestamp", "2017-11-16 22:31:08"), -2_047_944_441],
    ["timestamp", parseEngineText("timestamp", "2017-11-16T22:31:08.000001"), -1_207_196_810],
    ["timestamptz", parseEngineText("timestamptz", "2017-11-16T14:31:08-08:00"), -2_047_944_441],
    ["timestamptz", parseEngineText("timestamptz", "2017-11-16T14:31:08.000001-08:00"), -1_207_196_810],
    ["timestamp_ns", nanos("2017-11-16T22:31:08"), -2_047_944_441],
    ["timestamp_ns", nanos("2017-11-16T22:31:08.000001001"), -1_207_196_810],
    ["string", "iceberg", 1_210_000_089],
    ["uuid", "f79c3e09-677c-4bbd-a479-3f349cb785e7", 1_488_055_340],
    ["fixed[4]", Uint8Array.of(0, 1, 2, 3), -188_683_207],
    ["binary", Uint8Array.of(0, 1, 2, 3), -188_683_207],
  ];
  for (const [type, value, hash] of vectors) {
    test(`${type as string} ${valueToText(type, value)} → ${hash}`, () => {
      expect(hashValue(type, value)).toBe(hash);
    });
  }
});

describe("transforms", () => {
  const date = (text: string): Value => parseEngineText("date", text);
  const at = (text: string): Value => parseEngineText("timestamp", text);
  const cases: readonly (readonly [string, IcebergType, Value, Value])[] = [
    ["truncate[10]", "int", 1, 0],
    ["truncate[10]", "int", -1, -10],
    ["truncate[10]", "long", -10n, -10n],
    ["truncate[10]", "long", -11n, -20n],
    ["truncate[50]", "decimal(9, 2)", 1065n, 1050n],
    ["truncate[50]", "decimal(9, 2)", -5n, -50n],
    ["truncate[3]", "string", "iceberg", "ice"],
    ["truncate[3]", "string", "イロハニホヘト", "イロハ"],
    ["truncate[2]", "string", "😀😁😂", "😀😁"],
    ["truncate[3]", "binary", Uint8Array.of(1, 2, 3, 4), Uint8Array.of(1, 2, 3)],
    ["truncate[10]", "int", -2_147_483_648, 2_147_483_646],
    ["year", "date", date("2017-11-16"), 47],
    ["year", "date", date("1969-12-31"), -1],
    ["month", "date", date("2017-12-01"), 575],
    ["month", "date", date("1969-12-31"), -1],
    ["month", "timestamp", at("1969-11-30 23:59:59.999999"), -2],
    ["day", "date", date("2017-12-01"), 17_501],
    ["day", "timestamp", at("1969-12-31 23:59:59.999999"), -1],
    ["day", "timestamptz", parseEngineText("timestamptz", "2017-12-01 00:30:00+09"), 17_500],
    ["hour", "timestamp", at("2017-12-01 10:12:55.038194"), 420_034],
    ["hour", "timestamp", at("1969-12-31 23:59:00"), -1],
    ["hour", "timestamp_ns", -1n, -1],
    ["year", "date", date("0044-03-15 (BC)"), -2013],
    ["void", "string", "x", null],
    ["identity", "uuid", "f79c3e09-677c-4bbd-a479-3f349cb785e7", "f79c3e09-677c-4bbd-a479-3f349cb785e7"],
    ["bucket[16]", "string", "iceberg", (1_210_000_089 & 0x7fff_ffff) % 16],
    ["bucket[100]", "binary", Uint8Array.of(0, 1, 2, 3), (-188_683_207 & 0x7fff_ffff) % 100],
  ];
  for (const [transform, type, value, expected] of cases) {
    test(`${transform} of ${type as string} ${valueToText(type, value)}`, () => {
      expect(applyTransform(transform, type, value)).toEqual(expected);
      expect(applyTransform(transform, type, null)).toBeNull();
    });
  }

  test("result types: day is a date, the other ordinals and buckets are ints", () => {
    expect(
      ["day", "hour", "bucket[3]", "void", "identity"].map((t) => transformResultType(t, "timestamp")),
    ).toEqual(["date", "int", "int", "timestamp", "timestamp"]);
  });

  test("unknown transforms keep their text and are never evaluated", () => {
    expect(transformText(parseTransform("zorder[3]"))).toBe("zorder[3]");
    expect(() => applyTransform("zorder[3]", "int", 1)).toThrow(/zorder\[3\] is not a partition transform/);
  });

  test("a transform that does not fit the type is refused", () => {
    const caught = [
      ["hour", "date"],
      ["bucket[4]", "double"],
      ["truncate[4]", "uuid"],
      ["year", "string"],
    ].map(([transform, type]) => {
      try {
        return transformResultType(transform as string, type as IcebergType);
      } catch (error) {
        return isLakeError(error) ? error.code : error;
      }
    });
    expect(caught).toEqual(Array.from({ length: 4 }, () => "iceberg/transform-type"));
  });
});
