// What `lake drop` remembers of a table, so that `lake restore` brings back that very state and no other.
import type { TableIdentifier } from "../catalog/catalog.ts";
import { tableName } from "../catalog/catalog.ts";
import { isLakeError } from "../common/errors.ts";
import { lakeFolder } from "../run/names.ts";
import type { Session } from "../run/session.ts";

export interface DropRecord {
  readonly metadataLocation: string;
  readonly uuid: string;
  readonly droppedMs: number;
  readonly user: string;
}

function recordPath({ profile }: Session, identifier: TableIdentifier): string {
  return `${lakeFolder(profile)}/dropped/${tableName(identifier)}.json`;
}

/** The newest drop of that name counts. */
export async function recordDrop(
  session: Session,
  identifier: TableIdentifier,
  record: DropRecord,
): Promise<void> {
  const storage = await session.storage();
  const text = `${JSON.stringify({ version: 1, ...record }, null, 2)}\n`;
  await storage.write(recordPath(session, identifier), new TextEncoder().encode(text));
}

/** Null where nobody dropped it with `lake`, or the record is damaged. */
export async function readDrop(session: Session, identifier: TableIdentifier): Promise<DropRecord | null> {
  const storage = await session.storage();
  try {
    const text = new TextDecoder().decode(await storage.read(recordPath(session, identifier)));
    const record = JSON.parse(text) as DropRecord;
    return typeof record.metadataLocation === "string" && typeof record.uuid === "string" ? record : null;
  } catch (error) {
    if (isLakeError(error, "storage/not-found") || error instanceof SyntaxError) return null;
    throw error;
  }
}

export async function forgetDrop(session: Session, identifier: TableIdentifier): Promise<void> {
  const storage = await session.storage();
  await storage.delete([recordPath(session, identifier)]);
}
