import type { Command } from "commander";
import { lakeError } from "../common/errors.ts";
import { didYouMean } from "../common/suggest.ts";
import type { Graph } from "../graph/types.ts";
import type { ProjectNode } from "../project/types.ts";
import { manifestConfig } from "../report/manifest-config.ts";
import type { Cli } from "./cli.ts";
import { loadProject, openSession } from "./context.ts";
import {
  addExamples,
  addOutputOptions,
  addProjectOptions,
  addSelectionOptions,
  outputOption,
  type OutputOptions,
  type ProjectOptions,
  type SelectionOptions,
} from "./options.ts";
import { resolveSelection } from "./selection.ts";

type ListFormat = "name" | "path" | "json" | "selector";
type ListOptions = ProjectOptions &
  OutputOptions &
  SelectionOptions & { readonly output: ListFormat; readonly outputKeys?: readonly string[] };

export function lsCommand(cli: Cli): Command {
  const command = cli
    .command("ls")
    .alias("list")
    .summary("list the nodes that a selection takes")
    .description(
      "Lists the nodes that a selection takes, in the order of the graph, without opening the target.",
    );
  addSelectionOptions(command)
    .addOption(outputOption(["name", "path", "json", "selector"], "selector"))
    .option("--output-keys <key...>", `with --output json: only these keys, such as unique_id tags`);
  addProjectOptions(command);
  addOutputOptions(command);
  addExamples(command, [
    "lake ls",
    "lake ls -s user_events_silver+",
    "lake ls -s silver+ --exclude resource_type:test --output name",
    "lake ls --resource-type model --output json",
    "lake ls -s tag:gold --output json --output-keys unique_id depends_on",
  ]);
  return cli.onCall(command, async (options: ListOptions) => {
    const { context } = cli;
    const [project, { selectNodesWithWarnings }] = await Promise.all([
      loadProject(context, options),
      import("../graph/select.ts"),
    ]);
    const { graph, profile } = project;
    const selection = await resolveSelection(context, options, {
      graph,
      below: profile.parent === undefined ? [] : [profile.parent],
      session: () => openSession(context, project),
    });
    const { ids, warnings } = selectNodesWithWarnings(graph, selection);
    for (const warning of warnings) context.stderr.write(`warning: ${warning}\n`);
    const lines = ids.flatMap((id) => {
      const node = graph.nodes.get(id);
      if (node === undefined) return [];
      if (options.output !== "json") return [listLine(node, options.output)];
      return [JSON.stringify(pickKeys(listObject(node, graph), options.outputKeys))];
    });
    if (lines.length > 0) context.stdout.write(`${lines.join("\n")}\n`);
    else context.stderr.write("the selection takes no node\n");
    return 0;
  });
}

/** One node as `lake ls` prints it; `selector` is text that selects the node again. */
export function listLine(node: ProjectNode, format: Exclude<ListFormat, "json">): string {
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
  }
}

/** The keys of `dbt ls --output json`. */
export function listObject(node: ProjectNode, { parents }: Graph): Record<string, unknown> {
  const config = manifestConfig(node);
  return {
    name: node.name,
    resource_type: node.resourceType,
    package_name: node.fqn[0],
    original_file_path: node.path,
    unique_id: node.uniqueId,
    ...(node.resourceType === "source"
      ? { source_name: node.sourceName }
      : { alias: config["alias"] ?? node.name }),
    fqn: node.fqn,
    config,
    tags: config["tags"] ?? [],
    depends_on: { nodes: parents.get(node.uniqueId) ?? [] },
  };
}

function pickKeys(object: Record<string, unknown>, keys: readonly string[] | undefined): object {
  // dbt takes them as one text, too.
  const wanted = keys?.flatMap((key) => key.split(/[\s,]+/)).filter((key) => key !== "") ?? [];
  if (wanted.length === 0) return object;
  for (const key of wanted) {
    if (Object.hasOwn(object, key) || key === "source_name" || key === "alias") continue;
    const known = [...Object.keys(object), "source_name"];
    throw lakeError("cli/unknown-key", { key, known }, { hint: didYouMean(key, known) });
  }
  return Object.fromEntries(
    wanted.filter((key) => Object.hasOwn(object, key)).map((key) => [key, object[key]]),
  );
}
