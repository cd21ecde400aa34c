import { DeleteObjectsCommand } from "@aws-sdk/client-s3";
import { lakeError } from "../../common/errors.ts";
import { mapLimited } from "../../common/limit.ts";
import type { S3Connection } from "./s3-client.ts";
import { isRetryable, s3Error } from "./s3-errors.ts";
import { parseObjectPath } from "./s3-path.ts";
import { backOff } from "./s3-retry.ts";

const keysPerRequest = 1000;
const requestsAtOnce = 4;

/** Missing objects are not an error. Errors: `storage/failed`, for the first object that stayed. */
export async function deleteObjects(s3: S3Connection, paths: readonly string[]): Promise<void> {
  const buckets = new Map<string, Map<string, string>>();
  for (const path of paths) {
    const { bucket, key } = parseObjectPath(path);
    const keys = buckets.get(bucket) ?? new Map<string, string>();
    buckets.set(bucket, keys.set(key, path));
  }
  const batches = [...buckets].flatMap(([bucket, keys]) => {
    const all = [...keys];
    return Array.from({ length: Math.ceil(all.length / keysPerRequest) }, (_, index) => ({
      bucket,
      keys: new Map(all.slice(index * keysPerRequest, (index + 1) * keysPerRequest)),
    }));
  });
  await mapLimited(batches, requestsAtOnce, ({ bucket, keys }) => deleteBatch(s3, bucket, keys));
}

/** The request as a whole may succeed while single keys fail, some of them for a moment only. */
async function deleteBatch(
  s3: S3Connection,
  bucket: string,
  keys: ReadonlyMap<string, string>,
): Promise<void> {
  let left = keys;
  for (let failures = 1; ; failures += 1) {
    const [first = ""] = left.values();
    const answer = await s3.client
      .send(
        new DeleteObjectsCommand({
          Bucket: bucket,
          Delete: { Quiet: true, Objects: [...left.keys()].map((key) => ({ Key: key })) },
        }),
      )
      .catch((error: unknown) => {
        throw s3Error("delete", first, error);
      });
    const errors = (answer.Errors ?? [])
      .filter(({ Code: code }) => code !== "NoSuchKey")
      .map(({ Key: key = "", Code: code = "", Message: text = "" }) => ({
        key,
        error: Object.assign(new Error(text), { name: code }),
      }));
    const [problem] = errors;
    if (problem === undefined) return;
    if (failures > s3.options.retries || !errors.every(({ error }) => isRetryable(error))) {
      const path = keys.get(problem.key);
      if (path !== undefined) throw s3Error("delete", path, problem.error);
      throw lakeError("storage/failed", { action: "delete", path: first, problem: problem.error.message });
    }
    left = new Map(errors.flatMap(({ key }) => (keys.has(key) ? [[key, keys.get(key) ?? ""] as const] : [])));
    await backOff(failures);
  }
}
