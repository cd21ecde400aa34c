import { describe, expect, test } from "vitest";
import { literal, quoteIdentifier } from "./sql.ts";

describe("literal", () => {
  test.each([
    ["it's", "'it''s'"],
    ["a\\b", "'a\\b'"],
    ["", "''"],
    [1.5, "1.5"],
    [-3, "-3"],
    [9007199254740993n, "9007199254740993"],
    [true, "true"],
    [null, "NULL"],
    [[1, "a", null], "[1, 'a', NULL]"],
  ])("%s for DuckDB is %s", (value, expected) => {
    expect(literal(value)).toBe(expected);
  });

  test("Spark reads backslashes in strings and has its own lists", () => {
    expect(literal("it's \\n", "spark")).toBe("'it\\'s \\\\n'");
    expect(literal(["a"], "spark")).toBe("array('a')");
  });

  test.each([[{ a: 1 }], [Number.NaN], [Number.POSITIVE_INFINITY], ["a\0b"]])("%s is refused", (value) => {
    expect(() => literal(value)).toThrow("cannot be written as an SQL literal");
  });
});

describe("quoteIdentifier", () => {
  test("marks inside a name are doubled", () => {
    expect(quoteIdentifier('a"; drop')).toBe('"a""; drop"');
    expect(quoteIdentifier("a`b", "spark")).toBe("`a``b`");
  });

  test("an empty name and a NUL are refused", () => {
    expect(() => quoteIdentifier("")).toThrow("cannot be an SQL identifier");
    expect(() => quoteIdentifier("a\0")).toThrow("cannot be an SQL identifier");
  });
});
