import path from "node:path";
import type { Command } from "commander";
import { formatAge, formatInstant } from "../common/format.ts";
import type { FreshnessResult } from "../run/landing/freshness.ts";
import type { Style } from "../report/style.ts";
import type { Cli } from "./cli.ts";
import { styleFor, withSession } from "./context.ts";
import {
  addExamples,
  addOutputOptions,
  addProjectOptions,
  outputOption,
  type OutputOptions,
  type ProjectOptions,
  type SelectionOptions,
} from "./options.ts";
import { lakeVersion } from "./version.ts";
import { sessionSelection } from "./selection.ts";

type FreshnessOptions = ProjectOptions &
  OutputOptions &
  SelectionOptions & { readonly output: "text" | "json" };

export function sourceCommand(cli: Cli): Command {
  return cli.command("source").description("Commands about sources.").addCommand(freshnessCommand(cli));
}

function freshnessCommand(cli: Cli): Command {
  const command = cli
    .command("freshness")
    .summary("say how old the newest data of each source is")
    .description(
      "Compares the age of each source's newest data with its `freshness`, and writes target/sources.json. Exit code 1 when a source is older than its `error_after`.",
    )
    .option("-s, --select <selector...>", "sources to check: source:landing")
    .option("--exclude <selector...>", "sources to leave out")
    .addOption(outputOption(["text", "json"], "text"));
  addProjectOptions(command);
  addOutputOptions(command);
  addExamples(command, ["lake source freshness", "lake source freshness -s source:landing --output json"]);
  return cli.onCall(command, async (options: FreshnessOptions) =>
    withSession(cli.context, options, async (session) => {
      const { context } = cli;
      const [{ checkFreshness }, { toSources }, { writeArtifact }] = await Promise.all([
        import("../run/landing/freshness.ts"),
        import("../report/sources.ts"),
        import("../report/write-artifact.ts"),
      ]);
      const startedMs = context.now();
      const { root, settings } = session.graph.project;
      const results = await checkFreshness(session, await sessionSelection(context, options, session));
      const artifact = toSources(results, {
        generatedMs: context.now(),
        invocationId: session.newId(),
        lakeVersion,
        elapsedMs: context.now() - startedMs,
      });
      await writeArtifact(path.join(root, settings.targetPath), "sources.json", artifact);
      const style = styleFor(context, context.stdout, options);
      const text =
        options.output === "json"
          ? JSON.stringify(artifact, null, 2)
          : results.map((result) => freshnessLine(result, style, settings.timezone)).join("\n");
      context.stdout.write(`${text === "" ? "no selected source has a freshness" : text}\n`);
      return results.some((result) => result.status === "error") ? 1 : 0;
    }),
  );
}

function freshnessLine(result: FreshnessResult, style: Style, timezone: string): string {
  const paint = { pass: style.green, warn: style.yellow, error: style.red }[result.status];
  const age =
    result.maxLoadedAtMs === null || result.ageMs === null
      ? "no data"
      : `newest data ${formatInstant(result.maxLoadedAtMs, timezone)}, ${formatAge(result.ageMs)} old`;
  return `${paint(result.status.toUpperCase().padEnd(5))}  ${result.name}  ${age}`;
}
