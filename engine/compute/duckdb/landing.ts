// JSON lines as SQL: every declared column read as text, checked against its declaration, and typed.
//
// What counts as what (each row of this table is a test in landing.test.ts):
//   blank line, CRLF, missing last newline, empty file   fine
//   byte order mark                                      fine (the file is read from a copy without it)
//   not JSON, cut JSON, invalid UTF-8, raw NUL            bad: says at which column or byte
//   an object over several lines                         bad: each of its lines (see `endsInside`)
//   an array, number, text or null instead of an object  bad: expected a JSON object
//   two objects on a line                                bad: malformed JSON
//   an object without any declared column, `{}`          bad: none of the declared columns is there
//   a value that its declared type cannot hold           bad: names column, type and value
//   a required column absent or null                     bad: is missing
//   nested JSON text that is malformed, or no object     bad, where paths below it are declared
//   the same key twice                                   fine: the first one counts
//   a number, boolean, object where text is declared     fine: its JSON text
//   an escaped NUL (\u0000) in text                      fine: kept
//   NaN, Infinity (not JSON, written by Python)          as text `NaN`: fine for text and double only
//   a line longer than `longestLineBytes`                an error of the whole read
import { lakeError } from "../../common/errors.ts";
import type { Column, LandingColumn, LandingRelation } from "../compute.ts";
import { escapeGlob, localPath } from "./paths.ts";
import { identifier, literal } from "./text.ts";

/** The landing file that a row came from, spelled as the relation spells it. */
export const fileColumn = "_file";
const longestLineBytes = 256 << 20;
/** The reader holds two lines' worth per thread, so the usual bound is small and grows on demand. */
export const usualLineBytes = 16 << 20;
export const badRecordMark = "lake: bad record";
/** What SQL sees of a line that is not JSON, no object, or has none of the columns: `record-reason.ts` tells them apart. */
export const unreadableReason = "unreadable";

interface NestedColumn {
  readonly declared: LandingColumn;
  readonly jsonPath: string;
}
/** A top-level column, declared itself or through paths below it. */
interface TopColumn {
  readonly name: string;
  readonly type: string;
  readonly declared: LandingColumn | undefined;
  readonly nested: readonly NestedColumn[];
}

const textTypes = new Set(["VARCHAR", "TEXT", "STRING", "CHAR", "JSON"]);

function topColumns(columns: readonly LandingColumn[]): TopColumn[] {
  const byName = new Map<string, { declared?: LandingColumn; nested: NestedColumn[] }>();
  for (const column of columns) {
    const [top = "", ...path] = column.name.split(".");
    const entry = byName.get(top) ?? { nested: [] };
    byName.set(top, entry);
    if (path.length === 0) entry.declared = column;
    else {
      const jsonPath = `$${path.map((part) => `."${part.replaceAll('"', '\\"')}"`).join("")}`;
      entry.nested.push({ declared: column, jsonPath });
    }
  }
  return [...byName].map(([name, { declared, nested }]) => ({
    name,
    type: isText(declared?.type ?? "VARCHAR") ? "VARCHAR" : declared!.type,
    declared,
    nested,
  }));
}

function isText(type: string): boolean {
  return textTypes.has(type.trim().toUpperCase());
}

/** What SQL sees of a landing source: the top-level columns, typed, and `_file`. */
export function landingColumns(declared: readonly LandingColumn[]): readonly Column[] {
  const columns = topColumns(declared).map(({ name, type }) => ({ name, type }));
  return [...columns, { name: fileColumn, type: "VARCHAR" }];
}

export interface LandingSqlOptions {
  readonly relation: LandingRelation;
  /** What is evaluated, once, for each bad row; false leaves the row out. */
  readonly onBad: string;
  /** Local files to read in place of others: path of the relation → local path. */
  readonly replaced?: ReadonlyMap<string, string>;
  readonly longestLine?: number;
}

/** The SELECT of the good rows. Every row of the source is checked, whatever the statement around it filters. */
export function checkedLandingSql(options: LandingSqlOptions): string {
  const { relation, onBad } = options;
  const tops = topColumns(relation.columns);
  if (relation.files.length === 0) {
    const nulls = landingColumns(relation.columns).map(
      ({ name, type }) => `cast(null as ${type}) as ${identifier(name)}`,
    );
    return `select ${nulls.join(", ")} where false`;
  }
  const fields = tops.map(
    (top, index) => `${identifier(top.name)} := ${isText(top.type) ? raw(index) : typed(index)}`,
  );
  const good = `case when ${badCondition(tops)} then ${onBad} else true end`;
  // One struct made with a volatile check: the optimiser neither filters rows before it nor drops it.
  const checked =
    `select struct_pack(${fields.join(", ")}, ${identifier(fileColumn)} := ${fileSql(options)}, lake_good := ${good}) as r ` +
    `from (${typedSql(options, tops)})`;
  const names = [...tops.map(({ name }) => name), fileColumn];
  const list = names.map((name) => `r.${identifier(name)} as ${identifier(name)}`);
  return `select ${list.join(", ")} from (${checked}) where r.lake_good`;
}

/** Files with the number of bad rows, for those that have any. */
export function flaggedFilesSql(options: Omit<LandingSqlOptions, "onBad">): string {
  const tops = topColumns(options.relation.columns);
  return (
    `select ${fileSql(options)} as path, count(*) as bad from (${typedSql(options, tops)}) ` +
    `where ${badCondition(tops)} group by all order by all`
  );
}

/** For small files read by one thread each: the reasons of all lines, null for good ones, in order. */
export function reasonsSql(paths: readonly string[], relation: LandingRelation, longestLine: number): string {
  const files = paths.map((path) => ({ path, sizeBytes: 0 }));
  const options = { relation: { ...relation, files }, longestLine };
  const tops = topColumns(relation.columns);
  return `select filename as path, list(${reasonSql(tops)}) as reasons from (${typedSql(options, tops)}) group by all`;
}

function raw(index: number): string {
  return `c${index}`;
}
function typed(index: number): string {
  return `t${index}`;
}
function nested(index: number): string {
  return `n${index}`;
}

/** Every column as text, its typed value beside it, and the values of declared paths below it. */
function typedSql(options: Omit<LandingSqlOptions, "onBad">, tops: readonly TopColumn[]): string {
  const list: string[] = ["filename"];
  tops.forEach((top, index) => {
    list.push(`${identifier(top.name)} as ${raw(index)}`);
    if (!isText(top.type)) list.push(`try_cast(${identifier(top.name)} as ${top.type}) as ${typed(index)}`);
    if (top.nested.length > 0) {
      const paths = top.nested.map(({ jsonPath }) => literal(jsonPath)).join(", ");
      list.push(`try(json_extract_string(${identifier(top.name)}, [${paths}])) as ${nested(index)}`);
    }
  });
  return `select ${list.join(", ")} from ${readJson(options, tops)}`;
}

function readJson(
  { relation, replaced, longestLine = usualLineBytes }: Omit<LandingSqlOptions, "onBad">,
  tops: readonly TopColumn[],
): string {
  const paths = relation.files.map(({ path }) => literal(escapeGlob(replaced?.get(path) ?? localPath(path))));
  const columns = tops.map(({ name }) => `${identifier(name)}: 'VARCHAR'`);
  return (
    `read_json([${paths.join(", ")}], format = 'newline_delimited', ignore_errors = true, filename = true, ` +
    `hive_partitioning = false, maximum_object_size = ${longestLine}, columns = {${columns.join(", ")}})`
  );
}

/** The engine names files by local path; the relation may spell them as URIs, or read a copy. */
function fileSql({ relation, replaced }: Omit<LandingSqlOptions, "onBad">): string {
  const first = relation.files[0]!.path;
  const prefix = first.slice(0, first.length - localPath(first).length);
  const uniform = !replaced?.size && relation.files.every(({ path }) => path === prefix + localPath(path));
  if (uniform) return prefix === "" ? "filename" : `${literal(prefix)} || filename`;
  const entries = relation.files.map(
    ({ path }) => `${literal(replaced?.get(path) ?? localPath(path))}: ${literal(path)}`,
  );
  return `map {${entries.join(", ")}}[filename]`;
}

interface Check {
  readonly condition: string;
  readonly reason: string;
}

function badCondition(tops: readonly TopColumn[]): string {
  return checks(tops)
    .map(({ condition }) => `(${condition})`)
    .join(" or ");
}

function reasonSql(tops: readonly TopColumn[]): string {
  const whens = checks(tops).map(({ condition, reason }) => `when ${condition} then ${reason}`);
  return `case ${whens.join(" ")} end`;
}

function checks(tops: readonly TopColumn[]): Check[] {
  const absent = tops.map((_, index) => `${raw(index)} is null`).join(" and ");
  const found: Check[] = [{ condition: absent, reason: literal(unreadableReason) }];
  tops.forEach((top, index) => {
    const value = raw(index);
    if (top.declared?.required)
      found.push({ condition: `${value} is null`, reason: literal(`${top.name} is missing`) });
    if (!isText(top.type)) {
      found.push({
        condition: `${value} is not null and ${typed(index)} is null`,
        reason: expected(top.name, top.type, value),
      });
    }
    if (top.nested.length === 0) return;
    found.push({
      condition: `${value} is not null and (${nested(index)} is null or not starts_with(ltrim(${value}), '{'))`,
      reason: expected(top.name, "a JSON object", value),
    });
    top.nested.forEach(({ declared }, position) => {
      const inner = `${nested(index)}[${position + 1}]`;
      if (declared.required)
        found.push({ condition: `${inner} is null`, reason: literal(`${declared.name} is missing`) });
      if (isText(declared.type)) return;
      found.push({
        condition: `${inner} is not null and try_cast(${inner} as ${declared.type}) is null`,
        reason: expected(declared.name, declared.type, inner),
      });
    });
  });
  return found;
}

function expected(column: string, type: string, value: string): string {
  return `${literal(`${column}: expected ${type}, found `)} || left(${value}, 80)`;
}

/** What a query sees: bad rows fail it, or are left out where the source says quarantine. */
export function landingSql(relation: LandingRelation, replaced: ReadonlyMap<string, string>): string {
  const onBad = relation.onBadRecord === "fail" ? failSql() : "false";
  return checkedLandingSql({ relation, onBad, replaced, longestLine: usualLineBytes * 2 });
}

/** Fails the statement; which line it was, `bad-records.ts` finds out. */
export function failSql(): string {
  return `error(${literal(badRecordMark)})`;
}

/** The engine refuses a file in which a value spans lines, although it is told to leave bad lines out. */
export function isSplitValue(error: unknown): boolean {
  const message = (error as { readonly message?: unknown } | null)?.message;
  return (
    typeof message === "string" && /malformed JSON in file .*auto-detecting the JSON format/i.test(message)
  );
}

export function isLineTooLong(error: unknown): boolean {
  return error instanceof Error && /maximum_object_size/.test(error.message);
}

/** The bound to try next after a line exceeded `current`. */
export function nextLineBytes(current: number): number {
  if (current >= longestLineBytes) throw lakeError("compute/line-too-long", { limitBytes: longestLineBytes });
  return current * 2;
}
