import { Option, type Command } from "commander";
import { formatCount, formatQuantity, formatSize } from "../common/format.ts";
import type { CompactReport } from "../upkeep/compact.ts";
import type { CompactionOrder } from "../project/types.ts";
import type { Cli } from "./cli.ts";
import { integer } from "./options.ts";
import { upkeepCommand, type UpkeepOptions } from "./upkeep-command.ts";

type CompactCommandOptions = UpkeepOptions & {
  readonly minInputFiles?: number;
  readonly rewriteAll?: boolean;
  readonly strategy?: CompactionOrder["strategy"];
  readonly by?: string;
};

export function compactCommand(cli: Cli): Command {
  return upkeepCommand<CompactCommandOptions, CompactReport>(cli, {
    name: "compact",
    summary: "write many small files again as few",
    description:
      "Writes small data files, and files with many deleted rows, again: partition by partition, towards write.target-file-size-bytes. The rows stay the same, and models that read the table are not rebuilt. Stopped at any moment, what was committed stays and the rest follows next time.",
    examples: [
      "lake compact --dry-run",
      "lake compact -s user_events_silver --min-input-files 2",
      "lake compact -s user_events_silver --strategy zorder --by user_id,prop_recipe_id --rewrite-all",
    ],
    addOptions: (command) =>
      command
        .option(
          "--min-input-files <number>",
          "so many small files of a partition are worth it (default: 5)",
          integer("--min-input-files", 2),
        )
        .option("--rewrite-all", "every file, whatever its size")
        .addOption(
          new Option(
            "--strategy <name>",
            "how rows are put in order: as they come, sorted, or along a Z-order curve",
          )
            .choices(["binpack", "sort", "zorder"])
            .default("binpack"),
        )
        .option(
          "--by <columns>",
          "the columns to order by, with commas between (sort: as in sorted_by, which is its default)",
        ),
    run: async (session, { identifier }, options, say) => {
      const { compact } = await import("../upkeep/compact.ts");
      return compact({
        session,
        identifier,
        policy: {
          ...(options.minInputFiles !== undefined && { minInputFiles: options.minInputFiles }),
          ...(options.rewriteAll === true && { all: true }),
        },
        ...(options.strategy !== undefined && { strategy: options.strategy }),
        by: (options.by ?? "")
          .split(",")
          .map((one) => one.trim())
          .filter((one) => one !== ""),
        dryRun: options.dryRun === true,
        signal: cli.context.abortSignal(),
        onProgress: (done, total) => say(`${formatCount(done)} of ${formatQuantity(total, "group")}`),
      });
    },
    columns: [
      { title: "files", align: "right" },
      { title: "become", align: "right" },
      { title: "size", align: "right" },
      { title: "becomes", align: "right" },
      { title: "commits", align: "right" },
    ],
    row: (report) =>
      report.filesBefore === 0
        ? null
        : [
            formatCount(report.filesBefore),
            formatCount(report.filesAfter),
            formatSize(report.sizeBytesBefore),
            formatSize(report.sizeBytesAfter),
            formatCount(report.commits),
          ],
    closing: (reports, dryRun) => {
      const files = reports.reduce((sum, report) => sum + report.filesBefore, 0);
      if (files === 0) return "nothing is worth compacting";
      return `${formatQuantity(files, "file")} ${dryRun ? "would be rewritten" : "rewritten"}`;
    },
  });
}
