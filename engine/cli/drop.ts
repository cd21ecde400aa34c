import type { Command } from "commander";
import { tableName } from "../catalog/catalog.ts";
import { formatCount, formatQuantity, formatSize } from "../common/format.ts";
import type { DropReport } from "../upkeep/drop.ts";
import { askYes } from "./ask-yes.ts";
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

interface DropOptions extends ProjectOptions, OutputOptions {
  readonly purge?: boolean;
  readonly yes?: boolean;
  readonly force?: boolean;
  readonly dryRun?: boolean;
  readonly output: "text" | "json";
}

export function dropCommand(cli: Cli): Command {
  const command = cli
    .command("drop")
    .summary("take a table out of the catalog, with --purge its files too")
    .description(
      "Takes a table, and the table of its rejected lines, out of the catalog. Its files stay, and lake restore brings it back as it was; with --purge the files that it names in its own location are deleted.",
    )
    .argument("<table>", "a model or seed, or namespace.table")
    .option("--purge", "delete its files, too: nothing brings it back then")
    .option("--force", "with --purge: also where clones may share its files")
    .option("-y, --yes", "with --purge: do not ask")
    .option("--dry-run", "say what would go, and do nothing")
    .addOption(outputOption(["text", "json"], "text"));
  addProjectOptions(command);
  addOutputOptions(command);
  addExamples(command, [
    "lake drop daily_user_activity",
    "lake drop recipe_analytics.old_table --purge --dry-run",
    "lake drop recipe_analytics.old_table --purge --yes",
  ]);
  return cli.onCall(command, (options: DropOptions, [table = ""]) =>
    withSession(cli.context, options, async (session) => {
      const { context } = cli;
      const { dropNamedTable } = await import("../upkeep/drop.ts");
      const request = { table, purge: options.purge === true, force: options.force === true };
      const dryRun = options.dryRun === true;
      if (request.purge && !dryRun && options.yes !== true) {
        const plan = await dropNamedTable(session, { ...request, dryRun: true });
        if (!(await askYes(context, "deleting a table's files", `Drop ${account(plan)}?`))) return 1;
      }
      const report = await dropNamedTable(session, { ...request, dryRun });
      const { toJsonText } = await import("../report/json-text.ts");
      const text =
        options.output === "json"
          ? toJsonText(report, 2)
          : `${dryRun ? "would drop" : "dropped"} ${account(report)}${report.purged ? "" : `; lake restore ${table} brings it back`}`;
      if (options.quiet !== true || options.output === "json") context.stdout.write(`${text}\n`);
      return 0;
    }),
  );
}

function account({ tables, purged }: DropReport): string {
  return tables
    .map(({ table, rows, files, sizeBytes }) => {
      const what = [
        formatQuantity(rows, "row"),
        ...(purged ? [`${formatCount(files)} files of ${formatSize(sizeBytes)}`] : []),
      ];
      return `${tableName(table)} (${what.join(", ")})`;
    })
    .join(" and ");
}
