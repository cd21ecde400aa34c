// Creating objects: in one request, or in parts above a size. Either way the object appears whole or not at
// all, every byte is under a checksum that the server compares, and every request asks for the encryption.
//
// Whose object stands at a path after a reply was lost? Each upload carries a mark of its own in the
// object's metadata; a second attempt that finds the path taken looks whether the mark is its own.
import { randomUUID } from "node:crypto";
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  UploadPartCommand,
  type CompletedPart,
} from "@aws-sdk/client-s3";
import { lakeError } from "../../common/errors.ts";
import { mapLimited } from "../../common/limit.ts";
import type { S3Connection } from "./s3-client.ts";
import { attemptsOf, isNamed, isRetryable, s3Error, statusOf } from "./s3-errors.ts";
import { headObject } from "./s3-list.ts";
import { parseObjectPath } from "./s3-path.ts";
import { backOff } from "./s3-retry.ts";

const mark = "lake-upload";
const mebibyte = 1024 * 1024;
/** What is larger goes in parts: a part that fails is sent again alone. */
const singleRequestBytes = 16 * mebibyte;
const partBytes = 8 * mebibyte;
const mostParts = 10_000;
const partsAtOnce = 4;

/** Where the bytes come from: memory, or a file that is read part by part. */
export interface UploadSource {
  readonly sizeBytes: number;
  read(offset: number, length: number): Promise<Uint8Array>;
}

export function bytesSource(bytes: Uint8Array): UploadSource {
  return {
    sizeBytes: bytes.length,
    read: async (offset, length) => bytes.subarray(offset, offset + length),
  };
}

export interface Upload {
  readonly path: string;
  readonly source: UploadSource;
  /** Fail with `storage/exists` where the path is taken; exactly one of several racers wins. */
  readonly ifAbsent: boolean;
}

/** Errors: `storage/exists` (with `ifAbsent`), `storage/failed`. A failed upload leaves no parts behind. */
export async function upload(s3: S3Connection, { path, source, ifAbsent }: Upload): Promise<void> {
  const id = randomUUID();
  const send = source.sizeBytes > singleRequestBytes ? sendParts : sendWhole;
  for (let failures = 1; ; failures += 1) {
    try {
      await send(s3, { path, source, ifAbsent, id });
      return;
    } catch (error) {
      const outcome = await settle(s3, { path, ifAbsent, id, error });
      if (outcome === "ours") return;
      if (outcome === "theirs") throw lakeError("storage/exists", { path });
      // The SDK has tried again already, except after an answer that is final elsewhere.
      if (outcome === "failed" || failures > s3.options.retries) throw s3Error("write", path, error);
      await backOff(failures);
    }
  }
}

interface Sending extends Upload {
  readonly id: string;
}

/** What a failure means: the object is ours after all, somebody else's, to be sent again, or not there. */
async function settle(
  s3: S3Connection,
  { path, ifAbsent, id, error }: Omit<Sending, "source"> & { readonly error: unknown },
): Promise<"ours" | "theirs" | "again" | "failed"> {
  const refused = isNamed(error, "PreconditionFailed") || statusOf(error) === 412;
  const conflict = isNamed(error, "ConditionalRequestConflict") || statusOf(error) === 409;
  if (ifAbsent && refused && attemptsOf(error) <= 1) return "theirs";
  const lost = isRetryable(error) || isNamed(error, "NoSuchUpload");
  if (!refused && !conflict && !lost) return "failed";
  const found = await headObject(s3, path).catch(() => undefined);
  if (found === undefined) return "failed";
  if (found?.metadata[mark] === id) return "ours";
  if (found !== null && ifAbsent) return "theirs";
  return refused || conflict || isNamed(error, "NoSuchUpload") ? "again" : "failed";
}

async function sendWhole(s3: S3Connection, { path, source, ifAbsent, id }: Sending): Promise<void> {
  const { bucket, key } = parseObjectPath(path);
  const body = await source.read(0, source.sizeBytes);
  await s3.client.send(
    new PutObjectCommand({
      Bucket: bucket,
      Key: key,
      Body: body,
      ContentLength: body.length,
      ChecksumAlgorithm: "CRC32",
      Metadata: { [mark]: id },
      ...s3.encryption,
      ...(ifAbsent && { IfNoneMatch: "*" }),
    }),
  );
}

async function sendParts(s3: S3Connection, { path, source, ifAbsent, id }: Sending): Promise<void> {
  const { bucket, key } = parseObjectPath(path);
  const target = { Bucket: bucket, Key: key };
  const { UploadId } = await s3.client.send(
    new CreateMultipartUploadCommand({
      ...target,
      ChecksumAlgorithm: "CRC32",
      Metadata: { [mark]: id },
      ...s3.encryption,
    }),
  );
  const size = Math.max(partBytes, Math.ceil(source.sizeBytes / mostParts));
  const offsets = Array.from({ length: Math.ceil(source.sizeBytes / size) }, (_, index) => index * size);
  try {
    const parts = await mapLimited(offsets, partsAtOnce, async (offset, index): Promise<CompletedPart> => {
      const body = await source.read(offset, Math.min(size, source.sizeBytes - offset));
      const sent = await s3.client.send(
        new UploadPartCommand({
          ...target,
          UploadId,
          PartNumber: index + 1,
          Body: body,
          ContentLength: body.length,
          ChecksumAlgorithm: "CRC32",
        }),
      );
      return { PartNumber: index + 1, ETag: sent.ETag, ChecksumCRC32: sent.ChecksumCRC32 };
    });
    await s3.client.send(
      new CompleteMultipartUploadCommand({
        ...target,
        UploadId,
        MultipartUpload: { Parts: parts },
        ...(ifAbsent && { IfNoneMatch: "*" }),
      }),
    );
  } catch (error) {
    // Parts are paid for until they are aborted. Of a completed upload there is nothing to abort.
    await s3.client.send(new AbortMultipartUploadCommand({ ...target, UploadId })).catch(() => undefined);
    throw error;
  }
}
