import fc from "fast-check";
import { expect, test } from "vitest";
import { alignLines, diffLines } from "./line-diff.ts";

const shown = (before: string, after: string): string[] =>
  diffLines(before, after).map(({ kind, text }) => `${kind}${text}`);

test("a changed line is one that goes and one that comes, with two lines around", () => {
  const lines = ["select", "  a,", "  b,", "  c", "from t", "where x", "group by 1"];
  const changed = lines.map((line) => (line === "  c" ? "  coalesce(c, 0) as c" : line));
  expect(shown(lines.join("\n"), changed.join("\n"))).toEqual([
    "@line 2",
    "   a,",
    "   b,",
    "-  c",
    "+  coalesce(c, 0) as c",
    " from t",
    " where x",
  ]);
});

test("changes far from each other are shown apart, each with its line in the new text", () => {
  const before = Array.from({ length: 20 }, (_, index) => `l${index + 1}`);
  const after = before.filter((line) => line !== "l3").map((line) => (line === "l18" ? "new" : line));
  expect(shown(before.join("\n"), after.join("\n"))).toEqual(
    " l1| l2|-l3| l4| l5|@line 15| l16| l17|-l18|+new| l19| l20".split("|"),
  );
});

test("blanks at the end of lines and of the text are no difference", () => {
  expect(shown("select 1  \nfrom t\n\n", "select 1\r\nfrom t")).toEqual([]);
});

test("what stayed and went is the old text, what stayed and came the new one, and no line goes and comes for nothing", () => {
  const text = fc.array(fc.constantFrom("a", "b", "c", "d"), { maxLength: 7 });
  fc.assert(
    fc.property(text, text, (before, after) => {
      const lines = alignLines(before.join("\n"), after.join("\n"));
      const side = (other: string): string[] =>
        lines.filter(({ kind }) => kind === " " || kind === other).map((line) => line.text);
      expect([side("-"), side("+")]).toEqual([before, after]);
      const stayed = lines.filter(({ kind }) => kind === " ").length;
      expect(stayed).toBe(mostInCommon(before, after));
    }),
  );
});

function mostInCommon([a, ...old]: readonly string[], now: readonly string[]): number {
  if (a === undefined) return 0;
  const at = now.indexOf(a);
  const without = mostInCommon(old, now);
  return at === -1 ? without : Math.max(without, 1 + mostInCommon(old, now.slice(at + 1)));
}
