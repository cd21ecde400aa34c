// Which landing files a table holds: segments under the target's own prefix, outside every table's
// location, named by the snapshot that took the files in. Rolling the table back rolls this back too.
import { tableName } from "../../catalog/catalog.ts";
import type { CatalogTable } from "../../catalog/catalog.ts";
import { isLakeError, lakeError } from "../../common/errors.ts";
import { parseTableMetadata } from "../../iceberg/metadata.ts";
import type { TableMetadata } from "../../iceberg/types.ts";
import type { LedgerFile } from "../../plan/landing-diff.ts";
import { ancestors, ledgerSnapshotKey, snapshotById, summaryKeys } from "../../plan/table-state.ts";
import type { Storage } from "../../storage/storage.ts";

/** Table properties that repeat the pointer, for when the snapshots that carry it have expired. */
export const ledgerProperties = { ledger: summaryKeys.ledger, snapshot: ledgerSnapshotKey } as const;

export interface Ledger {
  /** Source unique id → path → file. */
  readonly files: ReadonlyMap<string, ReadonlyMap<string, LedgerFile>>;
  /** Newest first. */
  readonly segments: readonly LedgerSegment[];
}

export interface LedgerEntry extends LedgerFile {
  /** Unique id of the landing source. */
  readonly source: string;
}

interface LedgerSegment {
  readonly path: string;
  readonly previous: string | null;
  readonly files: readonly LedgerEntry[];
}

const rebuildHint =
  "`lake ledger rebuild <model>` makes a new one from the rows' data_source; --full-refresh --allow-loss builds the table anew";

export const emptyLedger: Ledger = { files: new Map(), segments: [] };

/** Reads a whole ledger; `pointer` names its newest segment. Errors: `run/ledger-unreadable`. */
export async function readLedger(storage: Storage, pointer: string): Promise<Ledger> {
  const segments: LedgerSegment[] = [];
  let path: string | null = pointer;
  while (path !== null) {
    const segment: LedgerSegment = await readSegment(storage, path);
    segments.push(segment);
    path = segment.previous;
    if (segments.length > 1000) throw unreadable(pointer, "its segments form a loop");
  }
  const files = new Map<string, Map<string, LedgerFile>>();
  for (const segment of segments.toReversed()) {
    for (const { source, ...file } of segment.files) {
      let ofSource = files.get(source);
      if (ofSource === undefined) files.set(source, (ofSource = new Map()));
      ofSource.set(file.path, file);
    }
  }
  return { files, segments };
}

async function readSegment(storage: Storage, path: string): Promise<LedgerSegment> {
  try {
    const value = JSON.parse(new TextDecoder().decode(await storage.read(path))) as LedgerSegment;
    if (!Array.isArray(value.files)) throw new Error("it has no list of files");
    return { path, previous: value.previous ?? null, files: value.files };
  } catch (error) {
    throw unreadable(path, error instanceof Error ? error.message : String(error), error);
  }
}

function unreadable(path: string, problem: string, cause?: unknown): Error {
  return lakeError(
    "run/ledger-unreadable",
    { path, problem },
    { cause, hint: `bring the file back, or ${rebuildHint}` },
  );
}

/**
 * Writes the segment of one commit and returns its path. Segments merge like the digits of a counter: a
 * new one takes in those before it that are not larger, so that a chain of n files stays log(n) long and
 * the cost of a commit in proportion to what it adds.
 */
export async function writeLedger(options: {
  readonly storage: Storage;
  /** `<warehouse>/_lake/<target>/ledger/<table>`. */
  readonly folder: string;
  readonly commitId: string;
  readonly base: Ledger;
  readonly added: readonly LedgerEntry[];
}): Promise<string> {
  const { storage, folder, commitId, base } = options;
  let files = options.added;
  let rest = base.segments;
  while (rest[0] !== undefined && rest[0].files.length <= files.length) {
    files = [...rest[0].files, ...files];
    rest = rest.slice(1);
  }
  const path = `${folder}/${commitId}.json`;
  const segment = { version: 1, previous: rest[0]?.path ?? null, files };
  await storage.writeIfAbsent(path, new TextEncoder().encode(JSON.stringify(segment)));
  return path;
}

/** The pointer as the table itself proves it: in the newest ancestor that names one, or that the property names. */
function provenPointer(metadata: TableMetadata): string | null {
  const pointer = metadata.properties[ledgerProperties.ledger];
  const named = metadata.properties[ledgerProperties.snapshot];
  for (const snapshot of ancestors(metadata)) {
    // First, because a ledger that was rebuilt or corrected stands in the property alone.
    if (pointer !== undefined && named === snapshot["snapshot-id"].toString()) return pointer;
    const own = snapshot.summary[summaryKeys.ledger];
    if (own !== undefined) return own;
  }
  return null;
}

/** Whether the table says, rightly or not, that it has a ledger. */
export function mentionsLedger(metadata: TableMetadata): boolean {
  return metadata.properties[ledgerProperties.ledger] !== undefined || provenPointer(metadata) !== null;
}

/**
 * The ledger that belongs to the table's head, or null for a table without rows and without a ledger.
 * Found in the newest ancestor's summary that names one, or in the table property if the snapshot that it names
 * is proven an ancestor of the head, where that has expired by older metadata files (rule 15). Errors:
 * `run/ledger-missing` when nothing can be proven.
 */
export async function findLedger(
  storage: Storage,
  metadata: TableMetadata,
  table: string,
): Promise<string | null> {
  const proven = provenPointer(metadata);
  if (proven !== null || metadata["current-snapshot-id"] === null) return proven;
  const pointer = metadata.properties[ledgerProperties.ledger];
  const named = metadata.properties[ledgerProperties.snapshot];
  const oldest = [...ancestors(metadata)].at(-1);
  // PyIceberg takes an expired parent out of its child, too: then older metadata files know the child's parent.
  const start: bigint =
    oldest?.["parent-snapshot-id"] ?? oldest?.["snapshot-id"] ?? metadata["current-snapshot-id"];
  if (pointer !== undefined && named !== undefined) {
    if (await isAncestor(storage, metadata, BigInt(named), start)) return pointer;
  }
  throw lakeError("run/ledger-missing", { table }, { hint: rebuildHint });
}

/** Follows parents from `from` through the metadata files that the log still names. */
async function isAncestor(
  storage: Storage,
  metadata: TableMetadata,
  wanted: bigint,
  from: bigint,
): Promise<boolean> {
  let id: bigint | undefined = from;
  for (const { "metadata-file": file } of metadata["metadata-log"].toReversed()) {
    if (id === wanted) return true;
    let older;
    try {
      older = parseTableMetadata(await storage.read(file), file);
    } catch {
      return false;
    }
    if (older["table-uuid"] !== metadata["table-uuid"]) return false;
    for (;;) {
      const snapshot = snapshotById(older, id);
      if (snapshot === null) break;
      if (snapshot["snapshot-id"] === wanted) return true;
      id = snapshot["parent-snapshot-id"];
      if (id === undefined) return false;
    }
  }
  return id === wanted;
}

/**
 * The ledger of a table's newest state as one segment in another folder, so that a copy of the table stands on its own
 * (rules 16, 22); null for a table without one. Errors: `run/ledger-unreadable`.
 */
export async function copyLedger(options: {
  readonly storage: Storage;
  readonly source: CatalogTable;
  readonly folder: string;
  readonly commitId: string;
}): Promise<string | null> {
  const { source, ...place } = options;
  const { storage } = options;
  const pointer = await findLedger(storage, source.metadata, tableName(source.identifier)).catch(
    (error: unknown) => {
      // A table that takes in no landing files has none, and need not prove it.
      if (isLakeError(error, "run/ledger-missing")) return null;
      throw error;
    },
  );
  if (pointer === null) return null;
  const { files } = await readLedger(storage, pointer);
  const added = [...files].flatMap(([source, ofSource]) =>
    [...ofSource.values()].map((file) => ({ source, ...file })),
  );
  return writeLedger({ ...place, base: emptyLedger, added });
}
