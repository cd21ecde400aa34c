import type { Command } from "commander";
import { tableName } from "../catalog/catalog.ts";
import { formatQuantity } from "../common/format.ts";
import type { TableChanges } from "../run/tables/table-changes.ts";
import type { Cli } from "./cli.ts";
import { styleFor, withSession } from "./context.ts";
import { addExamples, addOutputOptions, addProjectOptions, integer, outputOption } from "./options.ts";
import type { QueryCommandOptions } from "./print-query.ts";

type ChangesOptions = QueryCommandOptions & {
  readonly from?: string;
  readonly to?: string;
  readonly key?: string;
  readonly limit?: number;
  readonly summary?: boolean;
};

/** Rows that a terminal shows when nobody asked for more; JSON and CSV are whole. */
const tableLimit = 100;

export function changesCommand(cli: Cli): Command {
  const command = cli
    .command("changes")
    .summary("show which rows came and went between two states of a table")
    .description(
      "Shows the rows that one state of a table has and another has not, read from the files that differ and nothing else; compaction shows nothing. `_change_type` is INSERT or DELETE, and with a key (the model's unique_key, or --key) UPDATE_BEFORE and UPDATE_AFTER.",
    )
    .argument("<table>", "a model or seed, or namespace.table")
    .option("--from <point>", "snapshot id, tag, branch or time (default: what --to was made from)")
    .option("--to <point>", "snapshot id, tag, branch or time (default: the newest state)")
    .option("--key <columns>", "columns that tell an update, joined by commas")
    .option("--summary", "only how many rows")
    .option("--limit <rows>", `how many rows at most (tables: ${tableLimit})`, integer("--limit", 0))
    .addOption(outputOption(["table", "json", "csv"], "table"));
  addProjectOptions(command);
  addOutputOptions(command);
  addExamples(command, [
    "lake changes daily_user_activity",
    "lake changes user_events_silver --from '2026-01-31 18:00' --summary",
    "lake changes user_profiles --from audited --to main --key user_id --output csv",
  ]);
  return cli.onCall(command, async (options: ChangesOptions, [table = ""]) => {
    const { context } = cli;
    const { from, to, key, summary = false, output } = options;
    // The counts stand on every row: one is enough.
    const limit = summary ? 1 : (options.limit ?? (output === "table" ? tableLimit : undefined));
    const changes = await withSession(context, options, async (session) => {
      const { tableChanges } = await import("../run/tables/table-changes.ts");
      return tableChanges(session, {
        table,
        ...(from !== undefined && { from }),
        ...(to !== undefined && { to }),
        ...(key !== undefined && { key: key.split(",").map((column) => column.trim()) }),
        ...(limit !== undefined && { limit: Math.max(1, limit) }),
      });
    });
    const { renderQuery } = await import("../report/render-query.ts");
    const style = styleFor(context, context.stdout, options);
    if (!summary && (output !== "table" || changes.result.rows.length > 0)) {
      context.stdout.write(`${renderQuery(changes.result, { format: output, style })}\n`);
    } else if (summary && output === "json") {
      const { toJsonText } = await import("../report/json-text.ts");
      const { result: _result, ...figures } = changes;
      context.stdout.write(`${toJsonText(figures, 2)}\n`);
      return 0;
    }
    // Beside JSON and CSV it would spoil them.
    const stream = output === "table" ? context.stdout : context.stderr;
    if (output === "table" || options.quiet !== true) stream.write(`${account(changes)}\n`);
    return 0;
  });
}

function account({ table, from, to, added, removed, updated, filesRead }: TableChanges): string {
  const counts = [
    `${formatQuantity(added, "row")} added`,
    `${formatQuantity(removed, "row")} removed`,
    ...(updated > 0 ? [`${formatQuantity(updated, "row")} updated`] : []),
  ];
  const span = `from ${from === null ? "nothing" : `snapshot ${from}`} to ${to}`;
  return `${tableName(table)} ${span}: ${counts.join(", ")}  [${formatQuantity(filesRead, "file")} read]`;
}
