import type { Command } from "commander";
import { throwCollected } from "../common/errors.ts";
import { formatQuantity } from "../common/format.ts";
import type { Cli } from "./cli.ts";
import { withSession } from "./context.ts";
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

type CompileOptions = ProjectOptions &
  OutputOptions &
  SelectionOptions & { readonly output: "text" | "json" };

export function compileCommand(cli: Cli): Command {
  const command = cli
    .command("compile")
    .summary("render and bind SQL without reading data, write target/compiled")
    .description(
      "Renders the selected models and tests, binds each against the schemas of its inputs without reading data, and writes the SQL to target/compiled. All errors are shown together.",
    );
  addSelectionOptions(command).addOption(outputOption(["text", "json"], "text"));
  addProjectOptions(command);
  addOutputOptions(command);
  addExamples(command, [
    "lake compile",
    "lake compile -s user_events_silver",
    "lake compile -s gold --output json",
  ]);
  return cli.onCall(command, async (options: CompileOptions) =>
    withSession(cli.context, options, async (session) => {
      const { compileNodes } = await import("../run/compile-nodes.ts");
      const selection = await sessionSelection(cli.context, options, session);
      const { compiled, errors } = await compileNodes(session, selection);
      const { stdout } = cli.context;
      if (options.output === "json") {
        const nodes = compiled.map((node) => ({
          unique_id: node.uniqueId,
          compiled_path: node.path,
          compiled_code: node.sql,
          columns: node.columns,
        }));
        stdout.write(`${JSON.stringify({ nodes, errors }, null, 2)}\n`);
        return errors.length === 0 ? 0 : 1;
      }
      throwCollected(errors);
      const [only] = compiled;
      // One node: somebody wants to read it.
      if (compiled.length === 1 && only !== undefined) stdout.write(`${only.sql.trimEnd()}\n`);
      else if (options.quiet !== true) {
        stdout.write(`${formatQuantity(compiled.length, "node")} compiled without an error\n`);
      }
      return 0;
    }),
  );
}
