// Another writer moved a table that this run had staged: what can be applied again on its new state is, the rest
// is made again (rules 2 and 3).
import type { CatalogTable } from "../../catalog/catalog.ts";
import { tableName } from "../../catalog/catalog.ts";
import { isLakeError } from "../../common/errors.ts";
import type { StagedChange } from "../../iceberg/change.ts";
import { abandonChange, loadTables, restageAppend } from "../../iceberg/transaction.ts";
import { summaryKeys } from "../../plan/table-state.ts";
import { reportAgain } from "../writing/report-table.ts";
import type { Session } from "../session.ts";
import { changesOf } from "./staged-table.ts";
import type { StagedTable } from "./staged-table.ts";

export interface Rebased {
  /** By unique id: what still stands or was applied again. The rest is gone, with its files. */
  readonly standing: ReadonlyMap<string, StagedTable>;
  /** Names of the tables that moved. */
  readonly moved: readonly string[];
}

/** Null where a table is gone, was made by somebody else, or stands for another one: nobody's rows are replaced. */
export async function rebaseStaged(
  session: Session,
  staged: readonly StagedTable[],
): Promise<Rebased | null> {
  const [catalog, storage] = await Promise.all([session.catalog(), session.storage()]);
  const changes = changesOf(staged);
  const identifiers = changes.map(({ request }) => request.identifier);
  const current = await loadTables({ catalog, storage, identifiers });
  const now = ({ request }: StagedChange): CatalogTable | null =>
    current.get(tableName(request.identifier)) ?? null;
  if (changes.some((change) => isAnotherTable(change, now(change)))) return null;
  const moved = changes.filter((change) => hasMoved(change, now(change)));
  if (moved.length === 0) return null;
  const standing = new Map<string, StagedTable>();
  for (const table of staged) {
    const again = await applyAgain(session, table, now);
    if (again !== null) standing.set(table.uniqueId, again);
  }
  return { standing, moved: moved.map(({ request }) => tableName(request.identifier)) };
}

function isAnotherTable({ request: { base } }: StagedChange, now: CatalogTable | null): boolean {
  return base?.metadata["table-uuid"] !== now?.metadata["table-uuid"];
}

function hasMoved({ request: { base } }: StagedChange, now: CatalogTable | null): boolean {
  return base?.metadataLocation !== now?.metadataLocation;
}

async function applyAgain(
  session: Session,
  table: StagedTable,
  now: (change: StagedChange) => CatalogTable | null,
): Promise<StagedTable | null> {
  const storage = await session.storage();
  const again: StagedChange[] = [];
  try {
    for (const change of table.changes) {
      const current = now(change);
      if (current === null || !hasMoved(change, current)) again.push(change);
      else again.push(await restageAppend({ storage, staged: change, current, nowMs: session.now() }));
    }
  } catch (error) {
    if (!isLakeError(error, "iceberg/cannot-restage")) throw error;
    for (const change of new Set([...table.changes, ...again]))
      await abandonChange({ storage, staged: change, current: now(change) });
    await storage.delete(table.changes.flatMap(({ request }) => request.summary[summaryKeys.ledger] ?? []));
    return null;
  }
  const [own, ...others] = again;
  if (own === undefined || again.every((change, index) => change === table.changes[index])) return table;
  // The manifests of the first attempt are nobody's; its data files are those of the second.
  const needed = new Set(again.flatMap(({ writtenPaths }) => writtenPaths));
  await storage.delete(
    changesOf([table])
      .flatMap(({ writtenPaths }) => writtenPaths)
      .filter((path) => !needed.has(path)),
  );
  return { ...table, changes: [own, ...others], report: reportAgain(table.report, own.preview) };
}
