// The built-in data tests as SQL. Each has a query of its failing rows; those that only look at one row at
// a time or at totals also have an aggregate, so that all tests of one table share one scan.
import { literal, quoteIdentifier } from "../common/sql.ts";
import { lakeError } from "../common/errors.ts";
import type { Json } from "../common/json.ts";
import type { DataTest } from "../project/types.ts";

export interface TestSql {
  /** The failing rows; its number of rows is the number of failures. */
  readonly rows: string;
  /** An expression over `relation` that equals the number of failures, or null if it needs its own query. */
  readonly aggregate: string | null;
}

interface Parts {
  readonly test: DataTest;
  /** The tested relation, as SQL. */
  readonly relation: string;
  readonly where: string | null;
  /** SQL of a referenced relation (`relationships`' `to`). */
  readonly reference: () => string;
}

type Builder = (parts: Parts) => TestSql;

/** A test on single rows: `failing` is true for a row that fails. */
function rowTest(parts: Parts, failing: string): TestSql {
  const condition = parts.where === null ? failing : `(${parts.where}) and (${failing})`;
  return {
    rows: `select *\nfrom ${parts.relation}\nwhere ${condition}`,
    aggregate: `count(*) filter (where ${condition})`,
  };
}

/** A test on the whole table: `passing` is an aggregate condition, `shown` what a failure shows. */
function totalTest(parts: Parts, shown: string, passing: string): TestSql {
  const filter = parts.where === null ? "" : `\nwhere ${parts.where}`;
  return {
    rows: `select ${shown}\nfrom ${parts.relation}${filter}\nhaving (${passing}) is not true`,
    aggregate: parts.where === null ? `case when ${passing} then 0 else 1 end` : null,
  };
}

function groupTest(parts: Parts, keys: readonly string[], notNull: boolean): TestSql {
  const conditions = [
    ...(parts.where === null ? [] : [`(${parts.where})`]),
    ...(notNull ? keys.map((key) => `${key} is not null`) : []),
  ];
  const filter = conditions.length === 0 ? "" : `\nwhere ${conditions.join(" and ")}`;
  const list = keys.join(", ");
  return {
    rows: `select ${list}, count(*) as n_records\nfrom ${parts.relation}${filter}\ngroup by ${list}\nhaving count(*) > 1`,
    aggregate: null,
  };
}

const builders: Readonly<Record<string, Builder>> = {
  not_null: (parts) => rowTest(parts, `${column(parts)} is null`),
  unique: (parts) => groupTest(parts, [column(parts)], true),
  accepted_values: (parts) => rowTest(parts, `${column(parts)} not in (${values(parts, "values")})`),
  regex: (parts) =>
    rowTest(parts, `not regexp_matches(${column(parts)}, ${literal(text(parts, "pattern"))})`),
  expression_is_true: (parts) => {
    const expression = text(parts, "expression");
    const whole = parts.test.columnName === undefined ? expression : `${column(parts)} ${expression}`;
    return rowTest(parts, `not (${whole})`);
  },
  accepted_range: (parts) => {
    const strict = argument(parts, "inclusive") === false ? "=" : "";
    const bounds = [
      ...bound(parts, "min_value", (value) => `${column(parts)} <${strict} ${value}`),
      ...bound(parts, "max_value", (value) => `${column(parts)} >${strict} ${value}`),
    ];
    if (bounds.length === 0)
      throw unfit(parts, "min_value", "a number or an SQL expression, for it or for max_value");
    return rowTest(parts, bounds.join(" or "));
  },
  unique_combination_of_columns: (parts) =>
    groupTest(
      parts,
      list(parts, "combination_of_columns").map((name) => quoteIdentifier(columnName(parts, name))),
      false,
    ),
  row_count_between: (parts) => {
    const bounds = [
      ...bound(parts, "min_value", (value) => `count(*) >= ${value}`),
      ...bound(parts, "max_value", (value) => `count(*) <= ${value}`),
    ];
    if (bounds.length === 0)
      throw unfit(parts, "min_value", "a number or an SQL expression, for it or for max_value");
    return totalTest(parts, "count(*) as row_count", bounds.join(" and "));
  },
  recency: (parts) => {
    const field = parts.test.columnName === undefined ? quoteIdentifier(text(parts, "field")) : column(parts);
    const unit = text(parts, "datepart");
    if (!/^(minute|hour|day|week|month|year)s?$/.test(unit))
      throw unfit(parts, "datepart", "minute, hour, day, week, month or year");
    const interval = `interval (${Number(argument(parts, "interval"))}) ${unit}`;
    return totalTest(parts, `max(${field}) as most_recent`, `max(${field}) >= now() - ${interval}`);
  },
  relationships: (parts) => {
    const child = column(parts);
    const field = quoteIdentifier(text(parts, "field"));
    const filter = parts.where === null ? "" : `\n  and (${parts.where})`;
    return {
      rows: `select *\nfrom ${parts.relation}\nwhere ${child} is not null${filter}\n  and ${child} not in (select ${field} from ${parts.reference()} where ${field} is not null)`,
      aggregate: null,
    };
  },
};

/** Names of the tests that need no macro. */
export const builtinTests: readonly string[] = Object.keys(builders);

/** The SQL of a built-in generic test. Errors: `plan/test-argument` for a missing or unfit argument. */
export function builtinTestSql(parts: Parts): TestSql {
  const builder = builders[parts.test.testName ?? ""];
  if (builder === undefined) {
    throw lakeError("plan/unknown-test", { test: parts.test.testName ?? "" }, { at: parts.test.at });
  }
  return builder(parts);
}

function column(parts: Parts): string {
  const name = parts.test.columnName ?? parts.test.arguments?.["column_name"];
  if (typeof name !== "string") throw unfit(parts, "column_name", "the name of a column");
  return quoteIdentifier(name);
}

function argument(parts: Parts, name: string): Json | undefined {
  return parts.test.arguments?.[name];
}

function text(parts: Parts, name: string): string {
  const value = argument(parts, name);
  if (typeof value !== "string") throw unfit(parts, name, "text");
  return value;
}

function list(parts: Parts, name: string): readonly Json[] {
  const value = argument(parts, name);
  if (!Array.isArray(value) || value.length === 0) throw unfit(parts, name, "a list of at least one value");
  return value as readonly Json[];
}

function values(parts: Parts, name: string): string {
  const quoted = argument(parts, "quote") !== false;
  return list(parts, name)
    .map((value) => (typeof value === "string" && !quoted ? value : literal(value)))
    .join(", ");
}

/** Numbers stand as they are; text is an expression (`date '2025-07-01'`), as in dbt. */
function bound(parts: Parts, name: string, render: (value: string) => string): string[] {
  const value = argument(parts, name);
  if (value === undefined || value === null) return [];
  if (typeof value === "string") return [render(`(${value})`)];
  if (typeof value === "number" || typeof value === "bigint") return [render(String(value))];
  throw unfit(parts, name, "a number or an expression");
}

function columnName(parts: Parts, value: Json): string {
  if (typeof value === "string") return value;
  throw unfit(parts, "combination_of_columns", "names of columns");
}

function unfit(parts: Parts, name: string, expected: string): Error {
  const value = argument(parts, name);
  const found = value === undefined ? "nothing" : JSON.stringify(value);
  const parameters = { test: parts.test.name, argument: name, found, expected };
  return lakeError("plan/test-argument", parameters, { at: parts.test.at });
}

/** Whether `failures` meets a condition such as `!= 0`, `> 10` or `between 1 and 5`. */
export function meetsCondition(failures: number, condition: string): boolean | null {
  const comparison = /^\s*(!=|<>|=|==|>=|<=|>|<)\s*(\d+)\s*$/.exec(condition);
  const range = /^\s*between\s+(\d+)\s+and\s+(\d+)\s*$/i.exec(condition);
  if (range !== null) return failures >= Number(range[1]) && failures <= Number(range[2]);
  if (comparison === null) return null;
  const limit = Number(comparison[2]);
  switch (comparison[1]) {
    case "!=":
    case "<>":
      return failures !== limit;
    case "=":
    case "==":
      return failures === limit;
    case ">=":
      return failures >= limit;
    case "<=":
      return failures <= limit;
    case ">":
      return failures > limit;
    default:
      return failures < limit;
  }
}
