// What a relation of keys says about the rows that have one of them, in literals: by it files are left out
// before they are read, and nothing else is.
import { literal, quoteIdentifier } from "../../common/sql.ts";
import type { Compute, Relation } from "../../compute/compute.ts";
import { relationName } from "../../compute/compute.ts";

/** Beyond this many values of a column, the lowest and the highest stand for them all. */
const listedValues = 200;

/** A condition on what the keys are compared with, in the order of the keys. */
export type KeyCondition = (expressions: readonly string[]) => string;

/**
 * A condition that is true wherever the keys of a row are those of one row of the relation, nulls included;
 * it may be true elsewhere, too.
 */
export async function literalCondition(options: {
  readonly compute: Compute;
  readonly relation: string;
  readonly relations: readonly Relation[];
  /** Columns of the relation. */
  readonly keys: readonly string[];
}): Promise<KeyCondition> {
  const { compute, keys, relations } = options;
  const from = relationName(options.relation);
  const facts = keys.map((name) => {
    const column = quoteIdentifier(name);
    const some = `select distinct cast(${column} as varchar) as v from ${from} where ${column} is not null limit ${listedValues + 1}`;
    return [
      `(select list(v) from (${some}) as listed)`,
      `cast(min(${column}) as varchar)`,
      `cast(max(${column}) as varchar)`,
      `count(*) filter (where ${column} is null) > 0`,
    ].join(", ");
  });
  const { rows } = await compute.query({
    sql: `select count(*), ${facts.join(", ")} from ${from}`,
    relations,
  });
  const [count, ...values] = rows[0] ?? [0];
  if (Number(count) === 0) return () => "false";
  return (expressions) => {
    const conditions = expressions.map((expression, index) =>
      columnCondition(expression, values.slice(index * 4, index * 4 + 4)),
    );
    return `(${conditions.join(" and ")})`;
  };
}

function columnCondition(expression: string, facts: readonly unknown[]): string {
  const [list, lowest, highest, hasNull] = facts;
  const values = (list ?? []) as readonly string[];
  const isNull = `${expression} is null`;
  if (values.length === 0) return isNull;
  // No literal can hold it.
  if ([...values, lowest, highest].some((value) => String(value).includes("\0"))) return "true";
  const known =
    values.length <= listedValues
      ? `${expression} in (${values.map((value) => literal(value)).join(", ")})`
      : `${expression} between ${literal(String(lowest))} and ${literal(String(highest))}`;
  return hasNull === true ? `(${known} or ${isNull})` : `(${known})`;
}
