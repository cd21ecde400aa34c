import type { Command } from "commander";
import { parseDuration } from "../common/duration.ts";
import { formatCount, formatQuantity } from "../common/format.ts";
import type { ExpireReport } from "../upkeep/expire-snapshots.ts";
import type { Cli } from "./cli.ts";
import { integer } from "./options.ts";
import { upkeepCommand, type UpkeepOptions } from "./upkeep-command.ts";

type ExpireCommandOptions = UpkeepOptions & { readonly olderThan?: string; readonly retainLast?: number };

export function expireSnapshotsCommand(cli: Cli): Command {
  return upkeepCommand<ExpireCommandOptions, ExpireReport>(cli, {
    name: "expire-snapshots",
    summary: "forget old snapshots and delete the files that only they needed",
    description:
      "Forgets snapshots older than the table's history.expire.max-snapshot-age-ms (5 days where it has none) and deletes the files that no other snapshot, tag or branch needs. The newest commits of lake stay: they prove what the table holds.",
    examples: [
      "lake expire-snapshots --dry-run",
      "lake expire-snapshots -s user_events_silver --older-than 7d --retain-last 10",
    ],
    addOptions: (command) =>
      command
        .option("--older-than <age>", "snapshots of this age and more, such as 5d or 36h")
        .option("--retain-last <number>", "at least so many stay", integer("--retain-last", 1)),
    run: async (session, { identifier }, options) => {
      const { expireSnapshots } = await import("../upkeep/expire-snapshots.ts");
      const policy = {
        ...(options.olderThan !== undefined && {
          maxAgeMs: parseDuration("--older-than", options.olderThan),
        }),
        ...(options.retainLast !== undefined && { minSnapshots: options.retainLast }),
      };
      return expireSnapshots({ session, identifier, policy, dryRun: options.dryRun === true });
    },
    columns: [
      { title: "snapshots", align: "right" },
      { title: "tags and branches" },
      { title: "data files", align: "right" },
      { title: "metadata files", align: "right" },
    ],
    row: ({ snapshots, refs, files }) =>
      snapshots.length + refs.length === 0
        ? null
        : [
            formatCount(snapshots.length),
            refs.join(", "),
            formatCount(files.data),
            formatCount(files.manifests + files.manifestLists + files.statistics),
          ],
    closing: (reports, dryRun) => {
      const snapshots = reports.reduce((sum, report) => sum + report.snapshots.length, 0);
      if (snapshots === 0) return "no snapshot is old enough to be forgotten";
      return `${formatQuantity(snapshots, "snapshot")} ${dryRun ? "would be forgotten" : "forgotten"}`;
    },
  });
}
