import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import type { Command } from "commander";
import { lakeError } from "../common/errors.ts";
import type { RunOptions } from "../run/types.ts";
import type { Cli } from "./cli.ts";
import { withSession, type CliContext } from "./context.ts";
import {
  addExamples,
  addOutputOptions,
  addProjectOptions,
  addThreads,
  outputOption,
  type RunCommandOptions,
} from "./options.ts";

interface Retry {
  readonly command: RunOptions["command"];
  readonly options: RunCommandOptions;
  /** Null where the failed run left nothing that could be taken over. */
  readonly runId: string | null;
}

export function retryCommand(cli: Cli): Command {
  const command = cli
    .command("retry")
    .summary("go on with a run that failed")
    .description(
      "Calls the last failed command again, with its selection and flags. Tables that it staged are taken over where their code, inputs and files still stand, and tests that passed on them do not run again: after a model is mended, only it and what depends on it is built.",
    )
    .argument("[run]", "id of the failed run (default: the last one of the target)");
  addThreads(command).addOption(outputOption(["text", "json"], "text"));
  addProjectOptions(command);
  addOutputOptions(command);
  addExamples(command, [
    "lake retry",
    "lake retry 5cfdf154-2ef6-4f0f-a15e-b55f32615071",
    "lake retry -t prod",
  ]);
  return cli.onCall(command, async (options: RunCommandOptions, [runId]) => {
    const { command: failed, options: before, runId: retries } = await findRetry(cli.context, options, runId);
    const { runNodes } = await import("./run-nodes.ts");
    return runNodes(cli.context, failed, { ...before, ...options }, retries);
  });
}

/** The failed run of the target, or of this folder's last command where that was later. */
function findRetry(context: CliContext, options: RunCommandOptions, runId?: string): Promise<Retry> {
  return withSession(context, options, async (session, { graph }) => {
    const { findFailedRun } = await import("../run/journal/find-failed-run.ts");
    const failed = await findFailedRun(session, runId);
    const { root, settings } = graph.project;
    const last = runId === undefined ? readLastRun(path.join(root, settings.targetPath)) : null;
    const isOfTarget = last?.target === session.profile.name;
    if (last !== null && isOfTarget && last.endedMs > (failed?.failedMs ?? 0)) {
      if (last.success) {
        const hint = failed === null ? undefined : `lake retry ${failed.runId} takes the one before`;
        throw lakeError("cli/nothing-to-retry", { problem: "the last run succeeded" }, { hint });
      }
      return { command: last.command, options: last.options, runId: null };
    }
    if (failed === null) throw lakeError("cli/nothing-to-retry", { problem: "there is no failed run" });
    return {
      command: failed.command as RunOptions["command"],
      options: failed.invocation ?? {},
      runId: failed.runId,
    };
  });
}

interface LastRun {
  readonly command: RunOptions["command"];
  readonly target: string;
  readonly endedMs: number;
  readonly success: boolean;
  readonly options: RunCommandOptions;
}

function readLastRun(folder: string): LastRun | null {
  const file = path.join(folder, "run_results.json");
  if (!existsSync(file)) return null;
  try {
    const artifact = JSON.parse(readFileSync(file, "utf8")) as {
      readonly metadata: {
        readonly generated_at: string;
        readonly env: { readonly lake_success: string };
      };
      readonly args: {
        readonly which: RunOptions["command"];
        readonly target: string;
        readonly invocation?: RunCommandOptions;
      };
    };
    const { which, target, invocation = {} } = artifact.args;
    const { generated_at, env } = artifact.metadata;
    const endedMs = Date.parse(generated_at);
    return { command: which, target, endedMs, success: env.lake_success === "true", options: invocation };
  } catch (error) {
    throw lakeError("cli/bad-artifact", { file }, { cause: error, hint: "name the run: lake retry <id>" });
  }
}
