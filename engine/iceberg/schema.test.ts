import { describe, expect, test } from "vitest";
import { isLakeError } from "../common/errors.ts";
import {
  assignFreshIds,
  evolveSchema,
  fieldsById,
  highestFieldId,
  parseType,
  replaceSchema,
  sameSchema,
  typeText,
  type EvolutionMode,
} from "./schema.ts";
import type { IcebergType, NestedField, Schema } from "./types.ts";

const field = (id: number, name: string, type: IcebergType, required = false): NestedField => ({
  id,
  name,
  required,
  type,
});
const schema = (...fields: readonly NestedField[]): Schema => ({ type: "struct", "schema-id": 0, fields });
const list = (id: number, element: IcebergType): IcebergType => ({
  type: "list",
  "element-id": id,
  element,
  "element-required": false,
});
const struct = (...fields: readonly NestedField[]): IcebergType => ({ type: "struct", fields });
const map = (key: number, value: number, of: IcebergType): IcebergType => ({
  type: "map",
  "key-id": key,
  key: "string",
  "value-id": value,
  value: of,
  "value-required": false,
});

describe("types", () => {
  for (const [given, parsed] of [
    ["decimal(9,2)", "decimal(9, 2)"],
    ["decimal(9, 2)", "decimal(9, 2)"],
    ["fixed[16]", "fixed[16]"],
    ["timestamptz_ns", "timestamptz_ns"],
    ["geometry(srid:4326)", "geometry(srid:4326)"],
  ] as const) {
    test(`reads ${given}`, () => expect(parseType(given)).toBe(parsed));
  }
  for (const text of ["decimal(39, 2)", "decimal(2, 3)", "varchar", "", { type: "set" }]) {
    test(`${JSON.stringify(text)} is refused`, () =>
      expect(() => parseType(text)).toThrow("is not a type of Iceberg"));
  }
  test("nested types are read at any depth and written for people", () => {
    const json = {
      type: "list",
      "element-id": 2,
      element: { type: "struct", fields: [field(3, "a", "decimal(9,2)" as IcebergType)] },
      "element-required": false,
    };
    expect(typeText(parseType(json))).toBe("list<struct<a: decimal(9, 2)>>");
  });
});

test("fresh ids: a level of a struct first, then what is nested, keys before values (Java's order)", () => {
  const given = schema(
    field(0, "a", list(0, struct(field(0, "x", "int"), field(0, "y", list(0, "int"))))),
    field(0, "b", map(0, 0, struct(field(0, "z", "int")))),
    field(0, "c", "int"),
  );
  const { schema: fresh, lastColumnId } = assignFreshIds({ ...given, "identifier-field-ids": [] });
  const paths = [...fieldsById(fresh)].map(([id, { path }]) => `${id}:${path.join(".")}`);
  expect(paths.sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10))).toEqual([
    "1:a",
    "2:b",
    "3:c",
    "4:a.element",
    "5:a.element.x",
    "6:a.element.y",
    "7:a.element.y.element",
    "8:b.key",
    "9:b.value",
    "10:b.value.z",
  ]);
  expect([lastColumnId, highestFieldId(fresh)]).toEqual([10, 10]);
  expect(sameSchema(fresh, { ...fresh, "schema-id": 7 })).toBe(true);
  expect(sameSchema(fresh, given)).toBe(false);
});

const current = schema(
  field(1, "id", "int", true),
  field(2, "s", struct(field(5, "a", "int"), field(6, "b", "string"))),
  field(3, "l", list(7, struct(field(8, "x", "float")))),
  field(4, "d", "decimal(9, 2)"),
);
const evolve = (incoming: Schema, mode: EvolutionMode): ReturnType<typeof evolveSchema> =>
  evolveSchema({ current, incoming, lastColumnId: 20, mode });

describe("evolution", () => {
  const wider = schema(
    field(0, "d", "decimal(12, 2)"),
    field(0, "ID", "long", true),
    field(0, "l", list(0, struct(field(0, "y", "date"), field(0, "x", "double")))),
    field(0, "s", struct(field(0, "b", "string"), field(0, "n", struct(field(0, "q", "int"))))),
    field(0, "new", list(0, "string"), true),
  );

  test("append_new_columns adds at the end, widens, and keeps what the query lacks", () => {
    const { schema: evolved, changes, lastColumnId } = evolve(wider, "append_new_columns");
    expect(
      evolved.fields.map(({ id, name, type, required }) => [id, name, typeText(type), required]),
    ).toEqual([
      [1, "id", "long", true],
      [2, "s", "struct<a: int, b: string, n: struct<q: int>>", false],
      [3, "l", "list<struct<x: double, y: date>>", false],
      [4, "d", "decimal(12, 2)", false],
      [24, "new", "list<string>", false],
    ]);
    expect(changes.map((change) => `${change.kind} ${change.path.join(".")}`)).toEqual([
      "widen id",
      "add s.n",
      "widen l.element.x",
      "add l.element.y",
      "widen d",
      "add new",
    ]);
    expect(lastColumnId).toBe(25);
  });

  test("sync_all_columns also drops and takes the query's order, ids kept", () => {
    const { schema: evolved, changes } = evolve(wider, "sync_all_columns");
    expect(evolved.fields.map(({ id, name }) => `${id} ${name}`)).toEqual([
      "4 d",
      "1 id",
      "3 l",
      "2 s",
      "24 new",
    ]);
    expect(changes).toContainEqual({ kind: "drop", path: ["s", "a"], from: "int" });
    expect(changes.filter(({ kind }) => kind === "reorder").map(({ path }) => path.join("."))).toEqual([
      "l.element",
      "",
    ]);
  });

  test("ids of dropped columns are not used again", () => {
    const first = evolve(schema(field(0, "id", "int", true)), "sync_all_columns");
    const again = evolveSchema({
      current: first.schema,
      incoming: current,
      lastColumnId: first.lastColumnId,
      mode: "sync_all_columns",
    });
    expect(again.schema.fields.map(({ id }) => id)).toEqual([1, 21, 24, 27]);
  });

  test("fail names every difference", () => {
    const codes = errorsOf(() => evolve(wider, "fail"));
    expect(codes).toEqual([
      "iceberg/schema-changed id",
      "iceberg/schema-changed s.a",
      "iceberg/schema-changed s.n",
      "iceberg/schema-changed l.element.x",
      "iceberg/schema-changed l.element.y",
      "iceberg/schema-changed d",
      "iceberg/schema-changed new",
    ]);
  });

  test("ignore leaves the schema alone, but not for values that do not fit", () => {
    const kept = evolve(schema(field(0, "id", "int"), field(0, "extra", "int")), "ignore");
    expect(kept.schema).toBe(current);
    expect(errorsOf(() => evolve(schema(field(0, "d", "decimal(12, 2)")), "ignore"))).toEqual([
      "iceberg/missing-column id",
      "iceberg/incompatible-type d",
    ]);
  });

  test("incompatible types are collected, nested ones with their path", () => {
    const bad = schema(
      field(0, "id", "string"),
      field(0, "s", struct(field(0, "a", "boolean"), field(0, "b", "string"))),
      field(0, "l", "int"),
      field(0, "d", "decimal(9, 3)"),
    );
    expect(errorsOf(() => evolve(bad, "append_new_columns"))).toEqual([
      "iceberg/incompatible-type id",
      "iceberg/incompatible-type s.a",
      "iceberg/incompatible-type l",
      "iceberg/incompatible-type d",
    ]);
  });

  test("narrower columns fit as they are; required becomes optional, never the reverse", () => {
    const wide = schema(field(1, "n", "long", true), field(2, "o", "double"));
    const incoming = schema(field(0, "n", "int"), field(0, "o", "float", true));
    const { schema: evolved, changes } = evolveSchema({
      current: wide,
      incoming,
      lastColumnId: 2,
      mode: "append_new_columns",
    });
    expect(evolved.fields).toEqual([field(1, "n", "long"), field(2, "o", "double")]);
    expect(changes).toEqual([{ kind: "make-optional", path: ["n"] }]);
  });

  test("map keys do not change", () => {
    const of = (key: IcebergType): Schema =>
      schema(field(1, "m", { ...(map(2, 3, "int") as object), key } as IcebergType));
    const change = (): unknown =>
      evolveSchema({ current: of("int"), incoming: of("long"), lastColumnId: 3, mode: "sync_all_columns" });
    expect(errorsOf(change)).toEqual(["iceberg/incompatible-type m.key"]);
  });

  test("descriptions are taken over", () => {
    const incoming = schema({ ...field(0, "id", "int", true), doc: "the key" });
    const { changes } = evolve(incoming, "append_new_columns");
    expect(changes).toContainEqual({ kind: "doc", path: ["id"], to: "the key" });
  });
});

test("replacing keeps ids by name where the type allows it, and gives new ones otherwise", () => {
  const incoming = schema(
    field(1, "d", "string"),
    field(2, "l", list(3, struct(field(4, "x", "double"), field(5, "y", "int")))),
    field(6, "id", "long"),
  );
  const { schema: replaced, lastColumnId } = replaceSchema({ current, incoming, lastColumnId: 20 });
  expect([...fieldsById(replaced)].map(([id, { path }]) => `${id} ${path.join(".")}`)).toEqual([
    "21 d",
    "3 l",
    "7 l.element",
    "8 l.element.x",
    "22 l.element.y",
    "1 id",
  ]);
  expect(lastColumnId).toBe(22);
});

function errorsOf(action: () => unknown): string[] {
  try {
    action();
  } catch (error) {
    if (!isLakeError(error)) throw error;
    const all = error.errors.length > 0 ? error.errors : [error];
    return all.map((one) => `${one.code} ${/column (\S+)/.exec(one.message)?.[1]}`);
  }
  return [];
}
