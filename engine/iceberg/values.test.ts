import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { anyText } from "../common/any-text.ts";
import type { IcebergType, Value } from "./types.ts";
import {
  bigintToBytes,
  bytesToHex,
  compareValues,
  deserialiseValue,
  parseEngineText,
  serialiseValue,
  valueFromJson,
  valueToJson,
  valueToSqlLiteral,
  valueToText,
} from "./values.ts";

describe("bytes of single values (specification, appendix D)", () => {
  const cases: readonly (readonly [IcebergType, Value, string])[] = [
    ["boolean", true, "01"],
    ["boolean", false, "00"],
    ["int", 1, "01000000"],
    ["int", -1, "ffffffff"],
    ["date", -1, "ffffffff"],
    ["long", 1n, "0100000000000000"],
    ["long", -(2n ** 63n), "0000000000000080"],
    ["timestamptz", -1n, "ffffffffffffffff"],
    ["float", 1.5, "0000c03f"],
    ["double", -0, "0000000000000080"],
    ["string", "é", "c3a9"],
    ["string", "\uFEFFx", "efbbbf78"],
    ["uuid", "f79c3e09-677c-4bbd-a479-3f349cb785e7", "f79c3e09677c4bbda4793f349cb785e7"],
    ["binary", Uint8Array.of(0, 255), "00ff"],
    ["decimal(9, 2)", 1420n, "058c"],
    ["decimal(9, 2)", 0n, "00"],
    ["decimal(9, 2)", 128n, "0080"],
    ["decimal(9, 2)", -128n, "80"],
    ["decimal(9, 2)", -129n, "ff7f"],
    ["decimal(38, 0)", 10n ** 37n, "0785ee10d5da46d900f436a000000000"],
  ];
  for (const [type, value, hex] of cases) {
    test(`${type as string} ${valueToText(type, value)} is ${hex}, and back`, () => {
      const bytes = serialiseValue(type, value);
      expect(bytesToHex(bytes)).toBe(hex);
      expect(deserialiseValue(type, bytes)).toEqual(value);
    });
  }

  test("bounds from before a promotion keep their width", () => {
    expect(deserialiseValue("long", Uint8Array.of(255, 255, 255, 255))).toBe(-1n);
    expect(deserialiseValue("double", serialiseValue("float", 1.5))).toBe(1.5);
    expect(deserialiseValue("timestamp", serialiseValue("date", 2))).toBe(172_800_000_000n);
  });

  test("bytes of another width, and broken UTF-8, are refused", () => {
    expect(() => deserialiseValue("int", Uint8Array.of(1))).toThrow(
      /the bytes 01 are not a value of type int/,
    );
    expect(() => deserialiseValue("string", Uint8Array.of(0xc3))).toThrow(/c3/);
    expect(() => serialiseValue("long", 1)).toThrow(/1 is not a value of type long/);
  });

  test("a view into a larger buffer is read from its own start", () => {
    const larger = Uint8Array.of(9, 9, 1, 0, 0, 0);
    expect(deserialiseValue("int", larger.subarray(2))).toBe(1);
  });
});

describe("order", () => {
  test("numbers: -0.0 before +0.0, NaN last, null first", () => {
    const sorted = [Number.NaN, 1, 0, -0, -Infinity, null, Infinity].sort((a, b) =>
      compareValues("double", a, b),
    );
    expect(sorted).toEqual([null, -Infinity, -0, 0, 1, Infinity, Number.NaN]);
  });

  test("strings: by code points, so U+FFFF comes before an emoji", () => {
    expect(compareValues("string", "\uFFFF", "😀")).toBeLessThan(0);
    expect(compareValues("string", "a", "ab")).toBeLessThan(0);
  });

  test("strings have the order of their UTF-8 bytes", () => {
    fc.assert(
      fc.property(anyText(), anyText(), (a, b) => {
        const bytes = Buffer.compare(Buffer.from(a), Buffer.from(b));
        expect(Math.sign(compareValues("string", a, b))).toBe(bytes);
      }),
    );
  });

  test("bytes are unsigned", () => {
    expect(compareValues("binary", Uint8Array.of(0x7f), Uint8Array.of(0x80))).toBeLessThan(0);
  });
});

describe("text of the engine", () => {
  const cases: readonly (readonly [IcebergType, string, Value])[] = [
    ["boolean", "1", true],
    ["boolean", "false", false],
    ["int", "-5", -5],
    ["long", "9223372036854775807", 9_223_372_036_854_775_807n],
    ["float", "0.1", Math.fround(0.1)],
    ["double", "-inf", -Infinity],
    ["double", "1e+300", 1e300],
    ["double", "-0.0", -0],
    ["decimal(9, 2)", "-0.05", -5n],
    ["decimal(38, 2)", "123456789012345678901234567890.12", 12_345_678_901_234_567_890_123_456_789_012n],
    ["decimal(20, 0)", "7", 7n],
    ["date", "1969-12-31", -1],
    ["date", "12345-01-02", 3_789_392],
    ["date", "0001-12-31 (BC)", -719_163],
    ["date", "infinity", 2_147_483_647],
    ["date", "-infinity", -2_147_483_647],
    ["time", "12:34:56.789", 45_296_789_000n],
    ["timestamp", "1969-12-31 23:59:59.999999", -1n],
    ["timestamp", "0044-03-15 (BC) 10:00:00", -63_517_788_000_000_000n],
    ["timestamp", "-infinity", -9_223_372_036_854_775_807n],
    ["timestamptz", "2020-01-01 00:00:00+00", 1_577_836_800_000_000n],
    ["timestamptz", "2020-01-01 09:00:00+09", 1_577_836_800_000_000n],
    ["timestamptz", "2020-01-01 05:30:00+05:30", 1_577_836_800_000_000n],
    ["timestamp_ns", "1970-01-01 00:00:00.000000001", 1n],
    ["string", "infinity", "infinity"],
    ["uuid", "F79C3E09-677C-4BBD-A479-3F349CB785E7", "f79c3e09-677c-4bbd-a479-3f349cb785e7"],
    ["binary", "00FF6162", Uint8Array.of(0, 255, 97, 98)],
    ["binary", "", Uint8Array.of()],
  ];
  for (const [type, text, value] of cases) {
    test(`${type as string} ${text}`, () => expect(parseEngineText(type, text)).toEqual(value));
  }

  for (const [type, text] of [
    ["int", "1.5"],
    ["boolean", "yes"],
    ["double", ""],
    ["decimal(9, 2)", "1.005"],
    ["date", "2020-1-1"],
    ["timestamp", "2020-01-01"],
    ["binary", "0"],
    ["uuid", "f79c"],
  ] as const) {
    test(`${type} ${JSON.stringify(text)} is refused`, () => {
      expect(() => parseEngineText(type, text)).toThrow(`is not a value of type ${type}`);
    });
  }
});

test("texts for people", () => {
  expect(valueToText("decimal(9, 2)", -5n)).toBe("-0.05");
  expect(valueToText("date", -719_163)).toBe("0000-12-31");
  expect(valueToText("timestamptz", 1n)).toBe("1970-01-01T00:00:00.000001+00:00");
  expect(valueToText("time", 45_296_789_000n)).toBe("12:34:56.789000");
  expect(valueToText("string", null)).toBe("null");
});

test("SQL literals are typed and quoted", () => {
  expect(valueToSqlLiteral("string", "it's")).toBe("'it''s'");
  expect(valueToSqlLiteral("string", "a\0b")).toBe("('a' || chr(0) || 'b')");
  expect(valueToSqlLiteral("long", 5n)).toBe("'5'::BIGINT");
  expect(valueToSqlLiteral("date", -719_163)).toBe("DATE '0001-12-31 (BC)'");
  expect(valueToSqlLiteral("timestamptz", 0n)).toBe("TIMESTAMPTZ '1970-01-01 00:00:00+00'");
  expect(valueToSqlLiteral("double", Number.NaN)).toBe("'nan'::DOUBLE");
  expect(valueToSqlLiteral("binary", Uint8Array.of(1, 255))).toBe("from_hex('01ff')");
  expect(valueToSqlLiteral("int", null)).toBe("NULL::INTEGER");
});

describe("JSON of defaults (appendix D)", () => {
  const cases: readonly (readonly [IcebergType, Value, unknown])[] = [
    ["boolean", true, true],
    ["int", 1, 1],
    ["long", 2n ** 60n, 2n ** 60n],
    ["long", 5n, 5],
    ["double", 1.5, 1.5],
    ["decimal(9, 2)", 1420n, "14.20"],
    ["date", 17_486, "2017-11-16"],
    ["time", 81_068_123_456n, "22:31:08.123456"],
    ["timestamp", 1_510_871_468_123_456n, "2017-11-16T22:31:08.123456"],
    ["timestamptz", 1_510_871_468_123_456n, "2017-11-16T22:31:08.123456+00:00"],
    ["uuid", "f79c3e09-677c-4bbd-a479-3f349cb785e7", "f79c3e09-677c-4bbd-a479-3f349cb785e7"],
    ["binary", Uint8Array.of(0, 1, 2), "000102"],
    ["string", "x", "x"],
  ];
  for (const [type, value, json] of cases) {
    test(`JSON form of ${type as string}`, () => {
      expect(valueToJson(type, value)).toEqual(json);
      expect(valueFromJson(type, json)).toEqual(value);
    });
  }
});

test("the shortest two's complement holds every bigint", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 127n), max: 2n ** 127n }), (value) => {
      expect(deserialiseValue("decimal(38, 0)", bigintToBytes(value))).toBe(value);
    }),
  );
});

test("dates and timestamps survive their text over the whole range", () => {
  fc.assert(
    fc.property(fc.integer({ min: -2_000_000_000, max: 2_000_000_000 }), (days) => {
      const iso = valueToText("date", days);
      expect(parseEngineText("date", iso)).toBe(days);
    }),
  );
});
