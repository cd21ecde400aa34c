// Snapshots: tables that keep the history of their rows; declared in YAML over a relation, or as a file of SQL.
import type { Location } from "../common/errors.ts";
import { sha256 } from "../common/hash.ts";
import {
  addNode,
  checkGroup,
  columnProperties,
  entriesByName,
  foldersOf,
  foldersOfProperties,
} from "./builder.ts";
import type { Builder } from "./builder.ts";
import { mergeConfig, nodeConfig, readConfig } from "./config.ts";
import type { ConfigValues } from "./config.ts";
import { nameOf, propertyLayers, warnUnknown } from "./make-tables.ts";
import { isTableNode } from "./node-kinds.ts";
import { parseReference } from "./parse-reference.ts";
import { place } from "./properties.ts";
import type { SnapshotEntry } from "./properties.ts";
import type { Model } from "./types.ts";
import { yamlFromJson } from "./yaml.ts";

export function makeSnapshots(builder: Builder): void {
  const described = entriesByName<SnapshotEntry>(builder, "snapshot", (file) => file.snapshots);
  const names = new Set<string>();
  for (const file of builder.files) {
    if (file.kind !== "snapshot") continue;
    const name = nameOf(builder, file, "snapshot", ".sql");
    if (name === undefined) continue;
    names.add(name);
    const references = builder.fileReferences(file);
    if (references === undefined) continue;
    const found = described.get(name);
    if (found?.entry.relation !== undefined) {
      const parameters = { kind: "snapshot", name, first: file.path };
      builder.problems.add(
        "project/duplicate-name",
        parameters,
        found.entry.at,
        "keep its SQL file or its relation",
      );
    }
    const owner = `snapshot ${name}`;
    const configs = references.configs.map(({ values, at }) =>
      readConfig("snapshot", yamlFromJson(values, at), owner, builder.problems),
    );
    addSnapshot(builder, {
      name,
      folders: foldersOf(file.below),
      path: file.path,
      text: file.text as string,
      checksum: file.checksum,
      references,
      configs,
      entry: found?.entry,
      patchPath: found?.file,
      at: { file: file.path },
    });
  }
  for (const [name, { entry, file }] of described) {
    if (names.has(name) || entry.relation === undefined) continue;
    names.add(name);
    addDeclared(builder, entry, file);
  }
  warnUnknown(builder, "snapshot", described, names);
}

/** `relation: ref('orders')`: all columns of what it names. */
function addDeclared(builder: Builder, entry: SnapshotEntry, file: string): void {
  const { name, at, relation = "" } = entry;
  const call = parseReference(relation, at);
  if (call === null) {
    const what = `relation of snapshot ${name}`;
    const expected = "ref('model') or source('source', 'table')";
    builder.problems.add(
      "project/bad-value",
      { what, found: builder.problems.shown(relation), expected },
      at,
    );
    return;
  }
  const named = "name" in call ? `ref "${call.name}"` : `source "${call.source}" "${call.table}"`;
  const text = `select * from {{${named}}}`;
  const references = builder.references({ text, file, ...(at.line !== undefined && { line: at.line }) });
  if (references === undefined) return;
  addSnapshot(builder, {
    name,
    folders: foldersOfProperties(builder, file),
    path: file,
    text,
    checksum: sha256(text),
    references: {
      ...references,
      refs: references.refs.map((ref) => ({ ...ref, at })),
      sources: references.sources.map((source) => ({ ...source, at })),
    },
    configs: [],
    entry,
    patchPath: file,
    at,
    declared: true,
  });
}

function addSnapshot(
  builder: Builder,
  parts: Pick<Model, "name" | "path" | "text" | "checksum" | "references"> & {
    readonly folders: readonly string[];
    readonly configs: readonly ConfigValues[];
    readonly entry: SnapshotEntry | undefined;
    readonly patchPath: string | undefined;
    readonly at: Location;
    readonly declared?: boolean;
  },
): void {
  const { settings, defaults, nodes, problems } = builder;
  const { name, path, text, checksum, references, entry, at, patchPath } = parts;
  const fqn = [...parts.folders, name];
  const layers = [
    defaults.snapshot.for(fqn),
    ...propertyLayers(builder, "snapshot", entry),
    ...parts.configs,
  ];
  const values = mergeConfig(layers);
  const owner = `snapshot ${name}`;
  checkNeeds(builder, values, owner, entry?.at ?? at);
  const config = nodeConfig(values, "snapshot");
  checkGroup(builder, { group: config.group, owner, at: entry?.at ?? at });
  const twin = [...nodes.values()].find((node) => isTableNode(node) && node.name === name);
  if (twin !== undefined) {
    const parameters = { kind: "model, seed or snapshot", name, first: twin.path };
    problems.add("project/duplicate-name", parameters, at);
  }
  const snapshot: Model = {
    resourceType: "snapshot",
    uniqueId: `snapshot.${settings.name}.${name}`,
    name,
    fqn: [settings.name, ...fqn],
    path,
    ...(entry?.description !== undefined && { description: entry.description }),
    config,
    checksum,
    text,
    references,
    columns: columnProperties(entry?.columns),
    constraints: [],
    ...(patchPath !== undefined && { patchPath }),
    ...(parts.declared === true && { at }),
  };
  addNode(builder, snapshot, entry === undefined ? at : { file: place(entry.at) });
}

/** A history cannot be built anew: what it is made by must be said. */
function checkNeeds(builder: Builder, values: ConfigValues, owner: string, at: Location): void {
  const need = (key: string, missing: boolean, hint: string): void => {
    if (missing) builder.problems.add("project/missing-key", { key, owner }, at, hint);
  };
  need("strategy", values.strategy === undefined, "strategy: timestamp, or check");
  need("unique_key", (values.unique_key ?? []).length === 0, "unique_key: the column that names a row");
  need(
    "updated_at",
    values.strategy === "timestamp" && values.updated_at === undefined,
    "updated_at: the column that says when a row changed; without one use strategy: check",
  );
  need(
    "check_cols",
    values.strategy === "check" && (values.check_cols ?? []).length === 0,
    "check_cols: all, or a list of columns",
  );
}
