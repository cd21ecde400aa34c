import type { Command } from "commander";
import { tableName } from "../catalog/catalog.ts";
import { lakeError } from "../common/errors.ts";
import { formatCount, formatQuantity } from "../common/format.ts";
import type { CloneReport } from "../run/environments/clone-nodes.ts";
import type { Cli } from "./cli.ts";
import { loadTarget, styleFor, withSession } from "./context.ts";
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

type CloneOptions = ProjectOptions &
  OutputOptions &
  SelectionOptions & {
    readonly from?: string;
    readonly replace?: boolean;
    readonly output: "text" | "json";
  };

export function cloneCommand(cli: Cli): Command {
  const command = cli
    .command("clone")
    .summary("make tables of another target here, without copying data")
    .description(
      "Makes the selected tables of another target in this one. A clone shares the original's data files and is written without harm to it; it begins as the newest base (tag lake_base_<date>) that runs on the other target keep, and ends with it.",
    )
    .option("-s, --select <selector...>", "tables of these nodes (default: all of the project)")
    .option("--exclude <selector...>", "nodes to leave out of the selection")
    .option("--selector <name>", "a selector of selectors.yml")
    .option("--from <target>", "whose tables to clone (default: the target that this environment stands on)")
    .option("--replace", "make clones that are there already anew, of the newest base")
    .addOption(outputOption(["text", "json"], "text"));
  addProjectOptions(command);
  addOutputOptions(command);
  addExamples(command, [
    "lake clone -t pr_42 -s user_events_silver",
    "lake clone -t pr_42 -s user_events_silver --replace",
    "lake clone -t dev --from prod",
  ]);
  return cli.onCall(command, (options: CloneOptions) =>
    withSession(cli.context, options, async (session) => {
      const { context } = cli;
      const { parent, name } = session.profile;
      const from = options.from === undefined ? parent : await loadTarget(context, options, options.from);
      if (from === undefined) throw lakeError("cli/needs-from", { target: name });
      const { cloneNodes } = await import("../run/environments/clone-nodes.ts");
      const reports = await cloneNodes(session, {
        ...(await sessionSelection(context, options, session)),
        from,
        replace: options.replace === true,
      });
      const text =
        options.output === "json"
          ? (await import("../report/json-text.ts")).toJsonText(reports, 2)
          : await cloneText(reports, styleFor(context, context.stdout, options));
      context.stdout.write(`${text}\n`);
      return 0;
    }),
  );
}

async function cloneText(
  reports: readonly CloneReport[],
  style: ReturnType<typeof styleFor>,
): Promise<string> {
  const { renderTextTable } = await import("../report/text-table.ts");
  const made = reports.filter(({ status }) => status === "cloned" || status === "replaced");
  const table = renderTextTable({
    columns: [
      { title: "table" },
      { title: "is" },
      { title: "rows", align: "right" },
      { title: "shared files", align: "right" },
    ],
    rows: reports.map(({ table: own, status, original, tag, rows, files }) => [
      tableName(own),
      status === "exists"
        ? "there already"
        : status === "missing"
          ? `not made: ${original} is not there`
          : `a clone of ${original} at ${tag ?? ""}`,
      count(rows),
      count(files),
    ]),
    style,
  });
  const closing = `${formatQuantity(made.length, "table")} cloned, no data copied`;
  return reports.length === 0 ? "nothing selected" : `${table}\n\n${closing}`;
}

function count(text: string | null): string {
  return text === null ? "" : formatCount(BigInt(text));
}
