import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { anyCharacter } from "./any-text.ts";
import { isLakeError } from "./errors.ts";
import { parseJson, printJson } from "./json.ts";

function refused(text: string): string {
  try {
    parseJson(text);
  } catch (error) {
    if (isLakeError(error, "common/malformed-json")) return error.message;
    throw error;
  }
  return "";
}

describe("parseJson", () => {
  test("agrees with JSON.parse on every value that JSON.parse can hold", () => {
    fc.assert(
      fc.property(
        fc.json({ stringUnit: anyCharacter() }),
        fc.constantFrom(undefined, 1, 3),
        (text, indent) => {
          const expected: unknown = JSON.parse(text);
          const parsed = parseJson(JSON.stringify(expected, null, indent));
          expect(JSON.parse(printJson(parsed))).toEqual(expected);
        },
      ),
      { numRuns: 500 },
    );
  });

  test("accepts and refuses the same damaged texts as JSON.parse", () => {
    const pieces = fc.constantFrom("{", "}", "[", "]", ",", ":", '"a"', "1", "-", "0", ".5", "e1", "true", "nul", '"\\u12"', '"\\x"', '"\n"', " ", "\t", "\u00a0", '"'); // prettier-ignore
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 8 }), (parts) => {
        const text = parts.join("");
        const outcome = (parse: (text: string) => unknown): unknown => {
          try {
            return { value: parse(text) };
          } catch {
            return "refused";
          }
        };
        expect(outcome(parseJson)).toEqual(outcome(JSON.parse));
      }),
      { numRuns: 3000 },
    );
  });

  test("keeps a 63-bit integer that JSON.parse rounds", () => {
    expect(parseJson('{"snapshot-id":9158179788527662767}')).toEqual({ "snapshot-id": 9158179788527662767n });
    expect(parseJson("-9223372036854775808")).toBe(-9223372036854775808n);
    expect(parseJson("9007199254740991")).toBe(9007199254740991);
    expect(parseJson("9007199254740993")).toBe(9007199254740993n);
  });

  test("makes small integers bigint under the keys named, in lists too, and leaves text alone", () => {
    const bigintKeys = new Set(["id", "ids"]);
    expect(parseJson('{"id":-1,"ids":[1,2],"n":3,"nested":{"id":4}}', { bigintKeys })).toEqual({
      id: -1n,
      ids: [1n, 2n],
      n: 3,
      nested: { id: 4n },
    });
    expect(parseJson('{"id":"7"}', { bigintKeys })).toEqual({ id: "7" });
  });

  test("holds __proto__ as a plain key", () => {
    const value = parseJson('{"__proto__":{"polluted":1}}') as Record<string, unknown>;
    expect(Object.hasOwn(value, "__proto__")).toBe(true);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
    expect(printJson(value)).toBe('{"__proto__":{"polluted":1}}');
  });

  test("refuses nesting that would exhaust the stack", () => {
    expect(refused("[".repeat(100_000))).toContain("nested deeper");
  });

  test("says where the text is wrong", () => {
    expect(refused('{"a": 1,\n "b": x}')).toBe(
      'malformed JSON at line 2, column 7: expected a value, found "x}"',
    );
    expect(refused('{"a')).toContain("the text ends inside a string");
  });
});

describe("printJson", () => {
  test("prints what JSON.stringify prints", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(0, 2), (value, indent) => {
        expect(printJson(value, { indent })).toBe(JSON.stringify(value, null, indent));
      }),
    );
  });

  test("gives back every bigint of 64 bits", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (id) => {
        expect(parseJson(printJson({ id }), { bigintKeys: new Set(["id"]) })).toEqual({ id });
      }),
    );
  });

  test("leaves undefined keys out and refuses what JSON cannot hold", () => {
    expect(printJson({ a: undefined, b: 1 })).toBe('{"b":1}');
    expect(() => printJson([undefined])).toThrow("cannot write as JSON");
    expect(() => printJson({ a: Number.NaN })).toThrow("NaN is not a number of JSON");
  });
});
