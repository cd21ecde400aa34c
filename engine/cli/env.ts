import type { Command } from "commander";
import { tableName } from "../catalog/catalog.ts";
import { formatAge, formatCount, formatQuantity, formatSize } from "../common/format.ts";
import type { DropPlan, EnvironmentSummary } from "../run/environments/environments.ts";
import type { Style } from "../report/style.ts";
import { askYes } from "./ask-yes.ts";
import type { Cli } from "./cli.ts";
import { styleFor, withSession } from "./context.ts";
import {
  addExamples,
  addOutputOptions,
  addProjectOptions,
  outputOption,
  type OutputOptions,
  type ProjectOptions,
} from "./options.ts";

type EnvOptions = ProjectOptions & OutputOptions & { readonly output: "text" | "json" };
type DropOptions = EnvOptions & { readonly yes?: boolean; readonly dryRun?: boolean };

export function envCommand(cli: Cli): Command {
  return cli
    .command("env")
    .description("Commands about environments: targets that stand on another one (`from:` in profiles.yml).")
    .addCommand(listCommand(cli))
    .addCommand(dropCommand(cli));
}

function listCommand(cli: Cli): Command {
  const command = cli
    .command("ls")
    .summary("list the environments of the target's catalog")
    .description("Lists the environments of the target's catalog, with what they hold.")
    .addOption(outputOption(["text", "json"], "text"));
  addProjectOptions(command);
  addOutputOptions(command);
  addExamples(command, ["lake env ls -t prod", "lake env ls -t prod --output json"]);
  return cli.onCall(command, (options: EnvOptions) =>
    withSession(cli.context, options, async (session) => {
      const { context } = cli;
      const { listEnvironments } = await import("../run/environments/environments.ts");
      const found = await listEnvironments(session);
      const text =
        options.output === "json"
          ? (await import("../report/json-text.ts")).toJsonText(found, 2)
          : await listText(found, context.now(), styleFor(context, context.stdout, options));
      context.stdout.write(`${text}\n`);
      return 0;
    }),
  );
}

async function listText(found: readonly EnvironmentSummary[], nowMs: number, style: Style): Promise<string> {
  if (found.length === 0) return "no environment";
  const { renderTextTable } = await import("../report/text-table.ts");
  return renderTextTable({
    columns: [
      { title: "environment" },
      { title: "over" },
      { title: "tables", align: "right" },
      { title: "clones", align: "right" },
      { title: "written" },
    ],
    rows: found.map(({ name, from, tables, clones, ended, writtenMs }) => [
      name,
      from,
      formatCount(tables),
      ended === 0 ? formatCount(clones) : `${formatCount(clones)}, ${formatCount(ended)} expired`,
      writtenMs === null ? "" : `${formatAge(nowMs - writtenMs)} ago`,
    ]),
    style,
  });
}

function dropCommand(cli: Cli): Command {
  const command = cli
    .command("drop")
    .summary("drop an environment's tables and delete its files")
    .description(
      "Drops the tables of an environment and deletes the files of its own folders. Data that its clones share belongs to the target below and stays.",
    )
    .argument("[environment]", "name of the target (default: that of --target)")
    .option("-y, --yes", "do not ask")
    .option("--dry-run", "say what would go, and do nothing")
    .addOption(outputOption(["text", "json"], "text"));
  addProjectOptions(command);
  addOutputOptions(command);
  addExamples(command, ["lake env drop pr_42 --dry-run", "lake env drop pr_42 --yes"]);
  return cli.onCall(command, (given: DropOptions, [name]) => {
    const options = name === undefined ? given : { ...given, target: name };
    return withSession(cli.context, options, async (session) => {
      const { context } = cli;
      const { dropEnvironment, planDrop } = await import("../run/environments/environments.ts");
      const plan = await planDrop(session);
      const environment = session.profile.name;
      const isEmpty = plan.tables.length + plan.files + plan.namespaces.length === 0;
      if (options.dryRun !== true && !isEmpty) {
        const question = `Drop ${sentence(environment, plan)}?`;
        if (options.yes !== true && !(await askYes(cli.context, "dropping an environment", question)))
          return 1;
        await dropEnvironment(session, plan);
      }
      const text =
        options.output === "json"
          ? (await import("../report/json-text.ts")).toJsonText({ environment, ...plan }, 2)
          : dropText(environment, plan, options.dryRun === true);
      if (options.quiet !== true || options.output === "json") context.stdout.write(`${text}\n`);
      return 0;
    });
  });
}

function sentence(environment: string, { tables, files, sizeBytes }: DropPlan): string {
  return `${environment}: ${formatQuantity(tables.length, "table")}, ${formatQuantity(files, "file")} of ${formatSize(sizeBytes)}`;
}

function dropText(environment: string, plan: DropPlan, dryRun: boolean): string {
  if (plan.tables.length + plan.files + plan.namespaces.length === 0) return `${environment} holds nothing`;
  if (!dryRun) return `dropped ${sentence(environment, plan)}`;
  const tables = plan.tables.map((table) => `  ${tableName(table)}`);
  const folders = plan.folders.map((folder) => `  ${folder}/`);
  return [`would drop ${sentence(environment, plan)}`, ...tables, ...folders].join("\n");
}
