// What a server's refusals mean to the reader, and which of them may pass by themselves. The SDK's errors
// carry requests, signed headers and key ids: none of that goes on. Only names, numbers and redacted text do.
import { isLakeError, lakeError, type LakeError } from "../../common/errors.ts";

interface Meaning {
  readonly problem: string;
  readonly hint?: string;
  readonly retryable?: boolean;
}

const clock = "set this machine's clock right: requests are signed with the time";
const keys = "check the keys, the profile and the role of the target's `storage:`; lake debug tries them";

const meanings: Readonly<Record<string, Meaning>> = {
  NoSuchBucket: {
    problem: "the bucket does not exist",
    hint: "make it, or correct the target's `warehouse` or `landing`",
  },
  AccessDenied: {
    problem: "access denied",
    hint: "the target needs s3:GetObject, s3:PutObject, s3:DeleteObject, s3:ListBucket and s3:AbortMultipartUpload on this path, and kms:GenerateDataKey and kms:Decrypt on its key",
  },
  InvalidAccessKeyId: { problem: "the access key is not known to the server", hint: keys },
  // Versity's gateway, with status 404.
  XAdminUserNotFound: { problem: "the access key is not known to the server", hint: keys },
  SignatureDoesNotMatch: { problem: "the secret key does not fit the access key", hint: keys },
  ExpiredToken: { problem: "the session's credentials have expired", hint: "sign in again" },
  InvalidToken: { problem: "the session token is not valid", hint: "sign in again" },
  RequestTimeTooSkewed: { problem: "the clocks differ too much", hint: clock },
  CredentialsProviderError: { problem: "no credentials were found", hint: keys },
  PermanentRedirect: { problem: "the bucket lies in another region", hint: "correct `region` in `storage:`" },
  AuthorizationHeaderMalformed: {
    problem: "the request was signed for another region",
    hint: "correct `region` in `storage:`",
  },
  SlowDown: { problem: "the server asks to slow down", retryable: true },
  ServiceUnavailable: { problem: "the server is not available", retryable: true },
  InternalError: { problem: "the server failed", retryable: true },
  RequestTimeout: { problem: "the server waited too long for data", retryable: true },
  TimeoutError: { problem: "the server did not answer in time", retryable: true },
  ConditionalRequestConflict: { problem: "another writer was at the same path", retryable: true },
  OperationAborted: { problem: "another request was at work on the same path", retryable: true },
  BadDigest: { problem: "the content changed on the way to the server", retryable: true },
  XAmzContentChecksumMismatch: { problem: "the content changed on the way to the server", retryable: true },
  EntityTooLarge: { problem: "the file is larger than the server takes" },
  KeyTooLongError: { problem: "the name is longer than the server takes", hint: "choose shorter names" },
};

const networkProblems: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens at the endpoint",
  ENOTFOUND: "the endpoint's name is not known",
  EAI_AGAIN: "the endpoint's name could not be looked up",
  ECONNRESET: "the connection was cut",
  EPIPE: "the connection was cut",
  ETIMEDOUT: "the server did not answer in time",
  EHOSTUNREACH: "the endpoint cannot be reached",
  ENETUNREACH: "the endpoint cannot be reached",
};

/** A body that ended early or does not match its checksum; reading it again may help. */
export class BrokenBody extends Error {
  override readonly name = "BrokenBody";
}

export function statusOf(error: unknown): number | undefined {
  const metadata = field(error, "$metadata");
  const status = field(metadata, "httpStatusCode");
  return typeof status === "number" ? status : undefined;
}

/** How often the SDK sent the request that failed. */
export function attemptsOf(error: unknown): number {
  const attempts = field(field(error, "$metadata"), "attempts");
  return typeof attempts === "number" ? attempts : 1;
}

/** Whether a failure is one of these, by the server's code. */
export function isNamed(error: unknown, ...names: readonly string[]): boolean {
  return names.includes(nameOf(error));
}

/** No such object. A missing bucket is something else, and so is an unknown key, which some servers answer with 404. */
export function isNotFound(error: unknown): boolean {
  if (Object.hasOwn(meanings, nameOf(error))) return false;
  return isNamed(error, "NoSuchKey", "NotFound") || statusOf(error) === 404;
}

/** Whether the same request may succeed when sent again. */
export function isRetryable(error: unknown): boolean {
  if (isLakeError(error)) return error.retryable;
  if (error instanceof BrokenBody) return true;
  const meaning = meanings[nameOf(error)];
  if (meaning) return meaning.retryable ?? false;
  const status = statusOf(error);
  if (status !== undefined && status >= 400) return status >= 500 || status === 408 || status === 429;
  return codeOf(error) in networkProblems || /abort|socket|checksum/i.test(messageOf(error));
}

/** The `LakeError` for a failure of the SDK or of a body; `path` as the caller spelled it. */
export function s3Error(action: string, path: string, error: unknown): LakeError {
  if (isLakeError(error)) return error;
  if (isNotFound(error)) return lakeError("storage/not-found", { path });
  const meaning = meaningOf(error);
  return lakeError(
    "storage/failed",
    { action, path, problem: meaning.problem },
    { hint: meaning.hint, retryable: isRetryable(error), cause: cleanCause(error) },
  );
}

function meaningOf(error: unknown): Meaning {
  const name = nameOf(error);
  const status = statusOf(error);
  const marks = [status === undefined ? "" : String(status), /^(Error|Unknown.*)?$/.test(name) ? "" : name];
  const mark = marks.filter(Boolean).join(" ");
  const known = meanings[name] ?? (status === 403 ? meanings["AccessDenied"] : undefined);
  const network = networkProblems[codeOf(error)];
  if (known) return { ...known, problem: mark === "" ? known.problem : `${known.problem} (${mark})` };
  if (network !== undefined) {
    return {
      problem: `${network} (${codeOf(error)})`,
      hint: "check `endpoint` and `region` in `storage:`, and the network",
    };
  }
  const text = redact(messageOf(error)) || "the server gave no reason";
  if (/region is missing/i.test(text)) {
    return {
      problem: "no region is known",
      hint: "name it as `region` in the target's `storage:`, or set AWS_REGION",
    };
  }
  return { problem: mark === "" || text.includes(mark) ? text : `${text} (${mark})` };
}

/** For `--debug`: where it arose, without the fields that the SDK hangs on its errors. */
function cleanCause(error: unknown): Error {
  const cause = new Error(`${nameOf(error)}: ${redact(messageOf(error))}`);
  const stack = error instanceof Error ? error.stack : undefined;
  cause.stack = `${cause.message}\n${(stack ?? "")
    .split("\n")
    .filter((line) => /^\s+at /.test(line))
    .join("\n")}`;
  return cause;
}

/** Key ids, signatures and tokens as servers and proxies repeat them. */
function redact(text: string): string {
  return text
    .replace(/\b(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{12,}/g, "***")
    .replace(/(Credential|Signature|X-Amz-[\w-]*|AWSAccessKeyId)=[^\s&,;"']+/gi, "$1=***")
    .replace(/\/\/[^/@\s]+@/g, "//***@")
    .slice(0, 500);
}

function nameOf(error: unknown): string {
  // A reply without a body has no code: the SDK then names the error by its status.
  const code = field(error, "Code");
  if (typeof code === "string") return code;
  return error instanceof Error ? error.name : "";
}

function codeOf(error: unknown): string {
  const code = field(error, "code") ?? field(field(error, "cause"), "code");
  return typeof code === "string" ? code : "";
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && name in value
    ? (value as Record<string, unknown>)[name]
    : undefined;
}
