import type { NodeResult, RunEvent } from "../run/types.ts";
import { finishedLine, isBad, isTest, noticeLine } from "./event-lines.ts";
import type { Progress, ProgressOptions } from "./progress.ts";

/** Tests that need not run again, or cannot run, are many and say nothing: the summary counts them. */
function isWorthALine(result: NodeResult, quiet: boolean): boolean {
  if (quiet) return isBad(result.status);
  return !isTest(result) || (result.status !== "reused" && result.status !== "skipped");
}

/** For pipes and log files: one line for each finished step, nothing is redrawn. */
export class LineProgress implements Progress {
  private readonly options: ProgressOptions;

  constructor(options: ProgressOptions) {
    this.options = options;
  }

  onEvent(event: RunEvent): void {
    const { quiet, style, write } = this.options;
    if (event.kind === "node-finished") {
      if (isWorthALine(event.result, quiet)) write(`${finishedLine({ ...event, style })}\n`);
      return;
    }
    if (quiet && event.kind !== "warning") return;
    const line = noticeLine(event, style);
    if (line !== null) write(`${line}\n`);
  }

  close(): void {
    // Every line is complete when it is written.
  }
}
