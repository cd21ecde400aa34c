// How a location names an object. `s3`, `s3a` and `s3n` are one place in three engines' spellings. As in
// local paths nothing is decoded: what follows the bucket is the key, with its blanks, `%`, `#` and `?`.
import { lakeError } from "../../common/errors.ts";

export interface S3Path {
  readonly bucket: string;
  readonly key: string;
  /** What stands before the key, as the caller spelled it: `s3a://bucket/`. */
  readonly root: string;
}

export const s3Schemes: readonly string[] = ["s3", "s3a", "s3n"];

/** Errors: `storage/failed` for what names no object of a bucket. */
export function parseS3Path(path: string): S3Path {
  const [, scheme = "", bucket = "", key = ""] = /^(s3[an]?):\/\/([^/]+)(?:\/(.*))?$/is.exec(path) ?? [];
  if (bucket !== "" && !path.includes("\0")) return { bucket, key, root: `${scheme}://${bucket}/` };
  throw lakeError(
    "storage/failed",
    { action: "use", path: path.replaceAll("\0", "\\0"), problem: "it names no object of a bucket" },
    { hint: "name an object as s3://bucket/folder/name; nothing is percent-decoded" },
  );
}

/** As `parseS3Path`, for paths that must name an object, not a whole bucket. */
export function parseObjectPath(path: string): S3Path {
  const parsed = parseS3Path(path);
  if (parsed.key !== "") return parsed;
  throw lakeError(
    "storage/failed",
    { action: "use", path, problem: "it names a bucket, expected an object" },
    { hint: "name an object as s3://bucket/folder/name" },
  );
}
