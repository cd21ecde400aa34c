import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { renderTemplate } from "./render.ts";
import { macroSources, render, testContext } from "./test-context.ts";

const macros = macroSources({
  json_text: "{{!-- head --}}\n\n  json_extract_string({{column}},\n    '{{path}}')\n",
  outer: 'coalesce({{> json_text column=column path="$.a"}}, {{fallback}})',
  wrap: "with x as (\n  {{> @partial-block}}\n)",
});

/** The text behind a location, found without the code under test. */
function textAt(text: string, at: { line?: number | undefined; column?: number | undefined }): string {
  const lines = text.split(/(?<=\r\n|\n|\r(?!\n))/);
  return lines
    .slice((at.line ?? 0) - 1)
    .join("")
    .slice((at.column ?? 0) - 1);
}

describe("source map", () => {
  test("every character of plain text maps to itself, every value to its tag", () => {
    const piece = fc.constantFrom(
      "select ",
      "\n",
      "\r\n",
      "\r",
      "\u2028",
      "\u2029",
      "é",
      "👍",
      "\\{{x}} ",
      "\\\\",
      "{ ",
      "'a' ",
      "-- ",
      "{{v}}",
      "{{{v}}}",
      "{{&v}}",
      "{{ v }}",
      "{{!-- c \n c --}}",
      "{{! c }}",
      "{{{{raw}}}}{{a}}\u2028 {{{{/raw}}}}",
      "{{#if true}}\n",
      "{{/if}}",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 25 }), (pieces) => {
        const opened = pieces.reduce(
          ({ depth, text }, next) => {
            if (next === "{{/if}}")
              return depth > 0 ? { depth: depth - 1, text: text + next } : { depth, text };
            return { depth: depth + (next.startsWith("{{#if") ? 1 : 0), text: text + next };
          },
          { depth: 0, text: "" },
        );
        const text = `${opened.text} ${"{{/if}}".repeat(opened.depth)}`;
        const { sql, sourceMap } = render(text, { locals: { v: "§§", x: "§§" } });
        const wrong = Array.from({ length: sql.length }, (_, offset) => offset).filter((offset) => {
          const source = textAt(text, sourceMap.locate(offset));
          return sql[offset] === "§" ? !/^\{\{[{& ]?[vx]/.test(source) : source[0] !== sql[offset];
        });
        expect(wrong).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  test("a macro's own text maps to the macro's file, through the call", () => {
    const { sql, sourceMap } = render('select 1,\n  {{> json_text column="context" path="$.p"}}\nfrom t', {
      macros,
    });
    expect(sql).toBe("select 1,\n  json_extract_string(context,\n    '$.p')\nfrom t");
    expect(sourceMap.trace(sql.indexOf("json_extract"))).toEqual([
      { file: "macros/json_text.sql", line: 3, column: 3 },
      { file: "models/m.sql", line: 2, column: 3 },
    ]);
    expect(sourceMap.locate(sql.indexOf("from t"))).toEqual({ file: "models/m.sql", line: 3, column: 1 });
  });

  test("an argument maps to where the caller wrote it, through any number of macros", () => {
    const { sql, sourceMap } = render('select {{> outer column="contxt" fallback="\'none\'"}}', { macros });
    expect(sql).toBe("select coalesce(json_extract_string(contxt,\n    '$.a'), 'none')");
    expect(sourceMap.locate(sql.indexOf("contxt"))).toEqual({ file: "models/m.sql", line: 1, column: 25 });
    expect(sourceMap.locate(sql.indexOf("$.a"))).toEqual({ file: "macros/outer.sql", line: 1, column: 43 });
    expect(sourceMap.trace(sql.indexOf("json_extract")).map((at) => at.file)).toEqual([
      "macros/json_text.sql",
      "macros/outer.sql",
      "models/m.sql",
    ]);
  });

  test("the body of a block macro maps to the caller's file", () => {
    const { sql, sourceMap } = render("{{#> wrap}}\n  select bad\n{{/wrap}}", { macros });
    expect(sql).toBe("with x as (\n  select bad\n)");
    expect(sourceMap.trace(sql.indexOf("bad"))).toEqual([{ file: "models/m.sql", line: 2, column: 10 }]);
  });

  test("lines count from where the text stands in its file", () => {
    const { sql, sourceMap } = renderTemplate({
      text: 'a\n{{ref "x"}}',
      file: "models/p.yml",
      line: 7,
      context: testContext(),
    });
    expect(sourceMap.locate(sql.indexOf('"x"'))).toEqual({ file: "models/p.yml", line: 8, column: 1 });
  });

  test("offsets outside the text map to its ends", () => {
    const { sql, sourceMap } = render("ab\ncd");
    expect(sourceMap.locate(sql.length)).toEqual({ file: "models/m.sql", line: 2, column: 3 });
    expect(sourceMap.locate(10_000)).toEqual({ file: "models/m.sql", line: 2, column: 3 });
    expect(sourceMap.locate(-1)).toEqual({ file: "models/m.sql", line: 1, column: 1 });
    expect(render("").sourceMap.locate(0)).toEqual({ file: "models/m.sql", line: 1, column: 1 });
  });

  test("a byte order mark is no part of the text", () => {
    const { sql, sourceMap } = render("\uFEFFselect 1");
    expect(sql).toBe("select 1");
    expect(sourceMap.locate(0)).toEqual({ file: "models/m.sql", line: 1, column: 1 });
  });
});
