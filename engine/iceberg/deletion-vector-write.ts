// Deletion vectors as files: 64-bit roaring bitmaps of row positions, several in one Puffin file (specification,
// "Deletion Vectors" and the Puffin format). Arrays and bits alone: runs are an optimisation for readers.
import { crc32 } from "node:zlib";

const magic = 0xd1d33964;
const cookieWithoutRuns = 12346;
const largestArray = 4096;
const bitmapBytes = 8192;
/** The reserved field of a row's position. */
const positionFieldId = 2147483645;

export interface DeletionVector {
  /** As the manifest spells it. */
  readonly dataFile: string;
  /** Ascending, each once. */
  readonly positions: readonly number[];
}

export interface PlacedVector {
  readonly dataFile: string;
  readonly offset: number;
  readonly length: number;
  readonly cardinality: number;
}

/** The file's bytes, and where in it each vector lies. */
export function writePuffin(vectors: readonly DeletionVector[]): {
  readonly bytes: Uint8Array;
  readonly placed: readonly PlacedVector[];
} {
  const head = Buffer.from("PFA1");
  const parts: Buffer[] = [head];
  const placed: PlacedVector[] = [];
  let offset = head.length;
  for (const { dataFile, positions } of vectors) {
    const blob = encodeVector(positions);
    parts.push(blob);
    placed.push({ dataFile, offset, length: blob.length, cardinality: positions.length });
    offset += blob.length;
  }
  const payload = Buffer.from(
    JSON.stringify({
      blobs: placed.map((one) => ({
        type: "deletion-vector-v1",
        fields: [positionFieldId],
        // Both are the snapshot's, which is not known yet (specification: -1).
        "snapshot-id": -1,
        "sequence-number": -1,
        offset: one.offset,
        length: one.length,
        properties: { "referenced-data-file": one.dataFile, cardinality: String(one.cardinality) },
      })),
      properties: { "created-by": "lake" },
    }),
  );
  const tail = Buffer.alloc(12);
  tail.writeUInt32LE(payload.length, 0);
  head.copy(tail, 8);
  return { bytes: Buffer.concat([...parts, head, payload, tail]), placed };
}

/** Length, magic, bitmaps, checksum of magic and bitmaps. */
function encodeVector(positions: readonly number[]): Buffer {
  const body = encodeBitmaps(positions);
  const blob = Buffer.alloc(4 + 4 + body.length + 4);
  blob.writeUInt32BE(4 + body.length, 0);
  blob.writeUInt32BE(magic, 4);
  body.copy(blob, 8);
  blob.writeUInt32BE(crc32(blob.subarray(4, 8 + body.length)), 8 + body.length);
  return blob;
}

function encodeBitmaps(positions: readonly number[]): Buffer {
  const bitmaps = Map.groupBy(positions, (position) => Math.floor(position / 2 ** 32));
  const count = Buffer.alloc(8);
  count.writeBigUInt64LE(BigInt(bitmaps.size));
  return Buffer.concat([count, ...[...bitmaps].flatMap(([high, own]) => [uint32(high), encodeBitmap(own)])]);
}

function encodeBitmap(positions: readonly number[]): Buffer {
  const containers = [...Map.groupBy(positions, (position) => (position % 2 ** 32) >>> 16)];
  const header = Buffer.alloc(8 + containers.length * 8);
  header.writeUInt32LE(cookieWithoutRuns, 0);
  header.writeUInt32LE(containers.length, 4);
  let at = header.length;
  const bodies = containers.map(([key, own], index) => {
    header.writeUInt16LE(key, 8 + index * 4);
    header.writeUInt16LE(own.length - 1, 10 + index * 4);
    header.writeUInt32LE(at, 8 + containers.length * 4 + index * 4);
    const body = own.length <= largestArray ? encodeArray(own) : encodeBits(own);
    at += body.length;
    return body;
  });
  return Buffer.concat([header, ...bodies]);
}

function encodeArray(positions: readonly number[]): Buffer {
  const body = Buffer.alloc(positions.length * 2);
  positions.forEach((position, index) => body.writeUInt16LE(position & 0xffff, index * 2));
  return body;
}

function encodeBits(positions: readonly number[]): Buffer {
  const body = Buffer.alloc(bitmapBytes);
  for (const position of positions) {
    const low = position & 0xffff;
    body[low >> 3] = (body[low >> 3] ?? 0) | (1 << (low & 7));
  }
  return body;
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
