import { retry } from "../../common/retry.ts";
import { isLakeError } from "../../common/errors.ts";
import type { Storage } from "../storage.ts";
import { describeCredentials } from "./s3-credentials.ts";
import { connect, type S3Request } from "./s3-client.ts";
import { deleteObjects } from "./s3-delete.ts";
import { listObjects, statObject } from "./s3-list.ts";
import { readS3Options } from "./s3-options.ts";
import { s3Schemes } from "./s3-path.ts";
import { putObjects } from "./s3-put-files.ts";
import { readObject, readObjectRange, streamObject } from "./s3-read.ts";
import { bytesSource, upload } from "./s3-upload.ts";

export interface OpenS3Options {
  /** The `storage:` block of the target, environment variables filled in. */
  readonly storage: Readonly<Record<string, unknown>>;
  /** Sees each request that leaves the process, attempts after the first included. */
  readonly onRequest?: (request: S3Request) => void;
}

/**
 * Objects of Amazon S3 and servers that speak its protocol; `s3`, `s3a` and `s3n` are one place.
 * Errors: `storage/bad-option` for the block; those of `Storage` for the rest. Nothing that this gives or
 * throws holds a key.
 */
export function openS3Storage({ storage, onRequest }: OpenS3Options): Storage {
  const s3 = connect(readS3Options(storage), onRequest);
  return {
    schemes: s3Schemes,
    read: (path) => readWhole(() => readObject(s3, path), s3.options.retries),
    readRange: (path, offset, length) => readObjectRange(s3, path, offset, length),
    readStream: (path) => streamObject(s3, path),
    write: (path, bytes) => upload(s3, { path, source: bytesSource(bytes), ifAbsent: false }),
    writeIfAbsent: (path, bytes) => upload(s3, { path, source: bytesSource(bytes), ifAbsent: true }),
    putFiles: (files, options = {}) => putObjects(s3, files, options),
    delete: (paths) => deleteObjects(s3, paths),
    list: (prefix) => listObjects(s3, prefix),
    stat: (path) => statObject(s3, path),
    localPath: () => null,
    credentials: (path) => describeCredentials(s3, path),
  };
}

/** A checksum fails when all bytes are there: nothing was given on yet, so the whole can be read again. */
function readWhole(read: () => Promise<Uint8Array>, retries: number): Promise<Uint8Array> {
  const spoiled = (error: unknown): boolean =>
    isLakeError(error, "storage/changed") || (isLakeError(error) && /checksum/i.test(error.message));
  return retry({ attempts: retries + 1, firstDelayMs: 100, maxDelayMs: 5000, retryable: spoiled }, read);
}
