// Decoders made from the schema that stands in an Avro file's header. Records become lists of values in
// the schema's order: callers find their fields by Iceberg's field ids (`fieldIndex`), never by name.
import { AvroFormatError } from "./avro-encoding.ts";
import type { AvroReader } from "./avro-encoding.ts";

export interface AvroField {
  readonly name: string;
  readonly type: AvroSchema;
  readonly "field-id"?: number;
}
export interface AvroNamedSchema {
  readonly type: string | AvroNamedSchema;
  readonly name?: string;
  readonly namespace?: string;
  readonly fields?: readonly AvroField[];
  readonly items?: AvroSchema;
  readonly values?: AvroSchema;
  readonly symbols?: readonly string[];
  readonly size?: number;
  readonly logicalType?: string;
}
export type AvroSchema = string | AvroNamedSchema | readonly AvroSchema[];

export type Decode = (reader: AvroReader) => unknown;

export interface DecoderOptions {
  /**
   * Which fields are decoded. Others are stepped over and come as undefined. A set asks for these keys of an
   * Iceberg map of numbers or bytes by number; other maps come whole.
   */
  readonly wanted?: (field: AvroField) => boolean | ReadonlySet<unknown>;
}

/** Records → lists, arrays of key/value records and Avro maps → `Map`, bytes → `Uint8Array`, long → bigint. */
export function compileDecoder(schema: AvroSchema, options: DecoderOptions = {}): Decode {
  const wanted = options.wanted ?? (() => true);
  return compile(schema, { named: new Map(), wanted, skipping: false, keys: null });
}

interface Context {
  /** Definitions that later parts of the schema refer to by name. */
  readonly named: Map<string, AvroNamedSchema>;
  readonly wanted: NonNullable<DecoderOptions["wanted"]>;
  /** Whether values are stepped over instead of built. */
  readonly skipping: boolean;
  /** Of the map that comes next: the keys that are kept, null for all. */
  readonly keys: ReadonlySet<unknown> | null;
}

function compile(schema: AvroSchema, context: Context): Decode {
  if (typeof schema === "string") return primitive(schema, context);
  if (Array.isArray(schema)) return union(schema as readonly AvroSchema[], context);
  const node = schema as AvroNamedSchema;
  if (typeof node !== "object" || node === null) throw new AvroFormatError("its schema holds no type");
  if (node.name !== undefined) context.named.set(plainName(node.name), node);
  const { skipping } = context;
  switch (node.type) {
    case "record":
      return record(node, context);
    case "array":
      return array(node, context);
    case "map":
      return stringMap(node, context);
    case "fixed": {
      const size = node.size ?? 0;
      return skipping ? (reader) => reader.skip(size) : (reader) => Uint8Array.from(reader.readFixed(size));
    }
    case "enum": {
      const symbols = node.symbols ?? [];
      return skipping ? skipLong : (reader) => symbols[reader.readInt()] ?? null;
    }
    default:
      return compile(node.type, context);
  }
}

const skipNothing: Decode = () => undefined;
const skipLong: Decode = (reader) => reader.skipLong();
const skipBytes: Decode = (reader) => reader.skipBytes();

function primitive(name: string, context: Context): Decode {
  const { skipping } = context;
  switch (name) {
    case "null":
      return skipping ? skipNothing : () => null;
    case "boolean":
      return skipping ? (reader) => reader.skip(1) : (reader) => reader.readBoolean();
    case "int":
      return skipping ? skipLong : (reader) => reader.readInt();
    case "long":
      return skipping ? skipLong : (reader) => reader.readLong();
    case "float":
      return skipping ? (reader) => reader.skip(4) : (reader) => reader.readFloat();
    case "double":
      return skipping ? (reader) => reader.skip(8) : (reader) => reader.readDouble();
    case "bytes":
      return skipping ? skipBytes : (reader) => reader.readBytes();
    case "string":
      return skipping ? skipBytes : (reader) => reader.readString();
    default:
      return reference(name, context);
  }
}

/** A definition may refer to itself: it is compiled when a value needs it. */
function reference(name: string, context: Context): Decode {
  const node = context.named.get(plainName(name));
  if (node === undefined) throw new AvroFormatError(`its schema refers to an unknown type ${name}`);
  let decode: Decode | undefined;
  return (reader) => (decode ??= compile(node, context))(reader);
}

function union(branches: readonly AvroSchema[], context: Context): Decode {
  const decoders = branches.map((branch) => compile(branch, context));
  return (reader) => {
    const branch = reader.readBranch();
    const decode = decoders[branch];
    if (decode === undefined) throw new AvroFormatError(`a union has no branch ${branch}`);
    return decode(reader);
  };
}

function record(node: AvroNamedSchema, context: Context): Decode {
  const decoders = (node.fields ?? []).map((field) => {
    const wanted = context.skipping ? false : context.wanted(field);
    const keys = typeof wanted === "object" ? wanted : null;
    return compile(field.type, { ...context, skipping: wanted === false, keys });
  });
  if (!context.skipping) return (reader) => decoders.map((decoder) => decoder(reader));
  return (reader) => {
    for (const step of decoders) step(reader);
  };
}

/** Calls `each` for every item, over as many blocks as the writer chose to make. */
function readBlocks(reader: AvroReader, each: (reader: AvroReader) => void): void {
  for (let count = blockLength(reader); count !== 0; count = blockLength(reader)) {
    for (let index = 0; index < count; index += 1) each(reader);
  }
}

function blockLength(reader: AvroReader): number {
  let count = reader.readInt();
  if (count < 0) {
    count = -count;
    reader.skipLong();
  }
  if (count > reader.remaining) throw new AvroFormatError(`a list of ${count} items is cut off`);
  return count;
}

function array(node: AvroNamedSchema, context: Context): Decode {
  const items = node.items ?? "null";
  const pair = keyValue(items);
  // Also where nothing else needs it: the record's name may be referred to later in the schema.
  const item = compile(items, context);
  if (pair !== null && (context.skipping || context.keys !== null)) {
    const value = plainValue(pair);
    if (value !== null) return context.skipping ? skipPairs(value) : chosenPairs(value, context);
  }
  if (context.skipping) return (reader) => readBlocks(reader, item);
  if (pair !== null) return keyedRecords(pair, context);
  return (reader) => {
    const values: unknown[] = [];
    readBlocks(reader, () => values.push(item(reader)));
    return values;
  };
}

/** Iceberg writes maps with other keys than text as lists of records of a key and a value. */
function keyValue(items: AvroSchema): readonly [AvroField, AvroField] | null {
  if (typeof items !== "object" || Array.isArray(items)) return null;
  const fields = (items as AvroNamedSchema).fields ?? [];
  const [key, value] = fields;
  const isPair = fields.length === 2 && key?.name === "key" && value?.name === "value";
  return isPair ? [key, value] : null;
}

/** Of the maps that manifests are full of: numbers, or bytes, by number. */
function plainValue([key, value]: readonly [AvroField, AvroField]): "long" | "bytes" | null {
  if (key.type !== "int") return null;
  return value.type === "long" || value.type === "bytes" ? value.type : null;
}

function skipPairs(value: "long" | "bytes"): Decode {
  return (reader) => {
    for (let count = blockLength(reader); count !== 0; count = blockLength(reader)) {
      reader.skipPairs(count, value === "bytes");
    }
  };
}

const noPairs: ReadonlyMap<unknown, unknown> = new Map();

function chosenPairs(value: "long" | "bytes", { keys }: Context): Decode {
  return (reader) => {
    let map: Map<unknown, unknown> | undefined;
    for (let count = blockLength(reader); count !== 0; count = blockLength(reader)) {
      for (let index = 0; index < count; index += 1) {
        const key = reader.readInt();
        if (keys?.has(key) !== true) {
          if (value === "long") reader.skipLong();
          else reader.skipBytes();
          continue;
        }
        map ??= new Map();
        map.set(key, value === "long" ? reader.readLong() : reader.readBytes());
      }
    }
    return map ?? noPairs;
  };
}

function keyedRecords(pair: readonly [AvroField, AvroField], context: Context): Decode {
  const key = compile(pair[0].type, context);
  const value = compile(pair[1].type, context);
  return (reader) => {
    const map = new Map<unknown, unknown>();
    readBlocks(reader, () => map.set(key(reader), value(reader)));
    return map;
  };
}

function stringMap(node: AvroNamedSchema, context: Context): Decode {
  const value = compile(node.values ?? "null", context);
  if (context.skipping) {
    return (reader) =>
      readBlocks(reader, () => {
        reader.skipBytes();
        value(reader);
      });
  }
  return (reader) => {
    const map = new Map<unknown, unknown>();
    readBlocks(reader, () => map.set(reader.readString(), value(reader)));
    return map;
  };
}

/** Namespaces are dropped: within one manifest's schema, names differ without them. */
function plainName(name: string): string {
  return name.slice(name.lastIndexOf(".") + 1);
}

/** The record behind a schema, through a union with null; null for anything else. */
export function recordOf(schema: AvroSchema | undefined): AvroNamedSchema | null {
  if (schema === undefined || typeof schema === "string") return null;
  if (Array.isArray(schema)) {
    for (const branch of schema as readonly AvroSchema[]) {
      const found = recordOf(branch);
      if (found !== null) return found;
    }
    return null;
  }
  const node = schema as AvroNamedSchema;
  if (node.type === "record") return node;
  return typeof node.type === "object" ? recordOf(node.type) : null;
}

/** Where the field with this id stands in the record; -1 when the writer left it out. */
export function fieldIndex(record: AvroNamedSchema | null, id: number): number {
  return record?.fields?.findIndex((field) => field["field-id"] === id) ?? -1;
}
