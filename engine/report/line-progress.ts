import type { RunEvent } from "../run/types.ts";
import { finishedLine, isBad, noticeLine } from "./event-lines.ts";
import type { Progress, ProgressOptions } from "./progress.ts";

/** For pipes and log files: one line for each finished step, nothing is redrawn. */
export class LineProgress implements Progress {
  private readonly options: ProgressOptions;

  constructor(options: ProgressOptions) {
    this.options = options;
  }

  onEvent(event: RunEvent): void {
    const { quiet, style, write } = this.options;
    if (event.kind === "node-finished") {
      if (!quiet || isBad(event.result.status)) write(`${finishedLine({ ...event, style })}\n`);
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
