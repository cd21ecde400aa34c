// Plan → tables, tests, published catalog. With `build` nothing is published before everything passed.
import type { LakeError } from "../common/errors.ts";
import { lakeError } from "../common/errors.ts";
import { tableName } from "../catalog/catalog.ts";
import type { StagedChange } from "../iceberg/change.ts";
import { abandonChange } from "../iceberg/transaction.ts";
import { summaryKeys } from "../plan/table-state.ts";
import { bindPlan } from "./bind-plan.ts";
import type { BoundPlan } from "./bind-plan.ts";
import type { BuildContext } from "./build-table.ts";
import { InputColumns } from "./input-columns.ts";
import { lakeFolder, tableLocation } from "./names.ts";
import { planDetailed } from "./plan-run.ts";
import type { PlannedRun } from "./plan-run.ts";
import { publish } from "./publish.ts";
import { RunTables } from "./relations.ts";
import { RunJournal } from "./run-journal.ts";
import type { RecordedTable } from "./run-records.ts";
import { isBad, RunResults } from "./run-results.ts";
import { asLakeError, stepJobs } from "./run-steps.ts";
import { runJobs } from "./scheduler.ts";
import type { Session } from "./session.ts";
import type { RunOptions, RunResult } from "./types.ts";

/** Runs the selection. Failures of nodes are results; what concerns the whole run is thrown. */
export async function executeRun(session: Session, options: RunOptions): Promise<RunResult> {
  const startedMs = session.now();
  const runId = session.newId();
  const planned = await planDetailed(session, options);
  const journal = new RunJournal({
    storage: await session.storage(),
    folder: lakeFolder(session.profile),
    runId,
    command: options.command,
    startedMs,
    now: session.now,
  });
  const results = new RunResults({ session, options, runId, startedMs });
  return new Run({ session, options, planned, journal, results }).execute();
}

/** The lifetime of one run: what is staged, and whether it may go on. */
class Run {
  readonly #session: Session;
  readonly #options: RunOptions;
  readonly #planned: PlannedRun;
  readonly #journal: RunJournal;
  readonly #results: RunResults;
  readonly #tables: RunTables;
  readonly #staged = new Map<string, StagedChange[]>();
  readonly #failFast = new AbortController();
  readonly #signal: AbortSignal;
  #commits = 0;

  constructor(parts: {
    session: Session;
    options: RunOptions;
    planned: PlannedRun;
    journal: RunJournal;
    results: RunResults;
  }) {
    this.#session = parts.session;
    this.#options = parts.options;
    this.#planned = parts.planned;
    this.#journal = parts.journal;
    this.#results = parts.results;
    this.#tables = new RunTables(parts.planned.tables, parts.planned.sourceTables);
    const { signal } = parts.options;
    this.#signal = AbortSignal.any([this.#failFast.signal, ...(signal === undefined ? [] : [signal])]);
  }

  async execute(): Promise<RunResult> {
    const { plan, warnings, testCache } = this.#planned;
    const results = this.#results;
    results.begin(this.#planned);
    const threads = this.#options.threads ?? this.#session.profile.threads;
    results.emit({ kind: "run-started", runId: this.#journal.runId, plan, threads });
    for (const message of warnings) results.emit({ kind: "warning", message });
    const bound = await bindPlan({
      session: this.#session,
      planned: this.#planned,
      tables: this.#tables,
      emit: (event) => results.emit(event),
    });
    if (bound.errors.size > 0) return this.#doesNotBind(bound.errors);
    const claims = this.#claims();
    if (claims.length > 0) await this.#journal.open(claims);
    try {
      await runJobs({
        jobs: this.#jobs(bound),
        concurrency: threads,
        ok: (_id, found) => !found.some(isBad),
        stop: () => this.#signal.aborted,
      });
      return results.finish(await this.#end());
    } finally {
      await testCache.save(this.#session);
    }
  }

  /** All errors at once, and nothing is read or written. */
  #doesNotBind(errors: ReadonlyMap<string, LakeError>): RunResult {
    const results = this.#results;
    for (const node of this.#planned.nodes.values()) {
      const error = errors.get(node.step.uniqueId);
      if (error === undefined) results.skipped(node, "");
      else results.record({ ...results.resultOf(node, "error", error.message), error });
    }
    // A view that is not selected itself may be at fault.
    const [hidden] = [...errors].filter(([id]) => !this.#planned.nodes.has(id)).map(([, error]) => error);
    return results.finish(hidden);
  }

  #claims(): RecordedTable[] {
    return [...this.#planned.nodes.values()].flatMap(({ step }) => {
      if (step.action !== "build" || step.table === undefined) return [];
      const known = this.#planned.tables.get(step.uniqueId)?.metadata.location;
      const location = known ?? tableLocation(step.table, this.#session.profile);
      return [{ table: tableName(step.table), location }];
    });
  }

  #jobs({ shapes, columns: bound }: BoundPlan): ReturnType<typeof stepJobs> {
    const [session, planned, tables] = [this.#session, this.#planned, this.#tables];
    const context: BuildContext = {
      session,
      planned,
      tables,
      shapes,
      options: this.#options,
      runId: this.#journal.runId,
      newCommitId: () => `${this.#journal.runId}-${(this.#commits += 1)}`,
      signal: this.#signal,
      emit: (event) => this.#results.emit(event),
    };
    return stepJobs({
      context,
      results: this.#results,
      columns: new InputColumns({ session, renderer: planned.renderer, tables, shapes, bound }),
      onBuilt: async (uniqueId, { change, quarantine }) => {
        this.#staged.set(uniqueId, [change, ...(quarantine === null ? [] : [quarantine])]);
        // Without tests to wait for, each table is published as soon as it is complete.
        if (this.#options.command !== "build") await this.#publish([uniqueId]);
      },
      stop: () => {
        if (this.#options.failFast === true) this.#failFast.abort();
      },
    });
  }

  /** Publishes what is staged, or leaves it; gives the reason when the catalog did not take it. */
  async #end(): Promise<LakeError | undefined> {
    const staged = [...this.#staged.values()].flat();
    if (this.#options.signal?.aborted === true) {
      await this.#abandon(staged);
      return lakeError("run/interrupted", {
        done: this.#results.succeeded(),
        total: this.#planned.nodes.size,
      });
    }
    if (this.#results.anyBad()) return this.#leave(staged);
    try {
      await this.#publish([...this.#staged.keys()]);
    } catch (error) {
      await this.#leave(staged);
      return asLakeError(error);
    }
    await this.#journal.close();
    return undefined;
  }

  async #abandon(staged: readonly StagedChange[]): Promise<void> {
    const storage = await this.#session.storage();
    for (const change of staged) await abandonChange({ storage, staged: change });
    await storage.delete(staged.flatMap(({ request }) => request.summary[summaryKeys.ledger] ?? []));
    await this.#journal.close();
  }

  async #leave(staged: readonly StagedChange[]): Promise<undefined> {
    this.#results.leftStaged = staged.length > 0;
    await (staged.length > 0 ? this.#journal.fail(staged) : this.#journal.close());
  }

  async #publish(uniqueIds: readonly string[]): Promise<void> {
    const staged = uniqueIds.flatMap((id) => this.#staged.get(id) ?? []);
    if (staged.length === 0) return;
    await this.#journal.checkHeld();
    const startedMs = this.#session.now();
    const tables = staged.map(({ request }) => request.identifier);
    this.#results.emit({ kind: "publishing", tables });
    await publish(this.#session, staged);
    this.#results.published = true;
    for (const id of uniqueIds) this.#staged.delete(id);
    this.#results.emit({ kind: "published", tables, elapsedMs: this.#session.now() - startedMs });
  }
}
