// Which failed run is meant when none is named: the newest one of the target that nobody has taken over.
import { mapLimited } from "../../common/limit.ts";
import { readFailedRun } from "./failed-run.ts";
import type { FailedRun } from "./failed-run.ts";
import { lakeFolder } from "../names.ts";
import { listRuns, recordNames } from "./run-records.ts";
import type { Session } from "../session.ts";

/** Null where there is none. Errors: `run/unknown-run` for an id that is given. */
export async function findFailedRun(session: Session, runId?: string): Promise<FailedRun | null> {
  const [storage, folder] = [await session.storage(), lakeFolder(session.profile)];
  if (runId !== undefined) return readFailedRun(storage, folder, runId);
  const runs = [...(await listRuns(storage, folder)).values()];
  const open = runs.filter(({ files }) => files.has(recordNames.failed) && !files.has(recordNames.decided));
  const found = await mapLimited(open, 8, (run) => readFailedRun(storage, folder, run.runId));
  return found.toSorted((a, b) => b.failedMs - a.failedMs)[0] ?? null;
}
