import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { didYouMean, suggest } from "./suggest.ts";

describe("suggest", () => {
  test.each([
    ["stg_evnts", ["stg_events", "stg_users"], "stg_events"],
    ["stg_evenst", ["stg_users", "stg_events"], "stg_events"],
    ["Ref", ["ref", "source"], "ref"],
    ["rf", ["ref", "var"], "ref"],
    ["orders", ["customers", "payments"], undefined],
    ["x", [], undefined],
    ["same", ["same"], undefined],
  ])("%s → %#", (name, candidates, expected) => {
    expect(suggest(name, candidates)).toBe(expected);
  });

  test("the nearest wins, the first of equals", () => {
    expect(suggest("abcdefghi", ["abcdefgxx", "abcdefghx", "xbcdefghi"])).toBe("abcdefghx");
  });

  test("any single edit of a long enough name is found", () => {
    const name = fc.stringMatching(/^[a-z_]{4,20}$/);
    const found = fc.check(
      fc.property(name, fc.nat(), fc.constantFrom("drop", "swap", "double"), (word, at, edit) => {
        const i = at % (word.length - 1);
        const edited = {
          drop: word.slice(0, i) + word.slice(i + 1),
          swap: word.slice(0, i) + word.charAt(i + 1) + word.charAt(i) + word.slice(i + 2),
          double: word.slice(0, i) + word.charAt(i) + word.slice(i),
        }[edit];
        return edited === word || suggest(edited, [word]) === word;
      }),
    );
    expect(found.counterexample).toBeNull();
  });

  test("didYouMean is a hint or nothing", () => {
    expect(didYouMean("sourec", ["source"])).toBe('did you mean "source"?');
    expect(didYouMean("sourec", ["target"])).toBeUndefined();
  });
});
