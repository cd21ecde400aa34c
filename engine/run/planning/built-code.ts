// What each table was built with, kept under the target's own prefix and named by the snapshot that was built:
// `lake plan` shows what changed since. Losing a file costs that answer, nothing else.
import { isLakeError } from "../../common/errors.ts";
import type { ModelCode } from "../../plan/fingerprint.ts";
import type { Storage } from "../../storage/storage.ts";
import { lakeFolder } from "../names.ts";
import type { Session } from "../session.ts";

/** Keeps the code under its fingerprint, unless a table names it there already, and returns the path. */
export async function keepCode(options: {
  readonly session: Session;
  /** `namespace.table`. */
  readonly table: string;
  readonly fingerprint: string;
  readonly code: ModelCode;
  /** What the table was built with before. */
  readonly before: { readonly fingerprint: string; readonly code: string | null } | null;
}): Promise<string> {
  const { session, table, fingerprint, code, before } = options;
  if (before?.code != null && before.fingerprint === fingerprint) return before.code;
  const path = `${lakeFolder(session.profile)}/code/${table}/${fingerprint}.json`;
  const storage = await session.storage();
  const bytes = new TextEncoder().encode(`${JSON.stringify({ version: 1, ...code }, null, 2)}\n`);
  try {
    await storage.writeIfAbsent(path, bytes);
  } catch (error) {
    // The same fingerprint is the same code.
    if (!isLakeError(error, "storage/exists")) throw error;
  }
  return path;
}

/** Null where it is gone or damaged. */
export async function readCode(storage: Storage, path: string): Promise<ModelCode | null> {
  try {
    const value = JSON.parse(new TextDecoder().decode(await storage.read(path))) as ModelCode;
    return typeof value.sql === "string" && typeof value.context === "object" ? value : null;
  } catch (error) {
    if (isLakeError(error, "storage/not-found") || error instanceof SyntaxError) return null;
    throw error;
  }
}
