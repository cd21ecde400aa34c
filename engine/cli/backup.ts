import type { Command } from "commander";
import { formatCount, formatQuantity, formatSize } from "../common/format.ts";
import type { BackupReport } from "../upkeep/backup.ts";
import type { Cli } from "./cli.ts";
import { upkeepCommand, type UpkeepOptions } from "./upkeep-command.ts";

type BackupCommandOptions = UpkeepOptions & { readonly to?: string };

export function backupCommand(cli: Cli): Command {
  return upkeepCommand<BackupCommandOptions, BackupReport>(cli, {
    name: "backup",
    summary: "copy tables to another place, or beside themselves",
    description:
      "Copies the newest state of tables, with their ledgers of landing files, under a name that carries the time. With --to into a folder of any store, where each backup after the first copies only files that are new; without, as a table <name>_backup_YYYYMMDD_HHMMSS of the catalog.",
    examples: [
      "lake backup -s user_events_silver --to s3://backups/lake",
      "lake backup -s gold",
      "lake restore user_events_silver --from s3://backups/lake/recipe_analytics.user_events_silver_backup_20250731_235959",
    ],
    addOptions: (command) => command.option("--to <folder>", "a folder of any store"),
    run: async (session, { identifier }, options, say) => {
      const { backupTable } = await import("../upkeep/backup.ts");
      const { absoluteFolder } = await import("../run/names.ts");
      const to = options.to === undefined ? null : absoluteFolder(cli.context.cwd, options.to);
      return backupTable({
        session,
        identifier,
        to,
        dryRun: options.dryRun === true,
        signal: cli.context.abortSignal(),
        onProgress: (done, total) => say(`${formatCount(done)} of ${formatQuantity(total, "file")}`),
      });
    },
    columns: [
      { title: "backup" },
      { title: "copied", align: "right" },
      { title: "size", align: "right" },
      { title: "there already", align: "right" },
    ],
    row: (report) => [
      report.backup,
      formatQuantity(report.copiedFiles, "file"),
      formatSize(report.copiedBytes),
      formatQuantity(report.presentFiles, "file"),
    ],
    closing: (reports, dryRun) =>
      `${formatQuantity(reports.length, "table")} ${dryRun ? "would be backed up" : "backed up"}`,
  });
}
