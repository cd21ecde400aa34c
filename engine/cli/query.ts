import { readFile } from "node:fs/promises";
import path from "node:path";
import type { Command } from "commander";
import { lakeError } from "../common/errors.ts";
import type { Cli } from "./cli.ts";
import { addExamples, addOutputOptions, addProjectOptions, integer, outputOption } from "./options.ts";
import { printQuery, type QueryCommandOptions } from "./print-query.ts";

type QueryOptions = QueryCommandOptions & {
  readonly file?: string;
  readonly limit?: number;
  readonly at?: string;
};

/** Rows that a terminal shows when nobody asked for more; JSON and CSV are whole. */
const tableLimit = 500;

export function queryCommand(cli: Cli): Command {
  const command = cli
    .command("query")
    .summary("ask a question in SQL over the project's tables")
    .description(
      "Runs one SELECT over the project's published tables, named with {{ref …}} and {{source …}}.",
    )
    .argument("[sql]", "the query; quote it for the shell")
    .option("-f, --file <path>", "a file that holds the query")
    .option("--at <point>", "all tables as they were then: a snapshot id, tag, branch or time")
    .option("--limit <rows>", `how many rows at most (tables: ${tableLimit})`, integer("--limit", 0))
    .addOption(outputOption(["table", "json", "csv"], "table"));
  addProjectOptions(command);
  addOutputOptions(command);
  addExamples(command, [
    `lake query 'select event_name, count(*) as events from {{ref "user_events_silver"}} group by 1 order by 2 desc'`,
    "lake query -f question.sql --output csv > answer.csv",
    `lake query --at '2026-01-31 18:00' 'select count(*) from {{ref "user_events_silver"}}'`,
    `lake query 'select count(*) from {{ref "user_events_silver" at="audited"}}'`,
  ]);
  return cli.onCall(command, async (options: QueryOptions, [text]) => {
    const sql =
      options.file === undefined
        ? text
        : await readQuery(path.resolve(cli.context.cwd, options.file), options.file);
    if (sql === undefined) {
      throw lakeError("cli/usage", { problem: "lake query needs a query, or --file with one" });
    }
    cli.inlineQuery = sql;
    const limit = options.limit ?? (options.output === "table" ? tableLimit : undefined);
    return printQuery(cli.context, options, {
      sql,
      ...(limit !== undefined && { limit }),
      ...(options.at !== undefined && { at: options.at }),
    });
  });
}

async function readQuery(file: string, asGiven: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw lakeError(
      "cli/usage",
      { problem: `cannot read the query file ${asGiven}: ${reason}` },
      { cause: error },
    );
  }
}
