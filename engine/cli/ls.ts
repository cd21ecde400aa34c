import type { Command } from "commander";
import type { ProjectNode } from "../project/types.ts";
import type { Cli } from "./cli.ts";
import { loadProject } from "./context.ts";
import {
  addExamples,
  addOutputOptions,
  addProjectOptions,
  addSelectionOptions,
  outputOption,
  selectionOf,
  type OutputOptions,
  type ProjectOptions,
  type SelectionOptions,
} from "./options.ts";

type ListFormat = "name" | "path" | "json" | "selector";
type ListOptions = ProjectOptions & OutputOptions & SelectionOptions & { readonly output: ListFormat };

export function lsCommand(cli: Cli): Command {
  const command = cli
    .command("ls")
    .alias("list")
    .summary("list the nodes that a selection takes")
    .description(
      "Lists the nodes that a selection takes, in the order of the graph, without opening the target.",
    );
  addSelectionOptions(command).addOption(outputOption(["name", "path", "json", "selector"], "selector"));
  addProjectOptions(command);
  addOutputOptions(command);
  addExamples(command, [
    "lake ls",
    "lake ls -s user_events_silver+",
    "lake ls -s silver+ --exclude resource_type:test --output name",
    "lake ls --resource-type model --output json",
  ]);
  return cli.onCall(command, async (options: ListOptions) => {
    const { context } = cli;
    const [{ graph }, { selectNodesWithWarnings }] = await Promise.all([
      loadProject(context, options),
      import("../graph/select.ts"),
    ]);
    const { ids, warnings } = selectNodesWithWarnings(graph, selectionOf(context.cwd, options));
    for (const warning of warnings) context.stderr.write(`warning: ${warning}\n`);
    const lines = ids.flatMap((id) => {
      const node = graph.nodes.get(id);
      return node === undefined ? [] : [listLine(node, options.output, graph.parents.get(id) ?? [])];
    });
    if (lines.length > 0) context.stdout.write(`${lines.join("\n")}\n`);
    else context.stderr.write("the selection takes no node\n");
    return 0;
  });
}

/** One node as `lake ls` prints it; `selector` is text that selects the node again. */
export function listLine(node: ProjectNode, format: ListFormat, parents: readonly string[]): string {
  switch (format) {
    case "name":
      return node.resourceType === "source" ? `${node.sourceName}.${node.name}` : node.name;
    case "path":
      return node.path;
    case "selector":
      if (node.resourceType === "source")
        return `source:${node.fqn.slice(0, 1).join("")}.${node.sourceName}.${node.name}`;
      if (node.resourceType === "exposure") return `exposure:${node.fqn.slice(0, 1).join("")}.${node.name}`;
      return node.fqn.join(".");
    case "json":
      return JSON.stringify({
        name: node.name,
        resource_type: node.resourceType,
        unique_id: node.uniqueId,
        original_file_path: node.path,
        fqn: node.fqn,
        tags: "config" in node ? node.config.tags : "testConfig" in node ? node.testConfig.tags : node.tags,
        ...("config" in node && { config: node.config }),
        depends_on: { nodes: parents },
      });
  }
}
