// `lake ledger rebuild`: the ledger of a table from what its rows say of where they came from. What rows cannot
// tell (files that gave none, lines in quarantine, what a file held back then) is said, not guessed.
import { lakeError } from "../../common/errors.ts";
import { mapLimited } from "../../common/limit.ts";
import { quoteIdentifier } from "../../common/sql.ts";
import { relationName } from "../../compute/compute.ts";
import { currentSchema } from "../../iceberg/metadata.ts";
import type { LandingVersion } from "../../plan/landing-diff.ts";
import { fileColumnOf } from "./file-column.ts";
import { contentHash } from "./landing.ts";
import { listSource } from "./landing-state.ts";
import { emptyLedger } from "./ledger.ts";
import type { LedgerEntry } from "./ledger.ts";
import { commitLedger, ingestingModel } from "./ledger-of-model.ts";
import type { IngestingModel } from "./ledger-of-model.ts";
import { scanRelation } from "../relations.ts";
import type { Session } from "../session.ts";

export interface RebuildOptions {
  readonly session: Session;
  /** Name of the model. */
  readonly model: string;
  /** The table's column that holds the path of each row's landing file. */
  readonly column: string;
  /** Files of the landing zone without a row: were they taken in and gave none, or are they new? */
  readonly withoutRows?: "held" | "new";
}

export interface RebuiltLedger {
  readonly table: string;
  readonly column: string;
  /** Files of the landing zone that rows name. */
  readonly held: number;
  readonly rows: number;
  /** Files that rows name and that are no longer in the landing zone. */
  readonly gone: readonly string[];
  /** Files of the landing zone that no row names, and what they are taken for. */
  readonly withoutRows: { readonly paths: readonly string[]; readonly as: "held" | "new" };
  /** Rows that name no file at all, such as those of another engine. */
  readonly rowsWithoutFile: number;
}

/** Files read at once for their content. */
const filesAtOnce = 4;

/**
 * Errors: `run/ledger-column` when the table has no such column of text, `run/ledger-files-without-rows` when a
 * choice is needed, `run/ledger-table-moved`, and those of `ingestingModel`.
 */
export async function rebuildLedger(options: RebuildOptions): Promise<RebuiltLedger> {
  const { session, column } = options;
  const of = await ingestingModel(session, options.model);
  const rowsOf = await rowsByFile(session, of, column);
  const { files: listed } = await listSource(session, of.source);
  const rowsWithoutFile = rowsOf.get(null) ?? 0;
  rowsOf.delete(null);
  const known = listed.filter(({ path }) => rowsOf.has(path));
  const silent = listed.filter(({ path }) => !rowsOf.has(path));
  const as = options.withoutRows ?? chosen(of, silent);
  const there = new Set(listed.map(({ path }) => path));
  const gone = [...rowsOf.keys()].filter((path): path is string => path !== null && !there.has(path)).sort();
  const taken = as === "held" ? [...known, ...silent] : known;
  const storage = await session.storage();
  const added: LedgerEntry[] = await mapLimited(taken, filesAtOnce, async (file) => ({
    source: of.source.uniqueId,
    ...file,
    // A store's own version mark says the same, without reading every file of the landing zone.
    contentHash: file.etag === undefined ? await contentHash(storage, file.path) : "",
    rows: rowsOf.get(file.path) ?? 0,
    rejected: 0,
  }));
  for (const path of gone) {
    // Should it come back, its size differs: then somebody has to say what it is.
    const nothing = { sizeBytes: -1, modifiedMs: 0, contentHash: "", rejected: 0 };
    added.push({ source: of.source.uniqueId, path, rows: rowsOf.get(path) ?? 0, ...nothing });
  }
  if (of.table.metadata["current-snapshot-id"] !== null)
    await commitLedger({ session, of, base: emptyLedger, added });
  return {
    table: of.name,
    column,
    held: known.length,
    rows: [...rowsOf.values()].reduce((sum, rows) => sum + rows, 0),
    gone,
    withoutRows: { paths: silent.map(({ path }) => path), as },
    rowsWithoutFile,
  };
}

/** Path → number of rows, counted by the engine. */
async function rowsByFile(
  session: Session,
  { model, table, name }: IngestingModel,
  column: string,
): Promise<Map<string | null, number>> {
  const schema = currentSchema(table.metadata);
  const file = fileColumnOf({ schema, table: name, column, at: { file: model.path } });
  const compute = await session.compute();
  const relation = await scanRelation(session, name, table.metadata, null);
  const path = quoteIdentifier(file);
  const sql = `select ${path}, count(*) from ${relationName(name)} group by 1`;
  const { rows } = await compute.query({ sql, relations: [relation] });
  return new Map(rows.map(([from, count]) => [from as string | null, Number(count)]));
}

function chosen({ name }: IngestingModel, silent: readonly LandingVersion[]): "new" {
  const [first] = silent;
  if (first === undefined) return "new";
  const hint =
    "--without-rows new takes them in with the next run; --without-rows held takes them for files that gave no row, or whose rows were deleted since";
  throw lakeError(
    "run/ledger-files-without-rows",
    { table: name, count: silent.length, example: first.path },
    { hint },
  );
}
