import { Command } from "commander";
import type { CliContext } from "./context.ts";
import type { OutputOptions, ProjectOptions } from "./options.ts";

/** What `main.ts` must know after parsing: how it went, and how errors are to be shown. */
export class Cli {
  readonly context: CliContext;
  exitCode = 0;
  /** Options of the command that ran, for the report of its errors. */
  options: OutputOptions & ProjectOptions = {};
  /** The text behind the file name `query` in errors: a query has no file of its own. */
  inlineQuery: string | undefined;
  readonly #root: Command;

  constructor(context: CliContext, root: Command) {
    this.context = context;
    this.#root = root;
  }

  /** A command that behaves like the root: errors are thrown, never `process.exit`. */
  command(name: string): Command {
    return new Command(name).copyInheritedSettings(this.#root);
  }

  /** Runs `handler` when the command is called; what it answers becomes the exit code. */
  // oxlint-disable-next-line no-unnecessary-type-parameters -- the caller says what its own options parse to
  onCall<O extends OutputOptions & ProjectOptions>(
    command: Command,
    handler: (options: O, parameters: readonly (string | undefined)[]) => Promise<number>,
  ): Command {
    return command.action(async (...given: unknown[]) => {
      const options = command.opts<O>();
      this.options = options;
      // Commander appends the options and the command itself to the positional arguments.
      this.exitCode = await handler(options, given.slice(0, -2) as (string | undefined)[]);
    });
  }
}
