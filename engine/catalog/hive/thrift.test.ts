import fc from "fast-check";
import { expect, test } from "vitest";
import {
  i64,
  list,
  MalformedMessage,
  string,
  struct,
  textMap,
  ThriftReader,
  ThriftWriter,
} from "./thrift-codec.ts";
import { bool, i16, i32 } from "./thrift-codec.ts";
import { MessageScanner } from "./thrift-scanner.ts";

const inner = struct({ name: [1, string], size: [5, i64], flags: [6, list(bool)] });
const outer = struct({
  parts: [1, list(inner)],
  parameters: [2, textMap],
  number: [3, i32],
  small: [4, i16],
  one: [9, inner],
});
/** The same with less: how an older client sees it. */
const older = struct({ parameters: [2, textMap], one: [9, struct({ size: [5, i64] })] });

const text = fc.string({ unit: "grapheme", maxLength: 40 });
const anyInner = fc.record(
  { name: text, size: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), flags: fc.array(fc.boolean()) },
  { requiredKeys: [] },
);
const anyOuter = fc.record(
  {
    parts: fc.array(anyInner, { maxLength: 5 }),
    parameters: fc.dictionary(text, text).map((entries) => ({ ...entries })),
    number: fc.integer(),
    small: fc.integer({ min: -32_768, max: 32_767 }),
    one: anyInner,
  },
  { requiredKeys: [] },
);

function message(value: Parameters<typeof outer.write>[1]): Buffer {
  const writer = new ThriftWriter();
  writer.i16(-0x7fff);
  writer.i16(2);
  writer.string("call");
  writer.i32(7);
  outer.write(writer, value);
  return Buffer.from(writer.finish());
}

function bodyOf(bytes: Buffer): ThriftReader {
  const reader = new ThriftReader(bytes);
  reader.i32();
  reader.string();
  reader.i32();
  return reader;
}

function problemOf(act: () => void): unknown {
  try {
    act();
    return null;
  } catch (error) {
    return error;
  }
}

test("what is written is read again, whatever pieces it arrives in", () => {
  fc.assert(
    fc.property(anyOuter, fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }), (value, sizes) => {
      const bytes = message(value);
      const scanner = new MessageScanner(1_000_000);
      let whole: Buffer | null = null;
      for (let at = 0, piece = 0; at < bytes.length; piece += 1) {
        expect(whole).toBeNull();
        const size = sizes[piece % sizes.length] as number;
        whole = scanner.add(bytes.subarray(at, at + size));
        at += size;
      }
      expect(whole).not.toBeNull();
      expect(outer.read(bodyOf(whole as Buffer))).toEqual(value);
    }),
    { numRuns: 200 },
  );
});

test("fields that the reader does not know are skipped", () => {
  fc.assert(
    fc.property(anyOuter, (value) => {
      const { parameters, one } = older.read(bodyOf(message(value)));
      expect(parameters).toEqual(value.parameters);
      expect(one?.size).toEqual(value.one?.size);
    }),
  );
});

test("damaged bytes end in an error or in another value, never in a crash or without end", () => {
  fc.assert(
    fc.property(anyOuter, fc.nat(), fc.integer({ min: 0, max: 255 }), (value, where, byte) => {
      const bytes = message(value);
      bytes[where % bytes.length] = byte;
      const problem = problemOf(() => {
        const whole = new MessageScanner(100_000).add(bytes);
        if (whole !== null) outer.read(bodyOf(whole));
      });
      expect(problem === null || problem instanceof MalformedMessage).toBe(true);
    }),
    { numRuns: 500 },
  );
});

test("a message beyond the limit is refused before it is collected", () => {
  const scanner = new MessageScanner(1000);
  expect(() => scanner.add(message({ parameters: { long: "x".repeat(2000) } }))).toThrow(
    /more than 1000 bytes/,
  );
});

test("an answer in another protocol is refused at its first bytes", () => {
  expect(() => new MessageScanner(1000).add(Buffer.from("HTTP/1.1 400 Bad Request\r\n"))).toThrow(
    /not Thrift's binary protocol/,
  );
});
