// From a filter on rows to a filter on partition values that no partition with such a row fails.
import {
  allOf,
  always,
  anyOf,
  type BoundLeaf,
  type BoundPredicate,
  type Literal,
} from "./bound-predicate.ts";
import { fieldsById } from "./field-ids.ts";
import {
  parseTransform,
  transformAccepts,
  transformFunction,
  transformResultType,
  type Transform,
} from "./transform.ts";
import type { IcebergType, PartitionField, PartitionSpec, Schema, Value } from "./types.ts";

/**
 * The filter over the spec's partition values (a leaf's `id` is the field's position). Leaves whose
 * column no field of the spec comes from, or through a transform that it does not know, become true.
 */
export function projectInclusive(
  filter: BoundPredicate,
  spec: PartitionSpec,
  schema: Schema,
): BoundPredicate {
  const byId = fieldsById(schema);
  const project = (part: BoundPredicate): BoundPredicate => {
    switch (part.kind) {
      case "true":
      case "false":
        return part;
      case "and":
        return allOf(part.terms.map(project));
      case "or":
        return anyOf(part.terms.map(project));
      case "leaf":
        return allOf(
          spec.fields.map((field, index) =>
            field["source-id"] === part.id && byId.has(part.id) ? projectLeaf(part, field, index) : always,
          ),
        );
    }
  };
  return project(filter);
}

function projectLeaf(leaf: BoundLeaf, field: PartitionField, index: number): BoundPredicate {
  const transform = parseTransform(field.transform);
  if (transform.kind === "unknown" || transform.kind === "void") return always;
  if (!transformAccepts(transform, leaf.type)) return always;
  const type = transformResultType(field.transform, leaf.type);
  const { test } = leaf;
  // Transforms keep null, and nothing else becomes null.
  if (test.kind === "is-null" || test.kind === "not-null") return { kind: "leaf", id: index, type, test };
  if (transform.kind === "identity") return { ...leaf, id: index, type };
  const apply = transformFunction(field.transform, leaf.type);
  const target: Target = { index, type, apply };
  switch (test.kind) {
    case "in":
      return anyOf(test.values.map((value) => equals(target, value)));
    case "starts-with":
      return transform.kind === "truncate" ? projectPrefix(target, transform.width, test.prefix) : always;
    case "compare":
      if (test.operator === "=") return equals(target, test.value);
      if (test.operator === "!=" || transform.kind === "bucket") return always;
      return projectRange(target, transform, test.operator, test.value);
    default:
      return always;
  }
}

interface Target {
  readonly index: number;
  readonly type: IcebergType;
  readonly apply: (value: Value) => Value;
}

function equals({ index, type, apply }: Target, value: Literal): BoundPredicate {
  const transformed = apply(value) as Literal;
  return { kind: "leaf", id: index, type, test: { kind: "compare", operator: "=", value: transformed } };
}

/** Order is kept by all but bucket, though distinct values may become equal: strict becomes weak. */
function projectRange(
  { index, type, apply }: Target,
  transform: Transform,
  operator: "<" | "<=" | ">" | ">=",
  value: Literal,
): BoundPredicate {
  const limit = apply(value) as Literal;
  const weak = operator === "<" || operator === "<=" ? "<=" : ">=";
  // A limit that wrapped round (see below) lies above its own value and bounds nothing.
  if (transform.kind === "truncate" && isNumber(value) && limit > value) return always;
  const kept: BoundPredicate = {
    kind: "leaf",
    id: index,
    type,
    test: { kind: "compare", operator: weak, value: limit },
  };
  const highest = transform.kind === "truncate" && weak === "<=" ? highestOf(type) : undefined;
  if (highest === undefined || !("width" in transform)) return kept;
  // Truncating close to the smallest int or long wraps round to the largest, here as in Java.
  const wrapped = typeof highest === "bigint" ? highest - BigInt(transform.width) : highest - transform.width;
  return anyOf([
    kept,
    { kind: "leaf", id: index, type, test: { kind: "compare", operator: ">=", value: wrapped } },
  ]);
}

function isNumber(value: Literal): boolean {
  return typeof value === "number" || typeof value === "bigint";
}

function highestOf(type: IcebergType): number | bigint | undefined {
  return type === "int" ? 2_147_483_647 : type === "long" ? 9_223_372_036_854_775_807n : undefined;
}

function projectPrefix({ index, type, apply }: Target, width: number, prefix: string): BoundPredicate {
  const short = Array.from(prefix).length < width;
  return short
    ? { kind: "leaf", id: index, type, test: { kind: "starts-with", prefix } }
    : equals({ index, type, apply }, prefix);
}
