// The state of a table from its metadata alone: how it is laid out, how old it is, and what to do about it.
import { tableName } from "../catalog/catalog.ts";
import type { CatalogTable, TableIdentifier } from "../catalog/catalog.ts";
import { lakeError } from "../common/errors.ts";
import { formatAge, formatCount, formatQuantity, formatSize } from "../common/format.ts";
import type { ScanTask } from "../compute/compute.ts";
import { expiryPolicy, planExpiry } from "../iceberg/expire-snapshots.ts";
import { specTypes } from "../iceberg/manifest.ts";
import { partitionKey, partitionPath } from "../iceberg/partition.ts";
import { defaultCompaction, planCompaction } from "../iceberg/plan-compaction.ts";
import { manifestsOf } from "../iceberg/reachable-files.ts";
import { planScan } from "../iceberg/scan.ts";
import { loadTable } from "../iceberg/transaction.ts";
import type { TableMetadata } from "../iceberg/types.ts";
import { headSnapshot } from "../plan/table-state.ts";
import type { Session } from "../run/session.ts";

export interface Spread {
  readonly smallest: number;
  readonly median: number;
  readonly largest: number;
}

export interface PartitionHealth {
  readonly partition: string;
  readonly rows: number;
  readonly files: number;
  readonly sizeBytes: number;
}

export interface Finding {
  readonly kind: "small-files" | "deletes" | "old-snapshots" | "large-metadata" | "skew" | "stale";
  /** `warn` makes the exit code 1; `note` is only said. */
  readonly level: "warn" | "note";
  readonly message: string;
  /** What to do, mostly a command. */
  readonly next: string;
}

export interface HealthReport {
  readonly table: TableIdentifier;
  readonly rows: number;
  readonly files: number;
  readonly sizeBytes: number;
  readonly formatVersion: number;
  readonly snapshots: number;
  readonly oldestSnapshotMs: number | null;
  readonly newestSnapshotMs: number | null;
  readonly fileSizeBytes: Spread | null;
  /** Smaller than three quarters of the target size, in partitions that hold several. */
  readonly smallFiles: number;
  readonly deleteFiles: number;
  /** Rows that delete files name, as a share of all rows; a row that two name counts twice. */
  readonly deleteRatio: number;
  readonly partitions: number;
  readonly rowsPerPartition: Spread | null;
  /** Rows of the largest partition over those of the median one. */
  readonly skew: number;
  /** The largest ones, by rows. */
  readonly largestPartitions: readonly PartitionHealth[];
  /** The metadata file, the newest manifest list's manifests. */
  readonly metadataSizeBytes: number;
  readonly findings: readonly Finding[];
}

export interface HealthOptions {
  readonly session: Session;
  readonly identifier: TableIdentifier;
  /** A newest snapshot older than this is a finding. */
  readonly maxAgeMs: number | null;
}

const shownPartitions = 10;
const skewedFactor = 10;
const largeMetadataBytes = 64 * 1024 ** 2;
const warnDeleteRatio = 0.1;

/** Reads manifests, no data. Errors: `catalog/table-not-found` and those of reading manifests. */
export async function tableHealth({ session, identifier, maxAgeMs }: HealthOptions): Promise<HealthReport> {
  const [catalog, storage] = await Promise.all([session.catalog(), session.storage()]);
  const table = await loadTable({ catalog, storage, identifier });
  if (table === null) throw lakeError("catalog/table-not-found", { table: tableName(identifier) });
  const { metadata } = table;
  const head = headSnapshot(metadata);
  const [tasks, manifests, file] = await Promise.all([
    planScan({ storage, metadata }),
    manifestsOf(storage, head === null ? [] : [head]),
    storage.stat(table.metadataLocation),
  ]);
  const layout = layoutOf(metadata, tasks);
  const times = metadata.snapshots.map((snapshot) => snapshot["timestamp-ms"]);
  const manifestBytes = [...manifests.values()].reduce((sum, one) => sum + Number(one.lengthBytes), 0);
  const facts = {
    table: identifier,
    formatVersion: metadata["format-version"],
    snapshots: metadata.snapshots.length,
    oldestSnapshotMs: times.length === 0 ? null : times.reduce((a, b) => Math.min(a, b)),
    newestSnapshotMs: head?.["timestamp-ms"] ?? null,
    metadataSizeBytes: (file?.sizeBytes ?? 0) + manifestBytes,
    ...layout,
  };
  return { ...facts, findings: findingsOf(table, facts, { nowMs: session.now(), maxAgeMs }) };
}

type Facts = Omit<HealthReport, "findings">;
type Layout = Omit<
  Facts,
  "table" | "formatVersion" | "snapshots" | "oldestSnapshotMs" | "newestSnapshotMs" | "metadataSizeBytes"
>;

function layoutOf(metadata: TableMetadata, tasks: readonly ScanTask[]): Layout {
  const groups = Map.groupBy(tasks, ({ file }) => partitionKey(file.specId, file.partition));
  const partitions = [...groups.values()]
    .map((group) => partitionOf(metadata, group))
    .toSorted((a, b) => b.rows - a.rows);
  const rowsPerPartition = spread(partitions.map((one) => one.rows));
  const rows = partitions.reduce((sum, one) => sum + one.rows, 0);
  const deletes = new Map(
    tasks.flatMap(({ deletes: applied }) =>
      applied.map((one) => [`${one.path}@${one.contentOffset ?? ""}`, Number(one.recordCount)] as const),
    ),
  );
  const deletedRows = [...deletes.values()].reduce((sum, count) => sum + count, 0);
  const targetFileSizeBytes = Number(metadata.properties["write.target-file-size-bytes"] ?? 512 * 1024 ** 2);
  const bins = planCompaction(tasks, { ...defaultCompaction, targetFileSizeBytes }).flat();
  return {
    rows,
    files: tasks.length,
    sizeBytes: partitions.reduce((sum, one) => sum + one.sizeBytes, 0),
    fileSizeBytes: spread(tasks.map(({ file }) => Number(file.sizeBytes))),
    smallFiles: bins.reduce((sum, bin) => sum + bin.tasks.length, 0),
    deleteFiles: deletes.size,
    deleteRatio: rows === 0 ? 0 : deletedRows / rows,
    partitions: partitions.length,
    rowsPerPartition,
    skew:
      rowsPerPartition === null || rowsPerPartition.median === 0
        ? 1
        : rowsPerPartition.largest / rowsPerPartition.median,
    largestPartitions: partitions.slice(0, shownPartitions),
  };
}

function partitionOf(metadata: TableMetadata, tasks: readonly ScanTask[]): PartitionHealth {
  const file = tasks[0]?.file;
  const spec = metadata["partition-specs"].find((one) => one["spec-id"] === file?.specId);
  const partition =
    file === undefined || spec === undefined || spec.fields.length === 0
      ? ""
      : partitionPath(spec, specTypes(spec, metadata), file.partition);
  return {
    partition,
    rows: tasks.reduce((sum, task) => sum + Number(task.file.recordCount), 0),
    files: tasks.length,
    sizeBytes: tasks.reduce((sum, task) => sum + Number(task.file.sizeBytes), 0),
  };
}

function spread(values: readonly number[]): Spread | null {
  const sorted = values.toSorted((a, b) => a - b);
  const [smallest] = sorted;
  const largest = sorted.at(-1);
  const median = sorted[Math.floor((sorted.length - 1) / 2)];
  if (smallest === undefined || largest === undefined || median === undefined) return null;
  return { smallest, median, largest };
}

function findingsOf(
  table: CatalogTable,
  facts: Facts,
  { nowMs, maxAgeMs }: { readonly nowMs: number; readonly maxAgeMs: number | null },
): Finding[] {
  const { metadata } = table;
  const name = table.identifier.name;
  const findings: Finding[] = [];
  if (facts.smallFiles > 0)
    findings.push({
      kind: "small-files",
      level: "warn",
      message: `${formatQuantity(facts.smallFiles, "file")} of ${formatCount(facts.files)} would be fewer and larger`,
      next: `lake compact -s ${name}`,
    });
  if (facts.deleteRatio >= warnDeleteRatio)
    findings.push({
      kind: "deletes",
      level: "warn",
      message: `${(facts.deleteRatio * 100).toFixed(0)} % of the rows are deleted again at each read`,
      next: `lake compact -s ${name}`,
    });
  const expiry =
    metadata.properties["gc.enabled"] === "false"
      ? []
      : planExpiry(metadata, expiryPolicy(metadata), nowMs, () => false).snapshots;
  if (expiry.length > 0)
    findings.push({
      kind: "old-snapshots",
      level: "note",
      message: `${formatQuantity(expiry.length, "snapshot")} of ${formatCount(facts.snapshots)} are past their age`,
      next: `lake expire-snapshots -s ${name}`,
    });
  if (facts.metadataSizeBytes > largeMetadataBytes)
    findings.push({
      kind: "large-metadata",
      level: "warn",
      message: `each planning reads ${formatSize(facts.metadataSizeBytes)} of metadata`,
      next: `lake expire-snapshots -s ${name}, then lake rewrite-manifests -s ${name}`,
    });
  if (facts.partitions > 1 && facts.skew >= skewedFactor)
    findings.push({
      kind: "skew",
      level: "note",
      message: `the largest partition holds ${facts.skew.toFixed(0)} times the rows of the median one`,
      next: "look at the largest partitions; a bucket beside the partition column would spread them",
    });
  const ageMs = facts.newestSnapshotMs === null ? null : nowMs - facts.newestSnapshotMs;
  if (maxAgeMs !== null && (ageMs === null || ageMs > maxAgeMs))
    findings.push({
      kind: "stale",
      level: "warn",
      message:
        ageMs === null ? "nothing was ever written to it" : `nothing was written for ${formatAge(ageMs)}`,
      next: `lake build -s ${name}`,
    });
  return findings;
}
