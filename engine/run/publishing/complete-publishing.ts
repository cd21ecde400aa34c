// What a run began to publish and did not bring to its end, brought to its end by whoever writes the target next.
import { LakeError, isLakeError, lakeError } from "../../common/errors.ts";
import { formatAge } from "../../common/format.ts";
import type { CatalogTable } from "../../catalog/catalog.ts";
import { tableName } from "../../catalog/catalog.ts";
import type { StagedChange } from "../../iceberg/change.ts";
import { checkRequirements, parseTableMetadata } from "../../iceberg/metadata.ts";
import { folderKey, pathKey } from "../../iceberg/path-key.ts";
import { ownFolders } from "../../iceberg/reachable-files.ts";
import { commitIdKey } from "../../iceberg/stage-change.ts";
import { fromStagedRecord } from "../../iceberg/staged-record.ts";
import type { StagedRecord } from "../../iceberg/staged-record.ts";
import { loadTables, restageAppend } from "../../iceberg/transaction.ts";
import { deletableFiles, stagedFilesOf } from "../journal/clean-staged.ts";
import { hasTable, lakeFolder, tableIdentifier } from "../names.ts";
import { newTableLocation } from "../writing/new-table-location.ts";
import { publishInOrder } from "./publish-in-order.ts";
import type { OrderedResult, OrderedUnit } from "./publish-in-order.ts";
import { ensureNamespaces } from "./publish.ts";
import type { PublishingRecord, PublishingUnit } from "./publishing-record.ts";
import { isPublishing, readRecord, recordPath } from "../journal/run-records.ts";
import type { RunFiles } from "../journal/run-records.ts";
import type { Session } from "../session.ts";

export interface CompletedPublishing extends OrderedResult {
  readonly runId: string;
  /** How long it had been waiting. */
  readonly ageMs: number;
}

/** Older ones need somebody who looks: what they were tested on may be no longer what matters (rule 9). */
const askedAfterMs = 86_400_000;

export interface CompleteRequest {
  readonly session: Session;
  /** Of runs that are not at work. */
  readonly runs: Iterable<RunFiles>;
  /** Tables that are about to be built; null completes whatever its age. */
  readonly wanted: ReadonlySet<string> | null;
}

/** Errors: `run/publishing-too-old` for one that holds a wanted table; those of `publishInOrder`. */
export async function completePublishing(request: CompleteRequest): Promise<CompletedPublishing[]> {
  const { session, wanted } = request;
  const [storage, folder] = [await session.storage(), lakeFolder(session.profile)];
  const done: CompletedPublishing[] = [];
  for (const { runId, files } of request.runs) {
    for (const [name, { modifiedMs }] of files) {
      if (!isPublishing(name)) continue;
      const path = recordPath(folder, runId, name);
      const record = await readRecord<PublishingRecord>(storage, path);
      if (record === null) continue;
      const ageMs = session.now() - modifiedMs;
      if (wanted !== null && ageMs > askedAfterMs) {
        refuseOld(record, wanted, ageMs);
        continue;
      }
      done.push({ runId, ageMs, ...(await complete(session, record)) });
      await storage.delete([path]);
    }
  }
  return done;
}

function refuseOld({ runId, units }: PublishingRecord, wanted: ReadonlySet<string>, ageMs: number): void {
  const names = units.flatMap(({ changes }) => changes.map(({ identifier }) => tableName(identifier)));
  const tables = names.filter((table) => wanted.has(table));
  if (tables.length === 0) return;
  const hint = `lake recover ${runId} publishes the rest; lake recover ${runId} --discard gives it up, and the next run builds the tables anew`;
  throw lakeError("run/publishing-too-old", { runId, tables, age: formatAge(ageMs) }, { hint });
}

async function complete(session: Session, record: PublishingRecord): Promise<OrderedResult> {
  const [catalog, storage] = await Promise.all([session.catalog(), session.storage()]);
  const records = record.units.flatMap(({ changes }) => changes);
  const identifiers = records.map(({ identifier }) => identifier);
  const current = await loadTables({ catalog, storage, identifiers });
  const units: OrderedUnit[] = [];
  for (const unit of record.units) units.push(await toOrderedUnit(session, unit, current));
  await ensureNamespaces(
    session,
    units.flatMap(({ changes }) => changes),
  );
  const result = await publishInOrder({ session, units, verifyAfterMs: 0 });
  const skipped = new Set(result.skipped.map(({ node }) => node));
  const left = record.units.filter(({ node }) => skipped.has(node)).flatMap(({ changes }) => changes);
  const files = await deletableFiles(session, left.map(stagedFilesOf), false);
  await storage.delete(files.flatMap(({ paths }) => paths));
  return result;
}

/** With what is still to be done; refused where the record does not fit the target or the table of now. */
async function toOrderedUnit(
  session: Session,
  { node, reads, changes: records }: PublishingUnit,
  current: ReadonlyMap<string, CatalogTable>,
): Promise<OrderedUnit> {
  const storage = await session.storage();
  const tables = records.map(({ identifier }) => tableName(identifier));
  const changes: StagedChange[] = [];
  try {
    for (const [index, record] of records.entries()) {
      const table = current.get(tableName(record.identifier)) ?? null;
      if (isThere(record, table)) continue;
      await checkOwn(session, record, table);
      const again = index === 0 ? null : await onTopOf(session, record, table);
      if (again === null)
        checkRequirements(table?.metadata ?? null, record.requirements, tableName(record.identifier));
      changes.push(again ?? (await fromStagedRecord(storage, record, table)));
    }
  } catch (error) {
    if (!isLakeError(error)) throw error;
    return { node, reads, tables, changes: [], refused: gone(error, records) };
  }
  return { node, reads, tables, changes };
}

/**
 * Lines in quarantine belong to a table that may show its rows by now: where their own table was moved, they are
 * applied again on what it holds. Null where it was not. Errors: `iceberg/cannot-restage`.
 */
async function onTopOf(
  session: Session,
  record: StagedRecord,
  table: CatalogTable | null,
): Promise<StagedChange | null> {
  const { base } = record;
  if (table === null || base === null || table.metadataLocation === base) return null;
  const storage = await session.storage();
  const { identifier } = record;
  const metadata = parseTableMetadata(await storage.read(base), base);
  const staged = await fromStagedRecord(storage, record, { identifier, metadataLocation: base, metadata });
  return restageAppend({ storage, staged, current: table, nowMs: session.now(), independent: true });
}

/** A manifest that cannot be read is a staged file that is gone. */
function gone(error: LakeError, [record]: readonly StagedRecord[]): LakeError {
  if (error.code !== "storage/not-found" || record === undefined) return error;
  const table = tableName(record.identifier);
  return lakeError("iceberg/staged-file-gone", { table, path: error.message, count: 1 }, { cause: error });
}

function isThere({ commitId }: StagedRecord, table: CatalogTable | null): boolean {
  return table?.metadata.snapshots.some(({ summary }) => summary[commitIdKey] === commitId) === true;
}

/** The record is believed only as far as it stays within this target's own tables (rule 9). */
async function checkOwn(session: Session, record: StagedRecord, table: CatalogTable | null): Promise<void> {
  const { profile, graph } = session;
  const { identifier, location, paths } = record;
  const refuse = (problem: string): Error =>
    lakeError("run/not-of-this-target", { table: tableName(identifier), problem });
  const namespaces = new Set([profile.schema]);
  for (const node of graph.nodes.values())
    if (hasTable(node)) namespaces.add(tableIdentifier(node, profile).namespace);
  if (!namespaces.has(identifier.namespace)) throw refuse("the target has no such namespace");
  const expected = table?.metadata.location ?? (await newTableLocation(session, identifier));
  if (folderKey(location) !== folderKey(expected)) throw refuse(`it names the folder ${location}`);
  const folders = table === null ? [folderKey(location)] : ownFolders(table.metadata);
  const outside = paths.find((path) => !folders.some((folder) => pathKey(path).startsWith(folder)));
  if (outside !== undefined) throw refuse(`it names the file ${outside}, outside the table's folder`);
}
