// The state that a dropped table was in: as `lake drop` noted it, otherwise the newest metadata file in its folder.
import type { CatalogTable, TableIdentifier } from "../catalog/catalog.ts";
import { tableName } from "../catalog/catalog.ts";
import { lakeError } from "../common/errors.ts";
import { parseTableMetadata } from "../iceberg/metadata.ts";
import { folderKey } from "../iceberg/path-key.ts";
import type { Session } from "../run/session.ts";
import type { Storage } from "../storage/storage.ts";
import { readDrop } from "./drop-records.ts";

type State = Pick<CatalogTable, "metadata" | "metadataLocation">;

interface MetadataFile {
  readonly path: string;
  readonly version: number;
  readonly modifiedMs: number;
}

/**
 * Null where no metadata lies there. Errors: `upkeep/which-metadata` where two files could be the newest (one is
 * that of a commit which never happened), `upkeep/moved-metadata`, `upkeep/other-table`.
 */
export async function findDropped(options: {
  readonly session: Session;
  readonly identifier: TableIdentifier;
  readonly folder: string;
  /** A metadata file that somebody chose. */
  readonly metadata?: string | undefined;
}): Promise<State | null> {
  const { session, identifier, folder } = options;
  const storage = await session.storage();
  if (options.metadata !== undefined) return checked(await read(storage, options.metadata), folder);
  const files = await metadataFiles(storage, folder);
  const record = await readDrop(session, identifier);
  // A table of that name that came and went since is the one that is meant.
  const isNewest = files.every(({ modifiedMs }) => record === null || modifiedMs <= record.droppedMs);
  if (record !== null && isNewest && (await storage.stat(record.metadataLocation)) !== null) {
    const state = await read(storage, record.metadataLocation);
    const { "table-uuid": uuid } = state.metadata;
    if (uuid === record.uuid) return state;
    const { metadataLocation: path, uuid: expected } = record;
    throw lakeError("upkeep/other-table", { table: tableName(identifier), path, uuid, expected });
  }
  return newest(storage, files, { table: tableName(identifier), folder });
}

/** By age: a table of the same name that lay there before may have come further in its numbers. */
async function newest(
  storage: Storage,
  files: readonly MetadataFile[],
  { table, folder }: { readonly table: string; readonly folder: string },
): Promise<State | null> {
  const [first] = files;
  if (first === undefined) return null;
  const state = checked(await read(storage, first.path), folder);
  // Of two files with one number at most one was ever the table's.
  for (const other of files.slice(1).filter(({ version }) => version === first.version)) {
    const { metadata } = await read(storage, other.path);
    if (metadata["table-uuid"] !== state.metadata["table-uuid"]) continue;
    const hint = "name the right one with --metadata; the catalog's own log may know it";
    throw lakeError("upkeep/which-metadata", { table, paths: [first.path, other.path] }, { hint });
  }
  return state;
}

/** Newest first. */
async function metadataFiles(storage: Storage, folder: string): Promise<MetadataFile[]> {
  const found: MetadataFile[] = [];
  for await (const { path, modifiedMs } of storage.list(`${folder}/metadata/`)) {
    const [, number] = /\/metadata\/v?(\d+)[^/]*\.metadata\.json(?:\.gz)?$/.exec(path) ?? [];
    if (number !== undefined) found.push({ path, version: Number(number), modifiedMs });
  }
  return found.sort((a, b) => b.modifiedMs - a.modifiedMs || b.version - a.version);
}

async function read(storage: Storage, path: string): Promise<State> {
  return { metadataLocation: path, metadata: parseTableMetadata(await storage.read(path), path) };
}

/** Paths in metadata are whole: a copy in another folder still names the files of the first. */
function checked(state: State, folder: string): State {
  const { location } = state.metadata;
  if (folderKey(location) === folderKey(folder)) return state;
  throw lakeError(
    "upkeep/moved-metadata",
    { path: state.metadataLocation, location },
    { hint: "a copy is restored from the folder that lake backup made" },
  );
}
