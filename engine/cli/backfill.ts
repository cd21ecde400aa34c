import type { Command } from "commander";
import { lakeError } from "../common/errors.ts";
import type { BatchedModel } from "../run/batched-models.ts";
import type { Cli } from "./cli.ts";
import { sessionSelection } from "./selection.ts";
import { styleFor, withSession } from "./context.ts";
import {
  addExamples,
  addOutputOptions,
  addProjectOptions,
  addSelectionOptions,
  addThreads,
  outputOption,
  type RunCommandOptions,
} from "./options.ts";

interface BackfillOptions extends RunCommandOptions {
  readonly from?: string;
  readonly to?: string;
  readonly list?: boolean;
}

export function backfillCommand(cli: Cli): Command {
  const command = cli
    .command("backfill")
    .summary("build batches of microbatch models again, or list what is missing")
    .description(
      "Builds the batches of the selected microbatch models that lie in a span of event time, tests them and publishes them, whether or not they were built before. Times are those of clocks in the project's time zone.",
    )
    .option("--from <time>", "the first batch: 2025-07-01, or 2025-07-01 10:00")
    .option("--to <time>", "the end, which is not built any more")
    .option("--list", "only list which batches were built and which are missing");
  addSelectionOptions(command);
  command
    .option("-x, --fail-fast", "stop at the first failure")
    .option("--store-failures", "keep the failing rows of tests as tables")
    .option("--warn-error", "treat warnings as errors");
  addThreads(command).addOption(outputOption(["text", "json"], "text"));
  addProjectOptions(command);
  addOutputOptions(command);
  addExamples(command, [
    "lake backfill --list",
    "lake backfill -s sessions_by_day --from 2025-07-01 --to 2025-07-08",
  ]);
  return cli.onCall(command, async (options: BackfillOptions) => {
    const models = await selectedModels(cli, options);
    if (options.list === true) return list(cli, options, models);
    const { from, to, list: _list, ...rest } = options;
    if (from === undefined || to === undefined) {
      const hint = "lake backfill --list shows what is missing; lake build builds that by itself";
      throw lakeError("cli/usage", { problem: "expected --from and --to, or --list" }, { hint });
    }
    const { runNodes } = await import("./run-nodes.ts");
    const select = models.map(({ name }) => name);
    return runNodes(cli.context, "build", { ...rest, select, eventTimeStart: from, eventTimeEnd: to });
  });
}

async function selectedModels(cli: Cli, options: BackfillOptions): Promise<readonly BatchedModel[]> {
  return withSession(cli.context, options, async (session) => {
    const { batchedModels } = await import("../run/batched-models.ts");
    const models = await batchedModels(session, await sessionSelection(cli.context, options, session));
    if (models.length > 0) return models;
    throw lakeError("cli/usage", {
      problem: "the selection holds no microbatch model, expected at least one",
    });
  });
}

async function list(cli: Cli, options: BackfillOptions, models: readonly BatchedModel[]): Promise<number> {
  const { context } = cli;
  const text =
    options.output === "json"
      ? (await import("../report/json-text.ts")).toJsonText(models, 2)
      : (await import("../report/render-batches.ts")).renderBatches(
          models,
          styleFor(context, context.stdout, options),
        );
  context.stdout.write(`${text}\n`);
  return 0;
}
