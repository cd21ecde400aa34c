// Filters whose columns are known: what `predicate.ts` makes of a filter, and what projection and pruning work on.
import type { IcebergType, Value } from "./types.ts";

export type ComparisonOperator = "=" | "!=" | "<" | "<=" | ">" | ">=";
export type Literal = Exclude<Value, null>;

/** A filter whose columns are known by id, without `not`. Of a partition filter, `id` is the field's position. */
export type BoundPredicate =
  | { readonly kind: "true" }
  | { readonly kind: "false" }
  | { readonly kind: "and" | "or"; readonly terms: readonly BoundPredicate[] }
  | BoundLeaf;

export interface BoundLeaf {
  readonly kind: "leaf";
  readonly id: number;
  readonly type: IcebergType;
  readonly test: LeafTest;
}

export type LeafTest =
  | { readonly kind: "compare"; readonly operator: ComparisonOperator; readonly value: Literal }
  | { readonly kind: "in" | "not-in"; readonly values: readonly Literal[] }
  | { readonly kind: "is-null" | "not-null" }
  | { readonly kind: "starts-with" | "not-starts-with"; readonly prefix: string };

export const always: BoundPredicate = { kind: "true" };
export const never: BoundPredicate = { kind: "false" };

export function allOf(terms: readonly BoundPredicate[]): BoundPredicate {
  const left = terms.filter((term) => term.kind !== "true");
  if (left.some((term) => term.kind === "false")) return never;
  return left.length === 0
    ? always
    : left.length === 1
      ? (left[0] as BoundPredicate)
      : { kind: "and", terms: left };
}

export function anyOf(terms: readonly BoundPredicate[]): BoundPredicate {
  const left = terms.filter((term) => term.kind !== "false");
  if (left.some((term) => term.kind === "true")) return always;
  return left.length === 0
    ? never
    : left.length === 1
      ? (left[0] as BoundPredicate)
      : { kind: "or", terms: left };
}

/** The ids that the filter's tests compare. */
export function columnsOf(filter: BoundPredicate): readonly number[] {
  if (filter.kind === "leaf") return [filter.id];
  return filter.kind === "and" || filter.kind === "or" ? filter.terms.flatMap(columnsOf) : [];
}
