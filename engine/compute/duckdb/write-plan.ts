// How a query's rows become data files: decided from the size of the inputs and the memory there is.
import type { Relation } from "../compute.ts";

/**
 * - `single`: one COPY. Tables without partitions.
 * - `held`: the rows go into a table in memory, then several COPYs at once write disjoint sets of partitions.
 *   Fastest for rows that lie in the order of their partitions; others are staged from that table.
 * - `staged`: the rows go to Parquet on disk first, in buckets by a hash of the partition tuple, then
 *   bucket by bucket. Memory does not grow with the data.
 */
export type WritePlan =
  | { readonly kind: "single" }
  | { readonly kind: "held" }
  | { readonly kind: "staged"; readonly buckets: number };

/** A compressed file's share of the rows it holds. */
const compressionRatio = 6;
/** What one row set takes in memory beside its JSON text: measured 470 MB for 811 MB, 25 columns. */
const heldShare = 0.6;
/** The readers' buffers, the open COPYs and what the engine keeps beside its own limit. */
const heldBaseBytes = 160 << 20;
const bytesPerBucket = 48 << 20;

export function planWrite({
  partitioned,
  inputBytes,
  memoryLimitBytes,
  threads,
}: {
  readonly partitioned: boolean;
  readonly inputBytes: number;
  readonly memoryLimitBytes: number;
  readonly threads: number;
}): WritePlan {
  if (!partitioned) return { kind: "single" };
  if (heldBytes(inputBytes) <= memoryLimitBytes) return { kind: "held" };
  return stagedPlan(inputBytes, threads);
}

/** Also what an out-of-memory failure falls back to, where the size of the input was misjudged. */
export function stagedPlan(inputBytes: number, threads: number): WritePlan & { readonly kind: "staged" } {
  const wanted = Math.ceil(inputBytes / bytesPerBucket);
  return { kind: "staged", buckets: Math.min(64, Math.max(16, threads, wanted)) };
}

/** The share of the session's memory that a write holds while it runs. */
export function memoryNeeded(plan: WritePlan, inputBytes: number, memoryLimitBytes: number): number {
  switch (plan.kind) {
    case "single":
      return Math.min(heldBaseBytes + inputBytes * 0.1, memoryLimitBytes / 2);
    case "held":
      return heldBytes(inputBytes);
    case "staged":
      return memoryLimitBytes;
  }
}

function heldBytes(inputBytes: number): number {
  return Math.min(heldBaseBytes, inputBytes + (16 << 20)) + inputBytes * heldShare;
}

/** How large the rows behind the relations are as text, as far as files tell. */
export function inputBytesOf(relations: readonly Relation[]): number {
  let bytes = 0;
  for (const relation of relations) {
    if (relation.kind === "landing") {
      for (const file of relation.files) {
        bytes += file.sizeBytes * (/\.(gz|zst)$/.test(file.path) ? compressionRatio : 1);
      }
    } else if (relation.kind === "iceberg") {
      for (const { file } of relation.tasks) bytes += Number(file.sizeBytes) * compressionRatio;
    }
  }
  return bytes;
}
