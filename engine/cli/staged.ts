import type { Command } from "commander";
import { parseDuration } from "../common/duration.ts";
import { formatAge, formatCount, formatInstant, formatQuantity, formatSize } from "../common/format.ts";
import type { CleanedRun } from "../upkeep/clean-staged-runs.ts";
import type { StagedRun } from "../upkeep/staged-runs.ts";
import type { Cli } from "./cli.ts";
import { styleFor, withSession, type CliContext } from "./context.ts";
import {
  addExamples,
  addOutputOptions,
  addProjectOptions,
  outputOption,
  type OutputOptions,
  type ProjectOptions,
} from "./options.ts";

type StagedOptions = ProjectOptions &
  OutputOptions & {
    readonly clean?: boolean;
    readonly dryRun?: boolean;
    readonly olderThan: string;
    readonly output: "text" | "json";
  };

export function stagedCommand(cli: Cli): Command {
  const command = cli
    .command("staged")
    .summary("list or remove what failed and killed runs left")
    .description(
      "Lists the runs of the target that are at work, failed, or were killed, with the files that they have lying in tables' folders. --clean removes those of runs that are over and old enough; what a snapshot, a run at work or a clone needs, or what cannot be proven unused, stays.",
    )
    .argument("[run]", "only this run; with --clean whatever its age")
    .option("--clean", "remove them")
    .option("--older-than <age>", "with --clean: runs that began so long ago, from 1h to under 72h", "24h")
    .option("--dry-run", "with --clean: say what would be removed, and remove nothing")
    .addOption(outputOption(["text", "json"], "text"));
  addProjectOptions(command);
  addOutputOptions(command);
  addExamples(command, [
    "lake staged",
    "lake staged --clean --dry-run",
    "lake staged --clean --older-than 6h",
    "lake staged --clean 5cfdf154-2ef6-4f0f-a15e-b55f32615071",
  ]);
  return cli.onCall(command, (options: StagedOptions, [runId]) =>
    withSession(cli.context, options, async (session) => {
      const which = runId === undefined ? {} : { runId };
      if (options.clean !== true && options.dryRun !== true) {
        const { stagedRuns } = await import("../upkeep/staged-runs.ts");
        const runs = await stagedRuns(session, runId);
        return print(cli.context, options, runs.map(asListed), () => listText(cli.context, options, runs));
      }
      const { cleanStagedRuns } = await import("../upkeep/clean-staged-runs.ts");
      const olderThanMs = parseDuration("--older-than", options.olderThan);
      const cleaned = await cleanStagedRuns({
        session,
        ...which,
        olderThanMs,
        dryRun: options.dryRun === true,
      });
      return print(cli.context, options, cleaned.map(asCleaned), () => cleanText(options, cleaned));
    }),
  );
}

async function print(
  context: CliContext,
  options: StagedOptions,
  json: unknown,
  text: () => string | Promise<string>,
): Promise<number> {
  const shown =
    options.output === "json" ? (await import("../report/json-text.ts")).toJsonText(json, 2) : await text();
  context.stdout.write(`${shown}\n`);
  return 0;
}

function asListed(run: StagedRun): Record<string, unknown> {
  return {
    run_id: run.runId,
    state: run.state,
    command: run.command,
    started_at: new Date(run.startedMs).toISOString(),
    tables: run.tables,
    files: run.files.length,
    bytes: sizeOf(run),
    ...(run.record !== null && { host: run.record.host, pid: run.record.pid }),
  };
}

function asCleaned({ run, files, sizeBytes, kept }: CleanedRun): Record<string, unknown> {
  return { run_id: run.runId, state: run.state, files, bytes: sizeBytes, kept };
}

function sizeOf({ files }: StagedRun): number {
  return files.reduce((sum, file) => sum + file.sizeBytes, 0);
}

async function listText(
  context: CliContext,
  options: StagedOptions,
  runs: readonly StagedRun[],
): Promise<string> {
  if (runs.length === 0) return "no run is at work, and none left anything";
  const { renderTextTable } = await import("../report/text-table.ts");
  const nowMs = context.now();
  const table = renderTextTable({
    columns: [
      { title: "run" },
      { title: "state" },
      { title: "command" },
      { title: "started" },
      { title: "age" },
      { title: "tables", align: "right" },
      { title: "files", align: "right" },
      { title: "size", align: "right" },
    ],
    rows: runs.map((run) => [
      run.runId,
      run.state,
      `lake ${run.command}`,
      formatInstant(run.startedMs),
      formatAge(nowMs - run.startedMs),
      formatCount(run.tables.length),
      formatCount(run.files.length),
      formatSize(sizeOf(run)),
    ]),
    style: styleFor(context, context.stdout, options),
  });
  const hints = [
    [runs.some(({ state }) => state === "failed"), "lake retry goes on with a failed run"],
    [runs.some(({ state }) => state === "publishing"), "lake recover brings a publishing to its end"],
    [runs.some(({ state }) => state === "failed" || state === "killed"), "lake staged --clean removes them"],
  ] as const;
  return `${table}\n\n${hints.flatMap(([applies, hint]) => (applies ? [hint] : [])).join("; ")}`.trimEnd();
}

function cleanText(options: StagedOptions, cleaned: readonly CleanedRun[]): string {
  if (cleaned.length === 0) return `no run older than ${options.olderThan} left anything`;
  const verb = options.dryRun === true ? "would be removed" : "removed";
  return cleaned
    .flatMap(({ run, files, sizeBytes, kept }) => [
      `${run.runId} (${run.state}): ${formatQuantity(files, "file")}, ${formatSize(sizeBytes)} ${verb}`,
      ...kept.map((why) => `  kept: ${why}`),
    ])
    .join("\n");
}
