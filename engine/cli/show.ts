import type { Command } from "commander";
import { lakeError } from "../common/errors.ts";
import type { Cli } from "./cli.ts";
import {
  addExamples,
  addOutputOptions,
  addProjectOptions,
  integer,
  outputOption,
  type SelectionOptions,
} from "./options.ts";
import { printQuery, type QueryCommandOptions } from "./print-query.ts";

type ShowOptions = QueryCommandOptions &
  SelectionOptions & {
    readonly inline?: string;
    readonly limit: number;
    readonly run?: string;
    readonly at?: string;
  };

export function showCommand(cli: Cli): Command {
  const command = cli
    .command("show")
    .summary("show the first rows of a model, seed or source")
    .description(
      "Shows the first rows of a model, seed or source as it is published; of a view, what it gives now; of a test, the rows that fail.",
    )
    .argument("[node]", "name of the node")
    .option("-s, --select <selector...>", "the node, by a selector")
    .option("--inline <sql>", "a query instead of a node")
    .option("--run <id>", "read what this run staged and did not publish")
    .option("--at <point>", "as it was then: a snapshot id, tag, branch or time")
    .option("--limit <rows>", "how many rows", integer("--limit", 0), 10)
    .addOption(outputOption(["table", "json", "csv"], "table"));
  addProjectOptions(command);
  addOutputOptions(command);
  addExamples(command, [
    "lake show daily_user_activity",
    "lake show unique_user_events_silver_event_id --run 0b1f6c1e-5d7a-4a8e-9d27-6f2f3f0c7e11",
    "lake show stg_events --limit 3 --output json",
    `lake show --inline 'select max("date") from {{ref "user_events_silver"}}'`,
  ]);
  return cli.onCall(command, async (options: ShowOptions, [node]) => {
    const { inline } = options;
    const { limit, at, run: runId } = options;
    const how = { limit, ...(runId !== undefined && { runId }), ...(at !== undefined && { at }) };
    cli.inlineQuery = inline;
    if (inline !== undefined) return printQuery(cli.context, options, { sql: inline, ...how });
    const select = node === undefined ? options.select : [node];
    if (select === undefined) throw lakeError("cli/nothing-to-show", { command: "lake show" });
    return printQuery(cli.context, options, { select, ...how });
  });
}
