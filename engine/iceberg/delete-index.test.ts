import { describe, expect, test } from "vitest";
import { indexDeletes, type SequencedFile } from "./delete-index.ts";
import type { DataFile, PartitionSpec, Schema, Value } from "./types.ts";
import { serialiseValue } from "./values.ts";

const schema: Schema = {
  type: "struct",
  "schema-id": 0,
  fields: [
    { id: 1, name: "id", required: false, type: "long" },
    { id: 2, name: "score", required: false, type: "double" },
    { id: 3, name: "kind", required: false, type: "string" },
  ],
};
const spec: PartitionSpec = { "spec-id": 0, fields: [] };

interface Column {
  readonly id: number;
  readonly range?: readonly [Value, Value];
  readonly nulls?: bigint;
  readonly nans?: bigint;
}

function file(
  path: string,
  sequenceNumber: bigint,
  columns: readonly Column[],
  more: Partial<DataFile>,
): SequencedFile {
  const typeOf = (id: number) => schema.fields.find((field) => field.id === id)!.type;
  const map = <T>(value: (column: Column) => T | undefined): Map<number, T> =>
    new Map(
      columns.flatMap((column) => {
        const found = value(column);
        return found === undefined ? [] : [[column.id, found] as const];
      }),
    );
  return {
    sequenceNumber,
    file: {
      content: "data",
      path,
      format: "PARQUET",
      specId: 0,
      partition: [],
      recordCount: 10n,
      sizeBytes: 100n,
      valueCounts: map(() => 10n),
      nullValueCounts: map(({ nulls }) => nulls),
      nanValueCounts: map(({ nans }) => nans),
      lowerBounds: map(({ id, range }) => range && serialiseValue(typeOf(id), range[0])),
      upperBounds: map(({ id, range }) => range && serialiseValue(typeOf(id), range[1])),
      ...more,
    },
  };
}
const data = (...columns: readonly Column[]): SequencedFile => file("data", 1n, columns, {});
const equality = (...columns: readonly Column[]): SequencedFile =>
  file("delete", 2n, columns, {
    content: "equality-deletes",
    equalityIds: columns.map(({ id }) => id),
  });
const applies = (deletes: SequencedFile, to: SequencedFile): boolean =>
  indexDeletes([deletes], { schema, specOf: () => spec })(to).length > 0;

describe("an equality delete that shares no value with a file is not read for it", () => {
  const inside: Column = { id: 1, range: [10n, 20n], nulls: 0n };
  test("bounds apart", () => {
    expect(applies(equality({ id: 1, range: [21n, 30n], nulls: 0n }), data(inside))).toBe(false);
    expect(applies(equality({ id: 1, range: [1n, 9n], nulls: 0n }), data(inside))).toBe(false);
    expect(applies(equality({ id: 1, range: [20n, 30n], nulls: 0n }), data(inside))).toBe(true);
  });
  test("one column apart is enough, one unknown is none", () => {
    const other: Column = { id: 3, range: ["a", "b"], nulls: 0n };
    const apart: Column = { id: 3, range: ["c", "d"], nulls: 0n };
    expect(applies(equality(inside, apart), data(inside, other))).toBe(false);
    expect(applies(equality(inside, { id: 3 }), data(inside, other))).toBe(true);
    expect(applies(equality({ id: 9 }), data(inside))).toBe(true);
  });
  test("null equals null, so bounds decide only where one side has none", () => {
    const withNull = equality({ id: 1, range: [21n, 30n], nulls: 1n });
    expect(applies(withNull, data({ ...inside, nulls: 3n }))).toBe(true);
    expect(applies(withNull, data(inside))).toBe(false);
    expect(applies(withNull, data({ id: 1, range: [10n, 20n] }))).toBe(true);
    expect(applies(equality({ id: 1, nulls: 10n }), data(inside))).toBe(false);
    expect(applies(equality({ id: 1, nulls: 10n }), data({ ...inside, nulls: 1n }))).toBe(true);
  });
  test("NaN stands in no bounds", () => {
    const withNan = equality({ id: 2, range: [5, 6], nulls: 0n, nans: 1n });
    expect(applies(withNan, data({ id: 2, range: [1, 2], nulls: 0n, nans: 1n }))).toBe(true);
    expect(applies(withNan, data({ id: 2, range: [1, 2], nulls: 0n }))).toBe(true);
    expect(applies(withNan, data({ id: 2, range: [1, 2], nulls: 0n, nans: 0n }))).toBe(false);
  });
});

describe("position deletes of one file", () => {
  const bounds = (lower: string, upper: string): Partial<DataFile> => ({
    content: "position-deletes",
    lowerBounds: new Map([[2_147_483_546, Buffer.from(lower)]]),
    upperBounds: new Map([[2_147_483_546, Buffer.from(upper)]]),
  });
  const reached = (more: Partial<DataFile>, sequenceNumber = 2n): string[] => {
    const deletesOf = indexDeletes([file("delete", sequenceNumber, [], more)], {
      schema,
      specOf: () => spec,
    });
    return ["a", "b", "c"].filter((path) => deletesOf(file(path, 2n, [], {})).length > 0);
  };
  test("are found by the file's path, others by comparing bounds", () => {
    expect(reached(bounds("b", "b"))).toEqual(["b"]);
    expect(reached(bounds("a", "b"))).toEqual(["a", "b"]);
    expect(reached({ content: "position-deletes", referencedDataFile: "c" })).toEqual(["c"]);
    expect(reached({ content: "position-deletes" })).toEqual(["a", "b", "c"]);
  });
  test("hold the rules of sequence and partition all the same", () => {
    expect(reached(bounds("b", "b"), 1n)).toEqual([]);
    expect(reached({ ...bounds("b", "b"), specId: 1 })).toEqual([]);
  });
});
