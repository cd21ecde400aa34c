// What nodes are called in the catalog and in SQL.
import path from "node:path";
import type { TableIdentifier } from "../catalog/catalog.ts";
import { placingProperties } from "../iceberg/clone-table.ts";
import { tableName } from "../catalog/catalog.ts";
import { relationName } from "../compute/compute.ts";
import type { Graph } from "../graph/types.ts";
import type { Location } from "../common/errors.ts";
import { isTableNode } from "../project/node-kinds.ts";
import type { Model, ProjectNode, Seed, Source, TargetProfile } from "../project/types.ts";
import type { StatePin } from "../template/types.ts";

/** A table in another state than its newest: `{{ref "m" at="audited"}}`. */
export interface PinnedTable {
  readonly resourceType: "pinned";
  /** That of the table with the pin: what lineage and reuse know it by. */
  readonly uniqueId: string;
  readonly name: string;
  readonly of: Model | Seed | Source;
  readonly pin: StatePin;
  readonly at: Location;
}

/** What SQL reads by name. */
export type Readable = Model | Seed | Source | PinnedTable;

/** The table as a reference names it: in its newest state, or in the one that the reference asks for. */
export function pinnedAs(
  of: Model | Seed | Source,
  { pin, at }: { readonly pin?: StatePin; readonly at: Location },
): Readable {
  if (pin === undefined) return of;
  const mark = `@${pin.kind}=${pin.text}`;
  const name = `${of.name} ${pin.kind}="${pin.text}"`;
  return { resourceType: "pinned", uniqueId: `${of.uniqueId}${mark}`, name, of, pin, at };
}

export function isReadable(node: ProjectNode | undefined): node is Model | Seed | Source {
  return isTableNode(node) || node?.resourceType === "source";
}

/** Views and ephemerals have no table: their text goes into whoever reads them. */
export function isInlined(node: ProjectNode | PinnedTable): boolean {
  if (node.resourceType !== "model") return false;
  return node.config.materialized === "view" || node.config.materialized === "ephemeral";
}

/** Models, snapshots and seeds that are tables in the catalog. */
export function hasTable(node: ProjectNode | PinnedTable | undefined): node is Model | Seed {
  if (node === undefined || node.resourceType === "pinned") return false;
  return isTableNode(node) && !isInlined(node);
}

export function tableIdentifier(node: Model | Seed, profile: TargetProfile): TableIdentifier {
  return { namespace: namespaceOf(profile, node.config.schema), name: node.config.alias ?? node.name };
}

/** An environment writes no namespace but its own, whatever schema a model asks for. */
export function namespaceOf(profile: TargetProfile, schema?: string): string {
  if (schema === undefined) return profile.schema;
  return profile.parent === undefined ? schema : `${profile.schema}__${schema}`;
}

/** Where failing rows of tests are kept. */
export function failuresNamespace(profile: TargetProfile): string {
  const divider = profile.parent === undefined ? "_" : "__";
  return `${profile.schema}${divider}test_failures`;
}

/** Whether the namespace is the environment's own. */
export function isOwnNamespace(profile: TargetProfile, namespace: string): boolean {
  return namespace === profile.schema || namespace.startsWith(`${profile.schema}__`);
}

/** The targets that this one stands on, nearest first. */
export function parentsOf(profile: TargetProfile): readonly TargetProfile[] {
  return profile.parent === undefined ? [] : [profile.parent, ...parentsOf(profile.parent)];
}

/** The relation name, unquoted. */
export function relationOf(node: Readable, profile: TargetProfile): string {
  if (node.resourceType === "pinned")
    return `${relationOf(node.of, profile)}@${node.pin.kind}=${node.pin.text}`;
  if (node.resourceType === "source") return `${node.sourceName}.${node.identifier}`;
  return tableName(tableIdentifier(node, profile));
}

/** `{{this}}`: the table as it was before this run, which has a name of its own because the model's result
 *  is known by the plain one. */
export function thisRelation(node: Model, profile: TargetProfile): string {
  return `${relationOf(node, profile)}@before`;
}

export function sqlName(node: Readable, profile: TargetProfile): string {
  return relationName(relationOf(node, profile));
}

/** The folder that a new table lies in, as iceberg-java's Hive catalog would choose it. */
export function tableLocation(identifier: TableIdentifier, profile: TargetProfile): string {
  return `${profile.warehouse.replace(/\/+$/, "")}/${identifier.namespace}.db/${identifier.name}`;
}

/** What a model asks for; in an environment nothing that would put its files where those of the original lie, or
 *  have them deleted. */
export function tableProperties(node: Model | Seed, profile: TargetProfile): Record<string, string> {
  const properties = Object.entries(node.config.properties ?? {});
  if (profile.parent === undefined) return Object.fromEntries(properties);
  const refused = new Set([...placingProperties, "gc.enabled"]);
  return Object.fromEntries(properties.filter(([key]) => !refused.has(key)));
}

/** The target's own folder, outside every table's location. */
export function lakeFolder(profile: TargetProfile): string {
  // Environments of one pattern may share a target's name, never a schema.
  const name = profile.parent === undefined ? profile.name : profile.schema;
  return `${profile.warehouse.replace(/\/+$/, "")}/_lake/${name}`;
}

/** `ref` and `source` by name. */
export class NameIndex {
  readonly #byRef = new Map<string, Model | Seed>();
  readonly #bySource = new Map<string, Source>();

  constructor(graph: Graph) {
    for (const node of graph.nodes.values()) {
      if (isTableNode(node)) this.#byRef.set(node.name, node);
      if (node.resourceType === "source") this.#bySource.set(`${node.sourceName}.${node.name}`, node);
    }
  }

  ref(name: string): Model | Seed | undefined {
    return this.#byRef.get(name);
  }

  source(source: string, table: string): Source | undefined {
    return this.#bySource.get(`${source}.${table}`);
  }

  refNames(): readonly string[] {
    return [...this.#byRef.keys()];
  }

  sourceNames(): readonly string[] {
    return [...this.#bySource.keys()];
  }
}

/** Whether a text names a table of the catalog rather than a folder: `namespace.table`. */
export function isTableName(text: string): boolean {
  return /^[a-z0-9_]+\.[a-z0-9_]+$/.test(text);
}

/** A folder as people give it on the command line, relative ones below `cwd`. */
export function absoluteFolder(cwd: string, folder: string): string {
  return /^[a-z][a-z0-9+.-]*:/i.test(folder) ? folder : path.resolve(cwd, folder);
}
