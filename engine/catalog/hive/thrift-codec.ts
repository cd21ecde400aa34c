// Thrift's binary protocol, driven by descriptions of structs: what is described is what goes over the wire.
// Fields that a newer server adds are skipped; fields left out are not sent.

/** Type ids of the binary protocol. */
export const wire = {
  stop: 0,
  bool: 2,
  byte: 3,
  double: 4,
  i16: 6,
  i32: 8,
  i64: 10,
  string: 11,
  struct: 12,
  map: 13,
  set: 14,
  list: 15,
} as const;

/** The bytes are no message of the protocol, or not the one that was described. */
export class MalformedMessage extends Error {}

const deepest = 64;
const utf8 = new TextDecoder();

export class ThriftWriter {
  #bytes: Buffer = Buffer.allocUnsafe(1024);
  #length = 0;

  /** What was written; valid until the next write. */
  finish(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  byte(value: number): void {
    const at = this.#room(1);
    this.#bytes.writeInt8(value, at);
  }

  i16(value: number): void {
    const at = this.#room(2);
    this.#bytes.writeInt16BE(value, at);
  }

  i32(value: number): void {
    const at = this.#room(4);
    this.#bytes.writeInt32BE(value, at);
  }

  i64(value: bigint): void {
    const at = this.#room(8);
    this.#bytes.writeBigInt64BE(value, at);
  }

  string(value: string): void {
    const lengthBytes = Buffer.byteLength(value);
    this.i32(lengthBytes);
    const at = this.#room(lengthBytes);
    this.#bytes.write(value, at);
  }

  /** Where the next bytes go. May replace `#bytes`: never ask for it in the same expression. */
  #room(lengthBytes: number): number {
    const at = this.#length;
    this.#length += lengthBytes;
    if (this.#length > this.#bytes.length) {
      const grown = Buffer.allocUnsafe(Math.max(this.#length, this.#bytes.length * 2));
      this.#bytes.copy(grown, 0, 0, at);
      this.#bytes = grown;
    }
    return at;
  }
}

/** Reads one whole message; every read is checked against its end. */
export class ThriftReader {
  readonly #bytes: Buffer;
  #at = 0;
  #depth = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  byte(): number {
    return this.#bytes.readInt8(this.#take(1));
  }

  i16(): number {
    return this.#bytes.readInt16BE(this.#take(2));
  }

  i32(): number {
    return this.#bytes.readInt32BE(this.#take(4));
  }

  i64(): bigint {
    return this.#bytes.readBigInt64BE(this.#take(8));
  }

  string(): string {
    const lengthBytes = this.i32();
    const at = this.#take(lengthBytes);
    return utf8.decode(this.#bytes.subarray(at, at + lengthBytes));
  }

  /** The number of elements, each at least one byte long: a lie about it costs no memory. */
  size(): number {
    const size = this.i32();
    if (size < 0 || size > this.#bytes.length - this.#at) throw new MalformedMessage(`${size} elements`);
    return size;
  }

  nested<T>(read: () => T): T {
    this.#depth += 1;
    if (this.#depth > deepest) throw new MalformedMessage(`nested deeper than ${deepest} levels`);
    const value = read();
    this.#depth -= 1;
    return value;
  }

  skip(type: number): void {
    switch (type) {
      case wire.bool:
      case wire.byte:
        this.#take(1);
        return;
      case wire.i16:
        this.#take(2);
        return;
      case wire.i32:
        this.#take(4);
        return;
      case wire.i64:
      case wire.double:
        this.#take(8);
        return;
      case wire.string:
        this.#take(this.i32());
        return;
      case wire.struct:
        this.nested(() => {
          for (let field = this.byte(); field !== wire.stop; field = this.byte()) {
            this.i16();
            this.skip(field);
          }
        });
        return;
      case wire.list:
      case wire.set:
        this.nested(() => {
          const element = this.byte();
          for (let left = this.size(); left > 0; left -= 1) this.skip(element);
        });
        return;
      case wire.map:
        this.nested(() => {
          const [key, value] = [this.byte(), this.byte()];
          for (let left = this.size(); left > 0; left -= 1) {
            this.skip(key);
            this.skip(value);
          }
        });
        return;
      default:
        throw new MalformedMessage(`unknown type ${type}`);
    }
  }

  #take(lengthBytes: number): number {
    const at = this.#at;
    if (lengthBytes < 0 || at + lengthBytes > this.#bytes.length) {
      throw new MalformedMessage(`${lengthBytes} bytes wanted, ${this.#bytes.length - at} left`);
    }
    this.#at += lengthBytes;
    return at;
  }
}

export interface Codec<T> {
  readonly type: number;
  write(writer: ThriftWriter, value: T): void;
  read(reader: ThriftReader): T;
}

export type Decoded<C> = C extends Codec<infer T> ? T : never;

export const bool: Codec<boolean> = {
  type: wire.bool,
  write: (writer, value) => writer.byte(value ? 1 : 0),
  read: (reader) => reader.byte() !== 0,
};
export const i16: Codec<number> = {
  type: wire.i16,
  write: (writer, value) => writer.i16(value),
  read: (reader) => reader.i16(),
};
export const i32: Codec<number> = {
  type: wire.i32,
  write: (writer, value) => writer.i32(value),
  read: (reader) => reader.i32(),
};
export const i64: Codec<bigint> = {
  type: wire.i64,
  write: (writer, value) => writer.i64(value),
  read: (reader) => reader.i64(),
};
export const string: Codec<string> = {
  type: wire.string,
  write: (writer, value) => writer.string(value),
  read: (reader) => reader.string(),
};

export function list<T>(element: Codec<T>): Codec<readonly T[]> {
  return {
    type: wire.list,
    write: (writer, values) => {
      writer.byte(element.type);
      writer.i32(values.length);
      for (const value of values) element.write(writer, value);
    },
    read: (reader) =>
      reader.nested(() => {
        expectType(reader.byte(), element.type);
        return Array.from({ length: reader.size() }, () => element.read(reader));
      }),
  };
}

/** Maps of text to text, the only ones that the metastore's tables have. */
export const textMap: Codec<Readonly<Record<string, string>>> = {
  type: wire.map,
  write: (writer, value) => {
    const entries = Object.entries(value);
    writer.byte(wire.string);
    writer.byte(wire.string);
    writer.i32(entries.length);
    for (const [key, text] of entries) {
      writer.string(key);
      writer.string(text);
    }
  },
  read: (reader) =>
    reader.nested(() => {
      const types = [reader.byte(), reader.byte()];
      const size = reader.size();
      // An empty map may come without types.
      if (size > 0) for (const type of types) expectType(type, wire.string);
      const entries: [string, string][] = [];
      for (let left = size; left > 0; left -= 1) entries.push([reader.string(), reader.string()]);
      return Object.fromEntries(entries);
    }),
};

/** A codec of any type. */
interface SomeCodec {
  readonly type: number;
  write(writer: ThriftWriter, value: never): void;
  read(reader: ThriftReader): unknown;
}

type Fields = Readonly<Record<string, readonly [id: number, codec: SomeCodec]>>;
type StructOf<F extends Fields> = {
  readonly [K in keyof F]?: (F[K] extends readonly [number, Codec<infer T>] ? T : never) | undefined;
};

/** `struct({ name: [1, string] })`: field names of ours, ids and types of the wire. */
export function struct<const F extends Fields>(fields: F): Codec<StructOf<F>> {
  const described = Object.entries(fields) as unknown as [string, readonly [number, Codec<unknown>]][];
  const byId = new Map(described.map(([name, [id, codec]]) => [id, { name, codec }]));
  return {
    type: wire.struct,
    write: (writer, value) => {
      for (const [name, [id, codec]] of described) {
        const own = (value as Readonly<Record<string, unknown>>)[name];
        if (own === undefined) continue;
        writer.byte(codec.type);
        writer.i16(id);
        codec.write(writer, own);
      }
      writer.byte(wire.stop);
    },
    read: (reader) =>
      reader.nested(() => {
        const value: Record<string, unknown> = {};
        for (let type = reader.byte(); type !== wire.stop; type = reader.byte()) {
          const field = byId.get(reader.i16());
          if (field === undefined || field.codec.type !== type) reader.skip(type);
          else value[field.name] = field.codec.read(reader);
        }
        return value as StructOf<F>;
      }),
  };
}

function expectType(found: number, expected: number): void {
  if (found !== expected) throw new MalformedMessage(`type ${found} where ${expected} was expected`);
}
