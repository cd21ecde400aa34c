import type { Command } from "commander";
import { parseDuration } from "../common/duration.ts";
import type { HealthReport } from "../upkeep/health.ts";
import type { Cli } from "./cli.ts";
import { styleFor, withSession } from "./context.ts";
import {
  addExamples,
  addOutputOptions,
  addProjectOptions,
  outputOption,
  type OutputOptions,
  type ProjectOptions,
  type SelectionOptions,
} from "./options.ts";
import { sessionSelection } from "./selection.ts";

type HealthOptions = ProjectOptions &
  OutputOptions &
  SelectionOptions & { readonly maxAge?: string; readonly output: "text" | "json" };

export function healthCommand(cli: Cli): Command {
  const command = cli
    .command("health")
    .summary("say how tables are laid out, and what to do about it")
    .description(
      "Shows rows, files, sizes, partitions, skew, deletes, snapshots and age of tables, from their metadata alone, and what to do about it. Exit code 1 when there is a warning, for alerting.",
    )
    .option("-s, --select <selector...>", "tables of these nodes (default: all of the project)")
    .option("--exclude <selector...>", "nodes to leave out of the selection")
    .option("--selector <name>", "a selector of selectors.yml")
    .option("--max-age <age>", "warn when nothing was written for so long, such as 26h")
    .addOption(outputOption(["text", "json"], "text"));
  addProjectOptions(command);
  addOutputOptions(command);
  addExamples(command, [
    "lake health",
    "lake health -s user_events_silver",
    "lake health --max-age 26h --output json",
  ]);
  return cli.onCall(command, (options: HealthOptions) =>
    withSession(cli.context, options, async (session) => {
      const { context } = cli;
      const [{ selectTables }, { tableHealth }] = await Promise.all([
        import("../upkeep/select-tables.ts"),
        import("../upkeep/health.ts"),
      ]);
      const maxAgeMs = options.maxAge === undefined ? null : parseDuration("--max-age", options.maxAge);
      const reports: HealthReport[] = [];
      for (const { identifier } of await selectTables(
        session,
        await sessionSelection(context, options, session),
      ))
        reports.push(await tableHealth({ session, identifier, maxAgeMs }));
      const text =
        options.output === "json"
          ? (await import("../report/json-text.ts")).toJsonText(reports, 2)
          : (await import("../report/render-health.ts")).renderHealth(
              reports,
              styleFor(context, context.stdout, options),
              context.now(),
            );
      context.stdout.write(`${text}\n`);
      return reports.some(({ findings }) => findings.some(({ level }) => level === "warn")) ? 1 : 0;
    }),
  );
}
