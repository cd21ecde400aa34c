// Holds three things together: the catalogue of codes, what throws them, and what `errors.md` says of them.
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { errorCatalogue } from "./errors.ts";

const engine = path.resolve(import.meta.dirname, "..");
const read = (file: string): string => readFileSync(path.join(engine, file), "utf8");
const sourceFiles = readdirSync(engine, { recursive: true, encoding: "utf8" }).filter(
  (file) => file.endsWith(".ts") && !file.endsWith(".test.ts") && !file.includes("node_modules"),
);
const isCatalogue = (file: string): boolean => path.dirname(file) === path.join("common", "errors");
const codes = Object.keys(errorCatalogue);
const fileOf = (code: string): string => `engine/common/errors/${code.split("/")[0]}.ts`;

describe("errors.md", () => {
  const lines = read("errors.md").split("\n");
  const rows = lines.flatMap((line) => {
    const [, code, means, advice] = /^\| `([^`]+)` +\| (.+?) +\| (.+?) +\|$/.exec(line) ?? [];
    return code === undefined ? [] : [{ code, means, advice }];
  });
  const documented = rows.map(({ code }) => code);

  test("has a row for every code", () => {
    const missing = codes.filter((code) => !documented.includes(code));
    expect(missing.map((code) => `add a row for \`${code}\` to engine/errors.md`)).toEqual([]);
  });

  test("has no row without a code", () => {
    const stale = documented.filter((code) => !codes.includes(code));
    expect(stale.map((code) => `remove the row of \`${code}\` from engine/errors.md`)).toEqual([]);
  });

  test("has one row for a code, in the section of its area", () => {
    let section = "";
    const wrong: string[] = [];
    for (const line of lines) {
      section = /^## `([a-z]+)\/`$/.exec(line)?.[1] ?? section;
      const code = /^\| `([^`]+)`/.exec(line)?.[1];
      if (code !== undefined && !code.startsWith(`${section}/`)) wrong.push(`${code} in section ${section}`);
    }
    expect(wrong).toEqual([]);
    expect(documented.filter((code, index) => documented.indexOf(code) !== index)).toEqual([]);
  });

  test("names the file that holds an area's codes", () => {
    expect(codes.filter((code) => !isDeclaredIn(fileOf(code), code))).toEqual([]);
  });
});

test("every code is thrown somewhere", () => {
  // Being asked for is not being thrown.
  const asked = /isLakeError\([^)]*\)|code [!=]== "[^"]+"/g;
  const source = sourceFiles
    .filter((file) => !isCatalogue(file))
    .map((file) => read(file).replaceAll(asked, ""));
  const unused = codes.filter((code) => !source.some((text) => text.includes(`"${code}"`)));
  expect(unused.map((code) => `nothing throws ${code}: remove it from ${fileOf(code)}`)).toEqual([]);
});

describe("a message", () => {
  const rendered = codes.map((code) => ({ code, messages: typicalParameters(code).map(render(code)) }));
  const offending = (isWrong: (message: string) => boolean): string[] =>
    rendered.flatMap(({ code, messages }) =>
      messages.filter(isWrong).map((message) => `${code}: ${message}`),
    );

  test("starts with a small letter or with what is wrong", () => {
    expect(offending((message) => /^[A-Z\s]|^$/.test(message))).toEqual([]);
  });

  test("ends without a full stop and keeps to one line", () => {
    expect(offending((message) => /[.!\s]$|\n| {2}/.test(message))).toEqual([]);
  });

  test("shows no value that was never given", () => {
    expect(offending((message) => /undefined|\[object Object\]|\bNaN\b|=> /.test(message))).toEqual([]);
  });

  test("differs from that of every other code for the same parameters", () => {
    const first = new Map<string, string>();
    const twins: string[] = [];
    for (const { code, messages } of rendered) {
      const known = first.get(messages[0] ?? "");
      if (known !== undefined) twins.push(`${code} reads like ${known}: ${messages[0]}`);
      first.set(messages[0] ?? "", code);
    }
    expect(twins).toEqual([]);
  });
});

function isDeclaredIn(file: string, code: string): boolean {
  return read(path.relative("engine", file)).includes(`"${code}": `);
}

function render(code: string): (parameters: object) => string {
  return (parameters) =>
    (errorCatalogue[code as keyof typeof errorCatalogue] as (p: object) => string)(parameters);
}

/** From the signature as written: all parameters given, then without those that may be left out. */
function typicalParameters(code: string): Record<string, unknown>[] {
  const declared = read(path.relative("engine", fileOf(code))).split(`"${code}": `)[1] ?? "";
  const signature = /^\(_?p?: (?:object|\{ (.*?);? \})\) =>/s.exec(declared.replace(/\s+/g, " "));
  if (signature === null) throw new Error(`cannot read the parameters of ${code} in ${fileOf(code)}`);
  const fields = (signature[1] ?? "").split("; ").flatMap((field) => {
    const [, name, optional, type] = /^(\w+)(\??): (.+)$/.exec(field) ?? [];
    return name === undefined ? [] : [{ name, type: type ?? "", isOptional: optional === "?" }];
  });
  const given = (list: typeof fields): Record<string, unknown> =>
    Object.fromEntries(list.map(({ name, type }) => [name, typicalValue(name, type)]));
  const nullable = fields.filter(({ type }) => type.endsWith("| null"));
  return [
    given(fields),
    given(fields.filter(({ isOptional }) => !isOptional)),
    { ...given(fields), ...Object.fromEntries(nullable.map(({ name }) => [name, null])) },
  ];
}

function typicalValue(name: string, type: string): unknown {
  if (type.startsWith("readonly string[]")) return [`${name}_1`, `${name}_2`];
  if (type.startsWith("number")) return 3;
  if (type.startsWith("string")) return `some_${name}`;
  throw new Error(`no typical value for a parameter of type ${type}`);
}
