// What a built table looks like now, for people.
import type { CatalogTable } from "../../catalog/catalog.ts";
import { formatCount, formatQuantity } from "../../common/format.ts";
import { partitionKey } from "../../iceberg/partition.ts";
import { planScan } from "../../iceberg/scan.ts";
import type { DataFile, TableMetadata } from "../../iceberg/types.ts";
import { headSnapshot } from "../../plan/table-state.ts";
import type { Storage } from "../../storage/storage.ts";
import type { BuiltTable } from "./build-table.ts";
import type { TableReport } from "../types.ts";

export async function tableReport(
  storage: Storage,
  built: BuiltTable,
  metadata: TableMetadata,
): Promise<TableReport> {
  const tasks = await planScan({ storage, metadata });
  const partitions = new Set(tasks.map(({ file }) => partitionKey(file.specId, file.partition)));
  return {
    identifier: built.change.request.identifier,
    ...totalsOf(metadata),
    rowsAdded: built.result.rows,
    filesAdded: built.result.files.length,
    partitions: partitions.size,
    landingFiles: built.result.landing.length,
    rejectedRows: built.result.landing.reduce((sum, file) => sum + file.rejectedRows, 0),
  };
}

/** Of a change that was applied again on a newer state of its table. */
export function reportAgain(report: TableReport, metadata: TableMetadata): TableReport {
  return { ...report, ...totalsOf(metadata) };
}

type Totals = Pick<TableReport, "snapshotId" | "rowsTotal" | "filesTotal" | "bytesTotal">;

function totalsOf(metadata: TableMetadata): Totals {
  const head = headSnapshot(metadata);
  const total = (key: string): bigint => BigInt(head?.summary[key] ?? "0");
  return {
    snapshotId: head?.["snapshot-id"] ?? null,
    rowsTotal: total("total-records"),
    filesTotal: Number(total("total-data-files")),
    bytesTotal: total("total-files-size"),
  };
}

export function builtMessage(built: BuiltTable, table: TableReport): string {
  const { base, operation } = built.change.request;
  const steps = built.evolution.map(({ text }) => text);
  if (operation.kind === "none") {
    return steps.length === 0 ? "nothing of the table changes" : `evolved: ${steps.join("; ")}`;
  }
  const from = table.landingFiles === 0 ? "" : ` from ${formatQuantity(table.landingFiles, "landing file")}`;
  const rejected =
    table.rejectedRows === 0 ? "" : `, ${formatQuantity(table.rejectedRows, "line")} in quarantine`;
  const rows = formatQuantity(table.rowsAdded, "row");
  if (operation.kind === "overwrite") {
    const rewritten = formatQuantity(operation.removePaths.size, "file");
    const marks = operation.addDeletes ?? [];
    if (marks.length > 0) {
      const also = operation.removePaths.size === 0 ? "" : `, removed ${rewritten}`;
      return `took ${rows}${from}, marked ${goneIn(marks)}${also}${rejected}`;
    }
    return `took ${rows}${from}, rewrote ${rewritten} of ${formatCount(filesOf(base))}${rejected}`;
  }
  if (operation.kind === "rewrite") return "nothing changed";
  const verb = base === null ? "created with" : operation.kind === "append" ? "appended" : "replaced by";
  return `${verb} ${rows} in ${formatQuantity(table.filesAdded, "file")}${from}${rejected}`;
}

/** A deletion vector counts what went before, too. */
function goneIn(marks: readonly DataFile[]): string {
  const files = formatQuantity(marks.length, "file");
  if (marks.some(({ format }) => format === "PUFFIN")) return `rows as deleted in ${files}`;
  const gone = marks.reduce((sum, { recordCount }) => sum + recordCount, 0n);
  return `${formatQuantity(gone, "row")} as deleted in ${files}`;
}

function filesOf(base: CatalogTable | null): number {
  const head = base === null ? null : headSnapshot(base.metadata);
  return Number(head?.summary["total-data-files"] ?? 0);
}
