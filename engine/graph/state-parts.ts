// What `state:modified` compares: hashes of what the files say, free of values of the target (rule 21).
import { sha256, stableStringify } from "../common/hash.ts";
import { normaliseSql } from "../common/normalise-sql.ts";
import { isModel, isTableNode } from "../project/node-kinds.ts";
import type { NodeConfig, Project, ProjectNode } from "../project/types.ts";
import type { StateParts } from "./types.ts";

/** The parts of one node, as a manifest keeps them. */
export function stateParts(project: Project, node: ProjectNode): StateParts {
  const computed = computedKeys(node);
  return {
    body: hashOf([bodyOf(node), varsOf(project, node)]),
    config: hashOf(configOf(node, computed)),
    relation: hashOf(relationOf(node, computed)),
    contract: hashOf(contractOf(node)),
    macros: hashOf(macrosOf(project, node)),
  };
}

/** Enough to tell changes apart; ten thousand nodes have fifty thousand of them. */
function hashOf(value: unknown): string {
  return sha256(stableStringify(value)).slice(0, 20);
}

function bodyOf(node: ProjectNode): string {
  if (node.resourceType === "exposure")
    return stableStringify([node.type, node.owner, node.references.refs.map(({ name }) => name)]);
  // Layout and comments of SQL do not count: a reformatted model is not a modified one.
  if (isModel(node)) return plainSql(node.text);
  if (node.resourceType === "test" && node.text !== undefined) return plainSql(node.text);
  return node.checksum;
}

function plainSql(text: string): string {
  return normaliseSql(text.replace(/\{\{!--[\s\S]*?--\}\}|\{\{!(?!--)[^}]*\}\}/g, " "));
}

/** As lake.yml has the variables that the text reads: `--vars` are the target's affair. */
function varsOf({ settings }: Project, node: ProjectNode): unknown {
  if (!isModel(node) && node.resourceType !== "test") return null;
  return node.references.vars.map((name) => [name, settings.declaredVars[name]]);
}

function configOf(node: ProjectNode, computed: ReadonlySet<string>): unknown {
  if (node.resourceType === "exposure") return node.tags;
  if (node.resourceType === "test") return node.testConfig;
  // They are the relation's.
  const { schema: _, alias: __, ...config } = node.config as NodeConfig;
  return Object.fromEntries(Object.entries(config).filter(([key]) => !computed.has(key)));
}

/**
 * Keys of `{{config}}` that are worked out from variables or the target, where they stand in the text for all to
 * compare: what they come to differs by target, and is nothing that the files say.
 */
function computedKeys(node: ProjectNode): ReadonlySet<string> {
  if (!isModel(node) || node.references.configs.length === 0) return new Set();
  const calls = plainSql(node.text).matchAll(/\{ ?\{ ?~? ?config\b([^}]*)\}/g);
  const keys = [...calls].flatMap(([, values = ""]) =>
    [...values.replace(/"[^"]*"|'[^']*'/g, '""').matchAll(/(\w+) ?= ?(\S+)/g)].flatMap(
      ([, key = "", value = ""]) => (isLiteral(value) ? [] : [key]),
    ),
  );
  return new Set(keys.map(camelCase));
}

function isLiteral(value: string): boolean {
  return /^(""|true|false|null|-?\d[\d.]*)$/.test(value);
}

function camelCase(key: string): string {
  if (key === "incremental_strategy") return "strategy";
  return key.replace(/_([a-z])/g, (_match, letter: string) => letter.toUpperCase());
}

function relationOf(node: ProjectNode, computed: ReadonlySet<string>): unknown {
  if (!isTableNode(node)) return null;
  return (["schema", "alias"] as const).map((key) => (computed.has(key) ? null : node.config[key]));
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
