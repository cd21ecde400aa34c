// rules.md names tests: they are there, and no rule is without one.
import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";

const root = path.join(import.meta.dirname, "..");
const rows = readFileSync(path.join(root, "tests/rules.md"), "utf8")
  .split("\n")
  .flatMap((line) => /^\| (\d+) \| .* \| (.*) \|$/.exec(line) ?? []);

test("every rule has tests, and every test that is named is there", () => {
  const numbers: number[] = [];
  const missing: string[] = [];
  for (let at = 0; at < rows.length; at += 3) {
    numbers.push(Number(rows[at + 1]));
    let text = "";
    for (const [, file, title] of (rows[at + 2] ?? "").matchAll(/`([^`]+\.test\.ts)`|"([^"]+)"/g)) {
      if (file !== undefined) text = readFileSync(path.join(root, file), "utf8");
      else if (title !== undefined && !text.includes(title)) missing.push(`${rows[at + 1]}: ${title}`);
    }
    expect([numbers.at(-1), text === ""]).toEqual([numbers.at(-1), false]);
  }
  expect(missing).toEqual([]);
  expect(numbers).toEqual(Array.from({ length: 27 }, (_, index) => index + 1));
});
