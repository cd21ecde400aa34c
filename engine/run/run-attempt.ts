// One way through a plan: everything is bound, staged and tested, and published as far as the command says so.
import { isLakeError, lakeError } from "../common/errors.ts";
import type { LakeError } from "../common/errors.ts";
import { formatAge } from "../common/format.ts";
import { tableName } from "../catalog/catalog.ts";
import { bindPlan } from "./binding/bind-plan.ts";
import type { BoundPlan } from "./binding/bind-plan.ts";
import type { BuildContext } from "./writing/build-table.ts";
import { completePublishing } from "./publishing/complete-publishing.ts";
import type { CompletedPublishing } from "./publishing/complete-publishing.ts";
import { InputColumns } from "./binding/input-columns.ts";
import { newTableLocation } from "./writing/new-table-location.ts";
import type { PlannedRun } from "./planning/plan-run.ts";
import { quarantineOf } from "./writing/quarantine.ts";
import type { SkippedUnit } from "./publishing/publish-in-order.ts";
import { publishedEach } from "./publishing/publish-each.ts";
import { publish } from "./publishing/publish.ts";
import { RunTables } from "./relations.ts";
import type { RetriedRun } from "./journal/retry-run.ts";
import type { RunJournal } from "./journal/run-journal.ts";
import { recordNames, stagedExpiryMs } from "./journal/run-records.ts";
import type { RecordedTable, RunFiles } from "./journal/run-records.ts";
import { isBad } from "./run-results.ts";
import type { RunResults } from "./run-results.ts";
import { stepJobs } from "./run-steps.ts";
import { runJobs } from "./scheduler.ts";
import type { Session } from "./session.ts";
import { changesOf } from "./publishing/staged-table.ts";
import type { StagedTable } from "./publishing/staged-table.ts";
import type { RunOptions } from "./types.ts";

export interface RunParts {
  readonly session: Session;
  readonly options: RunOptions;
  readonly journal: RunJournal;
  readonly results: RunResults;
  /** The failed run that this one continues. */
  readonly retried: RetriedRun | null;
  /** Each call gives another; all begin with the run's id. */
  readonly newCommitId: () => string;
}

export class RunAttempt {
  readonly #parts: RunParts;
  readonly #planned: PlannedRun;
  readonly #tables: RunTables;
  readonly #failFast = new AbortController();
  readonly #signal: AbortSignal;
  /** Complete and not published, inputs before those that read them. */
  readonly staged: Map<string, StagedTable>;

  /** `taken`: what the plan takes over. */
  constructor(parts: RunParts, planned: PlannedRun, taken: readonly StagedTable[]) {
    this.staged = new Map(taken.map((table) => [table.uniqueId, table]));
    this.#parts = parts;
    this.#planned = planned;
    this.#tables = new RunTables(planned);
    const { signal } = parts.options;
    this.#signal = AbortSignal.any([this.#failFast.signal, ...(signal === undefined ? [] : [signal])]);
  }

  /**
   * `unbound`: something could not be bound, nothing was read or written, and all errors are in the results.
   * `stale`: the publishing of an earlier run was completed, so that the plan no longer holds.
   */
  async run(): Promise<"done" | "unbound" | "stale"> {
    const { session, options, journal, results } = this.#parts;
    const [planned, tables] = [this.#planned, this.#tables];
    const bound = await bindPlan({ session, planned, tables, emit: (event) => results.emit(event) });
    if (bound.errors.size > 0) {
      this.#reportUnbound(bound.errors);
      return "unbound";
    }
    if (!journal.isOpen && (await this.#open())) return "stale";
    try {
      await runJobs({
        jobs: this.#jobs(bound),
        concurrency: options.threads ?? session.profile.threads,
        ok: (_id, found) => !found.some(isBad),
        stop: () => this.#signal.aborted,
      });
    } finally {
      await planned.testCache.save(session);
    }
    return "done";
  }

  /** Takes the tables, if there are some to build; whether what others had left was completed on the way. */
  async #open(): Promise<boolean> {
    const { session, journal, results, retried } = this.#parts;
    const claims = await this.#claims();
    if (claims.length === 0) return false;
    const runs = await journal.open(claims);
    await retried?.take(new Set(this.staged.keys()));
    const wanted = new Set(claims.map(({ table }) => table));
    const completed = await completePublishing({ session, runs: runs.values(), wanted });
    for (const one of completed) results.emit({ kind: "warning", message: describeCompleted(one) });
    const message = leftBehind(runs.values(), session.now());
    if (message !== null) results.emit({ kind: "warning", message });
    return completed.length > 0;
  }

  #reportUnbound(errors: ReadonlyMap<string, LakeError>): void {
    const { results } = this.#parts;
    for (const node of this.#planned.nodes.values()) {
      const error = errors.get(node.step.uniqueId);
      if (error === undefined) results.skipped(node, "");
      else results.record({ ...results.resultOf(node, "error", error.message), error });
    }
    // A view that is not selected itself may be at fault.
    const [hidden] = [...errors].filter(([id]) => !this.#planned.nodes.has(id)).map(([, error]) => error);
    if (hidden !== undefined) results.failed(hidden);
  }

  async #claims(): Promise<RecordedTable[]> {
    const { session } = this.#parts;
    const claims: RecordedTable[] = [];
    for (const { step, base, landing } of this.#planned.nodes.values()) {
      if ((step.action !== "build" && step.action !== "staged") || step.table === undefined) continue;
      const location = base?.metadata.location ?? (await newTableLocation(session, step.table));
      const sequence = base?.metadata["last-sequence-number"] ?? null;
      claims.push({ table: tableName(step.table), location, sequence });
      if (landing === null) continue;
      const beside = quarantineOf(step.table);
      claims.push({
        table: tableName(beside),
        location: await newTableLocation(session, beside),
        sequence: null,
      });
    }
    return claims;
  }

  #jobs({ shapes, columns: bound }: BoundPlan): ReturnType<typeof stepJobs> {
    const { session, options, journal, results, newCommitId } = this.#parts;
    const [planned, tables] = [this.#planned, this.#tables];
    const context: BuildContext = {
      session,
      planned,
      tables,
      shapes,
      options,
      runId: journal.runId,
      newCommitId,
      signal: this.#signal,
      emit: (event) => results.emit(event),
    };
    return stepJobs({
      context,
      results,
      columns: new InputColumns({ session, renderer: planned.renderer, tables, shapes, bound }),
      onStaged: async (staged) => {
        this.staged.set(staged.uniqueId, staged);
        // Without tests to wait for, each table is published as soon as it is complete.
        if (options.command !== "build") await this.#publishAlone(staged);
      },
      stop: () => {
        if (options.failFast === true) this.#failFast.abort();
      },
    });
  }

  async #publishAlone(staged: StagedTable): Promise<void> {
    const [skipped] = await this.publish([staged]);
    if (skipped !== undefined) throw notPublished(skipped);
  }

  /** All that is staged, or of a run in which something failed what that does not hold back. */
  publishable(): readonly StagedTable[] {
    const { results } = this.#parts;
    return results.anyBad() ? publishedEach(this.#planned, this.staged, results) : [...this.staged.values()];
  }

  /** Returns what could not be published any more. Errors: those of `publish`. */
  async publish(staged: readonly StagedTable[]): Promise<readonly SkippedUnit[]> {
    const { session, journal, results } = this.#parts;
    if (staged.length === 0) return [];
    await journal.checkHeld();
    const startedMs = session.now();
    const tables = changesOf(staged).map(({ request }) => request.identifier);
    results.emit({ kind: "publishing", tables });
    const readsOf = (id: string): string[] =>
      (this.#planned.nodes.get(id)?.inputs.leaves ?? []).map(({ uniqueId }) => uniqueId);
    let skipped: readonly SkippedUnit[];
    try {
      skipped = await publish({ session, journal, staged, readsOf });
    } catch (error) {
      // What is recorded as being published is nothing that was left.
      if (isLakeError(error, "run/publishing-cut")) this.#forget(staged);
      throw error;
    }
    this.#forget(staged);
    if (skipped.length < staged.length) results.published = true;
    const left = new Set(skipped.flatMap((unit) => unit.tables));
    const moved = tables.filter((table) => !left.has(tableName(table)));
    results.emit({ kind: "published", tables: moved, elapsedMs: session.now() - startedMs });
    return skipped;
  }

  reportSkipped(skipped: SkippedUnit): void {
    const node = this.#planned.nodes.get(skipped.node);
    const { results } = this.#parts;
    const error = notPublished(skipped);
    if (node !== undefined) results.record({ ...results.resultOf(node, "error", error.message), error });
  }

  #forget(staged: readonly StagedTable[]): void {
    for (const { uniqueId } of staged) this.staged.delete(uniqueId);
  }
}

export function notPublished({ tables, error, because }: SkippedUnit): LakeError {
  const table = tables[0] ?? "";
  const problem = error?.message ?? `${because?.split(".").at(-1) ?? "an input"} was not published`;
  const hint = "run again: it is built anew";
  return lakeError(
    "run/not-published",
    { table, problem },
    { hint, ...(error !== null && { cause: error }) },
  );
}

function describeCompleted({ runId, ageMs, published, skipped }: CompletedPublishing): string {
  const left = skipped.map((unit) => notPublished(unit).message);
  const done = published.length === 0 ? "nothing was left to publish" : `published ${published.join(", ")}`;
  return [`completed the run ${runId}, cut off ${formatAge(ageMs)} ago: ${done}`, ...left].join("; ");
}

/** Files of failed runs that nobody can take over any more, and that nobody has cleaned up (rule 6). */
function leftBehind(runs: Iterable<RunFiles>, nowMs: number): string | null {
  const failed = [...runs].flatMap(({ files }) => files.get(recordNames.failed)?.modifiedMs ?? []);
  const expired = failed.filter((modifiedMs) => nowMs - modifiedMs > stagedExpiryMs);
  if (expired.length === 0) return null;
  const what = expired.length === 1 ? "a failed run has" : `${expired.length} failed runs have`;
  return `${what} left files that are older than a day: lake staged lists them, lake staged --clean removes them`;
}
