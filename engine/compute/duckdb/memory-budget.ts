// Writes share one budget of memory: three partitioned writes that each fit alone die together.

/** Hands out shares of a fixed number of bytes, first come, first served. */
export class MemoryBudget {
  readonly #totalBytes: number;
  #freeBytes: number;
  readonly #waiting: { readonly bytes: number; readonly start: () => void }[] = [];

  constructor(totalBytes: number) {
    this.#totalBytes = totalBytes;
    this.#freeBytes = totalBytes;
  }

  /** Runs the work once its share is free; a share larger than the budget takes all of it. */
  async with<T>(bytes: number, work: () => Promise<T>): Promise<T> {
    const share = Math.min(Math.max(0, bytes), this.#totalBytes);
    if (this.#waiting.length > 0 || share > this.#freeBytes) {
      await new Promise<void>((start) => this.#waiting.push({ bytes: share, start }));
    } else this.#freeBytes -= share;
    try {
      return await work();
    } finally {
      this.#freeBytes += share;
      this.#next();
    }
  }

  #next(): void {
    for (let first = this.#waiting[0]; first && first.bytes <= this.#freeBytes; first = this.#waiting[0]) {
      this.#waiting.shift();
      this.#freeBytes -= first.bytes;
      first.start();
    }
  }
}
