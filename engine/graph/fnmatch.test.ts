import fc from "fast-check";
import { expect, test } from "vitest";
import { anyText } from "../common/any-text.ts";
import { fnmatch } from "./fnmatch.ts";

test.for([
  ["stg_a", "stg_*", true],
  ["stg_a", "stg_?", true],
  ["stg_ab", "stg_?", false],
  ["a.b", "a*b", true],
  ["A", "a", false],
  ["b", "[abc]", true],
  ["b", "[!abc]", false],
  ["d", "[a-c]", false],
  ["^", "[^]", true],
  ["a+b", "a+b", true],
  ["a[b", "a[b", true],
  ["x]", "x[]]", true],
  ["a\nb", "a*b", true],
  ["b", "[z-a]", false],
] as const)("%s fits %s: %s", ([text, pattern, expected]) => {
  expect(fnmatch(text, pattern)).toBe(expected);
});

test("no pattern is too odd to be asked, and text without wildcards fits itself alone", () => {
  fc.assert(
    fc.property(anyText(), anyText(), (text, pattern) => {
      expect(typeof fnmatch(text, pattern)).toBe("boolean");
      const plain = pattern.replace(/[*?[\]]/g, "");
      expect(fnmatch(text, plain)).toBe(text === plain);
      expect(fnmatch(plain, "*")).toBe(true);
    }),
  );
});
