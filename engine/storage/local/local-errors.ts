// What the operating system's error codes mean to the reader, and which of them may pass by themselves.
import { lakeError, type LakeError } from "../../common/errors.ts";

interface Meaning {
  readonly problem: string;
  readonly hint?: string;
  readonly retryable?: boolean;
}

const meanings: Readonly<Record<string, Meaning>> = {
  ENOSPC: { problem: "the disk is full", hint: "free space on this file system, then run again" },
  EDQUOT: { problem: "the disk quota is used up", hint: "free space or raise the quota, then run again" },
  EACCES: {
    problem: "permission denied",
    hint: "give the user who runs lake the right to this path and to every folder above it",
  },
  EPERM: {
    problem: "the operation is not permitted",
    hint: "check the owner and attributes of the file, and that its file system can make hard links",
  },
  EROFS: { problem: "the file system is read-only", hint: "mount it writable, or choose another location" },
  ENOTDIR: {
    problem: "a part of the path is a file where a folder was expected",
    hint: "move that file away, or choose another location",
  },
  EISDIR: { problem: "it is a folder, expected a file" },
  ENAMETOOLONG: { problem: "the name is longer than the file system allows", hint: "choose shorter names" },
  ELOOP: { problem: "its symbolic links go in a circle", hint: "mend the links" },
  ENOTSUP: {
    problem: "the file system cannot make hard links",
    hint: "keep the warehouse on a file system that can: only one of two writers may win",
  },
  EIO: { problem: "the device reports an error", hint: "check the disk before anything else is written" },
  EMFILE: { problem: "too many files are open", hint: "raise `ulimit -n`", retryable: true },
  ENFILE: { problem: "too many files are open on this machine", retryable: true },
  EBUSY: { problem: "the file is busy", retryable: true },
  EAGAIN: { problem: "a resource is busy", retryable: true },
  EINTR: { problem: "the call was interrupted", retryable: true },
  ESTALE: { problem: "the network file system lost the file's handle", retryable: true },
  ETIMEDOUT: { problem: "the network file system did not answer", retryable: true },
};

/** Whether a failure of `node:fs` has one of these codes. */
export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && "code" in error && codes.includes(String(error.code));
}

/** The `LakeError` for a failure of `node:fs`; `path` as the caller spelled it. */
export function storageError(action: string, path: string, error: unknown): LakeError {
  if (hasCode(error, "ENOENT")) return lakeError("storage/not-found", { path }, { cause: error });
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const meaning = meanings[code === "EOPNOTSUPP" ? "ENOTSUP" : code];
  const text = error instanceof Error ? error.message : String(error);
  return lakeError(
    "storage/failed",
    { action, path, problem: meaning === undefined ? text : `${meaning.problem} (${code})` },
    { hint: meaning?.hint, retryable: meaning?.retryable ?? false, cause: error },
  );
}
