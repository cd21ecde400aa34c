// `target/manifest.json`: the project and its edges, in dbt's shape.
import type { Graph } from "../graph/types.ts";
import type { ProjectNode } from "../project/types.ts";
import { artifactMetadata, type ArtifactMetadata } from "./artifact-metadata.ts";
import { contentKeyName } from "./manifest-key.ts";
import { toManifestNode } from "./manifest-node.ts";

type JsonObject = Record<string, unknown>;

export function toManifest(
  graph: Graph,
  metadata: ArtifactMetadata & {
    readonly adapterType: string;
    /** The target's default namespace. */
    readonly schema: string;
    readonly contentKey?: string;
  },
): JsonObject {
  const { project } = graph;
  const { name } = project.settings;
  const nodes = [...graph.nodes.values()];
  const of = (types: readonly ProjectNode["resourceType"][]): JsonObject =>
    Object.fromEntries(
      nodes
        .filter((node) => types.includes(node.resourceType))
        .map((node) => [node.uniqueId, toManifestNode(node, graph, metadata.schema)]),
    );
  const env = metadata.contentKey === undefined ? {} : { [contentKeyName]: metadata.contentKey };
  return {
    metadata: {
      ...artifactMetadata("manifest", metadata, env),
      project_name: name,
      adapter_type: metadata.adapterType,
    },
    nodes: of(["model", "seed", "snapshot", "test"]),
    sources: of(["source"]),
    macros: macrosOf(graph),
    docs: {},
    exposures: of(["exposure"]),
    metrics: {},
    groups: Object.fromEntries(
      [...project.groups.values()].map((group) => [`group.${name}.${group.name}`, groupOf(group, name)]),
    ),
    selectors: Object.fromEntries(project.selectors.map((selector) => [selector.name, selector.definition])),
    disabled: {},
    parent_map: Object.fromEntries(graph.parents),
    child_map: Object.fromEntries(graph.children),
    group_map: Object.fromEntries(
      [...project.groups.keys()].map((group) => [
        group,
        nodes
          .filter((node) => "config" in node && "group" in node.config && node.config.group === group)
          .map(({ uniqueId }) => uniqueId),
      ]),
    ),
    saved_queries: {},
    semantic_models: {},
    unit_tests: of(["unit_test"]),
  };
}

function groupOf(group: { name: string; owner: unknown; path: string }, project: string): JsonObject {
  return {
    name: group.name,
    resource_type: "group",
    package_name: project,
    path: group.path,
    original_file_path: group.path,
    unique_id: `group.${project}.${group.name}`,
    owner: group.owner,
  };
}

function macrosOf({ project }: Graph): JsonObject {
  const macros = [...project.macros.values()].flat().map((macro) => {
    const name = macro.engine === null ? macro.name : `${macro.name}.${macro.engine}`;
    const uniqueId = `macro.${project.settings.name}.${name}`;
    const content = {
      name: macro.name,
      resource_type: "macro",
      package_name: project.settings.name,
      path: macro.file,
      original_file_path: macro.file,
      unique_id: uniqueId,
      macro_sql: macro.text,
      meta: macro.engine === null ? {} : { engine: macro.engine },
    };
    return [uniqueId, content] as const;
  });
  return Object.fromEntries(macros);
}
