import { Command } from "commander";
import { backfillCommand } from "./backfill.ts";
import { backupCommand } from "./backup.ts";
import { buildCommand } from "./build.ts";
import { changesCommand } from "./changes.ts";
import { cleanCommand } from "./clean.ts";
import { Cli } from "./cli.ts";
import { cloneCommand } from "./clone.ts";
import { compactCommand } from "./compact.ts";
import { compileCommand } from "./compile.ts";
import type { CliContext } from "./context.ts";
import { debugCommand } from "./debug.ts";
import { dropCommand } from "./drop.ts";
import { diffCommand } from "./diff.ts";
import { envCommand } from "./env.ts";
import { expireSnapshotsCommand } from "./expire-snapshots.ts";
import { healthCommand } from "./health.ts";
import { historyCommand } from "./history.ts";
import { initCommand } from "./init.ts";
import { landCommand } from "./land.ts";
import { ledgerCommand } from "./ledger.ts";
import { lsCommand } from "./ls.ts";
import { addExamples } from "./options.ts";
import { maintainCommand } from "./maintain.ts";
import { parseCommand } from "./parse.ts";
import { planCommand } from "./plan.ts";
import { queryCommand } from "./query.ts";
import { removeOrphanFilesCommand } from "./remove-orphan-files.ts";
import { branchCommand, tagCommand } from "./reference.ts";
import { rollbackCommand } from "./rollback.ts";
import { restoreCommand } from "./restore.ts";
import { rewriteManifestsCommand } from "./rewrite-manifests.ts";
import { recoverCommand } from "./recover.ts";
import { retryCommand } from "./retry.ts";
import { runCommand } from "./run.ts";
import { runOperationCommand } from "./run-operation.ts";
import { seedCommand } from "./seed.ts";
import { showCommand } from "./show.ts";
import { snapshotCommand } from "./snapshot.ts";
import { sourceCommand } from "./source.ts";
import { stagedCommand } from "./staged.ts";
import { testCommand } from "./test.ts";
import { lakeVersion } from "./version.ts";

const groups: readonly (readonly [string, readonly ((cli: Cli) => Command)[]])[] = [
  ["Start:", [initCommand, debugCommand]],
  ["Look at the project:", [lsCommand, parseCommand, compileCommand, planCommand]],
  [
    "Build and test:",
    [
      buildCommand,
      runCommand,
      testCommand,
      seedCommand,
      snapshotCommand,
      backfillCommand,
      retryCommand,
      landCommand,
      sourceCommand,
    ],
  ],
  ["Look at the data:", [showCommand, queryCommand]],
  [
    "Keep tables in shape:",
    [
      healthCommand,
      maintainCommand,
      compactCommand,
      rewriteManifestsCommand,
      expireSnapshotsCommand,
      removeOrphanFilesCommand,
      backupCommand,
      restoreCommand,
      stagedCommand,
      recoverCommand,
      ledgerCommand,
    ],
  ],
  [
    "Tables in time:",
    [historyCommand, changesCommand, rollbackCommand, tagCommand, branchCommand, dropCommand],
  ],
  ["Environments:", [cloneCommand, diffCommand, envCommand]],
  ["Other:", [runOperationCommand, cleanCommand]],
];

/** The command line. It never ends the process: usage errors are thrown as commander's own. */
export function createProgram(context: CliContext): { program: Command; cli: Cli } {
  const program = new Command("lake");
  program
    .description("SQL models in, tested Apache Iceberg tables out, from one process.")
    .version(lakeVersion, "-V, --version")
    .exitOverride()
    .commandsGroup("Other:")
    .showHelpAfterError("(--help shows the options)")
    .configureOutput({
      writeOut: (text) => context.stdout.write(text),
      writeErr: (text) => context.stderr.write(text),
    });
  const cli = new Cli(context, program);
  for (const [title, commands] of groups) {
    for (const create of commands) program.addCommand(create(cli).helpGroup(title));
  }
  addExamples(program, [
    "lake build                          build and test everything that is new",
    "lake build -s user_events_silver+   one model and all that depends on it",
    "lake show daily_user_activity       the first rows of a table",
  ]);
  return { program, cli };
}
