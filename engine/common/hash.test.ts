import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { expect, test } from "vitest";
import { md5, sha256, stableStringify } from "./hash.ts";

test("hashes are the known ones, of text as of its UTF-8 bytes", () => {
  expect(sha256("abc")).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  expect(sha256("한")).toBe(sha256(new TextEncoder().encode("한")));
  expect(md5("")).toBe("d41d8cd98f00b204e9800998ecf8427e");
});

test("equal values have equal text whatever the order of their keys, and it is JSON", () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
      const turned = Object.fromEntries(Object.entries(value).reverse());
      expect(stableStringify(turned)).toBe(stableStringify(value));
      // Not `toEqual`, which asks the values' own keys (`asymmetricMatch`, `constructor`) how to compare them.
      expect(isDeepStrictEqual(JSON.parse(stableStringify(value)), JSON.parse(JSON.stringify(value)))).toBe(
        true,
      );
    }),
  );
});

test("a key named __proto__ is a key like others", () => {
  const value: unknown = JSON.parse('{"b":1,"__proto__":{"a":2}}');
  expect(stableStringify(value)).toBe('{"__proto__":{"a":2},"b":1}');
});

test("undefined keys do not count, and bigint is told from text and number", () => {
  expect(stableStringify({ b: undefined, a: 1n })).toBe('{"a":1n}');
  expect(stableStringify([1n])).not.toBe(stableStringify([1]));
  expect(stableStringify([1n])).not.toBe(stableStringify(["1n"]));
});
