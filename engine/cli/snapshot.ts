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

export function snapshotCommand(cli: Cli): Command {
  const command = cli
    .command("snapshot")
    .summary("write what changed into the histories of the selected snapshots")
    .description(
      "Compares the rows of the selected snapshots with the versions that they hold, and publishes the new ones. A history is never built anew.",
    );
  addSelectionOptions(command);
  command
    .option("--no-reuse", "compare also where nothing has changed")
    .option("-x, --fail-fast", "stop at the first failure");
  addThreads(command).addOption(outputOption(["text", "json"], "text"));
  addProjectOptions(command);
  addOutputOptions(command);
  addExamples(command, ["lake snapshot", "lake snapshot -s orders_snapshot"]);
  return cli.onCall(command, async (options: RunCommandOptions) => {
    const { runNodes } = await import("./run-nodes.ts");
    return runNodes(cli.context, "snapshot", options);
  });
}
