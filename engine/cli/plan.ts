import type { Command } from "commander";
import type { Cli } from "./cli.ts";
import { styleFor, withSession } from "./context.ts";
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
import { sessionSelection } from "./selection.ts";

export function planCommand(cli: Cli): Command {
  const command = cli
    .command("plan")
    .summary("show what a build would do, and why")
    .description(
      "Shows what `lake build` would do with the selected nodes, step by step, and why; for changed code also what changed since the table was built, and for tables whose columns or layout change each step and what it means for their files. Writes nothing; the exit code is 1 where the build would refuse something.",
    );
  addSelectionOptions(command);
  command
    .option("--full-refresh", "as if incremental models were built from nothing")
    .option("--allow-loss", "with --full-refresh: also lose rows whose landing files are gone")
    .addOption(changedFilesOption())
    .option("--no-reuse", "as if nothing could be reused")
    .addOption(outputOption(["text", "json"], "text"));
  addThreads(addEventTime(command));
  addProjectOptions(command);
  addOutputOptions(command);
  addExamples(command, ["lake plan", "lake plan -s user_events_silver+", "lake plan --output json"]);
  return cli.onCall(command, async (options: RunCommandOptions) => {
    const { context } = cli;
    return withSession(context, options, async (session) => {
      const [{ planRun }, { runOptions }] = await Promise.all([
        import("../run/planning/plan-run.ts"),
        import("./run-nodes.ts"),
      ]);
      const plan = await planRun(
        session,
        runOptions("build", options, await sessionSelection(context, options, session)),
      );
      const text =
        options.output === "json"
          ? (await import("../report/json-text.ts")).toJsonText(plan, 2)
          : (await import("../report/render-plan.ts")).renderPlan(
              plan,
              styleFor(context, context.stdout, options),
            );
      context.stdout.write(`${text}\n`);
      return plan.steps.some(({ refused }) => refused !== undefined) ? 1 : 0;
    });
  });
}
