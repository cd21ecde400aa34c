import { tableName } from "../catalog/catalog.ts";
import { formatAge, formatCount, formatQuantity, formatSize } from "../common/format.ts";
import type { HealthReport } from "../upkeep/health.ts";
import type { Style } from "./style.ts";
import { renderTextTable } from "./text-table.ts";

/** One line for each table, then what was found, then (for a single table) its partitions. */
export function renderHealth(reports: readonly HealthReport[], style: Style, nowMs: number): string {
  if (reports.length === 0) return "no table is built yet";
  const parts = [overview(reports, style, nowMs), findings(reports, style)];
  const [only] = reports;
  if (reports.length === 1 && only !== undefined && only.partitions > 1) parts.push(partitions(only, style));
  return parts.join("\n\n");
}

function overview(reports: readonly HealthReport[], style: Style, nowMs: number): string {
  return renderTextTable({
    columns: [
      { title: "table" },
      { title: "rows", align: "right" },
      { title: "files", align: "right" },
      { title: "size", align: "right" },
      { title: "median file", align: "right" },
      { title: "partitions", align: "right" },
      { title: "skew", align: "right" },
      { title: "deleted", align: "right" },
      { title: "snapshots", align: "right" },
      { title: "metadata", align: "right" },
      { title: "age", align: "right" },
    ],
    rows: reports.map((report) => [
      tableName(report.table),
      formatCount(report.rows),
      formatCount(report.files),
      formatSize(report.sizeBytes),
      report.fileSizeBytes === null ? "" : formatSize(report.fileSizeBytes.median),
      formatCount(report.partitions),
      report.partitions > 1 ? `${report.skew.toFixed(1)}×` : "",
      report.deleteFiles === 0 ? "" : `${(report.deleteRatio * 100).toFixed(1)} %`,
      formatCount(report.snapshots),
      formatSize(report.metadataSizeBytes),
      report.newestSnapshotMs === null ? "" : formatAge(nowMs - report.newestSnapshotMs),
    ]),
    style,
  });
}

function findings(reports: readonly HealthReport[], style: Style): string {
  const lines = reports.flatMap((report) =>
    report.findings.map(({ level, message, next }) => {
      const mark = level === "warn" ? style.yellow("warn") : style.dim("note");
      return `${mark}  ${tableName(report.table)}: ${message}\n      ${style.dim("→")} ${next}`;
    }),
  );
  if (lines.length === 0) return `${formatQuantity(reports.length, "table")}, nothing to do`;
  return lines.join("\n");
}

function partitions(report: HealthReport, style: Style): string {
  const { largestPartitions: shown, rowsPerPartition: rows } = report;
  const table = renderTextTable({
    columns: [
      { title: "largest partitions" },
      { title: "rows", align: "right" },
      { title: "files", align: "right" },
      { title: "size", align: "right" },
    ],
    rows: shown.map((one) => [
      one.partition,
      formatCount(one.rows),
      formatCount(one.files),
      formatSize(one.sizeBytes),
    ]),
    style,
  });
  if (rows === null) return table;
  const { smallest, median, largest } = rows;
  return `${table}\n${style.dim(`rows in a partition: ${formatCount(smallest)} to ${formatCount(largest)}, median ${formatCount(median)}`)}`;
}
