// Whether rows that a filter keeps can be in a manifest, a partition or a file. `true` means perhaps.
import type { BoundLeaf, BoundPredicate, ComparisonOperator, LeafTest, Literal } from "./bound-predicate.ts";
import type { DataFile, FieldSummary, IcebergType, Value } from "./types.ts";
import { compareValues, deserialiseValue, promoteValue } from "./values.ts";

/** What is known of a column's values; bounds leave null and NaN out. */
export interface ColumnFacts {
  readonly lower?: Value;
  readonly upper?: Value;
  readonly maybeNull: boolean;
  readonly onlyNull: boolean;
  readonly maybeNan: boolean;
}

/** `filter` comes from `projectInclusive` with the manifest's own spec. */
export function mightMatchManifest(
  filter: BoundPredicate,
  summaries: readonly FieldSummary[] | undefined,
): boolean {
  return evaluate(filter, (leaf) => {
    const summary = summaries?.[leaf.id];
    if (!summary) return true;
    const lower = readBound(leaf.type, summary.lowerBound);
    const upper = readBound(leaf.type, summary.upperBound);
    const floating = isFloating(leaf.type);
    const maybeNan = floating && summary.containsNan !== false;
    return factsMightMatch(leaf, {
      ...(lower !== undefined && { lower }),
      ...(upper !== undefined && { upper }),
      maybeNull: summary.containsNull,
      // Java leaves both bounds out when a field is null in every file, or null and NaN.
      onlyNull: summary.containsNull && !summary.lowerBound && !summary.upperBound && !maybeNan,
      maybeNan,
    });
  });
}

/** `filter` comes from `projectInclusive` with the file's own spec. */
export function mightMatchPartition(filter: BoundPredicate, values: readonly Value[]): boolean {
  return evaluate(filter, (leaf) => {
    const value = values[leaf.id];
    return value === undefined || valueMightMatch(leaf, promoteValue(leaf.type, value));
  });
}

/** `filter` comes from `bindPredicate`. */
export function mightMatchFile(filter: BoundPredicate, file: DataFile): boolean {
  if (file.recordCount === 0n) return false;
  return evaluate(filter, (leaf) => factsMightMatch(leaf, factsOf(file, leaf.id, leaf.type)));
}

export function factsOf(file: DataFile, id: number, type: IcebergType): ColumnFacts {
  const lower = readBound(type, file.lowerBounds?.get(id));
  const upper = readBound(type, file.upperBounds?.get(id));
  const values = file.valueCounts?.get(id);
  const nulls = file.nullValueCounts?.get(id);
  return {
    ...(lower !== undefined && { lower }),
    ...(upper !== undefined && { upper }),
    maybeNull: nulls !== 0n,
    onlyNull: nulls !== undefined && values !== undefined && nulls === values,
    maybeNan: isFloating(type) && file.nanValueCounts?.get(id) !== 0n,
  };
}

/** Whether the two can hold a value in common; null equals null. */
export function mayShareValue(type: IcebergType, a: ColumnFacts, b: ColumnFacts): boolean {
  if ((a.maybeNull && b.maybeNull) || (a.maybeNan && b.maybeNan)) return true;
  if (a.onlyNull || b.onlyNull) return false;
  const apart = (lower: Value | undefined, upper: Value | undefined): boolean =>
    lower !== undefined && upper !== undefined && compare(type, lower, upper) > 0;
  return !apart(a.lower, b.upper) && !apart(b.lower, a.upper);
}

function evaluate(filter: BoundPredicate, leafMatches: (leaf: BoundLeaf) => boolean): boolean {
  switch (filter.kind) {
    case "true":
      return true;
    case "false":
      return false;
    case "and":
      return filter.terms.every((term) => evaluate(term, leafMatches));
    case "or":
      return filter.terms.some((term) => evaluate(term, leafMatches));
    case "leaf":
      return leafMatches(filter);
  }
}

function isFloating(type: IcebergType): boolean {
  return type === "float" || type === "double";
}

/** Undefined for bytes that are no value: another writer's mistake prunes nothing. */
function readBound(type: IcebergType, bytes: Uint8Array | undefined): Value | undefined {
  // iceberg-java compared UUIDs as signed numbers, so its bounds need not enclose ours.
  if (bytes === undefined || type === "uuid") return undefined;
  try {
    const value = deserialiseValue(type, bytes);
    return typeof value === "number" && Number.isNaN(value) ? undefined : value;
  } catch {
    return undefined;
  }
}

/** Order of the engines: both zeros equal, NaN highest. */
function compare(type: IcebergType, a: Value, b: Value): number {
  if (a === 0 && b === 0) return 0;
  return compareValues(type, a, b);
}

/**
 * A float column may be compared as float or as double, depending on the literal. Rounding keeps order
 * but can make unequal values equal, so with a literal that is no float strict comparisons become weak.
 */
function comparable(
  type: IcebergType,
  operator: ComparisonOperator,
  value: Literal,
): { readonly operator: ComparisonOperator | "any"; readonly value: Literal } {
  if (type !== "float" || typeof value !== "number") return { operator, value };
  const rounded = Math.fround(value);
  if (Object.is(rounded, value)) return { operator, value };
  const weak = { "=": "=", "!=": "any", "<": "<=", "<=": "<=", ">": ">=", ">=": ">=" } as const;
  return { operator: weak[operator], value: rounded };
}

function factsMightMatch(leaf: BoundLeaf, facts: ColumnFacts): boolean {
  const { test, type } = leaf;
  if (test.kind === "is-null") return facts.maybeNull;
  if (facts.onlyNull) return false;
  switch (test.kind) {
    case "not-null":
      return true;
    case "compare":
      return comparisonMightMatch(type, test.operator, test.value, facts);
    case "in":
      return test.values.some((value) => comparisonMightMatch(type, "=", value, facts));
    case "not-in":
      return test.values.every((value) => comparisonMightMatch(type, "!=", value, facts));
    case "starts-with":
      return prefixMightMatch(test.prefix, facts);
    case "not-starts-with":
      return true;
  }
}

function comparisonMightMatch(
  type: IcebergType,
  given: ComparisonOperator,
  literal: Literal,
  facts: ColumnFacts,
): boolean {
  const { operator, value } = comparable(type, given, literal);
  const { lower, upper, maybeNan } = facts;
  if (typeof value === "number" && Number.isNaN(value)) {
    if (operator === ">") return false;
    return operator === "=" || operator === ">=" ? maybeNan : true;
  }
  const above = (bound: Value | undefined): boolean => bound !== undefined && compare(type, bound, value) > 0;
  const below = (bound: Value | undefined): boolean => bound !== undefined && compare(type, bound, value) < 0;
  const same = (bound: Value | undefined): boolean =>
    bound !== undefined && compare(type, bound, value) === 0;
  switch (operator) {
    case "=":
      return !above(lower) && !below(upper);
    case "!=":
      return maybeNan || !(same(lower) && same(upper));
    case "<":
      return !above(lower) && !same(lower);
    case "<=":
      return !above(lower);
    case ">":
      return maybeNan || (!below(upper) && !same(upper));
    case ">=":
      return maybeNan || !below(upper);
    case "any":
      return true;
  }
}

/** Texts with the prefix lie between the prefix itself and everything that starts with it. */
function prefixMightMatch(prefix: string, { lower, upper }: ColumnFacts): boolean {
  if (typeof upper === "string" && compareValues("string", upper, prefix) < 0) return false;
  if (typeof lower === "string" && !lower.startsWith(prefix)) {
    return compareValues("string", lower, prefix) <= 0;
  }
  return true;
}

function valueMightMatch(leaf: BoundLeaf, value: Value): boolean {
  const { test } = leaf;
  if (value === null) return test.kind === "is-null";
  if (typeof value === "number" && Number.isNaN(value)) return nanMightMatch(test);
  return factsMightMatch(leaf, {
    lower: value,
    upper: value,
    maybeNull: false,
    onlyNull: false,
    maybeNan: false,
  });
}

function nanMightMatch(test: LeafTest): boolean {
  const isNan = (value: Literal): boolean => Number.isNaN(value);
  switch (test.kind) {
    case "is-null":
      return false;
    case "compare":
      if (test.operator === "=" || test.operator === "<=") return isNan(test.value);
      if (test.operator === "<") return false;
      return test.operator === ">=" || !isNan(test.value);
    case "in":
      return test.values.some(isNan);
    case "not-in":
      return !test.values.some(isNan);
    default:
      return true;
  }
}
