// A change whose answer is lost may or may not have been made. Here it is looked at until that is certain.
import { isLakeError, lakeError } from "../../common/errors.ts";
import { retry } from "../../common/retry.ts";
import { MetastoreFault, type MetastoreClient } from "./metastore-client.ts";
import { metastoreError } from "./metastore-errors.ts";
import { LostCall } from "./thrift-connection.ts";

/** "not-landed": everything stands as it stood before the change. */
export type State = "landed" | "not-landed" | "unknown";

export interface Change {
  readonly action: string;
  /** What it changes, for messages. */
  readonly tables: readonly string[];
  /** One attempt; it must do no harm when it reaches the server twice. */
  send(): Promise<void>;
  /** The error for a server's answer that certainly means "not done"; null for any other answer. */
  refusal(fault: MetastoreFault): Error | null;
  /** Reads what stands in the metastore now. */
  state(): Promise<State>;
}

export interface Patience {
  readonly client: MetastoreClient;
  /** How long to ask again after an answer was lost. */
  readonly settleTimeoutMs: number;
}

const attemptsMost = 5;

/**
 * Sends until the outcome is certain. After a lost answer it looks; where everything stands as before, the
 * same is sent again: the server then does it, or refuses because the first one has landed after all.
 * Errors: those of `refusal`, `catalog/unreachable` (it never got there), `catalog/failed` (every attempt
 * was answered with a failure and nothing changed), `catalog/unknown-outcome`.
 */
export async function settle(patience: Patience, change: Change): Promise<void> {
  const deadline = performance.now() + patience.settleTimeoutMs;
  let uncertain: unknown = null;
  for (let attempt = 1; ; attempt += 1) {
    const problem = await failureOf(change);
    if (problem === null) return;
    const refusal = problem instanceof MetastoreFault ? change.refusal(problem) : null;
    if (refusal !== null || isLakeError(problem)) {
      // What the server refused may be its own repetition of what it had done.
      if (refusal !== null && (await lookAgain(change, deadline)) === "landed") return;
      if (uncertain !== null) throw unknownOutcome(change, uncertain);
      throw refusal ?? problem;
    }
    const sent = !(problem instanceof LostCall) || problem.sent;
    if (sent) {
      if (!(uncertain instanceof LostCall)) uncertain = problem;
      const state = await lookAgain(change, deadline);
      if (state === "landed") return;
      if (state === "unknown") throw unknownOutcome(change, uncertain);
    }
    if (attempt < attemptsMost && performance.now() < deadline) {
      await pause(Math.min(2000, 100 * 2 ** attempt));
      continue;
    }
    if (uncertain instanceof LostCall) throw unknownOutcome(change, uncertain);
    throw metastoreError(change.action, patience.client, uncertain ?? problem);
  }
}

async function failureOf(change: Change): Promise<unknown> {
  try {
    await change.send();
    return null;
  } catch (error) {
    return error;
  }
}

async function lookAgain(change: Change, deadline: number): Promise<State> {
  const retryable = (): boolean => performance.now() < deadline;
  try {
    return await retry({ attempts: 100, firstDelayMs: 200, maxDelayMs: 2000, retryable }, () =>
      change.state(),
    );
  } catch {
    return "unknown";
  }
}

function unknownOutcome({ tables }: Change, cause: unknown): Error {
  const hint = "nothing was deleted; look at the table before you run again";
  return lakeError("catalog/unknown-outcome", { tables }, { hint, cause });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
