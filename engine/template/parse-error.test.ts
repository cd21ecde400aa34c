import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isLakeError } from "../common/errors.ts";
import { failing, place, sql } from "./test-context.ts";

/** 0 when it renders; any error that is not ours goes through. */
function lineOfError(text: string): number {
  try {
    sql(text, { locals: { x: "1" } });
    return 0;
  } catch (error) {
    if (isLakeError(error)) return error.at?.line ?? -1;
    throw error;
  }
}

describe("what does not parse", () => {
  test.each([
    ["select\n  {{ref 'x'", "2:3 template/unclosed-tag"],
    ["select {{ref 'x'\nfrom {{ref 'y'}}", "1:8 template/unclosed-tag"],
    ['select {{ref "x}}\nfrom t', "1:8 template/unclosed-tag"],
    ["a\n {{!-- never closed }}", "2:2 template/unclosed-tag"],
    ["a {{! never closed", "1:3 template/unclosed-tag"],
    ["a {{x}\nb", "1:3 template/unclosed-tag"],
    ["a\n{{#if x}}\n {{#if y}}{{/if}}\nfoo", "2:1 template/unclosed-block"],
    ["a\n\n{{#each xs}}b{{else}}c", "3:1 template/unclosed-block"],
    ["{{#> m}}\nx", "1:1 template/unclosed-block"],
    ["a {{{{raw}}}} {{x}}", "1:3 template/unclosed-block"],
    ["{{#if x}}\nfoo{{/each}}", "2:4 template/wrong-close"],
    ["a\n{{/if}}", "2:1 template/stray-close"],
    ["a {{else}} b", "1:3 template/stray-close"],
    ["{'a': {{x}}}", "1:7 template/three-braces"],
    ["{'a': {{> m x=1}}}", "1:7 template/three-braces"],
    ["{{{x}} y", "1:1 template/three-braces"],
    ["a\r\n{{ref ,}}", "2:7 template/syntax"],
    ["a {{}}", "1:5 template/syntax"],
    ["{{ref x=1 'a'}}", "1:11 template/syntax"],
    ["{{#if x}}{{ref ,}}", "1:16 template/syntax"],
    ["{{xs.1}}", "1:6 template/syntax"],
    ["a\0b", "1:2 template/syntax"],
    ["{{a.this}}", "1:3 template/syntax"],
    ["a\u2028b {{ref ,}}", "1:11 template/syntax"],
  ])("%j is an error at its place", (text, expected) => {
    expect(place(failing(text))).toBe(`models/m.sql:${expected}`);
  });

  test("messages say what opens, what was found and what was expected", () => {
    expect(failing("a\n{{#if x}}").message).toBe(
      "the block {{#if x}} opens here and is never closed (expected {{/if}})",
    );
    expect(failing("{{#if x}}\n{{/each}}").message).toBe(
      "found {{/each}}, expected {{/if}} for the block that opens in line 1",
    );
    expect(failing("{{!-- a }}").message).toBe(
      "the tag that opens here is never closed: {{!-- a }} (expected --}})",
    );
    expect(failing("{{ref ,}}").message).toBe("cannot read {{ref ,}}: unexpected ,");
    expect(failing("{{a.1}}").hint).toBe("write [1] for a position in a list");
    expect(failing("{{ref x=1 'a'}}").hint).toBe(
      "values come before the named ones: {{name value key=value}}",
    );
  });

  test("three braces: the advice is to put a space between", () => {
    expect(failing("{'a': {{x}}}").hint).toBe(
      "put a space between the tag's braces and SQL's: {{ … }} } or { {{ … }}",
    );
    expect(sql("{'a': {{x}} }", { locals: { x: 1 } })).toBe("{'a': 1 }");
  });

  test.each([
    ["{{* d}}", "a decorator ({{* …}}) is not part of the template language"],
    ['{{#*inline "x"}}y{{/inline}}', "a decorator ({{* …}}) is not part of the template language"],
    ["{{../x}}", "../ is not part of the template language"],
    ['{{> (concat "a" "b")}}', "a macro chosen by an expression is not part of the template language"],
    ["{{{{x}}}}a{{{{/x}}}}", "the raw block x is not part of the template language"],
    ["{{#if a as |b|}}{{/if}}", "a block parameter of #if is not part of the template language"],
  ])("%s is refused", (text, message) => {
    expect(failing(text).message).toBe(message);
  });

  test("an unknown block suggests the near one", () => {
    const error = failing("a {{#iff x}}{{/iff}}");
    expect(place(error)).toBe("models/m.sql:1:3 template/unknown-block");
    expect(error.hint).toBe("did you mean #if?");
    expect(failing("{{#with target}}{{/with}}").code).toBe("template/unknown-block");
    expect(failing("{{#5}}{{/5}}").code).toBe("template/unknown-block");
  });

  test("five hundred blocks deep is allowed", () => {
    expect(sql(`${"{{#if true}}".repeat(500)}x${"{{/if}}".repeat(500)}`)).toBe("x");
  });

  test("a block too deep is an error, no crash", () => {
    const text = "{{#if true}}".repeat(600) + "{{/if}}".repeat(600);
    expect(failing(text).message).toContain("more than 500 blocks deep");
    const chain = `{{#if false}}${"{{else if false}}".repeat(600)}{{/if}}`;
    expect(failing(chain).message).toContain("more than 500 blocks deep");
  });

  test("any text renders or fails with an error of ours that has a place", () => {
    const piece = fc.constantFrom(
      "{{",
      "}}",
      "{",
      "}",
      "~",
      "#if",
      "/if",
      "else",
      "^",
      "x",
      " ",
      "\n",
      '"',
      "'",
      "\\",
      "!--",
      "--",
      "!",
      "=",
      "(",
      ")",
      "[",
      "]",
      "|",
      "as",
      "@",
      ".",
      "..",
      "/",
      ">",
      "#>",
      "*",
      "&",
      "{{{{raw}}}}",
      "{{{{/raw}}}}",
      "ref",
      "{{#if x}}",
      "{{/if}}",
      "{{else}}",
      "{{x}}",
      "1",
      "-",
      "true",
      ",",
      "\u2028",
      "\r",
      "\0",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 14 }), (pieces) => {
        const text = pieces.join("");
        const line = lineOfError(text);
        expect(line).toBeGreaterThanOrEqual(0);
        expect(line).toBeLessThanOrEqual(text.split(/\r\n?|\n/).length);
      }),
      { numRuns: 3000 },
    );
  });
});
