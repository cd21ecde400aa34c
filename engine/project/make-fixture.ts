// `rows:` or `fixture:` of a unit test, in any of dbt's formats → one shape.
import type { Location } from "../common/errors.ts";
import type { Json } from "../common/json.ts";
import { didYouMean } from "../common/suggest.ts";
import type { Builder } from "./builder.ts";
import { parseCsv } from "./csv.ts";
import { raw } from "./properties.ts";
import type { ProjectFile } from "./read-files.ts";
import { object, oneOf, text } from "./readers.ts";
import type { Fixture } from "./types.ts";
import type { YamlNode } from "./yaml.ts";

const formats = ["dict", "csv", "sql"] as const;
const fixtureFields = { format: oneOf(...formats), rows: raw, fixture: text };

interface Declared {
  readonly test: string;
  readonly node: YamlNode;
  /** For messages. */
  readonly what: string;
}

/** Null when something is wrong, which is then among the problems. */
export function makeFixture(builder: Builder, declared: Declared): Fixture | null {
  const { problems } = builder;
  const { node, what } = declared;
  // A list is the rows themselves.
  const read = node.items === null ? object(fixtureFields)(node, what, problems) : { rows: node };
  if (read === undefined) return null;
  const rows = read.rows ?? emptyRows(node);
  if (read.fixture !== undefined) {
    if (read.rows === undefined) return fromFile(builder, declared, { ...read, fixture: read.fixture });
    const expected = "either rows or a fixture";
    problems.add("project/bad-value", { what, found: "both", expected }, node.at);
    return null;
  }
  if (rows === undefined) {
    problems.add("project/missing-key", { key: "rows", owner: what }, node.at, "rows: [] for none");
    return null;
  }
  const format = read.format ?? "dict";
  if (format === "dict") return dictRows(builder, what, rows);
  if (typeof rows.value !== "string") {
    const found = problems.shown(rows.value);
    const expected = `text, since the format is ${format}`;
    problems.add("project/wrong-type", { what: `rows of ${what}`, found, expected }, rows.at);
    return null;
  }
  return fromText(builder, { what, format, text: rows.value, at: rows.at });
}

/** `rows:` with nothing behind it. */
function emptyRows(node: YamlNode): YamlNode | undefined {
  const entry = node.entries?.get("rows");
  return entry && { value: [], at: entry.keyAt, entries: null, items: [] };
}

function dictRows({ problems }: Builder, what: string, rows: YamlNode): Fixture | null {
  const columns: string[] = [];
  const before = problems.errors.length;
  const found = rows.items;
  if (found === null) {
    const parameters = {
      what: `rows of ${what}`,
      found: problems.shown(rows.value),
      expected: "a list of mappings",
    };
    problems.add("project/wrong-type", parameters, rows.at, "or say format: csv or format: sql");
    return null;
  }
  for (const item of found) {
    if (item.entries === null) {
      const parameters = {
        what: `a row of ${what}`,
        found: problems.shown(item.value),
        expected: "a mapping",
      };
      problems.add("project/wrong-type", parameters, item.at);
    }
    for (const name of item.entries?.keys() ?? []) if (!columns.includes(name)) columns.push(name);
  }
  if (problems.errors.length > before) return null;
  const values = found.map(({ entries }) =>
    columns.map((name): Json => entries?.get(name)?.node.value ?? null),
  );
  return { kind: "rows", columns, rows: values, at: rows.at };
}

function fromFile(
  builder: Builder,
  { test, node, what }: Declared,
  read: { readonly fixture: string; readonly format?: (typeof formats)[number] },
): Fixture | null {
  const { problems } = builder;
  const { fixture } = read;
  const at = node.entries?.get("fixture")?.node.at ?? node.at;
  const files = builder.files.filter(({ kind }) => kind === "fixture");
  const fits = (file: ProjectFile): boolean =>
    read.format === undefined || file.path.endsWith(`.${read.format}`);
  const [file, second] = files.filter((found) => nameOf(found) === fixture && fits(found));
  if (file === undefined) {
    const hint = didYouMean(fixture, files.filter(fits).map(nameOf));
    problems.add("project/unknown-fixture", { test, fixture, format: read.format ?? "csv" }, at, hint);
    return null;
  }
  if (second !== undefined) {
    problems.add(
      "project/duplicate-name",
      { kind: "fixture", name: fixture, first: file.path },
      { file: second.path },
    );
    return null;
  }
  const format = file.path.endsWith(".sql") ? "sql" : "csv";
  return fromText(builder, { what, format, text: file.text as string, at: { file: file.path, line: 1 } });
}

function nameOf({ below }: ProjectFile): string {
  return below.slice(below.lastIndexOf("/") + 1).replace(/\.(csv|sql)$/, "");
}

function fromText(
  { problems }: Builder,
  content: {
    readonly what: string;
    readonly format: "csv" | "sql";
    readonly text: string;
    readonly at: Location;
  },
): Fixture | null {
  const { what, format, at } = content;
  if (format === "sql") return { kind: "sql", sql: content.text.replace(/;\s*$/, ""), at };
  const table = parseCsv(content.text);
  if ("columns" in table) return { kind: "rows", columns: table.columns, rows: table.rows, at };
  const place = { file: at.file, line: (at.line ?? 1) + table.line - 1 };
  problems.add("project/bad-csv", { what, problem: table.problem }, place);
  return null;
}
