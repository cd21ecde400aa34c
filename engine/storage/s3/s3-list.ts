// Listing and looking: pages of a thousand, of which two are in memory.
import { HeadObjectCommand, ListObjectsV2Command, type ListObjectsV2CommandOutput } from "@aws-sdk/client-s3";
import type { FileInfo } from "../storage.ts";
import type { S3Connection } from "./s3-client.ts";
import { isNotFound, s3Error } from "./s3-errors.ts";
import { parseObjectPath, parseS3Path } from "./s3-path.ts";

/** Every object below the prefix. Objects whose key ends in a slash are folders that some tools make. */
export async function* listObjects(s3: S3Connection, prefix: string): AsyncGenerator<FileInfo> {
  const { bucket, key, root } = parseS3Path(prefix);
  const below = key === "" || key.endsWith("/") ? key : `${key}/`;
  const page = async (token?: string): Promise<ListObjectsV2CommandOutput> => {
    try {
      return await s3.client.send(
        new ListObjectsV2Command({
          Bucket: bucket,
          Prefix: below,
          // XML cannot hold every character that a key can.
          EncodingType: "url",
          ...(token !== undefined && { ContinuationToken: token }),
        }),
      );
    } catch (error) {
      throw s3Error("list", prefix, error);
    }
  };
  let next: Promise<ListObjectsV2CommandOutput> | undefined = page();
  while (next) {
    const found: ListObjectsV2CommandOutput = await next;
    // Asked for while the caller works on this page.
    next = found.IsTruncated === true ? page(found.NextContinuationToken) : undefined;
    // A caller that leaves early never looks at it.
    next?.catch(() => undefined);
    const decode = found.EncodingType === "url" ? decodeKey : (text: string) => text;
    for (const object of found.Contents ?? []) {
      const own = decode(object.Key ?? "");
      if (own.endsWith("/") || !own.startsWith(below)) continue;
      yield fileInfo(root + own, object.Size, object.LastModified, object.ETag);
    }
  }
}

/** Null where there is no such object. */
export async function statObject(s3: S3Connection, path: string): Promise<FileInfo | null> {
  const found = await headObject(s3, path);
  return found && fileInfo(path, found.sizeBytes, found.modified, found.etag);
}

export interface HeadedObject {
  readonly sizeBytes: number;
  readonly modified: Date | undefined;
  readonly etag: string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
}

export async function headObject(s3: S3Connection, path: string): Promise<HeadedObject | null> {
  const { bucket, key } = parseObjectPath(path);
  if (key.endsWith("/")) return null;
  try {
    const found = await s3.client.send(new HeadObjectCommand({ Bucket: bucket, Key: key }));
    const {
      ContentLength: sizeBytes = 0,
      LastModified: modified,
      ETag: etag,
      Metadata: metadata = {},
    } = found;
    return { sizeBytes, modified, etag, metadata };
  } catch (error) {
    if (isNotFound(error)) return null;
    throw s3Error("look at", path, error);
  }
}

function fileInfo(
  path: string,
  size: number | undefined,
  modified: Date | undefined,
  etag: string | undefined,
): FileInfo {
  return {
    path,
    sizeBytes: size ?? 0,
    // Listings of some servers have milliseconds, which the header of one object cannot hold.
    modifiedMs: Math.floor((modified?.getTime() ?? 0) / 1000) * 1000,
    ...(etag !== undefined && { etag: etag.replaceAll('"', "") }),
  };
}

function decodeKey(text: string): string {
  return decodeURIComponent(text.replaceAll("+", " "));
}
