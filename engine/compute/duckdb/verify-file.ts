// Reads a landing file to its last byte: hash, checksums of archives, lines.
import { createHash } from "node:crypto";
import { closeSync, createReadStream, openSync, readSync } from "node:fs";
import { stat } from "node:fs/promises";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip, createZstdDecompress } from "node:zlib";

export interface VerifiedFile {
  /** Local path. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  /** SHA-256 of the stored bytes, hex. */
  readonly contentHash: string;
  /** Lines with anything but white space, of the decompressed text. */
  readonly lines: number;
  /** What is wrong with the archive, or that the file changed while it was read. */
  readonly problem?: { readonly kind: "damaged" | "changed"; readonly message: string };
}

const newline = 10;
const chunkBytes = 256 << 10;

/** Counts lines that hold anything but white space, over chunks. */
export class LineCounter {
  #lines = 0;
  /** Whether the line that is open at the end of the last chunk holds text. */
  #text = false;
  #first = true;

  get lines(): number {
    return this.#lines + (this.#text ? 1 : 0);
  }

  add(chunk: Uint8Array): void {
    const buffer = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let start = 0;
    if (this.#first && buffer.length >= 3) {
      this.#first = false;
      if (buffer[0] === 0xef && buffer[1] === 0xbb && buffer[2] === 0xbf) start = 3;
    }
    for (;;) {
      const end = buffer.indexOf(newline, start);
      if (!this.#text) this.#text = holdsText(buffer, start, end < 0 ? buffer.length : end);
      if (end < 0) return;
      if (this.#text) this.#lines += 1;
      this.#text = false;
      start = end + 1;
    }
  }
}

function holdsText(buffer: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at += 1) {
    const byte = buffer[at]!;
    if (byte !== 32 && (byte < 9 || byte > 13)) return true;
  }
  return false;
}

/** The file's bytes as text is in them: decompressed by the ending of its name. */
export function decompressor(path: string): Transform | null {
  if (path.endsWith(".gz")) return createGunzip();
  if (path.endsWith(".zst")) return createZstdDecompress();
  return null;
}

export async function verifyFile(path: string): Promise<VerifiedFile> {
  const before = await stat(path);
  const hash = createHash("sha256");
  const counter = new LineCounter();
  const unpack = decompressor(path);
  let problem: VerifiedFile["problem"];
  try {
    if (unpack === null) {
      readPlain(path, (chunk) => {
        hash.update(chunk);
        counter.add(chunk);
      });
    } else {
      await pipeline(
        createReadStream(path, { highWaterMark: chunkBytes }),
        hashed(hash),
        unpack,
        async (text: AsyncIterable<Buffer>) => {
          for await (const chunk of text) counter.add(chunk);
        },
      );
      if (before.size === 0)
        problem = { kind: "damaged", message: "it is empty, not even an archive's header" };
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "";
    if (!/^(Z_|ZSTD_|ERR_)/.test(code)) throw error;
    problem = { kind: "damaged", message: (error as Error).message };
  }
  const after = await stat(path);
  if (after.size !== before.size || after.mtimeMs !== before.mtimeMs) {
    problem = { kind: "changed", message: `it had ${before.size} bytes, then ${after.size}` };
  }
  return {
    path,
    sizeBytes: before.size,
    modifiedMs: before.mtimeMs,
    contentHash: hash.digest("hex"),
    lines: counter.lines,
    ...(problem && { problem }),
  };
}

/** One buffer that stays in the processor's cache, on a thread that has nothing else to do: half a stream's cost. */
function readPlain(path: string, take: (chunk: Uint8Array) => void): void {
  const file = openSync(path, "r");
  try {
    const buffer = Buffer.allocUnsafe(chunkBytes);
    for (let read = readSync(file, buffer); read > 0; read = readSync(file, buffer))
      take(buffer.subarray(0, read));
  } finally {
    closeSync(file);
  }
}

function hashed(hash: ReturnType<typeof createHash>): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
}
