// `lake tag` and `lake branch`: the same question about two kinds of names.
import type { Command } from "commander";
import { tableName } from "../catalog/catalog.ts";
import { parseDuration } from "../common/duration.ts";
import { lakeError } from "../common/errors.ts";
import type { ReferenceResult } from "../run/tables/table-refs.ts";
import type { Cli } from "./cli.ts";
import { withSession } from "./context.ts";
import {
  addExamples,
  addOutputOptions,
  addProjectOptions,
  integer,
  outputOption,
  type OutputOptions,
  type ProjectOptions,
} from "./options.ts";

interface ReferenceOptions extends ProjectOptions, OutputOptions {
  readonly at?: string;
  readonly replace?: boolean;
  readonly delete?: boolean;
  readonly force?: boolean;
  readonly maxRefAge?: number;
  readonly minSnapshotsToKeep?: number;
  readonly maxSnapshotAge?: number;
  readonly dryRun?: boolean;
  readonly output: "text" | "json";
}

export function tagCommand(cli: Cli): Command {
  const command = cli
    .command("tag")
    .summary("name a state of a table, so that it is kept and can be read")
    .description(
      'Gives a state of a table a name. Expiry keeps it; queries and models read it with {{ref "m" at="name"}}.',
    );
  addReferenceOptions(command, "tag");
  addExamples(command, [
    "lake tag user_events_silver eom_2026_01",
    "lake tag user_events_silver audited --at '2026-01-31 18:00' --max-ref-age 365d",
    "lake tag user_events_silver audited --replace --at 1804395813307243122 --dry-run",
    "lake tag user_events_silver audited --delete",
  ]);
  return onReference(cli, command, "tag");
}

export function branchCommand(cli: Cli): Command {
  const command = cli
    .command("branch")
    .summary("give a state of a table a line of its own")
    .description(
      "Makes a branch of a table: a line of states beside `main`, for other engines to write to and for queries to read with --at.",
    );
  addReferenceOptions(command, "branch");
  command
    .option(
      "--min-snapshots-to-keep <number>",
      "states that expiry keeps in any case",
      integer("--min-snapshots-to-keep", 1),
    )
    .option("--max-snapshot-age <age>", "states younger than this are kept", age("--max-snapshot-age"));
  addExamples(command, [
    "lake branch user_events_silver experiment",
    "lake branch user_events_silver experiment --at eom_2026_01 --max-ref-age 30d --min-snapshots-to-keep 5",
    "lake branch user_events_silver experiment --replace",
    "lake branch user_events_silver experiment --delete",
  ]);
  return onReference(cli, command, "branch");
}

function addReferenceOptions(command: Command, type: string): void {
  command
    .argument("<table>", "a model or seed, or namespace.table")
    .argument("<name>", `name of the ${type}`)
    .option("--at <point>", "snapshot id, tag, branch or time (default: the newest state)")
    .option("--replace", `move a ${type} that names something else`)
    .option("--delete", `remove the ${type}; states that nothing else names may expire then`)
    .option(
      "--max-ref-age <age>",
      `expiry removes the ${type} at this age, such as 30d`,
      age("--max-ref-age"),
    )
    .option("--force", "with --delete: also a tag that keeps the files of clones")
    .option("--dry-run", "say what would be done, and write nothing")
    .addOption(outputOption(["text", "json"], "text"));
  addProjectOptions(command);
  addOutputOptions(command);
}

function age(option: string): (text: string) => number {
  return (text) => {
    const milliseconds = parseDuration(option, text);
    if (milliseconds >= 1) return Math.round(milliseconds);
    throw lakeError("cli/bad-number", { option, text, expected: "an age above zero, such as 30d" });
  };
}

function onReference(cli: Cli, command: Command, type: "tag" | "branch"): Command {
  return cli.onCall(command, async (options: ReferenceOptions, [table = "", name = ""]) => {
    const { maxRefAge, minSnapshotsToKeep, maxSnapshotAge, at } = options;
    if (options.delete === true && (at !== undefined || options.replace === true)) {
      throw lakeError("cli/usage", { problem: "--delete goes with neither --at nor --replace" });
    }
    const dryRun = options.dryRun === true;
    const result = await withSession(cli.context, options, async (session) => {
      const { deleteReference, setReference } = await import("../run/tables/table-refs.ts");
      if (options.delete === true)
        return deleteReference(session, { table, type, name, dryRun, force: options.force === true });
      return setReference(session, {
        table,
        type,
        name,
        dryRun,
        replace: options.replace === true,
        ...(at !== undefined && { at }),
        ...(maxRefAge !== undefined && { maxRefAgeMs: maxRefAge }),
        ...(minSnapshotsToKeep !== undefined && { minSnapshotsToKeep }),
        ...(maxSnapshotAge !== undefined && { maxSnapshotAgeMs: maxSnapshotAge }),
      });
    });
    const { toJsonText } = await import("../report/json-text.ts");
    const text = options.output === "json" ? toJsonText(result, 2) : sentence(result);
    if (options.output === "json" || options.quiet !== true) cli.context.stdout.write(`${text}\n`);
    return 0;
  });
}

function sentence({ table, name, type, action, snapshotId, before, dryRun }: ReferenceResult): string {
  const did = {
    created: `names snapshot ${snapshotId}`,
    replaced:
      before === snapshotId
        ? `stays at snapshot ${before}, kept otherwise`
        : `moves from snapshot ${before} to ${snapshotId}`,
    unchanged: `names snapshot ${snapshotId} already`,
    deleted: `is removed; it named snapshot ${before}`,
  }[action];
  return `${tableName(table)}: ${type} ${name} ${did}${dryRun ? " (dry run: nothing was written)" : ""}`;
}
