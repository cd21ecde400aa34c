// Avro object container files: header, blocks, codecs. Our own reader and writer instead of a library's:
// the header must keep Iceberg's field ids, longs are bigint, and manifests of 100,000 files are read often.
import { randomBytes } from "node:crypto";
import { crc32, deflateRawSync, inflateRawSync, zstdDecompressSync } from "node:zlib";
import { isLakeError, lakeError } from "../common/errors.ts";
import { AvroFormatError, AvroReader, AvroWriter } from "./avro-encoding.ts";
import { compileDecoder } from "./avro-schema.ts";
import type { AvroSchema, DecoderOptions } from "./avro-schema.ts";
import { snappyDecompress } from "./snappy.ts";

export type AvroCodec = "null" | "deflate";

const magic = Buffer.from("Obj\u0001", "latin1");
const syncLength = 16;
/** Uncompressed bytes after which a block is closed: Avro's own default of 64 kB. */
const blockBytes = 64_000;

export interface AvroFileContent {
  readonly schema: AvroSchema;
  /** Texts of the header, without the keys of Avro itself. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly codec: AvroCodec;
  readonly count: number;
  readonly encode: (writer: AvroWriter, index: number) => void;
}

/** A whole container file. The schema stands in the header exactly as given, ids and all. */
export function writeAvroFile(content: AvroFileContent): Uint8Array {
  const sync = randomBytes(syncLength);
  const file = new AvroWriter();
  writeHeader(file, content, sync);
  const block = new AvroWriter();
  let inBlock = 0;
  for (let index = 0; index < content.count; index += 1) {
    content.encode(block, index);
    inBlock += 1;
    if (block.length < blockBytes && index + 1 < content.count) continue;
    const data = content.codec === "deflate" ? deflateRawSync(block.bytes()) : block.bytes();
    file.writeLong(inBlock);
    file.writeBytes(data);
    file.writeFixed(sync);
    block.clear();
    inBlock = 0;
  }
  return Uint8Array.from(file.bytes());
}

function writeHeader(file: AvroWriter, content: AvroFileContent, sync: Uint8Array): void {
  const entries = Object.entries({
    ...content.metadata,
    "avro.codec": content.codec,
    "avro.schema": JSON.stringify(content.schema),
  });
  file.writeFixed(magic);
  file.writeLong(entries.length);
  for (const [key, value] of entries) {
    file.writeString(key);
    file.writeString(value);
  }
  file.writeLong(0);
  file.writeFixed(sync);
}

export interface AvroFile {
  readonly schema: AvroSchema;
  readonly metadata: ReadonlyMap<string, string>;
  /** Decodes record by record; may be called once per set of options. */
  readonly records: (options?: RecordOptions) => Generator;
}

export interface RecordOptions extends DecoderOptions {
  /** Told of each block, how many bytes its records take. */
  readonly onBlock?: (bytes: number) => void;
}

/** Opens a container file. Errors: `iceberg/bad-avro` with the path, also while the records are read. */
export function readAvroFile(bytes: Uint8Array, path: string): AvroFile {
  return guarded(path, () => {
    const reader = new AvroReader(bytes);
    if (bytes.length < magic.length || !magic.equals(reader.readFixed(magic.length))) {
      throw new AvroFormatError("it does not begin with Avro's magic bytes");
    }
    const metadata = readHeader(reader);
    const sync = Buffer.from(reader.readFixed(syncLength));
    const schema = parseSchema(metadata.get("avro.schema"));
    const decompress = decompressor(metadata.get("avro.codec") ?? "null");
    const start = reader.at;
    const records = function* (options: RecordOptions = {}): Generator {
      const decode = guarded(path, () => compileDecoder(schema, options));
      const blocks = new AvroReader(bytes);
      blocks.skip(start);
      while (blocks.remaining > 0) {
        yield* guarded(path, () => {
          const count = blocks.readInt();
          const block = new AvroReader(decompress(blocks.readFixed(blocks.readInt())));
          if (!sync.equals(blocks.readFixed(syncLength))) throw new AvroFormatError("a sync marker is wrong");
          if (count < 0 || count > block.remaining)
            throw new AvroFormatError(`a block of ${count} records is cut off`);
          const values: unknown[] = [];
          for (let index = 0; index < count; index += 1) values.push(decode(block));
          if (block.remaining > 0) throw new AvroFormatError("a block is longer than its records");
          options.onBlock?.(block.at);
          return values;
        });
      }
    };
    return { schema, metadata, records };
  });
}

function readHeader(reader: AvroReader): Map<string, string> {
  const metadata = new Map<string, string>();
  for (let count = reader.readInt(); count !== 0; count = reader.readInt()) {
    if (count < 0) {
      count = -count;
      reader.readInt();
    }
    for (let index = 0; index < count; index += 1) metadata.set(reader.readString(), reader.readString());
  }
  return metadata;
}

function parseSchema(text: string | undefined): AvroSchema {
  if (text === undefined) throw new AvroFormatError("its header holds no schema");
  try {
    return JSON.parse(text) as AvroSchema;
  } catch {
    throw new AvroFormatError("the schema in its header is not JSON");
  }
}

function decompressor(codec: string): (data: Uint8Array) => Uint8Array {
  switch (codec) {
    case "null":
      return (data) => data;
    case "deflate":
      // Room for a whole block of most writers: no copying of chunks.
      return (data) => inflateRawSync(data, { chunkSize: blockBytes + 8192 });
    case "zstandard":
      return (data) => zstdDecompressSync(data);
    case "snappy":
      return decompressSnappy;
    default:
      throw new AvroFormatError(`its codec ${codec} is not one of null, deflate, snappy, zstandard`);
  }
}

/** Avro appends the CRC-32 of the uncompressed data, big-endian, to each Snappy block. */
function decompressSnappy(data: Uint8Array): Uint8Array {
  const block = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  if (block.length < 4) throw new AvroFormatError("a Snappy block is cut off");
  const plain = snappyDecompress(block.subarray(0, -4));
  if (plain === null || crc32(plain) !== block.readUInt32BE(block.length - 4)) {
    throw new AvroFormatError("a Snappy block is damaged");
  }
  return plain;
}

function guarded<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    if (isLakeError(cause)) throw cause;
    const problem = cause instanceof Error ? cause.message : String(cause);
    throw lakeError("iceberg/bad-avro", { path, problem }, { cause });
  }
}
