// Runs jobs in dependency order, several at a time. Jobs whose dependency did not succeed are skipped.

export interface Job<T> {
  readonly id: string;
  readonly after: readonly string[];
  readonly run: () => Promise<T>;
  /** What stands in for the result when the job is not run. */
  readonly skip: (because: string) => T;
}

export interface RunJobsOptions<T> {
  readonly jobs: readonly Job<T>[];
  readonly concurrency: number;
  readonly ok: (id: string, result: T) => boolean;
  readonly stop: () => boolean;
}

/**
 * Starts each job as soon as all jobs it comes after are done, at most `concurrency` at once, in the given
 * order among those that are ready. `ok` tells whether those who come after a job may run. A job must not
 * throw: it turns its failure into a result. With `stop` true no further job starts.
 */
export async function runJobs<T>(options: RunJobsOptions<T>): Promise<ReadonlyMap<string, T>> {
  return new Scheduler(options).run();
}

/** Each job and each of its dependencies is looked at once: a run may have ten thousand. */
class Scheduler<T> {
  readonly #options: RunJobsOptions<T>;
  /** Job id → its place in the given order. */
  readonly #placeOf: ReadonlyMap<string, number>;
  /** By place: those that come after the job. */
  readonly #dependents: readonly number[][];
  /** By place: how many jobs it still waits for. */
  readonly #missing: number[];
  readonly #ready = new PlaceQueue();
  readonly #waiting: Set<number>;
  readonly #results = new Map<string, T>();
  #running = 0;
  #crash: { readonly error: unknown } | null = null;
  #wake: () => void = () => undefined;

  constructor(options: RunJobsOptions<T>) {
    const { jobs } = options;
    this.#options = options;
    this.#placeOf = new Map(jobs.map((job, place) => [job.id, place]));
    this.#waiting = new Set(jobs.keys());
    this.#dependents = jobs.map(() => []);
    this.#missing = jobs.map((job, place) => {
      const before = new Set(job.after.flatMap((id) => this.#placeOf.get(id) ?? []));
      for (const other of before) this.#dependents[other]?.push(place);
      if (before.size === 0) this.#ready.add(place);
      return before.size;
    });
  }

  async run(): Promise<ReadonlyMap<string, T>> {
    while (this.#waiting.size > 0 || this.#running > 0) {
      if (this.#crash !== null) throw this.#crash.error;
      this.#startReady();
      if (this.#running > 0) await new Promise<void>((resolve) => (this.#wake = resolve));
      else if (this.#waiting.size > 0) {
        const ids = [...this.#waiting].map((place) => this.#job(place).id);
        throw new Error(`the steps ${ids.join(", ")} wait for each other`);
      }
    }
    if (this.#crash !== null) throw this.#crash.error;
    return this.#results;
  }

  #startReady(): void {
    const { concurrency, stop } = this.#options;
    while (this.#running < concurrency) {
      // Whatever has not started by now will not.
      if (stop()) return this.#skip([...this.#waiting], "");
      const place = this.#ready.take();
      if (place === undefined) return;
      if (this.#waiting.has(place)) this.#start(place);
    }
  }

  #start(place: number): void {
    const job = this.#job(place);
    this.#waiting.delete(place);
    this.#running += 1;
    job
      .run()
      .then(
        (result) => this.#settle(place, result),
        (error: unknown) => (this.#crash ??= { error }),
      )
      .finally(() => {
        this.#running -= 1;
        this.#wake();
      });
  }

  #settle(place: number, result: T): void {
    const { id } = this.#job(place);
    this.#results.set(id, result);
    if (!this.#options.ok(id, result)) {
      this.#skip(this.#waitingAfter(place), id);
      return;
    }
    for (const other of this.#dependents[place] ?? []) {
      const left = (this.#missing[other] ?? 0) - 1;
      this.#missing[other] = left;
      if (left === 0) this.#ready.add(other);
    }
  }

  /** All that wait for the job, directly or through others, in the given order. */
  #waitingAfter(place: number): number[] {
    const found = new Set<number>();
    const open = [place];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      for (const other of this.#dependents[next] ?? []) {
        if (found.has(other) || !this.#waiting.has(other)) continue;
        found.add(other);
        open.push(other);
      }
    }
    return [...found].sort((a, b) => a - b);
  }

  #skip(places: readonly number[], because: string): void {
    for (const place of places) {
      const job = this.#job(place);
      this.#waiting.delete(place);
      this.#results.set(job.id, job.skip(because));
    }
  }

  #job(place: number): Job<T> {
    return this.#options.jobs[place] as Job<T>;
  }
}

/** Places, the smallest first: a binary heap. */
class PlaceQueue {
  readonly #heap: number[] = [];

  add(place: number): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(place);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if ((heap[parent] as number) <= place) break;
      heap[at] = heap[parent] as number;
      at = parent;
    }
    heap[at] = place;
  }

  take(): number | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child + 1 < heap.length && (heap[child + 1] as number) < (heap[child] as number)) child += 1;
      if (child >= heap.length || (heap[child] as number) >= last) break;
      heap[at] = heap[child] as number;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}
