// The one line that a finished step or a notice takes, the same on a terminal and in a file.
import { formatDuration, formatQuantity } from "../common/format.ts";
import type { NodeResult, NodeStatus, RunEvent } from "../run/types.ts";
import { padEnd, padStart, type Style } from "./style.ts";

const words: Readonly<Record<NodeStatus, string>> = {
  success: "built",
  reused: "reused",
  error: "ERROR",
  skipped: "skipped",
  pass: "pass",
  warn: "WARN",
  fail: "FAIL",
};

/** Data tests and unit tests. */
export function isTest({ resourceType }: Pick<NodeResult, "resourceType">): boolean {
  return resourceType === "test" || resourceType === "unit_test";
}

export function isBad(status: NodeStatus): boolean {
  return status === "error" || status === "fail" || status === "warn";
}

export function paintStatus(status: NodeStatus, text: string, style: Style): string {
  switch (status) {
    case "success":
    case "pass":
      return style.green(text);
    case "reused":
    case "skipped":
      return style.dim(text);
    case "warn":
      return style.yellow(text);
    case "error":
    case "fail":
      return style.red(text);
  }
}

/** The last part of a unique id that people use: a test's hash is left out. */
export function shortName(uniqueId: string): string {
  const parts = uniqueId.split(".");
  if (parts[0] === "test" && parts.length > 3) return parts.slice(2, -1).join(".");
  return parts.slice(2).join(".") || uniqueId;
}

export function finishedLine(options: {
  readonly result: NodeResult;
  readonly index: number;
  readonly total: number;
  readonly style: Style;
}): string {
  const { result, index, total, style } = options;
  const digits = String(total).length;
  const counter = style.dim(`${padStart(String(index), digits)} of ${total}`);
  const status = paintStatus(result.status, padEnd(words[result.status], 7), style);
  const message = result.message === "" ? "" : `  ${result.message}`;
  return `${counter}  ${status}  ${shortName(result.uniqueId)}${message}  ${style.dim(`[${formatDuration(result.elapsedMs)}]`)}`;
}

/** The line of an event that is no step, or null for one that has none. */
export function noticeLine(event: RunEvent, style: Style): string | null {
  switch (event.kind) {
    case "run-started": {
      const models = event.plan.steps.filter((step) => step.resourceType === "model").length;
      const seeds = event.plan.steps.filter((step) => step.resourceType === "seed").length;
      const snapshots = event.plan.steps.filter((step) => step.resourceType === "snapshot").length;
      const tests = event.plan.steps.length - models - seeds - snapshots;
      const what = [
        ...(models > 0 ? [formatQuantity(models, "model")] : []),
        ...(seeds > 0 ? [formatQuantity(seeds, "seed")] : []),
        ...(snapshots > 0 ? [formatQuantity(snapshots, "snapshot")] : []),
        ...(tests > 0 ? [formatQuantity(tests, "test")] : []),
      ];
      const target = `target ${event.plan.target}, ${formatQuantity(event.threads, "thread")}`;
      return `lake ${event.plan.command}: ${what.join(", ") || "nothing selected"} ${style.dim(`(${target})`)}`;
    }
    case "published":
      return event.tables.length === 0
        ? null
        : `${style.green("published")} ${formatQuantity(event.tables.length, "table")} ${style.dim(`[${formatDuration(event.elapsedMs)}]`)}`;
    case "warning":
      return `${style.yellow("warning:")} ${event.message}`;
    case "log":
      return event.message;
    case "publishing":
    case "node-started":
    case "node-progress":
    case "node-finished":
    case "run-finished":
      return null;
  }
}
