import { describe, expect, test } from "vitest";
import type { NestedField, Schema, TableMetadata } from "../iceberg/types.ts";
import { whyLost } from "./followed-input.ts";

const field = (id: number, name: string, type: NestedField["type"], more = {}): NestedField => ({
  id,
  name,
  required: false,
  type,
  ...more,
});
const schema = (id: number, ...fields: NestedField[]): Schema => ({
  type: "struct",
  "schema-id": id,
  fields,
});
const struct = (...fields: NestedField[]): NestedField["type"] => ({ type: "struct", fields });

const first = schema(0, field(1, "a", "int"), field(2, "s", struct(field(3, "x", "int"))));

function lost(recorded: string | undefined, now: Schema = first): string | null {
  const metadata = {
    "table-uuid": "u",
    schemas: [first, now],
    "current-schema-id": now["schema-id"],
    snapshots: [{ "snapshot-id": 7n, summary: { operation: "append", "lake.clone-of": "original@3" } }],
  } as unknown as TableMetadata;
  return whyLost({ name: "up", recorded, metadata });
}

describe("what an input was can be told", () => {
  const kept: [string, Schema][] = [
    ["from the very state", first],
    ["after a column came", schema(1, ...first.fields, field(4, "b", "int"))],
    ["after a column went", schema(1, ...first.fields.slice(1))],
    [
      "after a column got wider, at any depth, and a comment",
      schema(1, field(1, "a", "long", { doc: "n" }), field(2, "s", struct(field(3, "x", "long")))),
    ],
  ];
  test.each(kept)("%s", (_name, now) => {
    expect(lost("u@7#0", now)).toBeNull();
    expect(lost("u@none#0", now)).toBeNull();
  });
  test("in a clone, from what the original was when it began", () => {
    expect(lost("original@3#0")).toBeNull();
    expect(lost("original@2#0")).toBe("up was made anew");
  });
});

describe("what an input was cannot be told", () => {
  const gone: [string, string | undefined, Schema | undefined, string][] = [
    ["where it is new", undefined, undefined, "up is a new input"],
    ["where another table stands", "v@7#0", undefined, "up was made anew"],
    ["where the snapshot expired", "u@8#0", undefined, "snapshot 8 of up has expired"],
    ["where the record is damaged", "nonsense", undefined, "up was made anew"],
    [
      "where a column has another name",
      "u@7#0",
      schema(1, field(1, "b", "int"), first.fields[1] as NestedField),
      "columns of up changed their meaning",
    ],
    [
      "where a nested column has another name",
      "u@7#0",
      schema(1, field(1, "a", "int"), field(2, "s", struct(field(3, "y", "int")))),
      "columns of up changed their meaning",
    ],
    [
      "where a column came with a value for old rows",
      "u@7#0",
      schema(1, ...first.fields, field(4, "b", "int", { "initial-default": 5 })),
      "columns of up changed their meaning",
    ],
  ];
  test.each(gone)("%s", (_name, recorded, now, reason) => {
    expect(lost(recorded, now)).toBe(reason);
  });
});
