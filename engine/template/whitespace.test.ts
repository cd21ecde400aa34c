import * as fc from "fast-check";
import Handlebars from "handlebars";
import { describe, expect, test } from "vitest";
import { macroSources, sql } from "./test-context.ts";

describe("white space", () => {
  test("a tag alone on its line takes the line with it", () => {
    const text =
      'a\n  {{config x=1}}  \nb\n{{#if true}}\n  c\n{{else}}\n  d\n{{/if}}\n{{!-- e --}}\n{{log "f"}}\ng\n';
    expect(sql(text)).toBe("a\nb\n  c\ng\n");
  });

  test("a config over several lines goes whole", () => {
    expect(sql('{{config\n  a=1\n  b="x"\n}}\nselect 1')).toBe("select 1");
  });

  test("a tag that shares its line leaves the rest of it", () => {
    expect(sql("a {{!-- b --}} \nc{{config x=1}}\n")).toBe("a  \nc\n");
    expect(sql("{{#if true}}{{/if}}\n")).toBe("\n");
  });

  test("line ends of Windows go as one", () => {
    expect(sql("a\r\n{{config x=1}}\r\nb\r\n")).toBe("a\r\nb\r\n");
  });

  test("a printed value and a macro keep their line", () => {
    expect(sql("a\n{{target.schema}}\nb\n{{> m}}\nc", { macros: macroSources({ m: "\n 1 \n" }) })).toBe(
      "a\nmain\nb\n1\nc",
    );
  });

  test("~ takes all blanks on its side", () => {
    expect(sql("a \n {{~target.schema~}} \n b {{~#if true~}} c {{~else~}} d {{~/if~}} e")).toBe("amainbce");
  });

  test("else-if chains lose each of their lines", () => {
    const text = "{{#if false}}\na\n{{else if false}}\nb\n{{else unless false}}\nc\n{{else}}\nd\n{{/if}}\n";
    expect(sql(text)).toBe("c\n");
    expect(sql("{{#if false}}\n{{else if true}}\n  c\n  {{/if}}\n")).toBe("  c\n");
  });

  test("blocks, comments and ~ leave what Handlebars itself leaves", () => {
    const flag = fc.constantFrom("", "~");
    const blank = fc.constantFrom("", " ", "\n", " \n", "\n  ", "\r\n", "x", "x\n", "\nx\n", "x\n\n  ");
    const condition = fc.constantFrom("true", "false");
    const comment = fc.tuple(flag, flag).map(([open, close]) => `{{${open}!-- c --${close}}}`);
    function block(body: fc.Arbitrary<string>): fc.Arbitrary<string> {
      // No `{{else if}}`: Handlebars leaves the blanks before the closing tag of a chain.
      const otherwise = fc.tuple(flag, flag, body).map(([a, b, text]) => `{{${a}else${b}}}${text}`);
      const middle = fc.option(otherwise, { nil: "" });
      return fc
        .tuple(
          fc.constantFrom("#if", "#unless", "^if"),
          condition,
          fc.array(flag, { minLength: 4, maxLength: 4 }),
          body,
          middle,
        )
        .map(
          ([name, when, [a, b, c, d], inner, other]) =>
            // Handlebars mixes up the two sides of `{{^if}}…{{else}}` when it looks for line ends.
            `{{${a}${name} ${when}${b}}}${inner}${name === "^if" ? "" : other}{{${c}/${name.slice(1)}${d}}}`,
        );
    }
    const { template } = fc.letrec<{ template: string }>((tie) => ({
      template: fc
        .array(fc.oneof({ depthSize: "small" }, blank, comment, tie("template"), block(tie("template"))), {
          maxLength: 5,
        })
        .map((parts) => parts.join("")),
    }));
    fc.assert(
      fc.property(template, (text) => {
        expect(sql(text)).toBe(Handlebars.compile(text, { noEscape: true })({}));
      }),
      { numRuns: 400 },
    );
  });
});
