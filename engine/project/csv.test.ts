import { describe, expect, test } from "vitest";
import { parseCsv } from "./csv.ts";

describe("parseCsv", () => {
  test("empty is null, quoted empty is text; blanks around plain fields do not count", () => {
    expect(parseCsv('a, b ,c\n1,,""\n x y , "z ",3\n')).toEqual({
      columns: ["a", "b", "c"],
      rows: [
        ["1", null, ""],
        ["x y", "z ", "3"],
      ],
    });
  });

  test("quotes, commas and newlines inside quotes; CRLF, a BOM, blank lines and a missing last newline", () => {
    expect(parseCsv('\uFEFFa,b\r\n"x, ""y""","1\n2"\r\n\r\nlast,한국')).toEqual({
      columns: ["a", "b"],
      rows: [
        ['x, "y"', "1\n2"],
        ["last", "한국"],
      ],
    });
  });

  test("a trailing comma is a null at the end", () => {
    expect(parseCsv("a,b\n1,\n2,")).toMatchObject({
      rows: [
        ["1", null],
        ["2", null],
      ],
    });
  });

  test.each([
    ["", "it has no header", 1],
    ["a,b\n1\n", "line 2 has 1 fields, the header 2", 2],
    ["a,b\n\n1,2,3\n", "line 3 has 3 fields, the header 2", 3],
    ["a,a\n", "it has two columns a", 1],
    ["a,\n", "it has a column without a name", 1],
    ['a,b\n1,"x\ny\n', "the quote that line 2 opens is not closed", 2],
    ['a\n"x" y\n', "line 2 goes on behind a closing quote", 2],
  ])("%j is refused", (text, problem, line) => {
    expect(parseCsv(text)).toEqual({ problem, line });
  });
});
