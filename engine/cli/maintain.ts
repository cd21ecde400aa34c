import type { Command } from "commander";
import { formatCount, formatQuantity } from "../common/format.ts";
import type { MaintainReport } from "../upkeep/maintain.ts";
import type { Cli } from "./cli.ts";
import { upkeepCommand, type UpkeepOptions } from "./upkeep-command.ts";

export function maintainCommand(cli: Cli): Command {
  return upkeepCommand<UpkeepOptions, MaintainReport>(cli, {
    name: "maintain",
    summary: "keep tables in shape: compact, rewrite manifests, expire, clean",
    description:
      "Does all of a table's upkeep by its policy: compaction, manifests, expiry of snapshots, orphan files. The policy is `maintain` in the config of models (compact: true, false, or {strategy: zorder, by: [a, b]}; rewrite_manifests, expire_snapshots, remove_orphan_files: true, false or an age), and Iceberg's own table properties. Safe beside running builds and other engines; stopped at any moment, tables are in order.",
    examples: ["lake maintain --dry-run", "lake maintain -s silver+", "lake maintain --output json"],
    run: async (session, table, options, say) => {
      const { maintain } = await import("../upkeep/maintain.ts");
      const signal = cli.context.abortSignal();
      return maintain({ session, table, dryRun: options.dryRun === true, signal, onStep: say });
    },
    columns: [
      { title: "files", align: "right" },
      { title: "become", align: "right" },
      { title: "manifests", align: "right" },
      { title: "become", align: "right" },
      { title: "snapshots gone", align: "right" },
      { title: "orphans gone", align: "right" },
    ],
    row: (report) => (isIdle(report) ? null : cells(report)),
    closing: (reports, dryRun) => {
      const changed = reports.filter((report) => !isIdle(report)).length;
      if (changed === 0) return `${formatQuantity(reports.length, "table")} in shape, nothing to do`;
      const done = dryRun ? "would be put in shape" : "put in shape";
      return `${formatCount(changed)} of ${formatQuantity(reports.length, "table")} ${done}`;
    },
  });
}

function isIdle({ compact, manifests, expire, orphans }: MaintainReport): boolean {
  return (
    (compact?.filesBefore ?? 0) === 0 &&
    (manifests === null || manifests.manifestsBefore === manifests.manifestsAfter) &&
    (manifests?.danglingDeletes ?? 0) === 0 &&
    (expire?.snapshots.length ?? 0) === 0 &&
    (orphans?.files ?? 0) === 0
  );
}

function cells({ compact, manifests, expire, orphans }: MaintainReport): readonly string[] {
  const isRewritten = manifests !== null && manifests.manifestsBefore !== manifests.manifestsAfter;
  return [
    compact === null || compact.filesBefore === 0 ? "" : formatCount(compact.filesBefore),
    compact === null || compact.filesBefore === 0 ? "" : formatCount(compact.filesAfter),
    isRewritten ? formatCount(manifests.manifestsBefore) : "",
    isRewritten ? formatCount(manifests.manifestsAfter) : "",
    formatCount(expire?.snapshots.length ?? 0),
    formatCount(orphans?.files ?? 0),
  ];
}
