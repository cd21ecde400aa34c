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

export function runCommand(cli: Cli): Command {
  const command = cli
    .command("run")
    .summary("build models without testing them")
    .description("Builds the selected models and publishes them. Unchanged models are reused.");
  addSelectionOptions(command);
  command
    .option("--full-refresh", "build incremental models and seeds from nothing")
    .option("--allow-loss", "with --full-refresh: also lose rows whose landing files are gone")
    .addOption(changedFilesOption())
    .option("--no-reuse", "build also what has not changed")
    .option("-x, --fail-fast", "stop at the first failure")
    .option("--empty", "make the tables without rows")
    .option("--sample <share>", "a share (0.01) or a number (1000) of the landing rows");
  addThreads(addEventTime(command)).addOption(outputOption(["text", "json"], "text"));
  addProjectOptions(command);
  addOutputOptions(command);
  addExamples(command, [
    "lake run",
    "lake run --select silver+",
    "lake run -s ml_features --vars '{features_as_of: 2025-07-20}'",
  ]);
  return cli.onCall(command, async (options: RunCommandOptions) => {
    const { runNodes } = await import("./run-nodes.ts");
    return runNodes(cli.context, "run", options);
  });
}
