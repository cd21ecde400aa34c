// A run that continues a failed one: it alone may use what that one staged, and tidies up the rest in the end.
import { isLakeError, lakeError } from "../../common/errors.ts";
import type { Storage } from "../../storage/storage.ts";
import { deletableFiles, stagedFilesOf } from "./clean-staged.ts";
import { readFailedRun, stagedTablesOf } from "./failed-run.ts";
import type { FailedRun } from "./failed-run.ts";
import { lakeFolder } from "../names.ts";
import {
  encodeRecord,
  isGone,
  lastSeenMs,
  leaseMs,
  listRuns,
  readRecord,
  recordNames,
  recordPath,
} from "./run-records.ts";
import type { RunRecord } from "./run-records.ts";
import type { Session } from "../session.ts";
import type { StagedTable } from "../publishing/staged-table.ts";

/** Who has the last word on what a run staged. */
export interface Decision {
  readonly what: "retry" | "clean" | "publish";
  readonly by: string;
}

export class RetriedRun {
  readonly #session: Session;
  readonly #storage: Storage;
  readonly #failed: FailedRun;
  readonly #by: string;
  #taken: ReadonlySet<string> | null = null;

  private constructor(session: Session, storage: Storage, failed: FailedRun, by: string) {
    this.#session = session;
    this.#storage = storage;
    this.#failed = failed;
    this.#by = by;
  }

  /** Errors: `run/unknown-run`. */
  static async find(session: Session, runId: string, by: string): Promise<RetriedRun> {
    const storage = await session.storage();
    const failed = await readFailedRun(storage, lakeFolder(session.profile), runId);
    return new RetriedRun(session, storage, failed, by);
  }

  /** What of it still stands, by unique id. */
  async staged(): Promise<ReadonlyMap<string, StagedTable>> {
    const [catalog, storage] = [await this.#session.catalog(), this.#storage];
    return stagedTablesOf({ catalog, storage, failed: this.#failed });
  }

  /**
   * Asked when this run holds the tables: from here nobody else takes over, or cleans, what was staged. `taken`:
   * unique ids of what is used. Errors: `run/already-decided`.
   */
  async take(taken: ReadonlySet<string>): Promise<void> {
    const folder = lakeFolder(this.#session.profile);
    await decide({ storage: this.#storage, folder, runId: this.#failed.runId, what: "retry", by: this.#by });
    this.#taken = taken;
  }

  /** In the end: what was taken over is published or stands in this run's own record; the rest goes. */
  async settle(): Promise<void> {
    const taken = this.#taken;
    if (taken === null) return;
    const left = this.#failed.tables.filter(({ node }) => !taken.has(node));
    const files = await deletableFiles(this.#session, left.map(stagedFilesOf), this.#failed.certain);
    await this.#storage.delete(files.flatMap(({ paths }) => paths));
    await removeRecords(this.#storage, lakeFolder(this.#session.profile), this.#failed.runId);
  }
}

const done: Readonly<Record<Decision["what"], string>> = {
  retry: "taken over",
  clean: "cleaned up",
  publish: "published",
};

interface DecideRequest extends Decision {
  readonly storage: Storage;
  readonly folder: string;
  readonly runId: string;
}

/** The first one has the last word, unless it was a retry whose own run died. Errors: `run/already-decided`. */
export async function decide({ storage, folder, runId, what, by }: DecideRequest): Promise<void> {
  const path = recordPath(folder, runId, recordNames.decided);
  const decision: Decision = { what, by };
  try {
    await storage.writeIfAbsent(path, encodeRecord(decision));
  } catch (error) {
    if (!isLakeError(error, "storage/exists")) throw error;
    const standing = await readRecord<Decision>(storage, path);
    if (standing !== null && (standing.what !== "retry" || (await isAtWork(storage, folder, standing.by))))
      throw lakeError("run/already-decided", { runId, done: done[standing.what], by: standing.by });
    await storage.write(path, encodeRecord(decision));
  }
}

async function isAtWork(storage: Storage, folder: string, runId: string): Promise<boolean> {
  const run = (await listRuns(storage, folder)).get(runId);
  const seenMs = run === undefined ? null : lastSeenMs(run);
  if (seenMs === null || Date.now() - seenMs >= leaseMs) return false;
  const record = await readRecord<RunRecord>(storage, recordPath(folder, runId, recordNames.run));
  return record !== null && !isGone(record);
}

/** All records of a run; the decision goes last, so that nobody takes the run for undecided meanwhile. */
export async function removeRecords(storage: Storage, folder: string, runId: string): Promise<void> {
  const run = (await listRuns(storage, folder)).get(runId);
  const paths = [...(run?.files.values() ?? [])].map(({ path }) => path);
  const decided = recordPath(folder, runId, recordNames.decided);
  await storage.delete(paths.filter((path) => path !== decided));
  await storage.delete([decided]);
}
