// Options that several commands share, with dbt's names.
import { Option, type Command } from "commander";
import { lakeError } from "../common/errors.ts";
import type { SelectionRequest } from "../graph/types.ts";

export interface ProjectOptions {
  readonly projectDir?: string;
  readonly profilesDir?: string;
  readonly target?: string;
  readonly vars?: string;
  readonly threads?: number;
}

export interface OutputOptions {
  readonly logFormat?: "text" | "json";
  readonly quiet?: boolean;
  /** False after `--no-color`. */
  readonly color?: boolean;
  readonly debug?: boolean;
}

export interface SelectionOptions {
  readonly select?: readonly string[];
  readonly exclude?: readonly string[];
  readonly selector?: string;
  readonly resourceType?: readonly string[];
  readonly excludeResourceType?: readonly string[];
  readonly indirectSelection?: "eager" | "cautious" | "buildable" | "empty";
  readonly state?: string;
}

export interface RunCommandOptions extends ProjectOptions, OutputOptions, SelectionOptions {
  readonly fullRefresh?: boolean;
  readonly allowLoss?: boolean;
  readonly changedFiles?: "fail" | "ignore" | "replace";
  /** False after `--no-reuse`. */
  readonly reuse?: boolean;
  readonly failFast?: boolean;
  readonly storeFailures?: boolean;
  readonly warnError?: boolean;
  readonly empty?: boolean;
  readonly sample?: string;
  readonly eventTimeStart?: string;
  readonly eventTimeEnd?: string;
  readonly output?: "text" | "json";
}

export function addProjectOptions(command: Command): Command {
  return command
    .option("--project-dir <folder>", "folder that holds lake.yml (default: here)")
    .option("--profiles-dir <folder>", "folder that holds profiles.yml (default: the project's)")
    .option("-t, --target <name>", "output of the profile to work on")
    .option("--vars <yaml>", "variables, such as '{features_as_of: 2025-07-20}'");
}

export function addThreads(command: Command): Command {
  return command.option(
    "--threads <number>",
    "steps at a time, and threads of the engine",
    integer("--threads", 1),
  );
}

export function addOutputOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--log-format <format>", "how progress is written")
        .choices(["text", "json"])
        .default("text"),
    )
    .option("-q, --quiet", "only warnings, failures and results")
    .option("--no-color", "no colours (as does the environment variable NO_COLOR)")
    .option("--debug", "show where in the engine an error arose");
}

export function addSelectionOptions(command: Command): Command {
  return command
    .option(
      "-s, --select <selector...>",
      "nodes to take: silver+, +ml_features, tag:gold, path:models/gold, @stg_events",
    )
    .option("--exclude <selector...>", "nodes to leave out of the selection")
    .addOption(
      new Option("--selector <name>", "a selector of selectors.yml").conflicts(["select", "exclude"]),
    )
    .option(
      "--state <folder or target>",
      "artifacts of another run, or what a target published, for state:modified, result:error and the like (default in an environment: the target that it stands on)",
    )
    .option("--defer", "with --state and a target's name: read there what this target does not have")
    .addOption(resourceTypeOption("--resource-type <type...>", "only nodes of these types"))
    .addOption(resourceTypeOption("--exclude-resource-type <type...>", "no nodes of these types"))
    .addOption(
      new Option("--indirect-selection <mode>", "which tests come along with the selected nodes").choices([
        "eager",
        "cautious",
        "buildable",
        "empty",
      ]),
    );
}

/** dbt's names; `data_test` is another word for `test`, `all` and `default` take everything. */
const resourceTypes = [
  "model",
  "seed",
  "snapshot",
  "source",
  "test",
  "data_test",
  "unit_test",
  "exposure",
  "all",
  "default",
] as const;

function resourceTypeOption(flags: string, description: string): Option {
  return new Option(flags, description).choices(resourceTypes);
}

/** dbt's names; `eventTimeOf` reads them. */
export function addEventTime(command: Command): Command {
  return command
    .option("--event-time-start <time>", "microbatch models: build the batches from this time on …")
    .option("--event-time-end <time>", "… and before this one, and no others");
}

/** Both or neither. Errors: `cli/usage`. */
export function eventTimeOf(
  options: Pick<RunCommandOptions, "eventTimeStart" | "eventTimeEnd">,
): { readonly start: string; readonly end: string } | null {
  const { eventTimeStart: start, eventTimeEnd: end } = options;
  if (start !== undefined && end !== undefined) return { start, end };
  if (start === undefined && end === undefined) return null;
  const problem = `${start === undefined ? "--event-time-end" : "--event-time-start"} is given without its other end, expected both`;
  throw lakeError("cli/usage", { problem });
}

export function changedFilesOption(): Option {
  return new Option(
    "--changed-files <what>",
    "landing files that changed after they were taken in: fail, ignore them in this run, or replace their rows",
  )
    .choices(["fail", "ignore", "replace"])
    .default("fail");
}

export function outputOption(choices: readonly string[], initial: string): Option {
  return new Option("-o, --output <format>", "how the answer is written")
    .choices([...choices])
    .default(initial);
}

/** What `selectNodes` and `RunOptions` take, apart from what `state:` compares (see `selection.ts`). */
export function selectionOf(options: SelectionOptions): SelectionRequest {
  const types = options.resourceType ?? [];
  return {
    ...(options.select !== undefined && { select: options.select }),
    ...(options.exclude !== undefined && { exclude: options.exclude }),
    ...(options.selector !== undefined && { selector: options.selector }),
    ...(types.length > 0 && { resourceTypes: types }),
    ...(options.excludeResourceType !== undefined && { excludedResourceTypes: options.excludeResourceType }),
    ...(options.indirectSelection !== undefined && { indirectSelection: options.indirectSelection }),
  };
}

/** A parser of whole numbers; 0 is allowed where `least` says so. */
export function integer(option: string, least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= least) return value;
    throw lakeError("cli/bad-number", { option, text, expected: `a whole number of at least ${least}` });
  };
}

/** Examples under the options; each line is one command that can be pasted. */
export function addExamples(command: Command, examples: readonly string[]): Command {
  return command.addHelpText("after", `\nExamples:\n${examples.map((example) => `  ${example}`).join("\n")}`);
}
