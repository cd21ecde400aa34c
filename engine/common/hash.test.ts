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
      expect(JSON.parse(stableStringify({ a: [value] }))).toEqual(JSON.parse(JSON.stringify({ a: [value] })));
    }),
  );
});

test("undefined keys do not count, and bigint is told from text and number", () => {
  expect(stableStringify({ b: undefined, a: 1n })).toBe('{"a":"1n"}');
  expect(stableStringify([1n])).not.toBe(stableStringify([1]));
});
