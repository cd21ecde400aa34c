import { expect, test } from "vitest";
import { failing, place, render, sql } from "./test-context.ts";

test("changed asks for a condition on a later run, and leaves nothing out on a full build", () => {
  const text = `where {{changed "events" by="date"}}`;
  expect(sql(text, { incremental: true })).toBe(`where changed(date: "date")`);
  expect(sql(text, { incremental: false })).toBe("where true");
});

test("keys may be columns, several, and expressions with a name; what is compared may be said", () => {
  const at = (call: string): string => sql(`{{changed "e" ${call}}}`, { incremental: true });
  expect(at(`by="day, user_id"`)).toBe(`changed(day,user_id: "day","user_id")`);
  expect(at(`by="cast(coalesce(a, b) as date) as day"`)).toBe("changed(day: cast(coalesce(a, b) as date))");
  expect(at(`by='strftime(a, \\'%Y, %m\\') as "the month", b'`)).toMatch(/^changed\(the month,b:/);
  expect(at(`by="day" on="e.day"`)).toBe("changed(day: e.day)");
  expect(at(`by="date, n as m" on="date, coalesce(n, 0)"`)).toBe(`changed(date,m: "date",coalesce(n, 0))`);
});

test("what it follows is a reference of the model, once for each set of keys", () => {
  const { references } = render(
    `{{changed "e" by="d"}} {{changed "e" by="d" on="x.d"}} {{changed "e" by="f"}} {{changed "app.clicks" by="d"}}`,
    { incremental: "both" },
  );
  expect(references.refs.map(({ name }) => name)).toEqual(["e"]);
  expect(references.sources.map(({ source, table }) => [source, table])).toEqual([["app", "clicks"]]);
  expect(references.changes.map(({ input, keys }) => [input, keys.map(({ name }) => name)])).toEqual([
    [{ name: "e" }, ["d"]],
    [{ name: "e" }, ["f"]],
    [{ source: "app", table: "clicks" }, ["d"]],
  ]);
  expect(references.changes[0]?.at).toEqual({ file: "models/m.sql", line: 1, column: 11 });
  expect(references.usesIncremental).toBe(true);
});

test.each([
  `{{changed "e"}}`,
  `{{changed "e" by="cast(a as date)"}}`,
  `{{changed "e" by="f(a as b"}}`,
  `{{changed "e" by="a,"}}`,
  `{{changed "e" by="a, b" on="x.a"}}`,
  `{{changed "a.b.c" by="d"}}`,
])("%s is refused, and the error says how to write it", (text) => {
  const error = failing(text);
  expect(place(error)).toBe("models/m.sql:1:1 template/wrong-arguments");
  expect(error.message).toContain("changed");
});
