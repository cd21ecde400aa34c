// Runs that end, or stand still, at a step that the test chooses.
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import type { RunOptions } from "../../engine/run/types.ts";

export interface StepRequest {
  readonly root: string;
  readonly target?: string;
  readonly options?: Partial<RunOptions>;
  /** Upkeep of this table in place of a run: all of it, with all snapshots but the newest expired. */
  readonly maintain?: string;
  /** From 1; 0 for a run that goes to its end. */
  readonly at: number;
  readonly signal?: "SIGKILL" | "SIGSTOP";
  /** On a catalog that moves one table at a time. */
  readonly oneByOne?: boolean;
}

export interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly output: string;
}

const script = path.join(import.meta.dirname, "step-process.ts");

export function stepsOf(root: string): string[] {
  const log = path.join(root, "steps.log");
  return existsSync(log) ? readFileSync(log, "utf8").trimEnd().split("\n") : [];
}

export function startAtStep(request: StepRequest): { child: ChildProcess; ended: Promise<Ended> } {
  rmSync(path.join(request.root, "steps.log"), { force: true });
  const child = spawn(process.execPath, [script, JSON.stringify(request)], { cwd: request.root });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const ended = new Promise<Ended>((resolve) =>
    child.once("close", (code, signal) => resolve({ code, signal, output })),
  );
  return { child, ended };
}

/** Lets it run until it stands still at its step, or has ended before. */
export async function stoppedAtStep(
  request: Omit<StepRequest, "signal">,
): Promise<{ child: ChildProcess; ended: Promise<Ended> }> {
  const running = startAtStep({ ...request, signal: "SIGSTOP" });
  while (stepsOf(request.root).length < request.at && running.child.exitCode === null)
    await new Promise((resolve) => setTimeout(resolve, 5));
  return running;
}
