import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { truncateLower, truncateUpper } from "./bounds.ts";
import {
  bindPredicate,
  mightMatchFile,
  mightMatchManifest,
  mightMatchPartition,
  projectInclusive,
  type ComparisonOperator,
  type Predicate,
} from "./predicate.ts";
import { applyTransform, transformResultType } from "./transform.ts";
import type { DataFile, FieldSummary, IcebergType, PartitionSpec, Schema, Value } from "./types.ts";
import { compareValues, serialiseValue } from "./values.ts";

type Literal = Exclude<Value, null>;

const schemaOf = (type: IcebergType): Schema => ({
  type: "struct",
  "schema-id": 0,
  fields: [{ id: 1, name: "c", required: false, type }],
});
const specOf = (transform: string): PartitionSpec => ({
  "spec-id": 0,
  fields: [{ name: "p", transform, "source-id": 1, "field-id": 1000 }],
});

// Few distinct values, so that literals meet them.
const micros = fc.integer({ min: -40, max: 40 }).map((hours) => BigInt(hours) * 3_600_000_000n * 13n);
const float = fc.oneof(
  fc.constantFrom(Number.NaN, 0, -0, Infinity, -Infinity),
  fc.integer({ min: -9, max: 9 }).map((value) => value / 2),
);
const text = fc.string({ unit: fc.constantFrom("a", "b", "\uFFFF", "😀", "\u{10FFFF}"), maxLength: 5 });
const uuid = fc
  .constantFrom("0", "7", "8", "f")
  .map((first) => `${first}${"0".repeat(7)}-0000-0000-0000-${"0".repeat(12)}`);
const small = fc.integer({ min: -25, max: 25 });
const types: readonly (readonly [IcebergType, fc.Arbitrary<Literal>, readonly string[]])[] = [
  ["boolean", fc.boolean(), ["identity", "void"]],
  [
    "int",
    fc.oneof(small, fc.constantFrom(-2_147_483_648, 2_147_483_647)),
    ["identity", "bucket[3]", "truncate[7]"],
  ],
  ["long", fc.oneof(small.map(BigInt), fc.constant(-(2n ** 63n))), ["identity", "bucket[3]", "truncate[7]"]],
  ["float", float.map(Math.fround), ["identity"]],
  ["double", float, ["identity"]],
  ["decimal(9, 2)", small.map((value) => BigInt(value) * 25n), ["identity", "bucket[3]", "truncate[50]"]],
  ["date", fc.integer({ min: -800, max: 800 }), ["identity", "bucket[3]", "year", "month", "day"]],
  ["time", fc.integer({ min: 0, max: 20 }).map(BigInt), ["identity", "bucket[3]"]],
  ["timestamp", micros, ["identity", "bucket[3]", "year", "month", "day", "hour"]],
  ["timestamptz", micros, ["identity", "bucket[3]", "year", "month", "day", "hour"]],
  ["string", text, ["identity", "bucket[3]", "truncate[2]"]],
  ["uuid", uuid, ["identity", "bucket[3]"]],
  ["binary", fc.uint8Array({ min: 254, max: 255, maxLength: 4 }), ["identity", "bucket[3]", "truncate[2]"]],
];

const operators = fc.constantFrom<ComparisonOperator>("=", "!=", "<", "<=", ">", ">=");
const column = ["c"];
function predicates(type: IcebergType, literal: fc.Arbitrary<Literal>): fc.Arbitrary<Predicate> {
  const prefixes =
    type === "string" ? [text.map((prefix) => ({ kind: "starts-with", column, prefix }) as const)] : [];
  const leaf: fc.Arbitrary<Predicate> = fc.oneof(
    fc.record({
      kind: fc.constant("compare" as const),
      column: fc.constant(column),
      operator: operators,
      value: literal,
    }),
    fc.record({
      kind: fc.constant("in" as const),
      column: fc.constant(column),
      values: fc.array(literal, { maxLength: 3 }),
    }),
    fc.constantFrom<Predicate>(
      { kind: "is-null", column },
      { kind: "not-null", column },
      { kind: "true" },
      { kind: "false" },
    ),
    ...prefixes,
  );
  const { tree } = fc.letrec<{ tree: Predicate }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 3, depthSize: "small" },
      { weight: 3, arbitrary: leaf },
      {
        weight: 2,
        arbitrary: fc.record({
          kind: fc.constantFrom("and" as const, "or" as const),
          terms: fc.array(tie("tree"), { minLength: 1, maxLength: 3 }),
        }),
      },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant("not" as const), term: tie("tree") }) },
    ),
  }));
  return tree;
}

/** SQL's three-valued logic over one row, NaN above all numbers: what the engines do. */
function holds(predicate: Predicate, type: IcebergType, value: Value): boolean | null {
  const order = (literal: Value): number =>
    value === 0 && literal === 0 ? 0 : compareValues(type, value, literal);
  switch (predicate.kind) {
    case "true":
      return true;
    case "false":
      return false;
    case "not": {
      const inner = holds(predicate.term, type, value);
      return inner === null ? null : !inner;
    }
    case "and":
    case "or": {
      const results = new Set(predicate.terms.map((term) => holds(term, type, value)));
      const decisive = predicate.kind === "or";
      return results.has(decisive) ? decisive : results.has(null) ? null : !decisive;
    }
    case "is-null":
      return value === null;
    case "not-null":
      return value !== null;
    case "compare": {
      if (value === null) return null;
      const found = order(predicate.value);
      const { operator } = predicate;
      return operator === "="
        ? found === 0
        : operator === "!="
          ? found !== 0
          : operator === "<"
            ? found < 0
            : operator === "<="
              ? found <= 0
              : operator === ">"
                ? found > 0
                : found >= 0;
    }
    case "in":
      return value === null ? null : predicate.values.some((literal) => order(literal) === 0);
    case "starts-with":
      return value === null ? null : (value as string).startsWith(predicate.prefix);
    default:
      throw new Error(`${predicate.kind} is not generated`);
  }
}

interface Extent {
  lower?: Uint8Array;
  upper?: Uint8Array;
  readonly nulls: number;
  readonly nans: number;
}

function extent(type: IcebergType, values: readonly Value[], given = 100): Extent {
  const width = type === "string" || type === "binary" ? given : 100;
  const real = values
    .filter((value) => value !== null && !Number.isNaN(value))
    .sort((a, b) => compareValues(type, a, b));
  const nulls = values.filter((value) => value === null).length;
  const found: Extent = { nulls, nans: values.length - nulls - real.length };
  if (real.length === 0) return found;
  found.lower = serialiseValue(type, zero(type, truncateLower(real[0] as Value, width), -0));
  const upper = truncateUpper(real.at(-1) as Value, width);
  if (upper !== undefined) found.upper = serialiseValue(type, zero(type, upper, 0));
  return found;
}

function zero(type: IcebergType, value: Value, as: number): Value {
  return value === 0 && (type === "float" || type === "double") ? as : value;
}

function fileOf(type: IcebergType, values: readonly Value[]): DataFile {
  const { lower, upper, nulls, nans } = extent(type, values, 2);
  return {
    content: "data",
    path: "f",
    format: "PARQUET",
    specId: 0,
    partition: [],
    recordCount: BigInt(values.length),
    sizeBytes: 1n,
    valueCounts: new Map([[1, BigInt(values.length)]]),
    nullValueCounts: new Map([[1, BigInt(nulls)]]),
    nanValueCounts: new Map([[1, BigInt(nans)]]),
    lowerBounds: new Map(lower ? [[1, lower]] : []),
    upperBounds: new Map(upper ? [[1, upper]] : []),
  };
}

function summaryOf(type: IcebergType, values: readonly Value[]): FieldSummary {
  const { lower, upper, nulls, nans } = extent(type, values);
  return {
    containsNull: nulls > 0,
    containsNan: nans > 0,
    ...(lower && { lowerBound: lower }),
    ...(upper && { upperBound: upper }),
  };
}

describe("nothing that holds a matching row is pruned", () => {
  for (const [type, literal, transforms] of types) {
    test(`${type as string}: files, and partitions by ${transforms.join(", ")}`, () => {
      const schema = schemaOf(type);
      const rows = fc.array(fc.option(literal, { freq: 5 }), { minLength: 1, maxLength: 6 });
      fc.assert(
        fc.property(rows, predicates(type, literal), (values, predicate) => {
          const matching = values.filter((value) => holds(predicate, type, value) === true);
          if (matching.length === 0) return;
          const bound = bindPredicate(predicate, schema);
          expect(mightMatchFile(bound, fileOf(type, values))).toBe(true);
          for (const transform of transforms) {
            const filter = projectInclusive(bound, specOf(transform), schema);
            const result = transformResultType(transform, type);
            const partitions = values.map((value) => applyTransform(transform, type, value));
            expect(mightMatchManifest(filter, [summaryOf(result, partitions)])).toBe(true);
            for (const value of matching) {
              expect(mightMatchPartition(filter, [applyTransform(transform, type, value)])).toBe(true);
            }
          }
        }),
        { numRuns: 300 },
      );
    });
  }
});

describe("what cannot match is pruned", () => {
  const compare = (operator: ComparisonOperator, value: Literal): Predicate => ({
    kind: "compare",
    column,
    operator,
    value,
  });
  const prunes = (type: IcebergType, values: readonly Value[], predicate: Predicate): boolean =>
    !mightMatchFile(bindPredicate(predicate, schemaOf(type)), fileOf(type, values));

  test("by bounds", () => {
    expect(prunes("int", [1, 5], compare("=", 6))).toBe(true);
    expect(prunes("int", [1, 5], compare("<", 1))).toBe(true);
    expect(prunes("int", [1, 5], compare(">=", 6))).toBe(true);
    expect(prunes("int", [5, 5], compare("!=", 5))).toBe(true);
    expect(prunes("int", [1, 5], { kind: "in", column, values: [0, 9] })).toBe(true);
    expect(prunes("int", [1, 5], { kind: "not", term: compare("<=", 5) })).toBe(true);
    expect(prunes("string", ["ab", "ac"], { kind: "starts-with", column, prefix: "b" })).toBe(true);
    expect(prunes("string", ["ab", "ac"], { kind: "starts-with", column, prefix: "a" })).toBe(false);
  });
  test("by null counts", () => {
    expect(prunes("int", [1], { kind: "is-null", column })).toBe(true);
    expect(prunes("int", [null], { kind: "not-null", column })).toBe(true);
    expect(prunes("int", [null], compare("=", 1))).toBe(true);
  });
  test("NaN is above every number, so it keeps a file from being pruned upwards", () => {
    expect(prunes("double", [1], compare(">", 2))).toBe(true);
    expect(prunes("double", [1, Number.NaN], compare(">", 2))).toBe(false);
    expect(prunes("double", [1, Number.NaN], compare("<", 0))).toBe(true);
  });
  test("a file without metrics never is", () => {
    const {
      lowerBounds: _l,
      upperBounds: _u,
      valueCounts: _v,
      nullValueCounts: _n,
      nanValueCounts: _a,
      ...bare
    } = fileOf("int", [1]);
    expect(mightMatchFile(bindPredicate(compare("=", 9), schemaOf("int")), bare)).toBe(true);
  });

  const partition = (type: IcebergType, transform: string, predicate: Predicate, value: Value): boolean =>
    mightMatchPartition(
      projectInclusive(bindPredicate(predicate, schemaOf(type)), specOf(transform), schemaOf(type)),
      [value],
    );
  test("by partition", () => {
    expect(partition("timestamptz", "day", compare("<", 86_400_000_000n), 2)).toBe(false);
    expect(partition("timestamptz", "day", compare("<", 86_400_000_000n), 0)).toBe(true);
    expect(partition("long", "bucket[16]", compare("=", 34n), 0)).toBe(false);
    expect(partition("long", "bucket[16]", compare("=", 34n), (2_017_239_379 & 0x7fff_ffff) % 16)).toBe(true);
    expect(partition("string", "truncate[2]", { kind: "starts-with", column, prefix: "abc" }, "ab")).toBe(
      true,
    );
    expect(partition("string", "truncate[2]", { kind: "starts-with", column, prefix: "abc" }, "ac")).toBe(
      false,
    );
    expect(partition("int", "identity", { kind: "is-null", column }, 3)).toBe(false);
    expect(partition("int", "identity", compare("!=", 3), 3)).toBe(false);
    expect(partition("int", "void", compare("=", 3), null)).toBe(true);
  });
  test("not by a transform that is not known", () => {
    const bound = bindPredicate(compare("=", 1n), schemaOf("timestamptz"));
    expect(projectInclusive(bound, specOf("zorder[2]"), schemaOf("timestamptz"))).toEqual({ kind: "true" });
  });
  test("by a manifest's summary", () => {
    const filter = projectInclusive(
      bindPredicate(compare("=", 7), schemaOf("int")),
      specOf("identity"),
      schemaOf("int"),
    );
    expect(mightMatchManifest(filter, [summaryOf("int", [1, 6])])).toBe(false);
    expect(mightMatchManifest(filter, [summaryOf("int", [1, 8])])).toBe(true);
    expect(mightMatchManifest(filter, [])).toBe(true);
    expect(mightMatchManifest(filter, undefined)).toBe(true);
  });
});

test("a float column compared with a double that is no float keeps both readings", () => {
  const file = fileOf("float", [Math.fround(0.1)]);
  for (const operator of ["=", "!=", "<", "<=", ">", ">="] as const) {
    const bound = bindPredicate({ kind: "compare", column, operator, value: 0.1 }, schemaOf("float"));
    expect(mightMatchFile(bound, file)).toBe(true);
  }
});

test("unknown columns and literals of another form are refused", () => {
  const bind =
    (predicate: Predicate): (() => unknown) =>
    () =>
      bindPredicate(predicate, schemaOf("long"));
  expect(bind({ kind: "is-null", column: ["d"] })).toThrow("the filter names d");
  expect(bind({ kind: "compare", column: ["C"], operator: "=", value: 1 })).not.toThrow();
  expect(bind({ kind: "compare", column, operator: "=", value: "1" })).toThrow(
    "1 is not a value of type long",
  );
});
