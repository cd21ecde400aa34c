// `target/manifest.json`: the project and its edges, in dbt's shape where a field means the same.
import { contentKeyName } from "./manifest-key.ts";
import { stateParts } from "../graph/state-parts.ts";
import type { Graph } from "../graph/types.ts";
import { inputText } from "../project/input-text.ts";
import type {
  ColumnProperties,
  DataTest,
  Exposure,
  Fixture,
  Model,
  ProjectNode,
  Seed,
  Source,
  UnitTest,
} from "../project/types.ts";
import type { References } from "../template/types.ts";

export interface ArtifactMetadata {
  readonly generatedMs: number;
  readonly invocationId: string;
  readonly lakeVersion: string;
}

type JsonObject = Record<string, unknown>;

export function toManifest(
  graph: Graph,
  metadata: ArtifactMetadata & { readonly adapterType: string; readonly contentKey?: string },
): JsonObject {
  const { project } = graph;
  const nodes = [...graph.nodes.values()];
  const of = (types: readonly ProjectNode["resourceType"][]): JsonObject =>
    Object.fromEntries(
      nodes
        .filter((node) => types.includes(node.resourceType))
        .map((node) => [node.uniqueId, toNode(node, graph)]),
    );
  return {
    metadata: {
      ...artifactMetadata("manifest", metadata),
      project_name: project.settings.name,
      adapter_type: metadata.adapterType,
      ...(metadata.contentKey !== undefined && { [contentKeyName]: metadata.contentKey }),
    },
    nodes: of(["model", "seed", "test"]),
    sources: of(["source"]),
    unit_tests: of(["unit_test"]),
    exposures: of(["exposure"]),
    macros: Object.fromEntries(
      [...project.macros.values()].flat().map((macro) => {
        const name = macro.engine === null ? macro.name : `${macro.name}.${macro.engine}`;
        const uniqueId = `macro.${project.settings.name}.${name}`;
        return [
          uniqueId,
          {
            unique_id: uniqueId,
            name: macro.name,
            resource_type: "macro",
            package_name: project.settings.name,
            path: macro.file,
            original_file_path: macro.file,
            macro_sql: macro.text,
            ...(macro.engine !== null && { engine: macro.engine }),
          },
        ];
      }),
    ),
    groups: Object.fromEntries(
      [...project.groups.values()].map((group) => [
        `group.${project.settings.name}.${group.name}`,
        { name: group.name, resource_type: "group", owner: group.owner },
      ]),
    ),
    selectors: Object.fromEntries(project.selectors.map((selector) => [selector.name, selector.definition])),
    parent_map: Object.fromEntries(graph.parents),
    child_map: Object.fromEntries(graph.children),
  };
}

/** The head of every artifact, with dbt's keys. */
export function artifactMetadata(kind: string, metadata: ArtifactMetadata): JsonObject {
  return {
    lake_schema_version: `lake/${kind}/v1`,
    lake_version: metadata.lakeVersion,
    generated_at: new Date(metadata.generatedMs).toISOString(),
    invocation_id: metadata.invocationId,
  };
}

function toNode(node: ProjectNode, graph: Graph): JsonObject {
  const shared = {
    unique_id: node.uniqueId,
    name: node.name,
    resource_type: node.resourceType,
    package_name: graph.project.settings.name,
    path: node.path,
    original_file_path: node.path,
    fqn: node.fqn,
    description: node.description ?? "",
    // What `--state` compares; see `graph/state-parts.ts`.
    lake_state: stateParts(graph.project, node),
    depends_on: { nodes: graph.parents.get(node.uniqueId) ?? [], macros: macrosOf(node, graph) },
  };
  switch (node.resourceType) {
    case "model":
      return {
        ...shared,
        ...configured(node),
        ...referenced(node.references),
        raw_code: node.text,
        language: "sql",
      };
    case "seed":
      return { ...shared, ...configured(node) };
    case "source":
      return { ...shared, ...configured(node), ...sourceFields(node) };
    case "test":
      return { ...shared, ...testFields(node), ...referenced(node.references) };
    case "unit_test":
      return { ...shared, ...unitTestFields(node, graph) };
    case "exposure":
      return { ...shared, ...exposureFields(node), ...referenced(node.references) };
  }
}

function configured(node: Model | Seed | Source): JsonObject {
  return {
    alias: node.config.alias ?? node.name,
    schema: node.config.schema ?? null,
    checksum: { name: "sha256", checksum: node.checksum },
    config: node.config,
    tags: node.config.tags,
    meta: node.config.meta,
    columns: columnsOf(node.columns),
    ...("patchPath" in node && node.patchPath !== undefined && { patch_path: node.patchPath }),
    ...(node.config.group !== undefined && { group: node.config.group }),
  };
}

function columnsOf(columns: readonly ColumnProperties[]): JsonObject {
  return Object.fromEntries(
    columns.map((column) => [
      column.name,
      {
        name: column.name,
        description: column.description ?? "",
        data_type: column.dataType ?? null,
        constraints: column.constraints ?? [],
        meta: column.meta ?? {},
        tags: column.tags ?? [],
      },
    ]),
  );
}

function sourceFields(source: Source): JsonObject {
  return {
    source_name: source.sourceName,
    identifier: source.identifier,
    source_type: source.type,
    location: source.location ?? null,
    files: source.files ?? null,
    loaded_at_field: source.loadedAtField ?? null,
    freshness: source.freshness ?? null,
  };
}

function testFields(test: DataTest): JsonObject {
  return {
    checksum: { name: "sha256", checksum: test.checksum },
    config: { ...test.testConfig, materialized: "test" },
    tags: test.testConfig.tags,
    meta: test.testConfig.meta,
    column_name: test.columnName ?? null,
    attached_node: test.attachedTo ?? null,
    ...(test.testType === "generic" && {
      test_metadata: { name: test.testName, kwargs: test.arguments ?? {} },
    }),
    ...(test.text !== undefined && { raw_code: test.text, language: "sql" }),
  };
}

/** dbt's shape; every fixture as rows by column, or as SQL. */
function unitTestFields(test: UnitTest, graph: Graph): JsonObject {
  const { attachedTo, overrides } = test;
  const rowsOf = (fixture: Fixture): JsonObject =>
    fixture.kind === "sql"
      ? { rows: fixture.sql, format: "sql" }
      : {
          rows: fixture.rows.map((row) =>
            Object.fromEntries(fixture.columns.map((column, index) => [column, row[index] ?? null])),
          ),
          format: "dict",
        };
  return {
    checksum: { name: "sha256", checksum: test.checksum },
    model: graph.nodes.get(attachedTo)?.name ?? "",
    tested_node_unique_id: attachedTo,
    given: test.given.map(({ input, fixture }) => ({ input: inputText(input), ...rowsOf(fixture) })),
    expect: rowsOf(test.expect),
    overrides: {
      vars: overrides.vars,
      macros: { ...overrides.macros, ...(test.incremental && { is_incremental: true }) },
      env_vars: overrides.envVars,
      ...(overrides.nowMs !== undefined && { now: new Date(overrides.nowMs).toISOString() }),
    },
    config: test.config,
    tags: test.config.tags,
    meta: test.config.meta,
  };
}

function exposureFields(exposure: Exposure): JsonObject {
  return { type: exposure.type, owner: exposure.owner, url: exposure.url ?? null, tags: exposure.tags };
}

function referenced(references: References): JsonObject {
  return {
    // dbt's `version` is that of a versioned model, not a state of its table.
    refs: [...new Set(references.refs.map(({ name }) => name))].map((name) => ({
      name,
      package: null,
      version: null,
    })),
    sources: references.sources.map((call) => [call.source, call.table]),
  };
}

function macrosOf(node: ProjectNode, graph: Graph): string[] {
  if (!("references" in node)) return [];
  return node.references.macros.map((name) => `macro.${graph.project.settings.name}.${name}`);
}
