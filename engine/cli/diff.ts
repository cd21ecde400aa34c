import type { Command } from "commander";
import { lakeError } from "../common/errors.ts";
import type { Cli } from "./cli.ts";
import { loadTarget, styleFor, withSession } from "./context.ts";
import {
  addExamples,
  addOutputOptions,
  addProjectOptions,
  addSelectionOptions,
  outputOption,
  type OutputOptions,
  type ProjectOptions,
  type SelectionOptions,
} from "./options.ts";
import { sessionSelection } from "./selection.ts";

type DiffOptions = ProjectOptions &
  OutputOptions &
  SelectionOptions & {
    readonly from?: string;
    readonly key?: readonly string[];
    readonly output: "text" | "json" | "markdown";
  };

export function diffCommand(cli: Cli): Command {
  const command = cli
    .command("diff")
    .summary("compare tables with those of another target")
    .description(
      "Compares the selected tables with those of another target, by key: rows added, removed and changed, per column how often with examples, and columns. Files that both tables have are not read.",
    );
  addSelectionOptions(command);
  command
    .option("--from <target>", "the other target (default: the one that this environment stands on)")
    .option("--key <column...>", "columns that tell rows apart (default: the models' unique_key)")
    .addOption(outputOption(["text", "json", "markdown"], "text"));
  addProjectOptions(command);
  addOutputOptions(command);
  addExamples(command, [
    "lake diff -t pr_42",
    "lake diff -t pr_42 -s daily_user_activity --key date user_segment",
    "lake diff -t dev --from prod --output json",
    "lake diff -t pr_42 --output markdown > comment.md",
  ]);
  return cli.onCall(command, (options: DiffOptions) =>
    withSession(cli.context, options, async (session) => {
      const { context } = cli;
      const { parent, name } = session.profile;
      const from = options.from === undefined ? parent : await loadTarget(context, options, options.from);
      if (from === undefined) throw lakeError("cli/needs-from", { target: name });
      const { diffTables } = await import("../run/tables/diff-tables.ts");
      const diffs = await diffTables(session, {
        ...(await sessionSelection(context, options, session)),
        from,
        ...(options.key !== undefined && { key: options.key }),
      });
      const { renderDiff, renderDiffMarkdown } = await import("../report/render-diff.ts");
      const text =
        options.output === "json"
          ? (await import("../report/json-text.ts")).toJsonText(diffs, 2)
          : options.output === "markdown"
            ? renderDiffMarkdown(diffs, from.name)
            : renderDiff(diffs, from.name, styleFor(context, context.stdout, options));
      context.stdout.write(`${text}\n`);
      return 0;
    }),
  );
}
