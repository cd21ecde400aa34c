// Unfinished publishings, brought to their end or given up by somebody who asked for it.
import { lakeError } from "../common/errors.ts";
import { deletableFiles, stagedFilesOf } from "../run/journal/clean-staged.ts";
import { completePublishing } from "../run/publishing/complete-publishing.ts";
import type { CompletedPublishing } from "../run/publishing/complete-publishing.ts";
import { lakeFolder } from "../run/names.ts";
import type { PublishingRecord } from "../run/publishing/publishing-record.ts";
import { isPublishing, listRuns, readRecord, recordPath } from "../run/journal/run-records.ts";
import type { RunFiles } from "../run/journal/run-records.ts";
import type { Session } from "../run/session.ts";
import { stagedRuns } from "./staged-runs.ts";

/** What is waiting; with `runId` only that run. Errors: `run/unknown-run`. */
async function waiting(session: Session, runId?: string): Promise<RunFiles[]> {
  const [storage, folder] = [await session.storage(), lakeFolder(session.profile)];
  const runs = await listRuns(storage, folder);
  const states = await stagedRuns(session, runId);
  const found = states.flatMap((run) => (run.state === "publishing" ? (runs.get(run.runId) ?? []) : []));
  if (runId !== undefined && found.length === 0)
    throw lakeError("run/unknown-run", { runId }, { hint: "`lake staged` lists the runs and their states" });
  return found;
}

/** Publishes the rest, whatever its age. */
export async function recoverRuns(session: Session, runId?: string): Promise<CompletedPublishing[]> {
  return completePublishing({ session, runs: await waiting(session, runId), wanted: null });
}

/** Gives up what has not been published: the next run builds it anew. Returns the runs' ids. */
export async function discardRuns(session: Session, runId?: string): Promise<string[]> {
  const [storage, folder] = [await session.storage(), lakeFolder(session.profile)];
  const runs = await waiting(session, runId);
  for (const run of runs) {
    for (const name of [...run.files.keys()].filter(isPublishing)) {
      const path = recordPath(folder, run.runId, name);
      const record = await readRecord<PublishingRecord>(storage, path);
      // First the record: nobody may publish what is being removed.
      await storage.delete([path]);
      const changes = record?.units.flatMap((unit) => unit.changes) ?? [];
      const found = await deletableFiles(session, changes.map(stagedFilesOf), false);
      await storage.delete(found.flatMap(({ paths }) => paths));
    }
  }
  return runs.map((run) => run.runId);
}
