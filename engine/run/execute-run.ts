// Plan → tables, tests, published catalog. With `build` nothing is published before everything passed.
import type { LakeError } from "../common/errors.ts";
import { lakeError } from "../common/errors.ts";
import { abandonChange } from "../iceberg/transaction.ts";
import { summaryKeys } from "../plan/table-state.ts";
import { writeFailedRun } from "./journal/failed-run.ts";
import { keepBases } from "./environments/keep-bases.ts";
import { lakeFolder } from "./names.ts";
import { planDetailed } from "./planning/plan-run.ts";
import type { PlannedRun } from "./planning/plan-run.ts";
import { rebaseStaged } from "./publishing/rebase-staged.ts";
import { publishManifest } from "./publishing/published-manifest.ts";
import { RetriedRun } from "./journal/retry-run.ts";
import { RunAttempt } from "./run-attempt.ts";
import type { RunParts } from "./run-attempt.ts";
import { RunJournal } from "./journal/run-journal.ts";
import { RunResults } from "./run-results.ts";
import { asLakeError } from "./run-steps.ts";
import type { Session } from "./session.ts";
import type { StagedTable } from "./publishing/staged-table.ts";
import { changesOf } from "./publishing/staged-table.ts";
import type { RunOptions, RunResult } from "./types.ts";

/** So often what another writer's commit made stale is made again, before the run gives up (rule 3). */
const moreRounds = 2;

/** Runs the selection. Failures of nodes are results; what concerns the whole run is thrown. */
export async function executeRun(session: Session, options: RunOptions): Promise<RunResult> {
  const startedMs = session.now();
  const runId = session.newId();
  const storage = await session.storage();
  const journal = new RunJournal({
    storage,
    folder: lakeFolder(session.profile),
    runId,
    command: options.command,
    startedMs,
    now: session.now,
  });
  const results = new RunResults({ session, options, runId, startedMs });
  let commits = 0;
  const newCommitId = (): string => `${runId}-${(commits += 1)}`;
  const { retries } = options;
  const retried = retries === undefined ? null : await RetriedRun.find(session, retries, runId);
  return new Run({ session, options, journal, results, retried, newCommitId }, startedMs).execute();
}

class Run {
  readonly #parts: RunParts;
  readonly #startedMs: number;
  /** Complete, from an earlier round or an earlier run, or left by the one at work. */
  #staged: ReadonlyMap<string, StagedTable> = new Map();

  constructor(parts: RunParts, startedMs: number) {
    this.#parts = parts;
    this.#startedMs = startedMs;
  }

  async execute(): Promise<RunResult> {
    const { retried, results } = this.#parts;
    try {
      if (retried !== null) this.#staged = await retried.staged();
      await this.#rounds();
    } catch (error) {
      try {
        await this.#leave();
      } finally {
        await this.#parts.journal.stop();
      }
      throw error;
    }
    return results.finish();
  }

  /** Until nothing is left to do, or nothing more can be done. */
  async #rounds(): Promise<void> {
    const { session, options, journal, results } = this.#parts;
    let isAnnounced = false;
    for (let round = 0; ; round += 1) {
      const planned = await planDetailed(session, options, this.#staged);
      results.begin(planned);
      if (!isAnnounced) {
        isAnnounced = true;
        const threads = options.threads ?? session.profile.threads;
        results.emit({ kind: "run-started", runId: journal.runId, plan: planned.plan, threads });
        for (const message of planned.warnings) results.emit({ kind: "warning", message });
      }
      const attempt = new RunAttempt(this.#parts, planned, await this.#takenOver(planned));
      this.#staged = attempt.staged;
      const came = await attempt.run();
      if (came === "stale") {
        round -= 1;
        continue;
      }
      const conflict = came === "done" ? await this.#publish(attempt) : null;
      if (conflict === null) {
        await this.#tellEnvironments(planned);
        break;
      }
      if (round < moreRounds && (await this.#rebase())) continue;
      if (!results.anyBad()) results.failed(conflict);
      break;
    }
    const isCutShort = this.#staged.size > 0 || results.anyBad();
    await (options.signal?.aborted === true && isCutShort ? this.#abandon() : this.#leave());
  }

  /** For the environments that stand on the target, where all went well. Nothing of it undoes what is published. */
  async #tellEnvironments(planned: PlannedRun): Promise<void> {
    const { session, options, results } = this.#parts;
    if (results.anyBad() || options.signal?.aborted === true) return;
    try {
      await keepBases(session, planned.nodes.values());
      const isWhole = options.sample === undefined && options.empty !== true;
      // An environment that built nothing stays without a trace.
      const isEmpty = session.profile.parent !== undefined && !results.published;
      if (isWhole && !isEmpty) await publishManifest(session, planned);
    } catch (error) {
      const message = `environments will not see all of this run: ${asLakeError(error).message}`;
      results.emit({ kind: "warning", message });
    }
  }

  /** What the plan does not take over any more is made again: then its files are nobody's. */
  async #takenOver({ nodes }: PlannedRun): Promise<StagedTable[]> {
    const standing = [...this.#staged.values()];
    const taken = standing.filter(({ uniqueId }) => nodes.get(uniqueId)?.staged !== undefined);
    await this.#delete(standing.filter((table) => !taken.includes(table)));
    return taken;
  }

  /** Only what this run staged: what it found belongs to the run that it continues. */
  async #delete(staged: readonly StagedTable[]): Promise<void> {
    if (staged.length === 0) return;
    const { session, journal } = this.#parts;
    const storage = await session.storage();
    const changes = changesOf(staged.filter(({ runId }) => runId === journal.runId));
    for (const change of changes) await abandonChange({ storage, staged: change });
    await storage.delete(changes.flatMap(({ request }) => request.summary[summaryKeys.ledger] ?? []));
  }

  /** Publishes what was staged, if all is well; the conflict where another writer moved one of the tables. */
  async #publish(attempt: RunAttempt): Promise<LakeError | null> {
    const { options, results } = this.#parts;
    if (options.signal?.aborted === true) return null;
    const conflict = results.firstConflict();
    if (conflict !== null) return conflict;
    try {
      for (const skipped of await attempt.publish(attempt.publishable())) attempt.reportSkipped(skipped);
    } catch (error) {
      const failure = asLakeError(error);
      if (failure.code === "catalog/conflict") return failure;
      results.failed(failure);
    }
    return null;
  }

  /** False where the rest cannot be saved: a table is gone, or another one stands in its place. */
  async #rebase(): Promise<boolean> {
    const { session, results } = this.#parts;
    const rebased = await rebaseStaged(session, [...this.#staged.values()]);
    if (rebased === null) return false;
    const message = `another writer moved ${rebased.moved.join(", ")} meanwhile: once more on the new state, with what depends on it`;
    results.emit({ kind: "warning", message });
    this.#staged = rebased.standing;
    return true;
  }

  /** Ctrl-C: nothing half done stays. */
  async #abandon(): Promise<void> {
    const { journal, results } = this.#parts;
    await this.#delete([...this.#staged.values()]);
    await journal.close();
    results.failed(lakeError("run/interrupted", { done: results.succeeded(), total: results.total() }));
  }

  /** What is complete and not published stays, to be looked at, taken over or cleaned. */
  async #leave(): Promise<void> {
    const { session, options, journal, results, retried } = this.#parts;
    const staged = [...this.#staged.values()];
    if (staged.length > 0 && journal.isOpen) {
      results.leftStaged = true;
      await writeFailedRun({
        storage: await session.storage(),
        folder: lakeFolder(session.profile),
        runId: journal.runId,
        command: options.command,
        startedMs: this.#startedMs,
        failedMs: session.now(),
        certain: !results.isOutcomeUnknown(),
        ...(options.invocation !== undefined && { invocation: options.invocation }),
        staged,
      });
    }
    await retried?.settle();
    await journal.close();
  }
}
