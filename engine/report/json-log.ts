import { tableName } from "../catalog/catalog.ts";
import type { NodeResult, RunEvent } from "../run/types.ts";
import { toJsonText } from "./json-text.ts";
import type { Progress } from "./progress.ts";

type Level = "debug" | "info" | "warn" | "error";

interface Sink {
  readonly write: (text: string) => void;
  readonly quiet: boolean;
  readonly now: () => number;
}

/** One JSON object per line: `time`, `level`, `event` and the event's own fields in snake_case. */
function writeLogLine(
  sink: Sink,
  level: Level,
  event: string,
  fields: Readonly<Record<string, unknown>>,
): void {
  if (sink.quiet && (level === "debug" || level === "info")) return;
  sink.write(`${toJsonText({ time: new Date(sink.now()).toISOString(), level, event, ...fields })}\n`);
}

export class JsonLog implements Progress {
  private readonly sink: Sink;

  constructor(sink: Sink) {
    this.sink = sink;
  }

  onEvent(event: RunEvent): void {
    const log = (level: Level, fields: Readonly<Record<string, unknown>>): void =>
      writeLogLine(this.sink, level, event.kind, fields);
    switch (event.kind) {
      case "run-started":
        return log("info", {
          run_id: event.runId,
          command: event.plan.command,
          target: event.plan.target,
          steps: event.plan.steps.length,
          threads: event.threads,
        });
      case "node-started":
        return log("info", {
          unique_id: event.uniqueId,
          index: event.index,
          total: event.total,
          reason: event.reason,
        });
      case "node-progress":
        return log("debug", { unique_id: event.uniqueId, rows: event.rows, fraction: event.fraction });
      case "node-finished":
        return log(levelOf(event.result), {
          index: event.index,
          total: event.total,
          ...resultFields(event.result),
        });
      case "publishing":
        return log("info", { tables: event.tables.map(tableName) });
      case "published":
        return log("info", { tables: event.tables.map(tableName), elapsed_ms: event.elapsedMs });
      case "warning":
        return log("warn", { message: event.message });
      case "log":
        return log("info", { message: event.message, unique_id: event.uniqueId });
      case "run-finished":
        return log(event.result.success ? "info" : "error", {
          run_id: event.result.runId,
          success: event.result.success,
          published: event.result.published,
          elapsed_ms: event.result.elapsedMs,
          ...(event.result.error !== undefined && { error: event.result.error.toJSON() }),
        });
    }
  }

  close(): void {
    // Every line is complete when it is written.
  }
}

function levelOf(result: NodeResult): Level {
  switch (result.status) {
    case "error":
    case "fail":
      return "error";
    case "warn":
    case "skipped":
      return "warn";
    case "success":
    case "reused":
    case "pass":
      return "info";
  }
}

function resultFields(result: NodeResult): Record<string, unknown> {
  const { table } = result;
  return {
    unique_id: result.uniqueId,
    status: result.status,
    message: result.message,
    elapsed_ms: result.elapsedMs,
    failures: result.failures,
    error: result.error?.toJSON(),
    ...(table !== undefined && {
      table: tableName(table.identifier),
      snapshot_id: table.snapshotId === null ? null : String(table.snapshotId),
      rows_added: table.rowsAdded,
      rows_total: table.rowsTotal,
      files_added: table.filesAdded,
      files_total: table.filesTotal,
      bytes_total: table.bytesTotal,
      partitions: table.partitions,
      landing_files: table.landingFiles,
      rejected_rows: table.rejectedRows,
    }),
  };
}
