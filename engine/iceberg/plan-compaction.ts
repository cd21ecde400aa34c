// Which data files are worth writing again, and which of them together (iceberg-java's BinPack planner).
import type { ScanTask } from "../compute/compute.ts";
import { partitionKey } from "./partition.ts";

export interface CompactionPolicy {
  /** What files are to become; `write.target-file-size-bytes`, 512 MB by default. */
  readonly targetFileSizeBytes: number;
  /** So many small files of one partition are worth a rewrite. */
  readonly minInputFiles: number;
  /** A file is rewritten alone when this share of its rows is deleted … */
  readonly deleteRatio: number;
  /** … or when so many delete files apply to it. */
  readonly deleteFiles: number;
  /** Every file, whatever its size: for sorting. */
  readonly all: boolean;
}

export const defaultCompaction: Omit<CompactionPolicy, "targetFileSizeBytes"> = {
  minInputFiles: 5,
  deleteRatio: 0.3,
  deleteFiles: Number.POSITIVE_INFINITY,
  all: false,
};

/** Files of one partition that become one file (more, if the target size is exceeded). */
export interface CompactionBin {
  readonly tasks: readonly ScanTask[];
  readonly sizeBytes: number;
}

/** Files between these shares of the target are left as they are. */
const smallest = 0.75;
const largest = 1.8;

/** The bins of each partition. Files written under an older partition spec are grouped by that spec's values. */
export function planCompaction(
  tasks: readonly ScanTask[],
  policy: CompactionPolicy,
): readonly (readonly CompactionBin[])[] {
  const groups = Map.groupBy(tasks, ({ file }) => partitionKey(file.specId, file.partition));
  return [...groups.values()].flatMap((group) => {
    const candidates = group.filter((task) => policy.all || isCandidate(task, policy));
    const bins = pack(candidates, policy.targetFileSizeBytes).filter((bin) => isWorthIt(bin, policy));
    return bins.length === 0 ? [] : [bins];
  });
}

function isCandidate(task: ScanTask, policy: CompactionPolicy): boolean {
  const size = Number(task.file.sizeBytes);
  const target = policy.targetFileSizeBytes;
  return size < smallest * target || size > largest * target || hasManyDeletes(task, policy);
}

function hasManyDeletes({ file, deletes }: ScanTask, policy: CompactionPolicy): boolean {
  if (deletes.length === 0) return false;
  // Only deletes of this file alone count: how many rows of a shared one meet this file is not known.
  const own = deletes.filter((one) => one.referencedDataFile === file.path);
  const deleted = own.reduce((sum, one) => sum + Number(one.recordCount), 0);
  return deletes.length >= policy.deleteFiles || deleted >= policy.deleteRatio * Number(file.recordCount);
}

function isWorthIt({ tasks, sizeBytes }: CompactionBin, policy: CompactionPolicy): boolean {
  if (policy.all) return true;
  return (
    tasks.length >= policy.minInputFiles ||
    (tasks.length > 1 && sizeBytes >= smallest * policy.targetFileSizeBytes) ||
    sizeBytes > largest * policy.targetFileSizeBytes ||
    tasks.some((task) => hasManyDeletes(task, policy))
  );
}

/** First fit, largest first: each bin holds at most the target size, or one file that is larger by itself. */
function pack(tasks: readonly ScanTask[], targetBytes: number): readonly CompactionBin[] {
  const bins: { tasks: ScanTask[]; sizeBytes: number }[] = [];
  const bySize = tasks.toSorted((a, b) => Number(b.file.sizeBytes - a.file.sizeBytes));
  // Only the newest bins are looked at: one open bin for each candidate would make this quadratic.
  let firstOpen = 0;
  for (const task of bySize) {
    const size = Number(task.file.sizeBytes);
    let bin = bins.slice(firstOpen).find((one) => one.sizeBytes + size <= targetBytes);
    if (bin === undefined) {
      bins.push((bin = { tasks: [], sizeBytes: 0 }));
      firstOpen = Math.max(firstOpen, bins.length - 8);
    }
    bin.tasks.push(task);
    bin.sizeBytes += size;
  }
  return bins;
}

/**
 * Bins that are written together, each in one commit of its own: at most one bin of each partition, since a write
 * makes one file for each, and so many bytes in all that memory and disk stay bounded.
 */
export function batchBins(
  groups: readonly (readonly CompactionBin[])[],
  maxBatchBytes: number,
): readonly (readonly CompactionBin[])[] {
  const batches: CompactionBin[][] = [];
  const rounds = Math.max(0, ...groups.map((bins) => bins.length));
  for (let round = 0; round < rounds; round += 1) {
    let batch: CompactionBin[] = [];
    let bytes = 0;
    for (const bins of groups) {
      const bin = bins[round];
      if (bin === undefined) continue;
      if (batch.length > 0 && bytes + bin.sizeBytes > maxBatchBytes) {
        batches.push(batch);
        [batch, bytes] = [[], 0];
      }
      batch.push(bin);
      bytes += bin.sizeBytes;
    }
    if (batch.length > 0) batches.push(batch);
  }
  return batches;
}
