// `target/run_results.json`: what became of each step, in dbt's shape where a field means the same.
import { tableName } from "../catalog/catalog.ts";
import type { NodeResult, RunResult, TableReport } from "../run/types.ts";
import { renderRowDiff } from "./render-row-diff.ts";
import { artifactMetadata, type ArtifactMetadata } from "./artifact-metadata.ts";

type JsonObject = Record<string, unknown>;

export function toRunResults(
  result: RunResult,
  options: ArtifactMetadata & { readonly args: Readonly<Record<string, unknown>> },
): JsonObject {
  return {
    metadata: artifactMetadata("run-results", options, {
      lake_run_id: result.runId,
      // Whether the catalog moved, and whether all went well.
      lake_published: String(result.published),
      lake_success: String(result.success),
    }),
    results: result.results.map(toResult),
    elapsed_time: seconds(result.elapsedMs),
    args: { ...options.args, which: result.command, target: result.target },
  };
}

function toResult(node: NodeResult): JsonObject {
  return {
    unique_id: node.uniqueId,
    status: statusOf(node),
    message: node.diff === undefined ? node.message : `${node.message}\n${renderRowDiff(node.diff)}`,
    failures: node.failures ?? null,
    thread_id: "main",
    execution_time: seconds(node.elapsedMs),
    timing: [
      {
        name: "execute",
        started_at: new Date(node.startedMs).toISOString(),
        completed_at: new Date(node.startedMs + node.elapsedMs).toISOString(),
      },
    ],
    relation_name: node.table === undefined ? null : tableName(node.table.identifier),
    compiled: node.compiledPath !== undefined,
    compiled_code: null,
    adapter_response: {
      ...(node.table !== undefined && toResponse(node.table)),
      ...(node.status === "reused" && { reused: true }),
      ...(node.compiledPath !== undefined && { compiled_path: node.compiledPath }),
      ...(node.failuresTable !== undefined && { failures_table: tableName(node.failuresTable) }),
      ...(node.error !== undefined && { error: node.error.toJSON() }),
    },
  };
}

/** dbt has no word for what was found up to date: it is as good as done. */
function statusOf({ status, resourceType }: NodeResult): string {
  if (status !== "reused") return status;
  return resourceType === "test" || resourceType === "unit_test" ? "pass" : "success";
}

function toResponse(table: TableReport): JsonObject {
  return {
    rows_affected: table.rowsAdded,
    rows_total: table.rowsTotal,
    files_added: table.filesAdded,
    files_total: table.filesTotal,
    bytes_total: table.bytesTotal,
    partitions: table.partitions,
    // Text: most JSON readers round integers of 63 bits.
    snapshot_id: table.snapshotId === null ? null : String(table.snapshotId),
    landing_files: table.landingFiles,
    rejected_rows: table.rejectedRows,
  };
}

function seconds(milliseconds: number): number {
  return Math.round(milliseconds) / 1000;
}
