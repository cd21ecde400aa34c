// `lake ledger show` and `accept`: what a table holds of its landing zone, and the word of somebody who knows
// that a changed file needs no new rows.
import { lakeError } from "../../common/errors.ts";
import { mapLimited } from "../../common/limit.ts";
import type { LedgerFile } from "../../plan/landing-diff.ts";
import { contentHash } from "./landing.ts";
import { landingState } from "./landing-state.ts";
import type { LandingState } from "./landing-state.ts";
import type { LedgerEntry } from "./ledger.ts";
import { commitLedger, ingestingModel } from "./ledger-of-model.ts";
import type { IngestingModel } from "./ledger-of-model.ts";
import { inputsOf } from "../inputs.ts";
import type { Session } from "../session.ts";

export interface LedgerRow {
  readonly path: string;
  /** `gone`: held, and no longer in the landing zone. `new`: to be taken in by the next run. */
  readonly status: "held" | "changed" | "gone" | "new";
  readonly sizeBytes: number | null;
  /** Lines that became rows, and lines that did not; null for a new file. */
  readonly rows: number | null;
  readonly rejected: number | null;
}

export interface LedgerView {
  readonly table: string;
  readonly files: readonly LedgerRow[];
}

/** Every file that the table holds or could take in, in path order. */
export async function ledgerView(session: Session, modelName: string): Promise<LedgerView> {
  const of = await ingestingModel(session, modelName);
  const { ledger, diff } = await stateOf(session, of);
  const changed = new Set(diff.changed.map(({ found }) => found.path));
  const gone = new Set(diff.gone.map(({ path }) => path));
  const held = [...(ledger.files.get(of.source.uniqueId)?.values() ?? [])];
  const files: LedgerRow[] = [
    ...held.map((file) => ({
      path: file.path,
      status: changed.has(file.path)
        ? ("changed" as const)
        : gone.has(file.path)
          ? ("gone" as const)
          : ("held" as const),
      sizeBytes: file.sizeBytes < 0 ? null : file.sizeBytes,
      rows: file.rows,
      rejected: file.rejected,
    })),
    ...diff.fresh.map(({ path, sizeBytes }) => ({
      path,
      status: "new" as const,
      sizeBytes,
      rows: null,
      rejected: null,
    })),
  ];
  return { table: of.name, files: files.sort((a, b) => (a.path < b.path ? -1 : 1)) };
}

export interface AcceptedFiles {
  readonly table: string;
  readonly paths: readonly string[];
}

/**
 * Notes changed files as they are now; their rows stay as they are. `files` are paths or the ends of paths; none
 * means every changed file. Errors: `run/ledger-nothing-changed`, `run/ledger-table-moved`, and those of
 * `ingestingModel` and of reading the ledger.
 */
export async function acceptFiles(
  session: Session,
  modelName: string,
  files: readonly string[],
): Promise<AcceptedFiles> {
  const of = await ingestingModel(session, modelName);
  const { ledger, diff } = await stateOf(session, of);
  const isNamed = (path: string, name: string): boolean => path === name || path.endsWith(`/${name}`);
  const changed = diff.changed.map(({ found }) => found.path);
  const unchanged = files.find((name) => !changed.some((path) => isNamed(path, name)));
  if (unchanged !== undefined || changed.length === 0)
    throw lakeError("run/ledger-nothing-changed", { table: of.name, file: unchanged ?? null, changed });
  const accepted = diff.changed.filter(
    ({ found }) => files.length === 0 || files.some((name) => isNamed(found.path, name)),
  );
  const storage = await session.storage();
  const added = await mapLimited(accepted, 4, async ({ found, held }): Promise<LedgerEntry> => {
    const { etag: _old, ...kept }: LedgerFile = held;
    const hash = found.etag === undefined ? await contentHash(storage, found.path) : "";
    return { source: of.source.uniqueId, ...kept, ...found, contentHash: hash };
  });
  await commitLedger({ session, of, base: ledger, added });
  return { table: of.name, paths: accepted.map(({ found }) => found.path) };
}

/** The landing zone against the ledger, with nothing refused. */
async function stateOf(session: Session, { model, table }: IngestingModel): Promise<LandingState> {
  const state = await landingState({
    session,
    node: model,
    inputs: inputsOf(session.graph, model.uniqueId),
    table,
    ingesting: true,
    fullRefresh: false,
    allowLoss: false,
    changedFiles: "ignore",
  });
  return state as LandingState;
}
