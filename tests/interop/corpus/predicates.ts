// Conditions on a column of each type, the ones on which pruning can go wrong among them: for each the rows that a scan
// of the files left over gives must be those of all files.
import { queryProject } from "../../../engine/run/query-project.ts";
import type { Session } from "../../../engine/run/session.ts";
import { sourceName, type Answer } from "./corpus.ts";

/** Column of `every_type` in `pyiceberg_tables.py` → conditions. */
const conditions: Readonly<Record<string, readonly string[]>> = {
  b: ["b", "not b", "b = false", "b is not true", "b is null", "b <> true"],
  i: ["i <> 0", "i > 0", "i between -10 and 1000000000", "i not in (-2)", "i is distinct from -2", "i > 0.5"],
  id: ["id <> 0", "id > 1e10", "id > -10000000000.5", "id in (7, 0)", "id % 2 = 0"],
  f: ["f > 1", "f >= 'nan'::float", "f < 'nan'::float", "f <> 0", "f = -0.0", "f <= 0", "isnan(f)"],
  d: ["d > 1", "d = 'nan'::double", "d <> 0", "d = 0", "d >= -0.0", "d between 0 and 1", "not (d <= 1)"],
  d4: ["d4 > -95", "d4 >= -95.990", "d4 in (-99.99, -90.99)", "d4::double < -95", "d4 <> -95.99"],
  d10: ["d10 < 0", "d10 <> -9999999.999"],
  d19: ["d19 < 0", "d19 = -999999999999999.9999"],
  d38: ["d38 < 0", "d38 = 0.0000000001", "d38 > 1e-11", "d38 <> 0.0000000001"],
  day: ["day > '1970-01-01'", "day < '1970-01-01'::timestamp", "day <> '1970-01-03'", "year(day) = 1969"],
  at_time: ["at_time > '15:00:00'", "at_time <> '23:59:00.999999'"],
  moment: [
    "moment >= '1970-01-04'",
    "moment::date = '1970-01-03'",
    "moment <> '1969-12-31 23:59:59.999999'",
    "moment > date '1970-01-05'",
    "date_trunc('day', moment) = '1970-01-03'",
  ],
  at_zone: [
    "at_zone < '1970-01-01'",
    "at_zone > timestamp '1970-01-03 00:00:00'",
    "at_zone::date = '1970-01-03'",
    "at_zone <> '1969-12-31 20:00:00.000001+00'",
  ],
  s: ["s like '🍜%'", "s like 'z%z%'", "s not like 'z%'", "s < '🍜'", "s >= '한'", "s ilike 'ZZ%'", "s = ''"],
  u: ["u > '80000000-0000-0000-0000-000000000000'", "u <> '80000000-0000-0000-0000-000000000000'"],
  fx: ["fx > '\\xF9\\x00'::blob", "fx <> '\\xFF\\x00\\x00'::blob"],
  bin: ["bin > '\\x80'::blob", "bin = ''::blob", "bin <> ''::blob"],
};

/** The conditions, or their negations, whose pruned scan gives other rows than the whole table. */
export async function lostRows(session: Session, answers: readonly Answer[]): Promise<readonly string[]> {
  const wrong: string[] = [];
  let asked = 0;
  const tables = new Set(answers.map(({ table }) => table).filter((table) => table.startsWith("db.by_")));
  for (const table of tables) {
    const source = `{{source "corpus" "${sourceName(table)}"}}`;
    const column = table.replace(/^db\.by_[a-z]+_/, "");
    for (const condition of conditions[column] ?? []) {
      for (const filter of [condition, `(${condition}) is not true`]) {
        const rowsOf = async (sql: string): Promise<string> =>
          JSON.stringify((await queryProject(session, { sql })).rows.map(String));
        const pruned = await rowsOf(`select id from ${source} where ${filter} order by id`);
        // Computed once before anything is asked of it: no condition reaches the scan.
        const whole = await rowsOf(
          `with t as materialized (select * from ${source}) select id from t where ${filter} order by id`,
        );
        asked += 1;
        if (pruned !== whole) wrong.push(`${table}: ${filter}: ${pruned} of ${whole}`);
      }
    }
  }
  if (asked < 300) throw new Error(`only ${asked} conditions were asked`);
  return wrong;
}
