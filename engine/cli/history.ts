import type { Command } from "commander";
import type { Cli } from "./cli.ts";
import { styleFor, withSession } from "./context.ts";
import {
  addExamples,
  addOutputOptions,
  addProjectOptions,
  integer,
  outputOption,
  type OutputOptions,
  type ProjectOptions,
} from "./options.ts";

type HistoryOptions = ProjectOptions & OutputOptions & { readonly limit: number; readonly output: string };

export function historyCommand(cli: Cli): Command {
  const command = cli
    .command("history")
    .summary("show a table's snapshots, tags and branches")
    .description(
      "Shows the snapshots that a table still holds, newest first: when, what was done, rows and files added and removed, by which run of which version of the model, and by whom. States that were rolled back are marked.",
    )
    .argument("<table>", "a model or seed, or namespace.table")
    .option("--limit <snapshots>", "how many snapshots, newest first", integer("--limit", 1), 20)
    .addOption(outputOption(["table", "json"], "table"));
  addProjectOptions(command);
  addOutputOptions(command);
  addExamples(command, [
    "lake history user_events_silver",
    "lake history recipe_analytics.user_events_silver --output json",
  ]);
  return cli.onCall(command, async (options: HistoryOptions, [table = ""]) => {
    const { context } = cli;
    const { limit } = options;
    const text = await withSession(context, options, async (session) => {
      const { tableHistory } = await import("../run/tables/table-history.ts");
      const history = await tableHistory(session, table);
      if (options.output === "json") {
        const { toJsonText } = await import("../report/json-text.ts");
        return toJsonText({ ...history, snapshots: history.snapshots.slice(0, limit) }, 2);
      }
      const { renderHistory } = await import("../report/render-history.ts");
      const { timezone: timeZone } = session.graph.project.settings;
      return renderHistory(history, { style: styleFor(context, context.stdout, options), timeZone, limit });
    });
    context.stdout.write(`${text}\n`);
    return 0;
  });
}
