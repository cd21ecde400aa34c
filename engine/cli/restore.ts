import type { Command } from "commander";
import { formatQuantity } from "../common/format.ts";
import type { Cli } from "./cli.ts";
import { withSession } from "./context.ts";
import {
  addExamples,
  addOutputOptions,
  addProjectOptions,
  outputOption,
  type OutputOptions,
  type ProjectOptions,
} from "./options.ts";

type RestoreOptions = ProjectOptions &
  OutputOptions & {
    readonly from?: string;
    readonly as?: string;
    readonly metadata?: string;
    readonly dryRun?: boolean;
    readonly output: "text" | "json";
  };

export function restoreCommand(cli: Cli): Command {
  const command = cli
    .command("restore")
    .summary("bring a table back from a backup, or after it was dropped")
    .description(
      "Brings a table back: from a backup, whose files are copied; or, without --from, from its own folder after it was dropped, while its files remain. Never over a table that stands. What the table knows of its landing files and its model comes back with it.",
    )
    .argument("<table>", "a model or seed, or namespace.table")
    .option("--from <backup>", "what lake backup printed: a folder, or namespace.table")
    .option("--as <table>", "under another name: namespace.table")
    .option(
      "--metadata <file>",
      "without --from: the metadata file to go back to, where two could be the newest",
    )
    .option("--dry-run", "look for every file, and restore nothing")
    .addOption(outputOption(["text", "json"], "text"));
  addProjectOptions(command);
  addOutputOptions(command);
  addExamples(command, [
    "lake restore daily_user_activity",
    "lake restore user_events_silver --from s3://backups/lake/recipe_analytics.user_events_silver_backup_20250731_235959",
    "lake restore daily_user_activity --from recipe_analytics.daily_user_activity_backup_20250731_235959 --as recipe_analytics.daily_before",
  ]);
  return cli.onCall(command, (options: RestoreOptions, [table = ""]) =>
    withSession(cli.context, options, async (session) => {
      const { context } = cli;
      const [{ nameTable, refuseForeign }, { restoreTable }, { absoluteFolder, isTableName }] =
        await Promise.all([
          import("../run/tables/find-table.ts"),
          import("../upkeep/restore.ts"),
          import("../run/names.ts"),
        ]);
      const named = nameTable(session, options.as ?? table);
      refuseForeign(session, named);
      const { from } = options;
      const report = await restoreTable({
        session,
        identifier: named.identifier,
        from: from === undefined ? null : isTableName(from) ? from : absoluteFolder(context.cwd, from),
        origin: nameTable(session, table).identifier,
        metadata: options.metadata,
        dryRun: options.dryRun === true,
        signal: context.abortSignal(),
      });
      const { toJsonText } = await import("../report/json-text.ts");
      const name = `${report.table.namespace}.${report.table.name}`;
      const done = options.dryRun === true ? "would be restored" : "restored";
      context.stdout.write(
        options.output === "json"
          ? `${toJsonText(report, 2)}\n`
          : `${name} ${done} from ${report.from}: ${formatQuantity(report.rows, "row")}, snapshot ${report.snapshotId ?? "none"}\n`,
      );
      return 0;
    }),
  );
}
