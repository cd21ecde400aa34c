// One node of the manifest, as dbt's schema describes it.
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
import { manifestConfig } from "./manifest-config.ts";

type JsonObject = Record<string, unknown>;

export function toManifestNode(node: ProjectNode, graph: Graph, schema: string): JsonObject {
  const shared = {
    name: node.name,
    resource_type: node.resourceType,
    package_name: graph.project.settings.name,
    path: withinResourceFolder(node.path, graph),
    original_file_path: node.path,
    unique_id: node.uniqueId,
    fqn: node.fqn,
    description: node.description ?? "",
    config: { ...manifestConfig(node), lake_state: stateParts(graph.project, node) },
  };
  const dependsOn = { nodes: graph.parents.get(node.uniqueId) ?? [], macros: macrosOf(node, graph) };
  switch (node.resourceType) {
    case "snapshot":
      return { ...shared, ...sqlFields(node, graph, schema), depends_on: dependsOn };
    case "model":
      return {
        ...shared,
        ...sqlFields(node, graph, schema),
        depends_on: dependsOn,
        access: node.config.access ?? "protected",
        contract: { enforced: node.config.contract?.enforced ?? false },
        constraints: node.constraints,
      };
    case "seed":
      return { ...shared, ...tableFields(node, graph, schema), depends_on: { macros: dependsOn.macros } };
    case "source":
      return { ...shared, ...sourceFields(node) };
    case "test":
      return {
        ...shared,
        ...testFields(node, graph, schema),
        ...referenced(node.references),
        depends_on: dependsOn,
      };
    case "unit_test":
      return { ...shared, ...unitTestFields(node, graph), depends_on: dependsOn };
    case "exposure":
      return { ...shared, ...exposureFields(node), ...referenced(node.references), depends_on: dependsOn };
  }
}

/** `models/gold/a.sql` → `gold/a.sql`, as dbt has it beside the original path. */
function withinResourceFolder(path: string, { project: { settings } }: Graph): string {
  const { modelPaths, seedPaths, snapshotPaths, testPaths } = settings;
  const folder = [...modelPaths, ...seedPaths, ...snapshotPaths, ...testPaths].find((each) =>
    path.startsWith(`${each}/`),
  );
  return folder === undefined ? path : path.slice(folder.length + 1);
}

function sqlFields(node: Model, graph: Graph, schema: string): JsonObject {
  return {
    ...tableFields(node, graph, schema),
    ...referenced(node.references),
    raw_code: node.text,
    language: "sql",
  };
}

function tableFields(node: Model | Seed, graph: Graph, targetSchema: string): JsonObject {
  const { config, patchPath } = node;
  const schema = config.schema ?? targetSchema;
  const alias = config.alias ?? node.name;
  const isTable = config.materialized !== "view" && config.materialized !== "ephemeral";
  return {
    database: null,
    schema,
    alias,
    relation_name: isTable ? `${schema}.${alias}` : null,
    checksum: { name: "sha256", checksum: node.checksum },
    tags: config.tags,
    meta: config.meta,
    columns: columnsOf(node.columns),
    group: config.group ?? null,
    patch_path: patchPath === undefined ? null : `${graph.project.settings.name}://${patchPath}`,
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
  const { freshness, location, files } = source;
  return {
    database: null,
    schema: source.sourceName,
    source_name: source.sourceName,
    source_description: "",
    loader: "",
    identifier: source.identifier,
    relation_name: `${source.sourceName}.${source.identifier}`,
    loaded_at_field: source.loadedAtField ?? null,
    freshness: freshness === undefined ? null : freshnessCriteria(freshness),
    external: {
      location: location ?? null,
      file_format: source.format ?? null,
      source_type: source.type,
      files: files ?? null,
    },
    tags: source.config.tags,
    meta: source.config.meta,
    columns: columnsOf(source.columns),
  };
}

export function freshnessCriteria(freshness: NonNullable<Source["freshness"]>): JsonObject {
  return {
    warn_after: freshness.warnAfter ?? null,
    error_after: freshness.errorAfter ?? null,
    filter: freshness.filter ?? null,
  };
}

function testFields(test: DataTest, graph: Graph, schema: string): JsonObject {
  const { attachedTo, columnName } = test;
  const attached = attachedTo === undefined ? undefined : graph.nodes.get(attachedTo);
  return {
    database: null,
    // Where `store_failures` puts the failing rows.
    schema: `${schema}_test_failures`,
    alias: test.name,
    checksum: { name: "sha256", checksum: test.checksum },
    tags: test.testConfig.tags,
    meta: test.testConfig.meta,
    raw_code: test.text ?? "",
    language: "sql",
    ...(test.testType === "generic" && {
      column_name: columnName ?? null,
      file_key_name: attached === undefined ? null : `${attached.resourceType}s.${attached.name}`,
      attached_node: attachedTo ?? null,
      test_metadata: {
        name: test.testName,
        kwargs: { ...(columnName !== undefined && { column_name: columnName }), ...test.arguments },
        namespace: null,
      },
    }),
  };
}

/** Every fixture as rows by column, or as SQL. */
function unitTestFields(test: UnitTest, graph: Graph): JsonObject {
  const { attachedTo, overrides } = test;
  return {
    checksum: test.checksum,
    model: graph.nodes.get(attachedTo)?.name ?? "",
    given: test.given.map(({ input, fixture }) => ({ input: inputText(input), ...rowsOf(fixture) })),
    expect: rowsOf(test.expect),
    overrides: {
      vars: overrides.vars,
      macros: {
        ...overrides.macros,
        ...(test.incremental && { is_incremental: true }),
        ...(overrides.nowMs !== undefined && { now: new Date(overrides.nowMs).toISOString() }),
      },
      env_vars: overrides.envVars,
    },
  };
}

function rowsOf(fixture: Fixture): JsonObject {
  if (fixture.kind === "sql") return { rows: fixture.sql, format: "sql" };
  const rows = fixture.rows.map((row) =>
    Object.fromEntries(fixture.columns.map((column, index) => [column, row[index] ?? null])),
  );
  return { rows, format: "dict" };
}

function exposureFields(exposure: Exposure): JsonObject {
  return {
    type: exposure.type,
    owner: exposure.owner,
    url: exposure.url ?? null,
    label: exposure.label ?? null,
    maturity: exposure.maturity ?? null,
    tags: exposure.tags,
    meta: exposure.meta,
  };
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
