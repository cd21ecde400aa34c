// The two databases' ways of saying the same few things.
import { isLakeError, lakeError, type LakeError } from "../../common/errors.ts";
import type { DatabaseAddress } from "./database-uri.ts";

const unreachable = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "ETIMEDOUT",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "EPIPE",
]);

export function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

/** A row with this key is already there. */
export function isUniqueViolation(error: unknown): boolean {
  const code = codeOf(error);
  return code === "23505" || code === "SQLITE_CONSTRAINT_PRIMARYKEY" || code === "SQLITE_CONSTRAINT_UNIQUE";
}

/** The transaction was certainly undone, because of another one; the same may succeed when tried again. */
export function isContention(error: unknown): boolean {
  const code = codeOf(error);
  return /^SQLITE_(BUSY|LOCKED)/.test(code) || code === "40001" || code === "40P01" || code === "55P03";
}

export function isMissingTable(error: unknown): boolean {
  return (
    codeOf(error) === "42P01" ||
    (codeOf(error) === "SQLITE_ERROR" && messageOf(error).includes("no such table"))
  );
}

export function isMissingColumn(error: unknown): boolean {
  return (
    codeOf(error) === "42703" ||
    (codeOf(error) === "SQLITE_ERROR" && messageOf(error).includes("no such column"))
  );
}

/**
 * Whether PostgreSQL itself refused a statement (and so did not do it), rather than fell silent or broke
 * down: a SQLSTATE, but none of the classes for lost connections, shutdown, system and internal errors.
 */
export function isRefusal(error: unknown): boolean {
  const code = codeOf(error);
  return /^(?=.*\d)[0-9A-Z]{5}$/.test(code) && !/^(08|57P|58|XX|40003)/.test(code);
}

export function isConnectionFailure(error: unknown): boolean {
  const code = codeOf(error);
  if (unreachable.has(code) || code.startsWith("08") || code.startsWith("57P") || code === "53300")
    return true;
  return /connection terminated|timeout expired|timeout exceeded|acquiring a connection/i.test(
    messageOf(error),
  );
}

/** Knex puts the statement in front of the driver's message; no statement of ours holds ` - `. */
function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const at = text.indexOf(" - ");
  const message = at === -1 ? text : text.slice(at + 3);
  return message === "" ? codeOf(error) || "no reason given" : message;
}

const hints: Readonly<Record<string, string>> = {
  SQLITE_FULL: "the disk is full: free space, then run again",
  SQLITE_READONLY: "the database file or its folder is read-only for this user",
  SQLITE_CANTOPEN: "check that the folder of the database file is there and writable",
  SQLITE_NOTADB: "the file is no SQLite database; choose another path",
  SQLITE_CORRUPT: "the database file is damaged: restore it from a backup before anything else is written",
  "28P01": "check user and password of the catalog in profiles.yml",
  "28000": "check user and password of the catalog in profiles.yml, and the server's pg_hba.conf",
  "3D000": "create the database first",
  "42501": "grant this user the right to the catalog's tables",
  "42P01": "the catalog has no tables yet; the first run makes them",
  "53300": "the server has no connection left: try later, or raise max_connections",
};

/** The `LakeError` for a driver's failure, with nothing secret in it. */
export function databaseError(action: string, address: DatabaseAddress, error: unknown): LakeError {
  if (isLakeError(error)) return error;
  const code = codeOf(error);
  const problem = `${messageOf(error)}${code === "" ? "" : ` (${code})`}`;
  const hint = hints[code] ?? (code.startsWith("SQLITE_READONLY") ? hints["SQLITE_READONLY"] : undefined);
  if (isConnectionFailure(error)) {
    const parameters = { catalog: address.shown, problem };
    return lakeError("catalog/unreachable", parameters, {
      hint: hint ?? "check that the database server runs and can be reached from here",
      retryable: true,
      cause: error,
    });
  }
  const busy = isContention(error);
  return lakeError(
    "catalog/failed",
    { action, catalog: address.shown, problem },
    {
      hint: busy ? "another program holds the catalog for long: end it, or try again later" : hint,
      retryable: busy,
      cause: error,
    },
  );
}
