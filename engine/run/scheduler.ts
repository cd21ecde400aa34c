// Runs jobs in dependency order, several at a time. Jobs whose dependency did not succeed are skipped.

export interface Job<T> {
  readonly id: string;
  readonly after: readonly string[];
  readonly run: () => Promise<T>;
  /** What stands in for the result when the job is not run. */
  readonly skip: (because: string) => T;
}

/**
 * Starts each job as soon as all jobs it comes after are done, at most `concurrency` at once, in the given
 * order among those that are ready. `ok` tells whether those who come after a job may run. A job must not
 * throw: it turns its failure into a result. With `stop` true no further job starts.
 */
export async function runJobs<T>(options: {
  readonly jobs: readonly Job<T>[];
  readonly concurrency: number;
  readonly ok: (id: string, result: T) => boolean;
  readonly stop: () => boolean;
}): Promise<ReadonlyMap<string, T>> {
  const { jobs, concurrency, ok, stop } = options;
  const known = new Set(jobs.map((job) => job.id));
  const results = new Map<string, T>();
  const failed = new Map<string, string>();
  const waiting = new Set(jobs);
  const running = new Map<string, Promise<void>>();

  const settle = (job: Job<T>, result: T): void => {
    results.set(job.id, result);
    if (!ok(job.id, result)) failed.set(job.id, job.id);
  };
  const skip = (job: Job<T>, because: string): void => {
    waiting.delete(job);
    results.set(job.id, job.skip(because));
    failed.set(job.id, because);
  };
  const start = (job: Job<T>): void => {
    waiting.delete(job);
    const done = job.run().then((result) => {
      settle(job, result);
      running.delete(job.id);
    });
    running.set(job.id, done);
  };

  while (waiting.size > 0 || running.size > 0) {
    for (const job of waiting) {
      const before = job.after.filter((id) => known.has(id));
      const culprit = before.map((id) => failed.get(id)).find((id) => id !== undefined);
      if (culprit !== undefined) skip(job, culprit);
      else if (stop()) skip(job, "");
      else if (running.size < concurrency && before.every((id) => results.has(id))) start(job);
    }
    if (running.size > 0) await Promise.race(running.values());
    else if (waiting.size > 0 && [...waiting].every((job) => !isReady(job, known, results))) {
      throw new Error(`the steps ${[...waiting].map((job) => job.id).join(", ")} wait for each other`);
    }
  }
  return results;
}

function isReady<T>(job: Job<T>, known: ReadonlySet<string>, results: ReadonlyMap<string, T>): boolean {
  return job.after.every((id) => !known.has(id) || results.has(id));
}
