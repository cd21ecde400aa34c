// Deletion vectors (format v3): a 64-bit roaring bitmap of row positions in a Puffin file.
import { open, type FileHandle } from "node:fs/promises";
import { crc32 } from "node:zlib";
import { isLakeError, lakeError } from "../../common/errors.ts";
import type { DataFile } from "../../iceberg/types.ts";
import { localPath } from "./paths.ts";

const magic = 0xd1d33964;
/** Roaring's portable format: cookie of a bitmap without, and with, run containers. */
const cookieWithoutRuns = 12346;
const cookieWithRuns = 12347;
const noOffsetThreshold = 4;
const largestArray = 4096;
const bitmapBytes = 8192;
/** Length, magic, the number of bitmaps, checksum. */
const smallestBlob = 20;

/** The positions that the vector deletes, ascending. Errors: `compute/damaged-file`. */
export async function readDeletionVector(file: DataFile): Promise<number[]> {
  const blob = await readBlob(file);
  const view = new DataView(blob.buffer, blob.byteOffset, blob.byteLength);
  const length = view.getUint32(0);
  if (blob.byteLength !== length + 8 || view.getUint32(4) !== magic)
    throw damaged(file, "it is not a deletion vector");
  if (crc32(blob.subarray(4, 4 + length)) !== view.getUint32(4 + length))
    throw damaged(file, "its checksum is wrong");
  const positions = decoded(file, new DataView(blob.buffer, blob.byteOffset + 8, length - 4));
  if (BigInt(positions.length) !== file.recordCount) {
    throw damaged(file, `it holds ${positions.length} positions, expected ${file.recordCount}`);
  }
  return positions;
}

/** A whole Puffin file may hold the vectors of many data files: only the one's bytes are read. */
async function readBlob(file: DataFile): Promise<Uint8Array> {
  const path = localPath(file.path);
  if (/^[a-z][a-z0-9+]+:\/\//i.test(path)) {
    throw lakeError("compute/unsupported-feature", {
      what: `a deletion vector outside the local disk (${file.path})`,
    });
  }
  const [offset, size] = [Number(file.contentOffset ?? 0n), Number(file.contentSizeBytes ?? 0n)];
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, "r");
    const { size: sizeBytes } = await handle.stat();
    if (file.sizeBytes !== 0n && BigInt(sizeBytes) !== file.sizeBytes)
      throw damaged(file, `its file has ${sizeBytes} bytes, expected ${file.sizeBytes}`);
    if (size < smallestBlob || offset < 0 || offset + size > sizeBytes)
      throw damaged(file, `it lies at ${offset} with ${size} bytes, in a file of ${sizeBytes}`);
    const bytes = new Uint8Array(size);
    await handle.read(bytes, 0, size, offset);
    return bytes;
  } catch (error) {
    if (isLakeError(error)) throw error;
    throw damaged(file, (error as Error).message);
  } finally {
    await handle?.close();
  }
}

function decoded(file: DataFile, view: DataView): number[] {
  try {
    return decodeBitmaps(view);
  } catch (error) {
    throw damaged(file, (error as Error).message);
  }
}

/** Positions count rows of one file: they fit a number. */
function decodeBitmaps(view: DataView): number[] {
  const positions: number[] = [];
  const count = Number(view.getBigUint64(0, true));
  let at = 8;
  for (let index = 0; index < count; index += 1) {
    const high = view.getUint32(at, true) * 2 ** 32;
    at = decodeBitmap(view, at + 4, (low) => positions.push(high + low));
  }
  return positions;
}

/** Decodes one 32-bit roaring bitmap; gives where it ends. */
function decodeBitmap(view: DataView, start: number, add: (position: number) => void): number {
  const cookie = view.getUint32(start, true);
  const hasRuns = (cookie & 0xffff) === cookieWithRuns;
  if (!hasRuns && cookie !== cookieWithoutRuns) throw new RangeError(`unknown bitmap cookie ${cookie}`);
  const containers = hasRuns ? (cookie >>> 16) + 1 : view.getUint32(start + 4, true);
  const runFlags = start + 4;
  const header = hasRuns ? runFlags + Math.ceil(containers / 8) : start + 8;
  const hasOffsets = !hasRuns || containers >= noOffsetThreshold;
  let at = header + containers * 4 + (hasOffsets ? containers * 4 : 0);
  for (let index = 0; index < containers; index += 1) {
    const high = view.getUint16(header + index * 4, true) * 65536;
    const cardinality = view.getUint16(header + index * 4 + 2, true) + 1;
    const isRun = hasRuns && ((view.getUint8(runFlags + (index >> 3)) >> (index & 7)) & 1) === 1;
    const emit = (low: number) => add(high + low);
    if (isRun) at = decodeRuns(view, at, emit);
    else if (cardinality <= largestArray) at = decodeArray(view, at, { cardinality, emit });
    else at = decodeBits(view, at, emit);
  }
  return at;
}

function decodeRuns(view: DataView, start: number, emit: (low: number) => void): number {
  const runs = view.getUint16(start, true);
  for (let index = 0; index < runs; index += 1) {
    const first = view.getUint16(start + 2 + index * 4, true);
    const more = view.getUint16(start + 4 + index * 4, true);
    for (let low = first; low <= first + more; low += 1) emit(low);
  }
  return start + 2 + runs * 4;
}

function decodeArray(
  view: DataView,
  start: number,
  container: { readonly cardinality: number; readonly emit: (low: number) => void },
): number {
  for (let index = 0; index < container.cardinality; index += 1)
    container.emit(view.getUint16(start + index * 2, true));
  return start + container.cardinality * 2;
}

function decodeBits(view: DataView, start: number, emit: (low: number) => void): number {
  for (let index = 0; index < bitmapBytes; index += 1) {
    const byte = view.getUint8(start + index);
    for (let bit = 0; bit < 8; bit += 1) if ((byte >> bit) & 1) emit(index * 8 + bit);
  }
  return start + bitmapBytes;
}

function damaged(file: DataFile, what: string): Error {
  return lakeError("compute/damaged-file", { path: file.path, problem: `of its deletion vector, ${what}` });
}
