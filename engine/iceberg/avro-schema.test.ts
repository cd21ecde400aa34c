import { expect, test } from "vitest";
import { AvroReader, AvroWriter } from "./avro-encoding.ts";
import { compileDecoder, type AvroField, type AvroSchema } from "./avro-schema.ts";

const uuid: AvroSchema = { type: "fixed", name: "uuid_fixed", size: 2 };
const numbers: AvroSchema = {
  type: "array",
  items: {
    type: "record",
    name: "k1_v2",
    fields: [
      { name: "key", type: "int" },
      { name: "value", type: "long" },
    ],
  },
};

function decode(
  schema: AvroSchema,
  wanted: (field: AvroField) => boolean | ReadonlySet<unknown>,
  write: (writer: AvroWriter) => void,
): unknown {
  const writer = new AvroWriter();
  write(writer);
  const reader = new AvroReader(writer.bytes());
  const value = compileDecoder(schema, { wanted })(reader);
  expect(reader.remaining).toBe(0);
  return value;
}

test("a type that is defined in a field nobody wants is known to the fields after it", () => {
  const schema: AvroSchema = {
    type: "record",
    name: "r",
    fields: [
      { name: "a", type: ["null", uuid] },
      { name: "b", type: ["null", "uuid_fixed"] },
    ],
  };
  const write = (writer: AvroWriter): void => {
    for (const byte of [1, 2]) {
      writer.writeLong(1);
      writer.writeFixed(Uint8Array.of(byte, byte));
    }
  };
  expect(decode(schema, ({ name }) => name === "b", write)).toEqual([undefined, Uint8Array.of(2, 2)]);
  expect(decode(schema, ({ name }) => name === "a", write)).toEqual([Uint8Array.of(1, 1), undefined]);
});

test("of a map by number the chosen keys are kept, over all its blocks", () => {
  const schema: AvroSchema = {
    type: "record",
    name: "r",
    fields: [
      { name: "all", type: ["null", numbers] },
      { name: "some", type: ["null", numbers] },
    ],
  };
  const write = (writer: AvroWriter): void => {
    for (let field = 0; field < 2; field += 1) {
      writer.writeLong(1);
      for (const keys of [[1, 2], [3]]) {
        writer.writeLong(keys.length);
        for (const key of keys) {
          writer.writeLong(key);
          writer.writeLong(2n ** 60n + BigInt(key));
        }
      }
      writer.writeLong(0);
    }
  };
  const big = (key: number): [number, bigint] => [key, 2n ** 60n + BigInt(key)];
  expect(decode(schema, ({ name }) => name !== "some" || new Set([2, 3]), write)).toEqual([
    new Map([big(1), big(2), big(3)]),
    new Map([big(2), big(3)]),
  ]);
  expect(decode(schema, ({ name }) => name === "some" && new Set([9]), write)).toEqual([
    undefined,
    new Map(),
  ]);
});
