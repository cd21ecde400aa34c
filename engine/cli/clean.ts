import { rm } from "node:fs/promises";
import path from "node:path";
import type { Command } from "commander";
import { lakeError } from "../common/errors.ts";
import type { Cli } from "./cli.ts";
import { addExamples, addOutputOptions, type OutputOptions, type ProjectOptions } from "./options.ts";

export function cleanCommand(cli: Cli): Command {
  const command = cli
    .command("clean")
    .summary("remove target/")
    .description(
      "Removes the project's target folder: artifacts and compiled SQL. Tables and landing files stay.",
    )
    .option("--project-dir <folder>", "folder that holds lake.yml (default: here)");
  addOutputOptions(command);
  addExamples(command, ["lake clean"]);
  return cli.onCall(command, async (options: ProjectOptions & OutputOptions) => {
    const { readSettings } = await import("../project/load-settings.ts");
    const root = path.resolve(cli.context.cwd, options.projectDir ?? ".");
    const { targetPath } = await readSettings(root);
    const folder = path.resolve(root, targetPath);
    const relative = path.relative(root, folder);
    if (relative === "" || relative.startsWith("..") || path.isAbsolute(relative)) {
      const hint = "correct target-path in lake.yml, or remove the folder by hand";
      throw lakeError("cli/outside-project", { folder, root }, { hint });
    }
    await rm(folder, { recursive: true, force: true });
    if (options.quiet !== true) cli.context.stdout.write(`${relative}/ removed\n`);
    return 0;
  });
}
