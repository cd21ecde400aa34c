// What `state:modified` compares: hashes of what the files say, free of values of the target (rule 21).
import { sha256, stableStringify } from "../common/hash.ts";
import { normaliseSql } from "../common/normalise-sql.ts";
import { isModel, isTableNode } from "../project/node-kinds.ts";
import type { NodeConfig, Project, ProjectNode } from "../project/types.ts";
import type { StateParts } from "./types.ts";

/** The parts of one node, as a manifest keeps them. */
export function stateParts(project: Project, node: ProjectNode): StateParts {
  return {
    body: bodyOf(node),
    config: sha256(stableStringify(configOf(node))),
    relation: sha256(stableStringify(relationOf(node))),
    contract: sha256(stableStringify(contractOf(node))),
    macros: sha256(stableStringify(macrosOf(project, node))),
  };
}

function bodyOf(node: ProjectNode): string {
  if (node.resourceType === "exposure")
    return sha256(stableStringify([node.type, node.owner, node.references.refs.map(({ name }) => name)]));
  // Layout and comments of SQL do not count: a reformatted model is not a modified one.
  if (isModel(node)) return sha256(plainSql(node.text));
  if (node.resourceType === "test" && node.text !== undefined) return sha256(plainSql(node.text));
  return node.checksum;
}

function plainSql(text: string): string {
  return normaliseSql(text.replace(/\{\{!--[\s\S]*?--\}\}/g, " "));
}

function configOf(node: ProjectNode): unknown {
  if (node.resourceType === "exposure") return node.tags;
  if (node.resourceType === "test") return node.testConfig;
  // They are the relation's.
  const { schema: _, alias: __, ...config } = node.config as NodeConfig;
  return config;
}

function relationOf(node: ProjectNode): unknown {
  if (!isTableNode(node)) return null;
  return [node.config.schema, node.config.alias];
}

function contractOf(node: ProjectNode): unknown {
  if (node.resourceType !== "model" || node.config.contract?.enforced !== true) return null;
  return [
    node.columns.map(({ name, dataType, constraints }) => [name, dataType, constraints]),
    node.constraints,
  ];
}

function macrosOf(project: Project, node: ProjectNode): unknown {
  if (!isModel(node) && node.resourceType !== "test") return null;
  return node.references.macros.map((name) => [
    name,
    project.macros.get(name)?.map(({ engine, text }) => [engine, plainSql(text)]),
  ]);
}
