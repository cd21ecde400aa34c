// A model's landing sources at planning time: what is there, and what its table holds already.
import { formatSize } from "../../common/format.ts";
import { isLakeError, lakeError } from "../../common/errors.ts";
import { mapLimited } from "../../common/limit.ts";
import type { CatalogTable } from "../../catalog/catalog.ts";
import { tableName } from "../../catalog/catalog.ts";
import { diffLanding } from "../../plan/landing-diff.ts";
import type { LandingDiff, LandingVersion, LedgerFile } from "../../plan/landing-diff.ts";
import type { Model, Seed, Source } from "../../project/types.ts";
import type { Inputs } from "../inputs.ts";
import { landingSources } from "../inputs.ts";
import { contentHash, listLanding, type Listing } from "./landing.ts";
import { emptyLedger, findLedger, readLedger } from "./ledger.ts";
import type { Ledger } from "./ledger.ts";
import { tableIdentifier } from "../names.ts";
import type { Session } from "../session.ts";

export interface LandingState {
  /** Every file of every landing source that the model reads. */
  readonly files: readonly LandingVersion[];
  /** How many lie there that no pattern of the sources names. */
  readonly others: number;
  readonly bySource: ReadonlyMap<string, readonly LandingVersion[]>;
  readonly diff: LandingDiff;
  /** Held files with a new time stamp and the content that was taken in: the next commit notes the time. */
  readonly touched: readonly LedgerFile[];
  /** What the table holds now; empty when it is made anew. */
  readonly ledger: Ledger;
}

/**
 * What a run does about files that changed after they were taken in: stop, leave them aside and keep their rows, or
 * replace their rows by those of the new content.
 */
export type ChangedFiles = "fail" | "ignore" | "replace";

/** Files that are read at once to compare their content. */
const filesAtOnce = 4;

const listings = new WeakMap<Session, Map<string, Promise<Listing>>>();

/** One listing per source and session, however many models read it. */
export function listSource(session: Session, source: Source): Promise<Listing> {
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
  readonly changedFiles: ChangedFiles;
}): Promise<LandingState | null> {
  const { session, node, inputs, ingesting, fullRefresh } = options;
  const sources = landingSources(inputs);
  if (sources.length === 0) return null;
  const bySource = new Map<string, readonly LandingVersion[]>();
  let others = 0;
  for (const source of sources) {
    const listing = await listSource(session, source);
    bySource.set(source.uniqueId, listing.files);
    others += listing.others;
  }
  const files = [...bySource.values()].flat();
  const storage = await session.storage();
  const ledger = await ledgerOf(options);
  const held = new Map(sources.flatMap((source) => [...(ledger.files.get(source.uniqueId) ?? [])]));
  const found = diffLanding(files, held);
  const same = await mapLimited(
    found.doubtful,
    filesAtOnce,
    async (doubt) => (await contentHash(storage, doubt.found.path)) === doubt.held.contentHash,
  );
  const changed = [...found.changed, ...found.doubtful.filter((_, index) => same[index] === false)];
  const touched = found.doubtful
    .filter((_, index) => same[index] === true)
    .map((doubt) => ({ ...doubt.held, ...doubt.found }));
  const replace = ingesting && !fullRefresh && options.changedFiles === "replace";
  const diff = { ...found, ...(replace ? { changed: [], replaced: changed } : { changed }) };
  const name = tableName(tableIdentifier(node, session.profile));
  if (ingesting && !fullRefresh && options.changedFiles === "fail") refuseChanged(node.name, name, changed);
  if (ingesting && fullRefresh && !options.allowLoss) refuseLoss(name, diff.gone);
  return { files, others, bySource, diff, touched, ledger };
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
    const pointer = await findLedger(storage, table.metadata, tableName(table.identifier));
    return pointer === null ? emptyLedger : await readLedger(storage, pointer);
  } catch (error) {
    if (!isLakeError(error) || (ingesting && !(fullRefresh && allowLoss))) throw error;
    return emptyLedger;
  }
}

function refuseChanged(model: string, table: string, changed: LandingDiff["changed"]): void {
  const first = changed[0];
  if (first === undefined) return;
  const { found, held } = first;
  const hint = [
    "new events belong into a file of a new name. Otherwise choose:",
    `  lake ledger accept ${model} ${found.path.slice(found.path.lastIndexOf("/") + 1)}   its rows stay as they are, the file counts as held`,
    `  lake build -s ${model} --changed-files replace   its rows go, those of the new content come, in one commit`,
    `  lake build --changed-files ignore   go on without it, and be asked again by the next run`,
    `  lake build -s ${model} --full-refresh   build the table anew from all that is in the landing zone`,
  ].join("\n");
  throw lakeError(
    "run/landing-file-changed",
    {
      table,
      path: found.path,
      before: describe(held),
      now: describe(found),
      others: changed.length - 1,
    },
    { hint },
  );
}

function describe(file: LandingVersion | LedgerFile): string {
  if (file.sizeBytes < 0) return "a content that nobody noted";
  return `${formatSize(file.sizeBytes)} of ${new Date(file.modifiedMs).toISOString().slice(0, 19)}Z`;
}

function refuseLoss(table: string, gone: readonly LedgerFile[]): void {
  // Lines in quarantine go with the model's table.
  const withRows = gone.filter((file) => file.rows > 0 || file.rejected > 0);
  const first = withRows[0];
  if (first === undefined) return;
  throw lakeError(
    "run/landing-files-gone",
    { table, count: withRows.length, example: first.path },
    { hint: "bring the files back to the landing zone, or add --allow-loss to go on without their rows" },
  );
}
