import path from "node:path";
import type { Command } from "commander";
import { formatDuration, formatQuantity } from "../common/format.ts";
import type { ProjectNode } from "../project/types.ts";
import type { Cli } from "./cli.ts";
import { loadProject } from "./context.ts";
import { keepManifest } from "./keep-manifest.ts";
import {
  addExamples,
  addOutputOptions,
  addProjectOptions,
  outputOption,
  type OutputOptions,
  type ProjectOptions,
} from "./options.ts";

type ParseOptions = ProjectOptions & OutputOptions & { readonly output: "text" | "json" };

export function parseCommand(cli: Cli): Command {
  const command = cli
    .command("parse")
    .summary("read the project, check it, write target/manifest.json")
    .description(
      "Reads all files of the project, reports every error in them, and writes target/manifest.json.",
    )
    .addOption(outputOption(["text", "json"], "text"));
  addProjectOptions(command);
  addOutputOptions(command);
  addExamples(command, ["lake parse", "lake parse --output json"]);
  return cli.onCall(command, async (options: ParseOptions) => {
    const { context } = cli;
    const startedMs = context.now();
    const { graph, profile } = await loadProject(context, options);
    const { file, written } = await keepManifest({ context, graph, profile });
    const counted = countTypes([...graph.nodes.values()]);
    const elapsedMs = context.now() - startedMs;
    const read = Object.entries(counted)
      .map(([type, count]) => formatQuantity(count, type))
      .join(", ");
    const text =
      options.output === "json"
        ? JSON.stringify({
            ...counted,
            macros: graph.project.macros.size,
            elapsed_ms: elapsedMs,
            manifest: file,
            manifest_written: written,
          })
        : `${read} read in ${formatDuration(elapsedMs)}; ${path.relative(context.cwd, file)} ${written ? "written" : "is up to date"}`;
    if (options.quiet !== true || options.output === "json") context.stdout.write(`${text}\n`);
    return 0;
  });
}

function countTypes(nodes: readonly ProjectNode[]): Record<ProjectNode["resourceType"], number> {
  const counted = { model: 0, seed: 0, snapshot: 0, source: 0, test: 0, unit_test: 0, exposure: 0 };
  for (const node of nodes) counted[node.resourceType]++;
  return counted;
}
