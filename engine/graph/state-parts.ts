// What `state:modified` compares: hashes of what the files say, free of values of the target (rule 21).
import { sha256, stableStringify } from "../common/hash.ts";
import { normaliseSql } from "../common/normalise-sql.ts";
import type { Project, ProjectNode } from "../project/types.ts";

export interface StateParts {
  readonly body: string;
  readonly config: string;
  readonly contract: string;
  readonly macros: string;
}

/** The parts of one node, as a manifest keeps them. */
export function stateParts(project: Project, node: ProjectNode): StateParts {
  return {
    body: bodyOf(node),
    config: sha256(stableStringify(configOf(node))),
    contract: sha256(stableStringify(contractOf(node))),
    macros: sha256(stableStringify(macrosOf(project, node))),
  };
}

function bodyOf(node: ProjectNode): string {
  if (node.resourceType === "exposure")
    return sha256(stableStringify([node.type, node.owner, node.references.refs.map(({ name }) => name)]));
  // Layout and comments of SQL do not count: a reformatted model is not a modified one.
  if (node.resourceType === "model") return sha256(plainSql(node.text));
  if (node.resourceType === "test" && node.text !== undefined) return sha256(plainSql(node.text));
  return node.checksum;
}

function plainSql(text: string): string {
  return normaliseSql(text.replace(/\{\{!--[\s\S]*?--\}\}/g, " "));
}

function configOf(node: ProjectNode): unknown {
  if (node.resourceType === "exposure") return node.tags;
  return node.resourceType === "test" ? node.testConfig : node.config;
}

function contractOf(node: ProjectNode): unknown {
  if (node.resourceType !== "model" || node.config.contract?.enforced !== true) return null;
  return [
    node.columns.map(({ name, dataType, constraints }) => [name, dataType, constraints]),
    node.constraints,
  ];
}

function macrosOf(project: Project, node: ProjectNode): unknown {
  if (node.resourceType !== "model" && node.resourceType !== "test") return null;
  return node.references.macros.map((name) => [
    name,
    project.macros.get(name)?.map(({ engine, text }) => [engine, plainSql(text)]),
  ]);
}
