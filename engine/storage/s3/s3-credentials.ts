// In whose name the server is asked, in words: where the keys come from, never the keys.
import type { S3Connection } from "./s3-client.ts";
import { s3Error } from "./s3-errors.ts";

/** After having obtained them. Errors: `storage/failed`. */
export async function describeCredentials(s3: S3Connection, path: string): Promise<string> {
  try {
    const { expiration } = await s3.client.config.credentials();
    const until = expiration === undefined ? "" : `, valid until ${expiration.toISOString()}`;
    return `${source(s3)}${until}`;
  } catch (error) {
    throw s3Error("sign in for", path, error);
  }
}

function source({ options }: S3Connection): string {
  const keys = keysFrom(options);
  return options.role === undefined ? keys : `role ${options.role.arn}, assumed with ${keys}`;
}

function keysFrom({ keys, profile }: S3Connection["options"]): string {
  if (keys !== undefined) return "keys of the target's `storage:`";
  if (profile !== undefined) return `profile ${profile} of the AWS configuration`;
  return process.env["AWS_ACCESS_KEY_ID"] === undefined
    ? "found by the AWS SDK's default chain"
    : "keys of the environment";
}
