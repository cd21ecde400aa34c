import type { Command } from "commander";
import { formatCount, formatQuantity } from "../common/format.ts";
import type { RewriteManifestsReport } from "../upkeep/rewrite-manifests.ts";
import type { Cli } from "./cli.ts";
import { upkeepCommand, type UpkeepOptions } from "./upkeep-command.ts";

export function rewriteManifestsCommand(cli: Cli): Command {
  return upkeepCommand<UpkeepOptions, RewriteManifestsReport>(cli, {
    name: "rewrite-manifests",
    summary: "make planning cheaper: few manifests, no dangling deletes",
    description:
      "Writes many small manifests again as few, each of neighbouring partitions, so that a query reads fewer of them; and drops delete files that apply to no data file any more. Data files stay as they are.",
    examples: ["lake rewrite-manifests --dry-run", "lake rewrite-manifests -s user_events_silver"],
    run: async (session, { identifier }, options) => {
      const { rewriteManifests } = await import("../upkeep/rewrite-manifests.ts");
      return rewriteManifests({ session, identifier, dryRun: options.dryRun === true });
    },
    columns: [
      { title: "manifests", align: "right" },
      { title: "become", align: "right" },
      { title: "dangling deletes", align: "right" },
    ],
    row: ({ manifestsBefore, manifestsAfter, danglingDeletes }) =>
      manifestsBefore === manifestsAfter && danglingDeletes === 0
        ? null
        : [formatCount(manifestsBefore), formatCount(manifestsAfter), formatCount(danglingDeletes)],
    closing: (reports, dryRun) => {
      const changed = reports.filter(
        (report) => report.manifestsBefore !== report.manifestsAfter || report.danglingDeletes > 0,
      ).length;
      if (changed === 0) return "no manifest is worth rewriting";
      return `${formatQuantity(changed, "table")} ${dryRun ? "would get" : "got"} fewer manifests or deletes`;
    },
  });
}
