import { formatCount, formatDuration, formatQuantity } from "../common/format.ts";
import type { RunEvent } from "../run/types.ts";
import { finishedLine, isBad, isTest, noticeLine, shortName } from "./event-lines.ts";
import type { Progress, ProgressOptions } from "./progress.ts";
import { truncate } from "./style.ts";

const frames = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const redrawMs = 100;
/** More than a small window can show; erasing counts on all lines being on the screen. */
const mostSteps = 8;
const escape = String.fromCodePoint(27);
const hideCursor = `${escape}[?25l`;
const showCursor = `${escape}[?25h`;

interface Running {
  readonly name: string;
  readonly reason: string;
  readonly startedMs: number;
  rows: number | undefined;
  fraction: number | undefined;
}

/**
 * For a terminal: finished steps scroll by, below them one line for each step at work and one for the whole.
 * Passing tests are only counted: they are many and say nothing new.
 */
export class LiveProgress implements Progress {
  private readonly options: ProgressOptions;
  private readonly running = new Map<string, Running>();
  private readonly startedMs: number;
  private drawnLines = 0;
  private total = 0;
  private finished = 0;
  private passed = 0;
  private isPublishing = false;
  private timer: NodeJS.Timeout | null = null;

  constructor(options: ProgressOptions) {
    this.options = options;
    this.startedMs = options.now();
  }

  onEvent(event: RunEvent): void {
    switch (event.kind) {
      case "run-started":
        this.total = event.plan.steps.length;
        this.start();
        break;
      case "node-started":
        this.total = event.total;
        this.running.set(event.uniqueId, {
          name: shortName(event.uniqueId),
          reason: event.reason,
          startedMs: this.options.now(),
          rows: undefined,
          fraction: undefined,
        });
        break;
      case "node-progress": {
        const step = this.running.get(event.uniqueId);
        if (step !== undefined) {
          step.rows = event.rows ?? step.rows;
          step.fraction = event.fraction ?? step.fraction;
        }
        return;
      }
      case "node-finished":
        this.running.delete(event.result.uniqueId);
        this.finished++;
        if (event.result.status === "pass") this.passed++;
        if (!isTest(event.result) || isBad(event.result.status)) {
          this.print(finishedLine({ ...event, style: this.options.style }));
        }
        return;
      case "publishing":
        this.isPublishing = true;
        break;
      case "published":
        this.isPublishing = false;
        break;
      case "run-finished":
        this.close();
        return;
      case "warning":
      case "log":
        break;
    }
    const line = noticeLine(event, this.options.style);
    if (line !== null) this.print(line);
  }

  close(): void {
    if (this.timer === null) return;
    clearInterval(this.timer);
    this.timer = null;
    this.options.write(this.eraseText() + showCursor);
  }

  private start(): void {
    if (this.timer !== null) return;
    this.options.write(hideCursor);
    this.timer = setInterval(() => this.draw(), redrawMs);
    this.timer.unref();
  }

  private print(line: string): void {
    this.options.write(`${this.eraseText()}${line}\n`);
    if (this.timer !== null) this.draw();
  }

  private draw(): void {
    const lines = this.blockLines();
    this.options.write(this.eraseText() + lines.map((line) => `${line}\n`).join(""));
    this.drawnLines = lines.length;
  }

  private eraseText(): string {
    const text = this.drawnLines === 0 ? "" : `${escape}[${this.drawnLines}A${escape}[0J`;
    this.drawnLines = 0;
    return text;
  }

  private blockLines(): string[] {
    const { now, style, width } = this.options;
    const cells = Math.max(20, width() - 1);
    const frame = frames[Math.floor((now() - this.startedMs) / redrawMs) % frames.length] ?? "";
    const steps = [...this.running.values()].slice(0, mostSteps).map((step) => {
      const parts = [step.name, step.rows === undefined ? step.reason : `${formatCount(step.rows)} rows`];
      if (step.fraction !== undefined) parts.push(`${Math.floor(step.fraction * 100)} %`);
      parts.push(formatDuration(now() - step.startedMs));
      return `  ${frame} ${truncate(parts.filter((part) => part !== "").join("  "), cells - 4)}`;
    });
    const tests = this.passed === 0 ? "" : `, ${formatQuantity(this.passed, "test")} passed`;
    const whole = this.isPublishing ? "publishing" : `${this.finished} of ${this.total} done${tests}`;
    return [
      ...steps,
      style.dim(truncate(`${frame} ${whole}  ${formatDuration(now() - this.startedMs)}`, cells)),
    ];
  }
}
