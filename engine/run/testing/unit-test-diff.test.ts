import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { diffRows } from "./unit-test-diff.ts";

const columns = [
  { name: "id", type: "BIGINT" },
  { name: "name", type: "VARCHAR" },
  { name: "n", type: "BIGINT" },
];
const rowsOf = (expected: unknown[][], actual: unknown[][]): unknown =>
  diffRows({ columns, expected, actual })?.diff.rows.map(({ kind, cells }) => [kind, ...cells]);

describe("diffRows", () => {
  test("order does not count, and how often a row occurs does", () => {
    const some = fc.array(
      fc.tuple(fc.integer({ min: 0, max: 2 }), fc.constantFrom("a", null, "a,1"), fc.constantFrom(1, 2)),
    );
    fc.assert(
      fc.property(some, some, (left, right) => {
        const sorted = (rows: unknown[][]): string =>
          JSON.stringify(rows.map((row) => JSON.stringify(row)).sort());
        const same = diffRows({ columns, expected: left, actual: right }) === null;
        expect(same).toBe(sorted(left) === sorted(right));
      }),
    );
  });

  test("every row that differs is shown once, on its side", () => {
    const some = fc.array(
      fc.tuple(fc.integer({ min: 0, max: 3 }), fc.constantFrom("a", "b"), fc.constant(1)),
      { maxLength: 6 },
    );
    fc.assert(
      fc.property(some, some, (expected, actual) => {
        const kinds = diffRows({ columns, expected, actual })?.diff.rows.map(({ kind }) => kind) ?? [];
        const count = (kind: string): number => kinds.filter((found) => found === kind).length;
        expect(count("added") - count("missing")).toBe(actual.length - expected.length);
      }),
    );
  });

  test("a row with the same first cell, or half of its cells, is the same row changed", () => {
    expect(rowsOf([[1, "a", 1]], [[1, "b", 2]])).toEqual([["changed", "1", "a → b", "1 → 2"]]);
    expect(rowsOf([[1, "a", 1]], [[2, "a", 1]])).toEqual([["changed", "1 → 2", "a", "1"]]);
    expect(rowsOf([[1, "a", 1]], [[2, "b", 1]])).toEqual([
      ["missing", "1", "a", "1"],
      ["added", "2", "b", "1"],
    ]);
  });

  test("of several candidates the likest one is taken", () => {
    const changed = rowsOf(
      [[1, "a", 1]],
      [
        [1, "b", 2],
        [1, "a", 2],
      ],
    );
    expect(changed).toEqual([
      ["changed", "1", "a", "1 → 2"],
      ["added", "1", "b", "2"],
    ]);
  });

  test("null, the text null, empty text and blanks can be told apart", () => {
    expect(rowsOf([], [[1, null, 1]])).toEqual([["added", "1", "null", "1"]]);
    expect(rowsOf([], [[1, "null", 1]])).toEqual([["added", "1", '"null"', "1"]]);
    expect(rowsOf([[1, "", 1]], [[1, " ", 1]])).toEqual([["changed", "1", '"" → " "', "1"]]);
  });

  test("JSON is compared as a value, without losing digits", () => {
    const json = [{ name: "doc", type: "JSON" }];
    expect(
      diffRows({ columns: json, expected: [['{"a": 1, "b": [2]}']], actual: [['{"b":[2],"a":1}']] }),
    ).toBeNull();
    expect(
      diffRows({
        columns: json,
        expected: [['{"a":9007199254740993}']],
        actual: [['{"a":9007199254740992}']],
      }),
    ).not.toBeNull();
  });

  test("twenty rows are shown, the rest counted", () => {
    const actual = Array.from({ length: 25 }, (_, index) => [index, "a", index]);
    const found = diffRows({ columns, expected: [], actual });
    expect([found?.differing, found?.diff.rows.length, found?.diff.more]).toEqual([25, 20, 5]);
  });
});
