// What the maintenance commands share: selection, dry runs, progress, one line for each table.
import type { Command } from "commander";
import { tableName } from "../catalog/catalog.ts";
import type { TableColumn } from "../report/text-table.ts";
import type { Session } from "../run/session.ts";
import type { SelectedTable } from "../upkeep/select-tables.ts";
import type { Cli } from "./cli.ts";
import { styleFor, withSession } from "./context.ts";
import {
  addExamples,
  addOutputOptions,
  addProjectOptions,
  outputOption,
  type OutputOptions,
  type ProjectOptions,
  type SelectionOptions,
} from "./options.ts";
import { sessionSelection } from "./selection.ts";

export type UpkeepOptions = ProjectOptions &
  OutputOptions &
  SelectionOptions & { readonly dryRun?: boolean; readonly output: "text" | "json" };

export interface UpkeepStep<O extends UpkeepOptions, R> {
  readonly name: string;
  readonly summary: string;
  readonly description: string;
  readonly examples: readonly string[];
  readonly addOptions?: (command: Command) => void;
  /** What is done to one table. `say` shows, on a terminal, how far it is. */
  readonly run: (
    session: Session,
    table: SelectedTable,
    options: O,
    say: (text: string) => void,
  ) => Promise<R>;
  readonly columns: readonly TableColumn[];
  /** The cells after the table's name; null where nothing was to be done. */
  readonly row: (report: R) => readonly string[] | null;
  /** One sentence: `12 files would be removed`. */
  readonly closing: (reports: readonly R[], dryRun: boolean) => string;
}

export function upkeepCommand<O extends UpkeepOptions, R>(cli: Cli, step: UpkeepStep<O, R>): Command {
  const command = cli
    .command(step.name)
    .summary(step.summary)
    .description(step.description)
    .option("-s, --select <selector...>", "tables of these nodes (default: all of the project)")
    .option("--exclude <selector...>", "nodes to leave out of the selection")
    .option("--selector <name>", "a selector of selectors.yml")
    .option("--dry-run", "say what would be done, and do nothing");
  step.addOptions?.(command);
  command.addOption(outputOption(["text", "json"], "text"));
  addProjectOptions(command);
  addOutputOptions(command);
  addExamples(command, step.examples);
  return cli.onCall(command, (options: O) =>
    withSession(cli.context, options, (session) => runStep(cli, step, session, options)),
  );
}

async function runStep<O extends UpkeepOptions, R>(
  { context }: Cli,
  step: UpkeepStep<O, R>,
  session: Session,
  options: O,
): Promise<number> {
  const { selectTables } = await import("../upkeep/select-tables.ts");
  const tables = await selectTables(session, await sessionSelection(context, options, session));
  const { stderr } = context;
  const isLive = stderr.isTTY === true && options.quiet !== true && options.logFormat !== "json";
  const reports: { readonly name: string; readonly report: R }[] = [];
  for (const [index, table] of tables.entries()) {
    const name = tableName(table.identifier);
    const say = (text: string): void => {
      if (isLive) stderr.write(`\r\u001b[K${index + 1} of ${tables.length}  ${name}  ${text}`);
    };
    say("");
    reports.push({ name, report: await step.run(session, table, options, say) });
  }
  if (isLive) stderr.write("\r\u001b[K");
  const text =
    options.output === "json"
      ? (await import("../report/json-text.ts")).toJsonText(
          reports.map(({ report }) => report),
          2,
        )
      : await asText(step, reports, options, styleFor(context, context.stdout, options));
  context.stdout.write(`${text}\n`);
  return 0;
}

async function asText<O extends UpkeepOptions, R>(
  step: UpkeepStep<O, R>,
  reports: readonly { readonly name: string; readonly report: R }[],
  options: O,
  style: ReturnType<typeof styleFor>,
): Promise<string> {
  const { renderTextTable } = await import("../report/text-table.ts");
  const rows = reports.flatMap(({ name, report }) => {
    const cells = step.row(report);
    return cells === null ? [] : [[name, ...cells]];
  });
  const closing = step.closing(
    reports.map(({ report }) => report),
    options.dryRun === true,
  );
  if (rows.length === 0) return closing;
  return `${renderTextTable({ columns: [{ title: "table" }, ...step.columns], rows, style })}\n\n${closing}`;
}
