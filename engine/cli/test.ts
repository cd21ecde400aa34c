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

export function testCommand(cli: Cli): Command {
  const command = cli
    .command("test")
    .summary("run data tests on what is published")
    .description("Runs the selected data tests on the published tables.");
  addSelectionOptions(command);
  command
    .option("-x, --fail-fast", "stop at the first failure")
    .option("--no-reuse", "run also tests that passed on the same data")
    .option("--store-failures", "keep the failing rows as tables")
    .option("--warn-error", "treat warnings as errors");
  addThreads(command).addOption(outputOption(["text", "json"], "text"));
  addProjectOptions(command);
  addOutputOptions(command);
  addExamples(command, [
    "lake test",
    "lake test -s user_events_silver",
    "lake test -s test_type:singular --store-failures",
  ]);
  return cli.onCall(command, async (options: RunCommandOptions) => {
    const { runNodes } = await import("./run-nodes.ts");
    return runNodes(cli.context, "test", options);
  });
}
