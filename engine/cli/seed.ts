import type { Command } from "commander";
import type { Cli } from "./cli.ts";
import {
  addExamples,
  addOutputOptions,
  addProjectOptions,
  addSelectionOptions,
  addThreads,
  outputOption,
  type RunCommandOptions,
} from "./options.ts";

export function seedCommand(cli: Cli): Command {
  const command = cli
    .command("seed")
    .summary("load the CSV files under seeds")
    .description("Loads the selected seeds into tables and publishes them.");
  addSelectionOptions(command);
  command
    .option("--full-refresh", "load the seeds from nothing")
    .option("--no-reuse", "load also what has not changed")
    .option("-x, --fail-fast", "stop at the first failure");
  addThreads(command).addOption(outputOption(["text", "json"], "text"));
  addProjectOptions(command);
  addOutputOptions(command);
  addExamples(command, ["lake seed", "lake seed -s event_names"]);
  return cli.onCall(command, async (options: RunCommandOptions) => {
    const { runNodes } = await import("./run-nodes.ts");
    return runNodes(cli.context, "seed", options);
  });
}
