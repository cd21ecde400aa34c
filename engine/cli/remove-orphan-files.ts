import type { Command } from "commander";
import { parseDuration } from "../common/duration.ts";
import { formatCount, formatQuantity, formatSize } from "../common/format.ts";
import type { OrphanReport } from "../upkeep/remove-orphan-files.ts";
import type { Cli } from "./cli.ts";
import { upkeepCommand, type UpkeepOptions } from "./upkeep-command.ts";

type OrphanCommandOptions = UpkeepOptions & { readonly olderThan: string };

export function removeOrphanFilesCommand(cli: Cli): Command {
  return upkeepCommand<OrphanCommandOptions, OrphanReport>(cli, {
    name: "remove-orphan-files",
    summary: "delete files in tables' folders that belong to nothing",
    description:
      "Deletes what lies in a table's folder and is known neither to its metadata and snapshots nor to a staged run: leftovers of writes that failed. Only files older than --older-than, since a write under way is not known yet.",
    examples: ["lake remove-orphan-files --dry-run", "lake remove-orphan-files -s silver --older-than 7d"],
    addOptions: (command) =>
      command.option("--older-than <age>", "files of this age and more; at least 24h", "3d"),
    run: async (session, { identifier }, options, say) => {
      const { removeOrphanFiles } = await import("../upkeep/remove-orphan-files.ts");
      return removeOrphanFiles({
        session,
        identifier,
        olderThanMs: parseDuration("--older-than", options.olderThan),
        dryRun: options.dryRun === true,
        onProgress: (files) => say(formatQuantity(files, "file")),
      });
    },
    columns: [{ title: "files", align: "right" }, { title: "size", align: "right" }, { title: "such as" }],
    row: ({ files, sizeBytes, examples }) =>
      files === 0 ? null : [formatCount(files), formatSize(sizeBytes), examples[0] ?? ""],
    closing: (reports, dryRun) => {
      const files = reports.reduce((sum, report) => sum + report.files, 0);
      if (files === 0) return "no orphan files";
      return `${formatQuantity(files, "orphan file")} ${dryRun ? "would be deleted" : "deleted"}`;
    },
  });
}
