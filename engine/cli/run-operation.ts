import type { Command } from "commander";
import { formatDuration } from "../common/format.ts";
import type { Cli } from "./cli.ts";
import { parseMapping, styleFor, withSession } from "./context.ts";
import { addExamples, addOutputOptions, addProjectOptions, addThreads, outputOption } from "./options.ts";
import type { QueryCommandOptions } from "./print-query.ts";

type OperationOptions = QueryCommandOptions & { readonly args?: string };

export function runOperationCommand(cli: Cli): Command {
  const command = cli
    .command("run-operation")
    .summary("run a macro's statements")
    .description("Runs the statements of a macro of the project and prints the rows of the last one.")
    .argument("<macro>", "name of the macro")
    .option("--args <yaml>", "arguments of the macro, such as '{events: 1000001}'")
    .addOption(outputOption(["table", "json", "csv"], "table"));
  addThreads(command);
  addProjectOptions(command);
  addOutputOptions(command);
  addExamples(command, ["lake run-operation generate_events --args '{events: 1000001}'"]);
  return cli.onCall(command, async (options: OperationOptions, [name = ""]) => {
    const { context } = cli;
    const args = options.args === undefined ? {} : await parseMapping("--args", options.args);
    const startedMs = context.now();
    if (options.quiet !== true) context.stderr.write(`lake run-operation ${name}\n`);
    const { result, skippedFor } = await withSession(context, options, async (session) => {
      const { runOperation } = await import("../run/run-operation.ts");
      return runOperation(session, { name, args });
    });
    if (skippedFor !== null) {
      if (options.quiet !== true) context.stderr.write(`nothing to do: ${skippedFor} is there already\n`);
      return 0;
    }
    const { renderQuery } = await import("../report/render-query.ts");
    const style = styleFor(context, context.stdout, options);
    const text = renderQuery(result, { format: options.output, style });
    if (text !== "" && options.quiet !== true) context.stdout.write(`${text}\n`);
    if (options.quiet !== true)
      context.stderr.write(`done in ${formatDuration(context.now() - startedMs)}\n`);
    return 0;
  });
}
