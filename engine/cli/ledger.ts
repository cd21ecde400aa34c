import { Option, type Command } from "commander";
import { formatCount, formatQuantity, formatSize } from "../common/format.ts";
import type { LedgerView } from "../run/landing/ledger-files.ts";
import type { RebuiltLedger } from "../run/landing/rebuild-ledger.ts";
import type { Style } from "../report/style.ts";
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

type LedgerOptions = ProjectOptions & OutputOptions & { readonly output: "text" | "json" };

export function ledgerCommand(cli: Cli): Command {
  return cli
    .command("ledger")
    .description("Commands about the landing files that a table holds.")
    .addCommand(showLedger(cli))
    .addCommand(acceptCommand(cli))
    .addCommand(rebuildCommand(cli));
}

function showLedger(cli: Cli): Command {
  const command = cli
    .command("show")
    .summary("list the landing files that a table holds, and those that changed, are new or gone")
    .description("Lists the landing files that a table holds, and those that changed, are new or gone.")
    .argument("<model>", "an incremental model over a landing source");
  finish(command, [
    "lake ledger show user_events_silver",
    "lake ledger show user_events_silver --output json",
  ]);
  return cli.onCall(command, async (options: LedgerOptions, [model]) => {
    const view = await withSession(cli.context, options, async (session) => {
      const { ledgerView } = await import("../run/landing/ledger-files.ts");
      return ledgerView(session, model as string);
    });
    const { renderTextTable } = await import("../report/text-table.ts");
    return print(cli, options, view, (style) => viewText(view, style, renderTextTable));
  });
}

function viewText(
  { table, files }: LedgerView,
  style: Style,
  render: typeof import("../report/text-table.ts").renderTextTable,
): string {
  if (files.length === 0) return `${table} holds no landing file, and there is none to take in`;
  const count = (value: number | null): string => (value === null ? "" : formatCount(value));
  const text = render({
    columns: [
      { title: "file" },
      { title: "state" },
      { title: "size", align: "right" },
      { title: "rows", align: "right" },
      { title: "rejected", align: "right" },
    ],
    rows: files.map((file) => [
      file.path,
      file.status,
      file.sizeBytes === null ? "?" : formatSize(file.sizeBytes),
      count(file.rows),
      count(file.rejected),
    ]),
    style,
  });
  const states = Map.groupBy(files, ({ status }) => status);
  const summary = [...states].map(([status, some]) => `${formatCount(some.length)} ${status}`).join(", ");
  return `${text}\n\n${table}: ${summary}`;
}

function acceptCommand(cli: Cli): Command {
  const command = cli
    .command("accept")
    .summary("take changed landing files for those that the table holds; their rows stay as they are")
    .description(
      "Notes landing files that changed after they were taken in as they are now. No row changes: it is the word of somebody who knows that the table needs nothing of the new content.",
    )
    .argument("<model>", "an incremental model over a landing source")
    .argument("[files...]", "changed files, by path or name (default: all that changed)");
  finish(command, [
    "lake ledger accept user_events_silver user_events_part_7.jsonl",
    "lake ledger accept user_events_silver",
  ]);
  return cli.onCall(command, async (options: LedgerOptions, [model, files]) => {
    const accepted = await withSession(cli.context, options, async (session) => {
      const { acceptFiles } = await import("../run/landing/ledger-files.ts");
      // Commander gives a variadic argument as one list.
      return acceptFiles(session, model as string, files as unknown as readonly string[]);
    });
    const { table, paths } = accepted;
    const said = `${formatQuantity(paths.length, "changed file")} accepted, ${table} keeps its rows`;
    return print(cli, options, accepted, () => [said, ...paths.map((path) => `  ${path}`)].join("\n"));
  });
}

function rebuildCommand(cli: Cli): Command {
  const command = cli
    .command("rebuild")
    .summary("make a lost ledger anew from the rows of the table")
    .description(
      "Makes the ledger of a table anew from the column that says which landing file each row came from. No row changes. What rows cannot tell is said: files that gave no row, lines in quarantine, and whether a file still has the content that was taken in.",
    )
    .argument("<model>", "an incremental model over a landing source")
    .option("--column <name>", "the table's column with the path of the landing file", "data_source")
    .addOption(
      new Option(
        "--without-rows <what>",
        "landing files that no row names: held (taken in, gave no row) or new (the next run takes them in)",
      ).choices(["held", "new"]),
    );
  finish(command, [
    "lake ledger rebuild user_events_silver",
    "lake ledger rebuild user_events_silver --without-rows new",
  ]);
  type RebuildCommandOptions = LedgerOptions & { column: string; withoutRows?: "held" | "new" };
  return cli.onCall(command, async (options: RebuildCommandOptions, [model]) => {
    const rebuilt = await withSession(cli.context, options, async (session) => {
      const { rebuildLedger } = await import("../run/landing/rebuild-ledger.ts");
      const { column, withoutRows } = options;
      return rebuildLedger({
        session,
        model: model as string,
        column,
        ...(withoutRows !== undefined && { withoutRows }),
      });
    });
    return print(cli, options, rebuilt, () => rebuiltText(rebuilt));
  });
}

function rebuiltText(rebuilt: RebuiltLedger): string {
  const { table, column, held, rows, gone, withoutRows, rowsWithoutFile } = rebuilt;
  const files = formatQuantity(held + gone.length, "landing file");
  const lines = [`ledger of ${table} made from ${column}: ${files} with ${formatQuantity(rows, "row")}`];
  if (gone.length > 0)
    lines.push(
      `  ${formatQuantity(gone.length, "file")} no longer in the landing zone: ${shown(gone)}; should one come back, a run asks what it is`,
    );
  if (rowsWithoutFile > 0)
    lines.push(`  ${formatQuantity(rowsWithoutFile, "row")} without a file, left as they are`);
  const silent = withoutRows.paths;
  if (silent.length > 0) {
    const taken = withoutRows.as === "held" ? "taken for held" : "taken for new: the next run takes them in";
    lines.push(`  ${formatQuantity(silent.length, "file")} without a row, ${taken}: ${shown(silent)}`);
  }
  lines.push(
    "not known: whether files changed since they were taken in (they count as they are now), and how many lines went to quarantine",
  );
  return lines.join("\n");
}

function shown(paths: readonly string[]): string {
  const most = 3;
  const rest = paths.length > most ? ` and ${formatCount(paths.length - most)} more` : "";
  return `${paths.slice(0, most).join(", ")}${rest}`;
}

function finish(command: Command, examples: readonly string[]): void {
  command.addOption(outputOption(["text", "json"], "text"));
  addProjectOptions(command);
  addOutputOptions(command);
  addExamples(command, examples);
}

function print(cli: Cli, options: LedgerOptions, value: unknown, text: (style: Style) => string): number {
  const { context } = cli;
  const written =
    options.output === "json"
      ? JSON.stringify(value, null, 2)
      : text(styleFor(context, context.stdout, options));
  context.stdout.write(`${written}\n`);
  return 0;
}
