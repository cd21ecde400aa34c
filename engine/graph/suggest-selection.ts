import { didYouMean } from "../common/suggest.ts";
import type { Criterion } from "./selection-spec.ts";
import { tagsOf } from "./selection-methods.ts";
import type { Graph } from "./types.ts";

/** What a criterion that found nothing was probably meant to be. */
export function nearMiss(graph: Graph, criterion: Criterion): string | undefined {
  return didYouMean(criterion.value, candidates(graph, criterion.method));
}

function candidates(graph: Graph, method: string): ReadonlySet<string> {
  const found = new Set<string>();
  for (const node of graph.nodes.values()) {
    switch (method) {
      case "fqn":
        if (node.resourceType !== "test") found.add(node.name);
        for (const folder of node.fqn.slice(1, -1)) found.add(folder);
        break;
      case "tag":
        for (const tag of tagsOf(node)) found.add(tag);
        break;
      case "path":
        found.add(node.path);
        found.add(node.path.split("/").slice(0, -1).join("/"));
        break;
      case "file":
        found.add(node.path.slice(node.path.lastIndexOf("/") + 1));
        break;
      case "source":
        if (node.resourceType === "source") found.add(node.sourceName).add(`${node.sourceName}.${node.name}`);
        break;
      case "exposure":
        if (node.resourceType === "exposure") found.add(node.name);
        break;
      case "test_name":
        if (node.resourceType === "unit_test") found.add(node.name);
        if (node.resourceType === "test" && node.testName !== undefined) found.add(node.testName);
        break;
      case "unit_test":
        if (node.resourceType === "unit_test") found.add(node.name);
        break;
      case "group":
        for (const group of graph.project.groups.keys()) found.add(group);
        break;
      case "resource_type":
        found.add(node.resourceType);
        break;
      default:
    }
  }
  return found;
}
