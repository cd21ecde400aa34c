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
  /** Fields whose value nobody wants are stepped over and come as undefined. */
  readonly wanted?: (field: AvroField) => boolean;
}

/** Records → lists, arrays of key/value records and Avro maps → `Map`, bytes → `Uint8Array`, long → bigint. */
export function compileDecoder(schema: AvroSchema, options: DecoderOptions = {}): Decode {
  return compile(schema, { named: new Map(), wanted: options.wanted ?? (() => true), skipping: false });
}

interface Context {
  readonly named: Map<string, Decode>;
  readonly wanted: (field: AvroField) => boolean;
  /** Whether values are stepped over instead of built. */
  readonly skipping: boolean;
}

function compile(schema: AvroSchema, context: Context): Decode {
  if (typeof schema === "string") return primitive(schema, context);
  if (Array.isArray(schema)) return union(schema as readonly AvroSchema[], context);
  const node = schema as AvroNamedSchema;
  if (typeof node !== "object" || node === null) throw new AvroFormatError("its schema holds no type");
  switch (node.type) {
    case "record":
      return record(node, context);
    case "array":
      return array(node, context);
    case "map":
      return stringMap(node, context);
    case "fixed": {
      const size = node.size ?? 0;
      return named(node, context, (reader) => Uint8Array.from(reader.readFixed(size)));
    }
    case "enum": {
      const symbols = node.symbols ?? [];
      return named(node, context, (reader) => symbols[reader.readInt()] ?? null);
    }
    default:
      return compile(node.type, context);
  }
}

function primitive(name: string, context: Context): Decode {
  switch (name) {
    case "null":
      return () => null;
    case "boolean":
      return (reader) => reader.readBoolean();
    case "int":
      return (reader) => reader.readInt();
    case "long":
      return (reader) => reader.readLong();
    case "float":
      return (reader) => reader.readFloat();
    case "double":
      return (reader) => reader.readDouble();
    case "bytes":
      return context.skipping ? (reader) => reader.skip(reader.readInt()) : (reader) => reader.readBytes();
    case "string":
      return context.skipping ? (reader) => reader.skip(reader.readInt()) : (reader) => reader.readString();
    default: {
      // The definition may still be under construction (recursion): look it up when it is needed.
      const key = plainName(name);
      if (!context.named.has(key)) throw new AvroFormatError(`its schema refers to an unknown type ${name}`);
      return (reader) => (context.named.get(key) as Decode)(reader);
    }
  }
}

function union(branches: readonly AvroSchema[], context: Context): Decode {
  const decoders = branches.map((branch) => compile(branch, context));
  return (reader) => {
    const branch = reader.readInt();
    const decode = decoders[branch];
    if (decode === undefined) throw new AvroFormatError(`a union has no branch ${branch}`);
    return decode(reader);
  };
}

function record(node: AvroNamedSchema, context: Context): Decode {
  const decoders: Decode[] = [];
  let blank: unknown[] = [];
  const decode: Decode = (reader) => {
    const values = blank.slice();
    for (let index = 0; index < decoders.length; index += 1)
      values[index] = (decoders[index] as Decode)(reader);
    return values;
  };
  named(node, context, decode);
  for (const field of node.fields ?? []) {
    if (context.skipping || context.wanted(field)) decoders.push(compile(field.type, context));
    else {
      const step = compile(field.type, { ...context, skipping: true });
      decoders.push((reader) => {
        step(reader);
        return undefined;
      });
    }
  }
  blank = decoders.map(() => undefined);
  return decode;
}

/** Calls `each` for every item, over as many blocks as the writer chose to make. */
function readBlocks(reader: AvroReader, each: () => void): void {
  for (let count = reader.readInt(); count !== 0; count = reader.readInt()) {
    if (count < 0) {
      count = -count;
      reader.readInt();
    }
    if (count > reader.remaining) throw new AvroFormatError(`a list of ${count} items is cut off`);
    for (let index = 0; index < count; index += 1) each();
  }
}

function array(node: AvroNamedSchema, context: Context): Decode {
  const items = node.items ?? "null";
  const pair = keyValue(items);
  if (pair !== null && !context.skipping) {
    const key = compile(pair[0].type, context);
    const value = compile(pair[1].type, context);
    // The record's name may be referred to later in the schema.
    compile(items, context);
    return (reader) => {
      const map = new Map<unknown, unknown>();
      readBlocks(reader, () => map.set(key(reader), value(reader)));
      return map;
    };
  }
  const item = compile(items, context);
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

function stringMap(node: AvroNamedSchema, context: Context): Decode {
  const value = compile(node.values ?? "null", context);
  return (reader) => {
    const map = new Map<unknown, unknown>();
    readBlocks(reader, () => map.set(reader.readString(), value(reader)));
    return map;
  };
}

function named(node: AvroNamedSchema, context: Context, decode: Decode): Decode {
  if (node.name !== undefined) context.named.set(plainName(node.name), decode);
  return decode;
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
