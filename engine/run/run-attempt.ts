// One way through a plan: everything is bound, staged and tested, and published as far as the command says so.
import { LakeError } from "../common/errors.ts";
import { tableName } from "../catalog/catalog.ts";
import { bindPlan } from "./bind-plan.ts";
import type { BoundPlan } from "./bind-plan.ts";
import type { BuildContext } from "./build-table.ts";
import { InputColumns } from "./input-columns.ts";
import { newTableLocation } from "./new-table-location.ts";
import type { PlannedRun } from "./plan-run.ts";
import { publish } from "./publish.ts";
import { RunTables } from "./relations.ts";
import type { RetriedRun } from "./retry-run.ts";
import type { RunJournal } from "./run-journal.ts";
import type { RecordedTable } from "./run-records.ts";
import { isBad } from "./run-results.ts";
import type { RunResults } from "./run-results.ts";
import { stepJobs } from "./run-steps.ts";
import { runJobs } from "./scheduler.ts";
import type { Session } from "./session.ts";
import { changesOf } from "./staged-table.ts";
import type { StagedTable } from "./staged-table.ts";
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

  /** Whether everything could be bound: otherwise nothing was read or written, and all errors are in the results. */
  async run(): Promise<boolean> {
    const { session, options, journal, results, retried } = this.#parts;
    const [planned, tables] = [this.#planned, this.#tables];
    const bound = await bindPlan({ session, planned, tables, emit: (event) => results.emit(event) });
    if (bound.errors.size > 0) {
      this.#reportUnbound(bound.errors);
      return false;
    }
    const claims = await this.#claims();
    if (claims.length > 0 && !journal.isOpen) {
      await journal.open(claims);
      await retried?.take(new Set(this.staged.keys()));
    }
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
    return true;
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
    const claims: RecordedTable[] = [];
    for (const { step, base } of this.#planned.nodes.values()) {
      if ((step.action !== "build" && step.action !== "staged") || step.table === undefined) continue;
      const location = base?.metadata.location ?? (await newTableLocation(this.#parts.session, step.table));
      claims.push({ table: tableName(step.table), location });
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
        if (options.command !== "build") await this.publish([staged]);
      },
      stop: () => {
        if (options.failFast === true) this.#failFast.abort();
      },
    });
  }

  /** Errors: `catalog/conflict` where another writer moved a table, and those of `publishChanges`. */
  async publish(staged: readonly StagedTable[]): Promise<void> {
    const { session, journal, results } = this.#parts;
    const changes = changesOf(staged);
    if (changes.length === 0) return;
    await journal.checkHeld();
    const startedMs = session.now();
    const tables = changes.map(({ request }) => request.identifier);
    results.emit({ kind: "publishing", tables });
    await publish(session, changes);
    results.published = true;
    for (const { uniqueId } of staged) this.staged.delete(uniqueId);
    results.emit({ kind: "published", tables, elapsedMs: session.now() - startedMs });
  }
}
