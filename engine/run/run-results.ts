// What became of each node so far, told as it happens and summed up at the end.
import type { LakeError } from "../common/errors.ts";
import type { PlanStep } from "../plan/types.ts";
import type { PlannedRun } from "./planning/plan-run.ts";
import type { PlannedNode } from "./planning/planner.ts";
import type { Session } from "./session.ts";
import type { NodeResult, NodeStatus, RunEvent, RunOptions, RunResult } from "./types.ts";

const bad: ReadonlySet<NodeStatus> = new Set(["error", "fail", "skipped"]);

export function isBad({ status }: { readonly status: NodeStatus }): boolean {
  return bad.has(status);
}

export class RunResults {
  readonly #session: Session;
  readonly #options: RunOptions;
  readonly #runId: string;
  readonly #startedMs: number;
  readonly #results = new Map<string, NodeResult>();
  #planned: PlannedRun | null = null;
  #started = 0;
  #error: LakeError | null = null;
  /** Test → the group that it runs in. */
  groupOf: ReadonlyMap<string, string> = new Map();
  /** Whether the catalog moved. */
  published = false;
  /** Whether tables were left staged. */
  leftStaged = false;

  constructor(parts: {
    readonly session: Session;
    readonly options: RunOptions;
    readonly runId: string;
    readonly startedMs: number;
  }) {
    this.#session = parts.session;
    this.#options = parts.options;
    this.#runId = parts.runId;
    this.#startedMs = parts.startedMs;
  }

  /** The plan that the results are of. A run that plans again keeps what went well. */
  begin(planned: PlannedRun): void {
    this.#planned = planned;
    this.#started = 0;
    for (const [uniqueId, result] of this.#results) if (isBad(result)) this.#results.delete(uniqueId);
  }

  /** What became of a step in an earlier round, if this one has nothing to do for it any more. */
  kept({ uniqueId, action }: PlanStep): NodeResult | null {
    return action === "build" ? null : (this.#results.get(uniqueId) ?? null);
  }

  emit(event: RunEvent): void {
    this.#options.onEvent?.(event);
  }

  start(uniqueId: string, reason: string): void {
    this.#started += 1;
    this.emit({ kind: "node-started", uniqueId, index: this.#started, total: this.total(), reason });
  }

  record(result: NodeResult): NodeResult {
    this.#results.set(result.uniqueId, result);
    this.emit({ kind: "node-finished", result, index: this.#results.size, total: this.total() });
    return result;
  }

  /** `because`: the step that did not succeed, or nothing where none was started any more. */
  skipped(node: PlannedNode, because: string): NodeResult {
    const name = this.#session.graph.nodes.get(because)?.name ?? this.#badTestsOf(because);
    const message = because === "" ? "not started" : `${name} did not succeed`;
    return this.record(this.resultOf(node, "skipped", message));
  }

  /** The names of the failed tests of a group. */
  #badTestsOf(groupId: string): string {
    const names = [...this.#results.values()].flatMap((result) => {
      const test = this.#session.graph.nodes.get(result.uniqueId);
      const isOne = test?.resourceType === "test" && this.groupOf.get(result.uniqueId) === groupId;
      return isOne && isBad(result) && result.status !== "skipped" ? [test.name] : [];
    });
    return names.join(", ") || "an earlier step";
  }

  resultOf(node: PlannedNode, status: NodeStatus, message: string): NodeResult {
    const { uniqueId, resourceType } = node.step;
    return { uniqueId, resourceType, status, message, startedMs: this.#session.now(), elapsedMs: 0 };
  }

  /** What concerns the run as a whole; the first failure stays. */
  failed(error: LakeError): void {
    this.#error ??= error;
  }

  /** The first table that could not be published because another writer had moved it. */
  firstConflict(): LakeError | null {
    const errors = [...this.#results.values()].flatMap(({ error }) => error ?? []);
    return errors.find((error) => error.code === "catalog/conflict") ?? null;
  }

  /** Whether a commit was sent whose answer never came. */
  isOutcomeUnknown(): boolean {
    const errors = [...this.#results.values()].flatMap(({ error }) => error ?? []);
    return [...errors, this.#error].some((error) => error?.code === "catalog/unknown-outcome");
  }

  /** Whether the node came out badly; false for one that is not there. */
  isBad(uniqueId: string): boolean {
    const result = this.#results.get(uniqueId);
    return result !== undefined && isBad(result);
  }

  total(): number {
    return this.#planned?.nodes.size ?? 0;
  }

  anyBad(): boolean {
    return [...this.#results.values()].some(isBad);
  }

  succeeded(): number {
    return [...this.#results.values()].filter((result) => !isBad(result)).length;
  }

  /** In the order of the plan. */
  finish(): RunResult {
    const error = this.#error;
    const results = (this.#planned?.plan.steps ?? []).flatMap(({ uniqueId }) => {
      const result = this.#results.get(uniqueId);
      return result === undefined ? [] : [result];
    });
    const result: RunResult = {
      runId: this.#runId,
      command: this.#options.command,
      target: this.#session.profile.name,
      startedMs: this.#startedMs,
      elapsedMs: this.#session.now() - this.#startedMs,
      results,
      published: this.published,
      staged: this.leftStaged,
      success: error === null && !results.some(isBad),
      ...(error !== null && { error }),
    };
    this.emit({ kind: "run-finished", result });
    return result;
  }
}
