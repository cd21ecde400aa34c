// argv → command → exit code. The only file that ends the process.
import { CommanderError } from "commander";
import { errorView, exitCodeOf, type CliContext } from "./cli/context.ts";
import type { Cli } from "./cli/cli.ts";
import { createProgram } from "./cli/program.ts";
import { isLakeError } from "./common/errors.ts";
import { renderError } from "./report/render-error.ts";

/** Ctrl-C arrives twice when a launcher passes on what the terminal has sent already. */
const sameKeyPressMs = 300;

const abort = new AbortController();
let canStopInOrder = false;
let interruptedMs = 0;

function interrupt(code: number): void {
  const now = Date.now();
  if (now - interruptedMs < sameKeyPressMs) return;
  if (!canStopInOrder || abort.signal.aborted) process.exit(code);
  interruptedMs = now;
  process.stderr.write(
    "\nstopping: the steps at work are abandoned, nothing half done stays (again to leave at once)\n",
  );
  abort.abort();
}

const context: CliContext = {
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  cwd: process.cwd(),
  now: Date.now,
  adapters: async () => (await import("./wire.ts")).adapters,
  abortSignal() {
    canStopInOrder = true;
    return abort.signal;
  },
};

process.on("SIGINT", () => interrupt(130));
process.on("SIGTERM", () => interrupt(143));
// `lake ls | head` closes the pipe: nobody is left to tell.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    process.exit(error.code === "EPIPE" ? 0 : 2);
  });
}

const exitCode = await main(process.argv);
// Output to pipes is written later; leaving before would cut it off.
await Promise.all(
  [process.stdout, process.stderr].map((stream) => new Promise((done) => stream.write("", done))),
);
process.exit(exitCode);

async function main(argv: readonly string[]): Promise<number> {
  const { program, cli } = createProgram(context);
  try {
    await program.parseAsync(argv);
    return abort.signal.aborted ? 130 : cli.exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    report(error, cli);
    return abort.signal.aborted ? 130 : exitCodeOf(error);
  }
}

function report(error: unknown, { options, inlineQuery }: Cli): void {
  if (options.logFormat === "json") {
    const fields = isLakeError(error) ? error.toJSON() : { message: String(error) };
    const line = { time: new Date().toISOString(), level: "error", event: "failed", ...fields };
    process.stderr.write(`${JSON.stringify(line)}\n`);
  } else if (isLakeError(error)) {
    process.stderr.write(`${renderError(error, errorView(context, process.stderr, options, inlineQuery))}\n`);
  } else {
    const message = error instanceof Error ? error.message : String(error);
    process.stderr.write(`lake crashed: ${message}\n`);
    if (options.debug !== true)
      process.stderr.write("this is a defect of lake; --debug shows where it arose\n");
  }
  if (options.debug === true && error instanceof Error) process.stderr.write(`\n${stackOf(error)}\n`);
}

function stackOf(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by ${stackOf(error.cause)}` : "";
  return `${error.stack ?? error.message}${cause}`;
}
