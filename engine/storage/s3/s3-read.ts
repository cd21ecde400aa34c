// Reading objects whole, in part and as a stream. A body that ends early, stalls or fails its checksum is
// never taken for the object: what is missing is asked for again, of the same version of the object.
import { GetObjectCommand, type GetObjectCommandOutput } from "@aws-sdk/client-s3";
import { lakeError } from "../../common/errors.ts";
import type { S3Connection } from "./s3-client.ts";
import { BrokenBody, isNamed, isRetryable, s3Error, statusOf } from "./s3-errors.ts";
import { parseObjectPath } from "./s3-path.ts";
import { backOff } from "./s3-retry.ts";

interface Part {
  readonly offset: number;
  /** Undefined: to the end. */
  readonly length?: number;
}

/** Errors: `storage/not-found`, `storage/changed`, `storage/failed`. */
export async function readObject(s3: S3Connection, path: string): Promise<Uint8Array> {
  return collect(bytesOf(s3, path, { offset: 0 }));
}

/** Fewer bytes come back where the object ends before `offset + length`. */
export async function readObjectRange(
  s3: S3Connection,
  path: string,
  offset: number,
  length: number,
): Promise<Uint8Array> {
  // Bytes 0-0 of an empty range still tell a missing object.
  const bytes = await collect(bytesOf(s3, path, { offset, length: Math.max(length, 1) }));
  return length < 1 ? bytes.subarray(0, 0) : bytes;
}

export function streamObject(s3: S3Connection, path: string): AsyncGenerator<Uint8Array> {
  return bytesOf(s3, path, { offset: 0 });
}

/** Asks for the rest, under the ETag of the first answer, as often as retries allow without a byte gained. */
async function* bytesOf(s3: S3Connection, path: string, part: Part): AsyncGenerator<Uint8Array> {
  let received = 0;
  let etag: string | undefined;
  let failures = 0;
  for (;;) {
    // The request itself has been sent again by the SDK as often as it should.
    const answer = await getPart(s3, path, { part, received, etag });
    if (answer === null) return;
    etag ??= answer.ETag;
    try {
      const expected = expectedLength(answer, part, received);
      let ofThis = 0;
      for await (const chunk of chunks(answer)) {
        ofThis += chunk.length;
        received += chunk.length;
        failures = 0;
        yield chunk;
      }
      if (expected === undefined || ofThis === expected) return;
      throw new BrokenBody(`the body ended after ${ofThis} of ${expected} bytes`);
    } catch (error) {
      failures += 1;
      // A checksum speaks of all bytes: those that were given on cannot be taken back.
      const spoiled = received > 0 && /checksum/i.test(error instanceof Error ? error.message : "");
      if (spoiled || failures > s3.options.retries || !isRetryable(error)) throw s3Error("read", path, error);
      if (part.length !== undefined && received >= part.length) return;
      await backOff(failures);
    }
  }
}

interface Progress {
  readonly part: Part;
  readonly received: number;
  readonly etag: string | undefined;
}

/** Null where the object ends before the part begins. */
async function getPart(
  s3: S3Connection,
  path: string,
  { part, received, etag }: Progress,
): Promise<GetObjectCommandOutput | null> {
  const { bucket, key } = parseObjectPath(path);
  const first = part.offset + received;
  const last = part.length === undefined ? "" : String(part.offset + part.length - 1);
  const whole = first === 0 && last === "";
  try {
    return await s3.client.send(
      new GetObjectCommand({
        Bucket: bucket,
        Key: key,
        ...(!whole && { Range: `bytes=${first}-${last}` }),
        ...(etag !== undefined && { IfMatch: etag }),
      }),
    );
  } catch (error) {
    if (isNamed(error, "InvalidRange") || statusOf(error) === 416) return null;
    if (isNamed(error, "PreconditionFailed") || statusOf(error) === 412) {
      throw lakeError("storage/changed", { path }, { retryable: true });
    }
    throw s3Error("read", path, error);
  }
}

/** From the answer's own headers; a range must be the one that was asked for. */
function expectedLength(answer: GetObjectCommandOutput, part: Part, received: number): number | undefined {
  if (answer.ContentRange === undefined) {
    if (part.offset + received > 0) throw new BrokenBody("the server gave the whole object for a part of it");
    if (part.length === undefined) return answer.ContentLength;
    throw new BrokenBody("the server ignored the range");
  }
  const [, first, last, size] = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(answer.ContentRange) ?? [];
  const begin = part.offset + received;
  const end = part.length === undefined ? Number(size) - 1 : part.offset + part.length - 1;
  const wanted = size === "*" ? Number(last) : Math.min(end, Number(size) - 1);
  if (Number(first) === begin && Number(last) === wanted) return wanted - begin + 1;
  throw new BrokenBody(`the server gave ${answer.ContentRange}, asked for were ${begin} to ${end}`);
}

async function* chunks(answer: GetObjectCommandOutput): AsyncGenerator<Uint8Array> {
  const body = answer.Body as (AsyncIterable<Uint8Array> & { destroy?: () => void }) | undefined;
  if (body === undefined) return;
  try {
    yield* body;
  } finally {
    // A reader that leaves early must not keep the connection waiting.
    body.destroy?.();
  }
}

async function collect(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const piece of pieces) parts.push(piece);
  return parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts);
}
