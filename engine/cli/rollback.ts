import type { Command } from "commander";
import { tableName } from "../catalog/catalog.ts";
import { formatCount, formatMoment, formatQuantity } from "../common/format.ts";
import type { RollbackResult, TableStateBrief } from "../run/tables/rollback-table.ts";
import type { Cli } from "./cli.ts";
import { styleFor, withSession } from "./context.ts";
import {
  addExamples,
  addOutputOptions,
  addProjectOptions,
  outputOption,
  type OutputOptions,
  type ProjectOptions,
} from "./options.ts";

interface RollbackOptions extends ProjectOptions, OutputOptions {
  readonly to: string;
  readonly allowAside?: boolean;
  readonly dryRun?: boolean;
  readonly output: "text" | "json";
}

export function rollbackCommand(cli: Cli): Command {
  const command = cli
    .command("rollback")
    .summary("take a table back to an older state")
    .description(
      "Makes an older state of a table its newest again. Nothing is written or deleted but the table's metadata; which landing files it holds goes back too, so that the next build takes in what is missing. The schema stays as it is.",
    )
    .argument("<table>", "a model or seed, or namespace.table")
    .requiredOption("--to <point>", "snapshot id, tag, branch or time")
    .option("--allow-aside", "also to a state that the newest one was not made from")
    .option("--dry-run", "say what would be done, and write nothing")
    .addOption(outputOption(["text", "json"], "text"));
  addProjectOptions(command);
  addOutputOptions(command);
  addExamples(command, [
    "lake rollback user_events_silver --to 1804395813307243122 --dry-run",
    "lake rollback user_events_silver --to '2026-01-31 18:00'",
    "lake rollback recipe_analytics.user_events_silver --to audited",
  ]);
  return cli.onCall(command, async (options: RollbackOptions, [table = ""]) => {
    const { context } = cli;
    const { result, timeZone } = await withSession(context, options, async (session) => {
      const { rollbackTable } = await import("../run/tables/rollback-table.ts");
      const done = await rollbackTable(session, {
        table,
        to: options.to,
        allowAside: options.allowAside === true,
        dryRun: options.dryRun === true,
      });
      return { result: done, timeZone: session.graph.project.settings.timezone };
    });
    const { yellow } = styleFor(context, context.stderr, options);
    for (const warning of result.warnings) context.stderr.write(`${yellow("warning:")} ${warning}\n`);
    if (options.output === "json") {
      const { toJsonText } = await import("../report/json-text.ts");
      context.stdout.write(`${toJsonText(result, 2)}\n`);
    } else if (options.quiet !== true) context.stdout.write(`${account(result, timeZone)}\n`);
    return 0;
  });
}

function account(result: RollbackResult, timeZone: string): string {
  const { from, to, moved, dryRun } = result;
  const name = tableName(result.table);
  const files = result.landingFilesReleased;
  const lines = [
    moved
      ? `${name}: from snapshot ${from?.snapshotId ?? "none"} back to ${to.snapshotId} of ${formatMoment(to.timestampMs, timeZone)} (${rows(from)} → ${rows(to)} rows)`
      : `${name} is at snapshot ${to.snapshotId} already`,
    ...(files > 0
      ? [`  ${formatQuantity(files, "landing file")} will be taken in again by the next build`]
      : []),
    ...(result.quarantineMoved ? [`  ${name}_quarantine goes back with it`] : []),
    ...(result.olderSchemaId === null
      ? []
      : [`  the schema stays the newest; that state was written with schema ${result.olderSchemaId}`]),
    ...(dryRun ? ["dry run: nothing was written"] : []),
  ];
  return lines.join("\n");
}

function rows(state: TableStateBrief | null): string {
  return state === null ? "0" : state.rows === null ? "?" : formatCount(state.rows);
}
