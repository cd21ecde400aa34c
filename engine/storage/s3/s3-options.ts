// The `storage:` block of a profile → checked options. No value is ever shown: one of them may be a key.
import { lakeError } from "../../common/errors.ts";
import { suggest } from "../../common/suggest.ts";

export interface S3Options {
  readonly region?: string;
  /** Another server than Amazon's: `http://127.0.0.1:9000`. */
  readonly endpoint?: string;
  /** The bucket in the path instead of the host name; by default where there is an `endpoint`. */
  readonly pathStyle: boolean;
  /** A profile of the AWS configuration files. */
  readonly profile?: string;
  readonly role?: AssumedRole;
  /** By default the SDK's chain: environment, profile, container, instance. */
  readonly keys?: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly sessionToken?: string;
  };
  readonly encryption?: { readonly kind: "s3" } | { readonly kind: "kms"; readonly keyId?: string };
  /** How long a request may be silent. */
  readonly requestTimeoutMs: number;
  readonly connectTimeoutMs: number;
  /** Attempts after the first. */
  readonly retries: number;
}

export interface AssumedRole {
  readonly arn: string;
  readonly externalId?: string;
  readonly sessionName: string;
  readonly endpoint?: string;
}

const known = [
  "type",
  "region",
  "endpoint",
  "path_style",
  "profile",
  "role_arn",
  "external_id",
  "role_session_name",
  "sts_endpoint",
  "access_key_id",
  "secret_access_key",
  "session_token",
  "sse",
  "kms_key_id",
  "request_timeout",
  "connect_timeout",
  "retries",
] as const;
type Key = (typeof known)[number];

/** Reads the block as YAML gives it. Errors: `storage/bad-option`. */
export function readS3Options(block: Readonly<Record<string, unknown>>): S3Options {
  for (const key of Object.keys(block)) {
    if ((known as readonly string[]).includes(key)) continue;
    const near = suggest(key, known);
    throw lakeError(
      "storage/bad-option",
      { key, expected: `one of ${known.join(", ")}` },
      { at: { file: "profiles.yml" }, hint: near && `did you mean "${near}"?` },
    );
  }
  const text = (key: Key): string | undefined => textOf(block, key);
  const optional = <K extends string>(name: K, key: Key): Partial<Record<K, string>> => {
    const value = text(key);
    return value === undefined ? {} : ({ [name]: value } as Record<K, string>);
  };
  const endpoint = text("endpoint");
  if (endpoint !== undefined && !/^https?:\/\/[^/@]+\/?$/i.test(endpoint)) {
    throw bad("endpoint", "a URL without user and path, such as http://127.0.0.1:9000");
  }
  const keys = keysOf(text);
  const encryption = encryptionOf(text);
  const role = roleOf(text, optional);
  return {
    ...optional("region", "region"),
    ...(endpoint !== undefined && { endpoint }),
    pathStyle: booleanOf(block, "path_style") ?? endpoint !== undefined,
    ...optional("profile", "profile"),
    ...(role && { role }),
    ...(keys && { keys }),
    ...(encryption && { encryption }),
    requestTimeoutMs: durationOf(block, "request_timeout") ?? 60_000,
    connectTimeoutMs: durationOf(block, "connect_timeout") ?? 5_000,
    retries: retriesOf(block),
  };
}

type Text = (key: Key) => string | undefined;

function keysOf(text: Text): S3Options["keys"] {
  const accessKeyId = text("access_key_id");
  const secretAccessKey = text("secret_access_key");
  const sessionToken = text("session_token");
  if (accessKeyId === undefined && secretAccessKey === undefined && sessionToken === undefined)
    return undefined;
  const both = "both access_key_id and secret_access_key, taken from the environment with env_var";
  if (accessKeyId === undefined) throw bad("access_key_id", both);
  if (secretAccessKey === undefined) throw bad("secret_access_key", both);
  return { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) };
}

function encryptionOf(text: Text): S3Options["encryption"] {
  const sse = text("sse");
  const keyId = text("kms_key_id");
  if (sse === "kms") return { kind: "kms", ...(keyId !== undefined && { keyId }) };
  if (keyId !== undefined) throw bad("kms_key_id", "sse: kms beside it");
  if (sse === undefined) return undefined;
  if (sse === "s3") return { kind: "s3" };
  throw bad("sse", "s3 or kms");
}

function roleOf(
  text: Text,
  optional: <K extends string>(name: K, key: Key) => Partial<Record<K, string>>,
): AssumedRole | undefined {
  const arn = text("role_arn");
  if (arn === undefined) {
    for (const key of ["external_id", "role_session_name", "sts_endpoint"] as const) {
      if (text(key) !== undefined) throw bad(key, "a role_arn beside it");
    }
    return undefined;
  }
  if (!/^arn:[\w-]+:iam::\d{12}:role\/.+$/.test(arn)) {
    throw bad("role_arn", "the ARN of a role, such as arn:aws:iam::123456789012:role/lake");
  }
  return {
    arn,
    sessionName: text("role_session_name") ?? "lake",
    ...optional("externalId", "external_id"),
    ...optional("endpoint", "sts_endpoint"),
  };
}

function textOf(block: Readonly<Record<string, unknown>>, key: Key): string | undefined {
  const value = block[key];
  if (value === undefined || value === null || value === "") return undefined;
  if (typeof value === "string") return value;
  // YAML reads an account's or a key's digits as a number.
  if (typeof value === "number" && Number.isSafeInteger(value)) return String(value);
  throw bad(key, "text");
}

function booleanOf(block: Readonly<Record<string, unknown>>, key: Key): boolean | undefined {
  const value = block[key];
  if (value === undefined || value === null) return undefined;
  if (value === true || value === "true") return true;
  if (value === false || value === "false") return false;
  throw bad(key, "true or false");
}

function durationOf(block: Readonly<Record<string, unknown>>, key: Key): number | undefined {
  const value = block[key];
  if (value === undefined || value === null) return undefined;
  const [, number, unit] = /^(\d+(?:\.\d+)?)\s*(ms|s|m)?$/.exec(plain(value)) ?? [];
  const ms = Number(number) * (unit === "ms" ? 1 : unit === "m" ? 60_000 : 1000);
  if (Number.isFinite(ms) && ms >= 1) return Math.ceil(ms);
  throw bad(key, "seconds, or a number with a unit such as 500ms, 30s, 2m");
}

/** What YAML gives for a number, with or without quotes. */
function plain(value: unknown): string {
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}

function retriesOf(block: Readonly<Record<string, unknown>>): number {
  const value = block["retries"];
  if (value === undefined || value === null) return 5;
  const number = Number(value);
  if (/^\d+$/.test(plain(value)) && number <= 20) return number;
  throw bad("retries", "a whole number from 0 to 20");
}

function bad(key: Key, expected: string): Error {
  return lakeError("storage/bad-option", { key, expected }, { at: { file: "profiles.yml" } });
}
