// A run's own record: written before the first file of a table is staged, renewed while it works, gone when the
// run has nothing left behind. What a killed or failed run staged can be found by it, and other runs see by it
// which tables are taken.
import { hostname } from "node:os";
import { lakeError } from "../../common/errors.ts";
import type { Storage } from "../../storage/storage.ts";
import { refuseHeldTables } from "./held-tables.ts";
import type { OrderedUnit } from "../publishing/publish-in-order.ts";
import { toPublishingUnits } from "../publishing/publishing-record.ts";
import type { PublishingRecord } from "../publishing/publishing-record.ts";
import { atWork, encodeRecord, leaseMs, publishingName, recordNames, recordPath } from "./run-records.ts";
import type { RecordedTable, RunFiles, RunRecord } from "./run-records.ts";

const renewEveryMs = 30_000;

/** Its lifetime: `open` before anything is staged, `close` when nothing is left or the rest is recorded. */
export class RunJournal {
  readonly runId: string;
  readonly #storage: Storage;
  readonly #folder: string;
  readonly #command: string;
  readonly #startedMs: number;
  readonly #now: () => number;
  readonly #paths = new Set<string>();
  #timer: NodeJS.Timeout | null = null;
  #renewal: Promise<void> = Promise.resolve();
  #renewedMs = 0;
  #publishings = 0;

  constructor(options: {
    readonly storage: Storage;
    /** The target's own folder. */
    readonly folder: string;
    readonly runId: string;
    readonly command: string;
    readonly startedMs: number;
    readonly now: () => number;
  }) {
    this.runId = options.runId;
    this.#storage = options.storage;
    this.#folder = options.folder;
    this.#command = options.command;
    this.#startedMs = options.startedMs;
    this.#now = options.now;
  }

  #path(name: string): string {
    return recordPath(this.#folder, this.runId, name);
  }

  get isOpen(): boolean {
    return this.#paths.size > 0;
  }

  /**
   * Says that the tables are being built by this run, or that another run builds one of them: `run/table-held`.
   * Advice that spares work: what keeps two writers apart is the catalog's compare-and-set. Returns what runs that
   * are no longer at work have left.
   */
  async open(tables: readonly RecordedTable[]): Promise<ReadonlyMap<string, RunFiles>> {
    const record: RunRecord = {
      version: 2,
      runId: this.runId,
      command: this.#command,
      pid: process.pid,
      host: hostname(),
      startedMs: this.#startedMs,
      tables,
    };
    this.#renewedMs = this.#now();
    atWork.add(this.runId);
    await this.#write(recordNames.run, encodeRecord(record));
    this.#timer = setInterval(() => this.#renew(), renewEveryMs);
    this.#timer.unref();
    try {
      return await refuseHeldTables({ storage: this.#storage, folder: this.#folder, record });
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** From here on only forward: written before the first of several tables moves. Returns what takes it away. */
  async beginPublishing(units: readonly OrderedUnit[]): Promise<() => Promise<void>> {
    this.#publishings += 1;
    const path = this.#path(publishingName(this.#publishings));
    const record: PublishingRecord = {
      version: 2,
      runId: this.runId,
      command: this.#command,
      units: toPublishingUnits(units),
    };
    await this.#storage.writeIfAbsent(path, encodeRecord(record));
    return () => this.#storage.delete([path]);
  }

  #renew(): void {
    const startedMs = this.#now();
    this.#renewal = this.#write(recordNames.lease, encodeRecord({ runId: this.runId })).then(
      () => {
        // After a gap others may have taken the run for dead: `checkHeld` looks first.
        if (startedMs - this.#renewedMs < leaseMs) this.#renewedMs = startedMs;
      },
      // The next one may get through; whether all failed is asked before anything is published.
      () => undefined,
    );
  }

  async #write(name: string, bytes: Uint8Array): Promise<void> {
    const path = this.#path(name);
    this.#paths.add(path);
    await this.#storage.write(path, bytes);
  }

  /**
   * Asked before the catalog moves. A machine that slept may come back after others took its run for dead and
   * cleaned up: `run/lease-lost`.
   */
  async checkHeld(): Promise<void> {
    if (!this.isOpen || this.#now() - this.#renewedMs < leaseMs) return;
    const isTaken = (await this.#storage.stat(this.#path(recordNames.decided))) !== null;
    if (isTaken || (await this.#storage.stat(this.#path(recordNames.run))) === null)
      throw lakeError("run/lease-lost", { runId: this.runId }, { hint: "nothing was published; run again" });
    this.#renewedMs = this.#now();
    this.#renew();
    await this.#renewal;
  }

  /** The record goes: nothing is left, or what is left stands in a record of its own (`failed-run.ts`). */
  async close(): Promise<void> {
    await this.stop();
    if (this.isOpen) await this.#remove();
  }

  /** No sign of life from here on; the record stays where it cannot be taken away, and holds nothing any more. */
  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    atWork.delete(this.runId);
    await this.#renewal;
  }

  async #remove(): Promise<void> {
    await this.#storage.delete([...this.#paths]);
    this.#paths.clear();
  }
}
