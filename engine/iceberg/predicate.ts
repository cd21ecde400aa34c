// A small language of row filters, and what a filter says about partitions and files: conservative in
// everything, since a file left out wrongly is rows lost.
import { lakeError } from "../common/errors.ts";
import { didYouMean } from "../common/suggest.ts";
import {
  allOf,
  always,
  anyOf,
  never,
  type BoundPredicate,
  type ComparisonOperator,
  type LeafTest,
  type Literal,
} from "./bound-predicate.ts";
import { typeText } from "./type-text.ts";
import type { IcebergType, Schema, StructType } from "./types.ts";
import { valueKind } from "./values.ts";

export type { BoundPredicate, ComparisonOperator } from "./bound-predicate.ts";
export { projectInclusive } from "./projection.ts";
export { mightMatchFile, mightMatchManifest, mightMatchPartition } from "./pruning.ts";

/**
 * Columns are named by their path through structs (`["s", "a"]`). A row is kept when the filter is true:
 * SQL's three-valued logic, in which NaN equals itself and is above all other numbers, and both zeros
 * are equal, as DuckDB and Spark have it.
 */
export type Predicate =
  | { readonly kind: "true" }
  | { readonly kind: "false" }
  | { readonly kind: "and" | "or"; readonly terms: readonly Predicate[] }
  | { readonly kind: "not"; readonly term: Predicate }
  | LeafPredicate;

export type LeafPredicate =
  | {
      readonly kind: "compare";
      readonly column: readonly string[];
      readonly operator: ComparisonOperator;
      /** In the column's own value form: bigint for long and timestamps, unscaled for decimals, … */
      readonly value: Literal;
    }
  | {
      readonly kind: "in" | "not-in";
      readonly column: readonly string[];
      readonly values: readonly Literal[];
    }
  | { readonly kind: "is-null" | "not-null"; readonly column: readonly string[] }
  | {
      readonly kind: "starts-with" | "not-starts-with";
      readonly column: readonly string[];
      readonly prefix: string;
    };

/**
 * Finds the columns and moves `not` into the tests (exact in three-valued logic). Errors:
 * `iceberg/filter-column` for an unknown column, `iceberg/bad-value` for a literal of another form.
 */
export function bindPredicate(predicate: Predicate, schema: Schema): BoundPredicate {
  return bind(predicate, schema, false);
}

function bind(predicate: Predicate, schema: Schema, negated: boolean): BoundPredicate {
  switch (predicate.kind) {
    case "true":
    case "false":
      return (predicate.kind === "true") === negated ? never : always;
    case "not":
      return bind(predicate.term, schema, !negated);
    case "and":
    case "or": {
      const terms = predicate.terms.map((term) => bind(term, schema, negated));
      return (predicate.kind === "and") === negated ? anyOf(terms) : allOf(terms);
    }
    default: {
      const { id, type } = findColumn(predicate.column, schema);
      const test = leafTest(predicate, type);
      return { kind: "leaf", id, type, test: negated ? opposite(test) : test };
    }
  }
}

function findColumn(
  path: readonly string[],
  schema: Schema,
): { readonly id: number; readonly type: IcebergType } {
  let struct: StructType = schema;
  for (const [index, name] of path.entries()) {
    const field =
      struct.fields.find((candidate) => candidate.name === name) ??
      struct.fields.find((candidate) => candidate.name.toLowerCase() === name.toLowerCase());
    if (!field) {
      const names = struct.fields.map((candidate) => candidate.name);
      throw lakeError("iceberg/filter-column", { column: path.join(".") }, { hint: didYouMean(name, names) });
    }
    if (index === path.length - 1) return { id: field.id, type: field.type };
    if (typeof field.type === "string" || field.type.type !== "struct") break;
    struct = field.type;
  }
  throw lakeError("iceberg/filter-column", { column: path.join(".") });
}

function leafTest(predicate: LeafPredicate, type: IcebergType): LeafTest {
  switch (predicate.kind) {
    case "compare":
      return {
        kind: "compare",
        operator: predicate.operator,
        value: literalOf(type, predicate.value),
      };
    case "in":
    case "not-in":
      return { kind: predicate.kind, values: predicate.values.map((value) => literalOf(type, value)) };
    case "starts-with":
    case "not-starts-with":
      if (type !== "string") {
        throw lakeError("iceberg/bad-value", { text: predicate.prefix, type: typeText(type) });
      }
      return { kind: predicate.kind, prefix: predicate.prefix };
    default:
      return { kind: predicate.kind };
  }
}

/** The literal in the column's value form; whole numbers may be given as number or bigint. */
function literalOf(type: IcebergType, value: Literal): Literal {
  const kind = valueKind(type);
  const fits = ((): boolean => {
    switch (kind) {
      case "boolean":
        return typeof value === "boolean";
      case "int":
        return typeof value === "bigint" || Number.isInteger(value);
      case "long":
        return typeof value === "bigint" || Number.isSafeInteger(value);
      case "float":
      case "double":
        return typeof value === "number";
      case "decimal":
        return typeof value === "bigint";
      case "string":
      case "uuid":
        return typeof value === "string";
      case "bytes":
        return value instanceof Uint8Array;
      case "other":
        return false;
    }
  })();
  if (!fits) throw lakeError("iceberg/bad-value", { text: String(value), type: typeText(type) });
  if (kind === "long" && typeof value === "number") return BigInt(value);
  if (kind === "int" && typeof value === "bigint") return Number(value);
  return value;
}

const oppositeOperators: Readonly<Record<ComparisonOperator, ComparisonOperator>> = {
  "=": "!=",
  "!=": "=",
  "<": ">=",
  ">=": "<",
  ">": "<=",
  "<=": ">",
};

function opposite(test: LeafTest): LeafTest {
  switch (test.kind) {
    case "compare":
      return { ...test, operator: oppositeOperators[test.operator] };
    case "in":
      return { ...test, kind: "not-in" };
    case "not-in":
      return { ...test, kind: "in" };
    case "is-null":
      return { kind: "not-null" };
    case "not-null":
      return { kind: "is-null" };
    case "starts-with":
      return { ...test, kind: "not-starts-with" };
    case "not-starts-with":
      return { ...test, kind: "starts-with" };
  }
}
