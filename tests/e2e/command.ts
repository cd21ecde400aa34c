// One command line in this process: as `cli` of a project does it, without starting Node each time.
import { CommanderError } from "commander";
import { exitCodeOf } from "../../engine/cli/context.ts";
import type { CliContext } from "../../engine/cli/context.ts";
import { createProgram } from "../../engine/cli/program.ts";
import { isLakeError } from "../../engine/common/errors.ts";
import { createStyle } from "../../engine/report/style.ts";
import { renderError } from "../../engine/report/render-error.ts";
import { adapters } from "../../engine/wire.ts";
import type { CliResult } from "./project.ts";

export async function command(
  { root }: { readonly root: string },
  ...argv: readonly string[]
): Promise<CliResult> {
  const written = { stdout: "", stderr: "" };
  const stream = (name: keyof typeof written): CliContext["stdout"] => ({
    write: (text: string) => {
      written[name] += text;
    },
  });
  const context: CliContext = {
    stdout: stream("stdout"),
    stderr: stream("stderr"),
    env: {},
    cwd: root,
    now: Date.now,
    adapters: () => Promise.resolve(adapters),
    abortSignal: () => new AbortController().signal,
  };
  const { program, cli } = createProgram(context);
  try {
    await program.parseAsync(argv, { from: "user" });
    return { code: cli.exitCode, ...written };
  } catch (error) {
    if (error instanceof CommanderError) return { code: error.exitCode === 0 ? 0 : 2, ...written };
    if (!isLakeError(error)) throw error;
    const stderr = `${written.stderr}${renderError(error, { style: createStyle(false), readLine: () => undefined })}\n`;
    return { code: exitCodeOf(error), stdout: written.stdout, stderr };
  }
}
