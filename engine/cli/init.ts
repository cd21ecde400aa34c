import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { lakeError } from "../common/errors.ts";
import type { Cli } from "./cli.ts";
import { addExamples, addOutputOptions, type OutputOptions } from "./options.ts";

const template = fileURLToPath(new URL("./init-template", import.meta.url));

/** Templates whose names tools would take for their own: git obeys a `.gitignore`, ours ignores landing zones. */
const renamed: Readonly<Record<string, string>> = { gitignore: ".gitignore", landing: "landing-zone" };

export function initCommand(cli: Cli): Command {
  const command = cli
    .command("init")
    .summary("write a small project that works")
    .description(
      "Writes a small project that works: one landing file, three models, their tests, an embedded target.",
    )
    .argument("<name>", "name of the project and of its folder");
  addOutputOptions(command);
  addExamples(command, ["lake init shop && cd shop && lake build"]);
  return cli.onCall(command, async (options: OutputOptions, [name = ""]) => {
    const { context } = cli;
    const written = await writeProject(path.resolve(context.cwd, name), path.basename(name));
    if (options.quiet !== true) {
      context.stdout.write(`${written.map((file) => `  ${path.join(name, file)}`).join("\n")}\n\n`);
      context.stdout.write(`Try next\n  cd ${name}\n  lake build\n  lake show revenue_by_customer\n`);
    }
    return 0;
  });
}

/** Copies the template with the project's name in it; returns the files, relative to the folder. */
export async function writeProject(folder: string, name: string): Promise<readonly string[]> {
  if (!/^[a-z][a-z0-9_]*$/.test(name)) throw lakeError("cli/bad-project-name", { name });
  const present = await readdir(folder).catch(() => []);
  if (present.length > 0) throw lakeError("cli/folder-not-empty", { folder });
  const entries = await readdir(template, { recursive: true, withFileTypes: true });
  const written: string[] = [];
  for (const entry of entries.filter((candidate) => candidate.isFile())) {
    const source = path.join(entry.parentPath, entry.name);
    const relative = path
      .relative(template, source)
      .split(path.sep)
      .map((part) => renamed[part] ?? part)
      .join(path.sep);
    const text = (await readFile(source, "utf8")).replaceAll("__name__", name);
    await mkdir(path.dirname(path.join(folder, relative)), { recursive: true });
    await writeFile(path.join(folder, relative), text, { flag: "wx" });
    written.push(relative);
  }
  return written.sort();
}
