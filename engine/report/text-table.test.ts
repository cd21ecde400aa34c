import { expect, test } from "vitest";
import { renderQuery } from "./render-query.ts";
import { createStyle, displayWidth, truncate } from "./style.ts";

const style = createStyle(false);
const result = {
  columns: [
    { name: "keyword", type: "VARCHAR" },
    { name: "n", type: "BIGINT" },
    { name: "tags", type: "VARCHAR[]" },
  ],
  rows: [
    ["김치찌개", 12, ["a", "b"]],
    ['say "hi"\nthere', 9_007_199_254_740_993n, null],
  ],
};

test("columns line up when a text takes two cells a character, and numbers stand to the right", () => {
  expect(renderQuery(result, { format: "table", style })).toBe(
    [
      "keyword                        n  tags",
      '김치찌개                      12  ["a","b"]',
      'say "hi" there  9007199254740993  null',
      "(2 rows)",
    ].join("\n"),
  );
});

test("JSON keeps integers beyond 53 bits as text", () => {
  expect(JSON.parse(renderQuery(result, { format: "json", style }))).toEqual([
    { keyword: "김치찌개", n: 12, tags: ["a", "b"] },
    { keyword: 'say "hi"\nthere', n: "9007199254740993", tags: null },
  ]);
});

test("CSV quotes what would break a line or a cell", () => {
  expect(renderQuery(result, { format: "csv", style })).toBe(
    'keyword,n,tags\n김치찌개,12,"[""a"",""b""]"\n"say ""hi""\nthere",9007199254740993,',
  );
});

test("a cut text is never wider than asked, also with wide characters", () => {
  expect(truncate("김치찌개", 5)).toBe("김치…");
  expect(displayWidth(truncate("김치찌개", 4))).toBeLessThanOrEqual(4);
  expect(displayWidth("\u001B[31mred\u001B[39m")).toBe(3);
});
