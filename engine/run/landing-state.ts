// A model's landing sources at planning time: what is there, and what its table holds already.
import { formatSize } from "../common/format.ts";
import { isLakeError, lakeError } from "../common/errors.ts";
import type { CatalogTable } from "../catalog/catalog.ts";
import { tableName } from "../catalog/catalog.ts";
import { diffLanding } from "../plan/landing-diff.ts";
import type { LandingDiff, LandingVersion, LedgerFile } from "../plan/landing-diff.ts";
import type { Model, Seed, Source } from "../project/types.ts";
import type { Inputs } from "./inputs.ts";
import { landingSources } from "./inputs.ts";
import { listLanding, sameContent } from "./landing.ts";
import { emptyLedger, findLedger, readLedger } from "./ledger.ts";
import type { Ledger } from "./ledger.ts";
import { tableIdentifier } from "./names.ts";
import type { Session } from "./session.ts";

export interface LandingState {
  /** Every file of every landing source that the model reads. */
  readonly files: readonly LandingVersion[];
  readonly bySource: ReadonlyMap<string, readonly LandingVersion[]>;
  readonly diff: LandingDiff;
  /** What the table holds now; empty when it is made anew. */
  readonly ledger: Ledger;
}

const listings = new WeakMap<Session, Map<string, Promise<LandingVersion[]>>>();

/** One listing per source and session, however many models read it. */
export function listSource(session: Session, source: Source): Promise<LandingVersion[]> {
  let known = listings.get(session);
  if (known === undefined) listings.set(session, (known = new Map()));
  let listing = known.get(source.uniqueId);
  if (listing === undefined) {
    listing = session.storage().then((storage) => listLanding({ source, profile: session.profile, storage }));
    known.set(source.uniqueId, listing);
  }
  return listing;
}

/** Null for a model without a landing source. Errors: `run/landing-file-changed`, `run/ledger-missing`,
 *  `run/landing-files-gone`. */
export async function landingState(options: {
  readonly session: Session;
  readonly node: Model | Seed;
  readonly inputs: Inputs;
  readonly table: CatalogTable | null;
  readonly ingesting: boolean;
  readonly fullRefresh: boolean;
  readonly allowLoss: boolean;
}): Promise<LandingState | null> {
  const { session, node, inputs, ingesting, fullRefresh } = options;
  const sources = landingSources(inputs);
  if (sources.length === 0) return null;
  const bySource = new Map<string, LandingVersion[]>();
  for (const source of sources) bySource.set(source.uniqueId, await listSource(session, source));
  const files = [...bySource.values()].flat();
  const storage = await session.storage();
  const ledger = await ledgerOf(options);
  const held = new Map(sources.flatMap((source) => [...(ledger.files.get(source.uniqueId) ?? [])]));
  const found = diffLanding(files, held);
  const changed = [...found.changed];
  for (const doubt of found.doubtful) {
    if (!(await sameContent(storage, doubt.found, doubt.held))) changed.push(doubt);
  }
  const diff = { ...found, changed };
  const name = tableName(tableIdentifier(node, session.profile));
  if (ingesting && !fullRefresh) refuseChanged(name, changed);
  if (ingesting && fullRefresh && !options.allowLoss) refuseLoss(name, diff.gone);
  return { files, bySource, diff, ledger };
}

/** What a table holds. One that is made anew whatever it holds goes ahead without a ledger; one that takes in
 *  files goes ahead only where losing rows is allowed, since without a ledger nobody knows whether it would. */
async function ledgerOf(options: {
  readonly session: Session;
  readonly table: CatalogTable | null;
  readonly ingesting: boolean;
  readonly fullRefresh: boolean;
  readonly allowLoss: boolean;
}): Promise<Ledger> {
  const { session, table, ingesting, fullRefresh, allowLoss } = options;
  if (table === null || (!ingesting && fullRefresh)) return emptyLedger;
  const storage = await session.storage();
  try {
    const pointer = await findLedger(storage, table);
    return pointer === null ? emptyLedger : await readLedger(storage, pointer);
  } catch (error) {
    if (!isLakeError(error) || (ingesting && !(fullRefresh && allowLoss))) throw error;
    return emptyLedger;
  }
}

function refuseChanged(table: string, changed: LandingDiff["changed"]): void {
  const first = changed[0];
  if (first === undefined) return;
  throw lakeError(
    "run/landing-file-changed",
    { table, path: first.found.path, before: describe(first.held), now: describe(first.found) },
    {
      hint: "give the new content a new file name, put the old content back, or rebuild the table with --full-refresh",
    },
  );
}

function describe(file: LandingVersion | LedgerFile): string {
  return `${formatSize(file.sizeBytes)} of ${new Date(file.modifiedMs).toISOString().slice(0, 19)}Z`;
}

function refuseLoss(table: string, gone: readonly LedgerFile[]): void {
  const withRows = gone.filter((file) => file.rows > 0);
  const first = withRows[0];
  if (first === undefined) return;
  throw lakeError(
    "run/landing-files-gone",
    { table, count: withRows.length, example: first.path },
    { hint: "bring the files back to the landing zone, or add --allow-loss to go on without their rows" },
  );
}
