// Two runs at once on one target: whoever comes second is told who holds which of its tables, before it works.
import { lakeError } from "../../common/errors.ts";
import { formatInstant } from "../../common/format.ts";
import { mapLimited } from "../../common/limit.ts";
import type { Storage } from "../../storage/storage.ts";
import { isGone, lastSeenMs, leaseMs, listRuns, readRecord, recordNames, recordPath } from "./run-records.ts";
import type { RunFiles, RunRecord } from "./run-records.ts";

/**
 * Every run writes its record first and looks at the others' then, so that of two runs at least one sees the
 * other. Times are compared within one listing: they are all of the storage's clock. Returns that listing without
 * the runs that are at work. Errors: `run/table-held`.
 */
export async function refuseHeldTables(options: {
  readonly storage: Storage;
  readonly folder: string;
  readonly record: RunRecord;
}): Promise<ReadonlyMap<string, RunFiles>> {
  const { storage, folder, record } = options;
  const runs = await listRuns(storage, folder);
  const mine = runs.get(record.runId);
  const mineMs = mine?.files.get(recordNames.run)?.modifiedMs ?? Date.now();
  const nowMs = (mine && lastSeenMs(mine)) ?? mineMs;
  const isBefore = ({ runId, files }: RunFiles): boolean => {
    const theirsMs = files.get(recordNames.run)?.modifiedMs ?? 0;
    return theirsMs < mineMs || (theirsMs === mineMs && runId < record.runId);
  };
  runs.delete(record.runId);
  const alive = [...runs.values()].filter((run) => {
    const seenMs = lastSeenMs(run);
    return seenMs !== null && nowMs - seenMs < leaseMs;
  });
  const wanted = new Set(record.tables.map(({ table }) => table));
  await mapLimited(alive, 8, async (run) => {
    const { runId } = run;
    const other = await readRecord<RunRecord>(storage, recordPath(folder, runId, recordNames.run));
    if (other === null || isGone(other)) return;
    runs.delete(runId);
    if (!isBefore(run)) return;
    const held = other.tables.filter(({ table }) => wanted.has(table)).map(({ table }) => table);
    if (held.length > 0) throw tableHeld(other, held);
  });
  return runs;
}

function tableHeld(other: RunRecord, held: readonly string[]): Error {
  const { runId, pid, host, command, startedMs } = other;
  const since = formatInstant(startedMs);
  return lakeError(
    "run/table-held",
    { tables: held, runId, command, pid, host, since },
    {
      hint: `wait until it has ended; a run that shows no sign of life for ${leaseMs / 60_000} minutes holds nothing`,
      retryable: true,
    },
  );
}
