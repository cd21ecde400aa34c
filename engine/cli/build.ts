import type { Command } from "commander";
import type { Cli } from "./cli.ts";
import {
  addEventTime,
  addExamples,
  addOutputOptions,
  addProjectOptions,
  addSelectionOptions,
  addThreads,
  changedFilesOption,
  outputOption,
  type RunCommandOptions,
} from "./options.ts";

export function buildCommand(cli: Cli): Command {
  const command = cli
    .command("build")
    .summary("build seeds and models, test them, publish when the tests pass")
    .description(
      "Builds the selected seeds and models and runs their tests. Nothing is published before all error tests have passed.",
    );
  addSelectionOptions(command);
  command
    .option("--full-refresh", "build incremental models and seeds from nothing")
    .option("--allow-loss", "with --full-refresh: also lose rows whose landing files are gone")
    .addOption(changedFilesOption())
    .option("--no-reuse", "build also what has not changed")
    .option("-x, --fail-fast", "stop at the first failure")
    .option("--empty", "make the tables without rows")
    .option("--sample <share>", "a share (0.01) or a number (1000) of the landing rows");
  command
    .option("--store-failures", "keep the failing rows of tests as tables")
    .option("--warn-error", "treat warnings as errors");
  addThreads(addEventTime(command)).addOption(outputOption(["text", "json"], "text"));
  addProjectOptions(command);
  addOutputOptions(command);
  addExamples(command, [
    "lake build",
    "lake build -s user_events_silver+",
    "lake build -s tag:gold --exclude ml_features",
    "lake build --target pr_42 --full-refresh",
  ]);
  return cli.onCall(command, async (options: RunCommandOptions) => {
    const { runNodes } = await import("./run-nodes.ts");
    return runNodes(cli.context, "build", options);
  });
}
