// Rows of a unit test's file → relations with the column types of what they stand for.
import { LakeError, lakeError } from "../../common/errors.ts";
import type { Json } from "../../common/json.ts";
import { literal } from "../../common/sql.ts";
import { didYouMean } from "../../common/suggest.ts";
import { relationName } from "../../compute/compute.ts";
import type { Column, Compute, Relation } from "../../compute/compute.ts";
import type { Fixture } from "../../project/types.ts";

export interface FixtureOptions {
  readonly compute: Compute;
  readonly fixture: Fixture;
  /** The relation's name. */
  readonly name: string;
  /** What may be named, with the types that values are cast to. */
  readonly columns: readonly Column[];
  /** For messages: the test, and which of its rows these are. */
  readonly test: string;
  readonly what: string;
}

export interface FixtureRows {
  readonly relations: readonly Relation[];
  /** The columns that the file names, in its order. */
  readonly listed: readonly Column[];
}

/** `missing: "null"` gives all columns, those that the file does not name as null. Errors:
 *  `run/unit-test-column`, `run/unit-test-value`. */
export async function fixtureRelations(
  options: FixtureOptions,
  missing: "null" | "left out",
): Promise<FixtureRows> {
  const { fixture, name } = options;
  const source = fixture.kind === "sql" ? await sqlColumns(options, fixture.sql) : null;
  const names = fixture.kind === "sql" ? (source ?? []).map((column) => column.name) : fixture.columns;
  const listed = names.map((column) => knownColumn(options, column));
  const columns = missing === "null" ? options.columns : listed;
  const position = new Map(listed.map((column, index) => [column, index]));
  if (fixture.kind === "rows") {
    if (fixture.rows.length === 0) return { relations: [{ kind: "empty", name, columns }], listed };
    fixture.rows.forEach((row, index) => checkExact(options, listed, row, index));
    const rows = fixture.rows.map((row) => {
      const cells = columns.map((column) => cell(row[position.get(column) ?? -1] ?? null, column.type));
      return `(${cells.join(", ")})`;
    });
    const header = columns.map((column) => relationName(column.name)).join(", ");
    const sql = `select * from (values\n  ${rows.join(",\n  ")}\n) as given(${header})`;
    return { relations: [{ kind: "sql", name, sql }], listed };
  }
  const raw: Relation = { kind: "sql", name: `${name}@rows`, sql: fixture.sql };
  await checkExactSql(options, raw, listed, source ?? []);
  const list = columns.map((column) => {
    const index = position.get(column);
    const from = index === undefined ? "null" : relationName(names[index] as string);
    return `cast(${from} as ${column.type}) as ${relationName(column.name)}`;
  });
  const sql = `select ${list.join(", ")} from ${relationName(raw.name)}`;
  return { relations: [raw, { kind: "sql", name, sql }], listed };
}

async function sqlColumns(options: FixtureOptions, sql: string): Promise<readonly Column[]> {
  const { compute, fixture, test, what } = options;
  const [bound] = await compute.bind([{ id: "rows", name: "rows", sql }], []);
  if (bound === undefined) return [];
  if ("columns" in bound) return bound.columns;
  const { code, message, hint } = bound.error;
  throw new LakeError(code, `${message} (in ${what} of the unit test ${test})`, { at: fixture.at, hint });
}

function knownColumn(options: FixtureOptions, name: string): Column {
  const { columns, test, what, fixture } = options;
  const lower = name.toLowerCase();
  const found = columns.find((column) => column.name.toLowerCase() === lower);
  if (found !== undefined) return found;
  const known = columns.map((column) => column.name);
  throw lakeError(
    "run/unit-test-column",
    { test, what, column: name, known },
    { at: fixture.at, hint: didYouMean(name, known) },
  );
}

/** A value as an expression of the column's type; everything goes through text, so that the engine casts. */
function cell(value: Json, type: string): string {
  if (value === null) return `cast(null as ${type})`;
  if (typeof value !== "object") {
    const text = literal(String(value));
    return isNested(type) && /^\s*[[{]/.test(String(value)) && isJson(String(value))
      ? `cast(cast(${text} as json) as ${type})`
      : `cast(${text} as ${type})`;
  }
  const text = literal(JSON.stringify(value));
  return isNested(type) ? `cast(cast(${text} as json) as ${type})` : `cast(${text} as ${type})`;
}

function isNested(type: string): boolean {
  return type.endsWith("]") || /^(STRUCT|MAP|UNION)\b/i.test(type);
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

const whole = /^(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER)$/i;

/** A cast that rounds would test another value than the one that is written. */
function checkExact(
  options: FixtureOptions,
  listed: readonly Column[],
  row: readonly Json[],
  index: number,
): void {
  listed.forEach(({ name, type }, at) => {
    const value = row[at] ?? null;
    if (value === null || typeof value === "object" || fits(String(value), type)) return;
    const reason = `row ${index + 1} has ${String(value)} in the column ${name}, which is a ${type}`;
    throw valueError(options, reason);
  });
}

function fits(text: string, type: string): boolean {
  if (type.toUpperCase() === "DATE") return !/\d[T ]\d\d?:/.test(text);
  const fraction = /^\s*[+-]?\d*\.(\d*?)0*\s*$/.exec(text)?.[1]?.length ?? 0;
  if (whole.test(type)) return fraction === 0;
  const scale = /^DECIMAL\(\d+, *(\d+)\)$/i.exec(type)?.[1];
  return scale === undefined || fraction <= Number(scale);
}

const numeric = /^(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|DECIMAL\(.*\)|DOUBLE|FLOAT)$/i;

async function checkExactSql(
  options: FixtureOptions,
  raw: Relation,
  listed: readonly Column[],
  source: readonly Column[],
): Promise<void> {
  const doubtful = listed.flatMap(({ name, type }, index) => {
    const from = source[index];
    if (from === undefined || from.type === type || !numeric.test(from.type)) return [];
    return whole.test(type) || /^DECIMAL/i.test(type) ? [{ name, type, from: relationName(from.name) }] : [];
  });
  if (doubtful.length === 0) return;
  const counts = doubtful.map(
    ({ type, from }) => `count(*) filter (where try_cast(${from} as ${type}) is distinct from ${from})`,
  );
  const sql = `select ${counts.join(", ")} from ${relationName(raw.name)}`;
  const { rows } = await options.compute.query({ sql, relations: [raw] });
  const wrong = doubtful.find((_, index) => Number(rows[0]?.[index]) > 0);
  if (wrong === undefined) return;
  throw valueError(
    options,
    `the column ${wrong.name} is a ${wrong.type}, which cannot hold what the SQL gives`,
  );
}

export function valueError(
  options: Pick<FixtureOptions, "fixture" | "test" | "what">,
  reason: string,
): LakeError {
  const { test, what, fixture } = options;
  return lakeError("run/unit-test-value", { test, what, reason }, { at: fixture.at });
}
