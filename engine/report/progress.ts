// What a run tells while it works: lines when piped, a redrawn block on a terminal, JSON for programs.
import type { RunEvent } from "../run/types.ts";
import { JsonLog } from "./json-log.ts";
import { LineProgress } from "./line-progress.ts";
import { LiveProgress } from "./live-progress.ts";
import type { Style } from "./style.ts";

export interface Progress {
  onEvent(event: RunEvent): void;
  /** Ends drawing; the stream is left at the start of a line. */
  close(): void;
}

export interface ProgressOptions {
  readonly write: (text: string) => void;
  readonly format: "text" | "json";
  /** A terminal that can be redrawn. */
  readonly isLive: boolean;
  /** Only warnings and failures. */
  readonly quiet: boolean;
  readonly style: Style;
  readonly now: () => number;
  /** Cells of the terminal's line, asked for at each redraw. */
  readonly width: () => number;
}

export function createProgress(options: ProgressOptions): Progress {
  if (options.format === "json") return new JsonLog(options);
  return options.isLive && !options.quiet ? new LiveProgress(options) : new LineProgress(options);
}
