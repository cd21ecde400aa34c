import { describe, expect, test } from "vitest";
import { LakeError } from "../common/errors.ts";
import { renderError } from "./render-error.ts";
import { createStyle } from "./style.ts";

function show(error: LakeError, lines: readonly string[] = []): string {
  return renderError(error, { style: createStyle(false), readLine: (_file, line) => lines[line - 1] });
}

describe("errors for people", () => {
  test("the caret stands under the column, also behind wide characters and tabs", () => {
    const at = { file: "m.sql", line: 1, column: 9 };
    expect(show(new LakeError("cli/usage", "no such column", { at }), ["\t'김치' , x"])).toBe(
      ["error[cli/usage] no such column", " --> m.sql:1:9", "  |", "1 |  '김치' , x", "  |           ^"].join(
        "\n",
      ),
    );
  });

  test("several errors are all shown, each with its place, and counted", () => {
    const inner = [1, 12].map(
      (line) => new LakeError("cli/usage", `wrong ${line}`, { at: { file: "a.yml", line } }),
    );
    const text = show(new LakeError("project/several-errors", "2 errors in the project", { errors: inner }), [
      "name: x",
    ]);
    expect(text).toBe(
      [
        "error[cli/usage] wrong 1\n --> a.yml:1\n  |\n1 | name: x",
        "error[cli/usage] wrong 12\n  --> a.yml:12",
        "2 errors in the project",
      ].join("\n\n"),
    );
  });

  test("of a very long line only the part around the column is shown", () => {
    const source = `${"x".repeat(500)}!${"y".repeat(500)}`;
    const text = show(new LakeError("cli/usage", "wrong", { at: { file: "a", line: 1, column: 501 } }), [
      source,
    ]);
    const [shown = "", caret = ""] = text.split("\n").slice(-2);
    expect(shown.length).toBeLessThan(200);
    expect(shown[caret.indexOf("^")]).toBe("!");
  });

  test("a long line is cut only where something is left out", () => {
    const source = `${"x".repeat(200)}!`;
    const at = { file: "a", line: 1, column: 201 };
    const shown = show(new LakeError("cli/usage", "wrong", { at }), [source])
      .split("\n")
      .at(-2);
    expect(shown).toMatch(/^1 \| …x+!$/);
  });

  test("a column behind the line's end gets no caret", () => {
    const at = { file: "a", line: 1, column: 40 };
    expect(show(new LakeError("cli/usage", "wrong", { at }), ["short"])).not.toContain("^");
  });
});
