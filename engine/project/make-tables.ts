// Models and seeds: a file, its properties, its config.
import type { Location } from "../common/errors.ts";
import { mergeConfig, nodeConfig, readConfig } from "./config.ts";
import type { ConfigValues } from "./config.ts";
import {
  addNode,
  checkGroup,
  columnProperties,
  entriesByName,
  entryConfig,
  foldersOf,
  tableConstraints,
} from "./builder.ts";
import type { Builder } from "./builder.ts";
import type { ModelEntry, SeedEntry, SnapshotEntry } from "./properties.ts";
import type { ProjectFile } from "./read-files.ts";
import { isTableNode } from "./node-kinds.ts";
import { isName } from "./readers.ts";
import { didYouMean } from "../common/suggest.ts";
import type { Model, Seed, TargetProfile } from "./types.ts";
import { yamlFromJson } from "./yaml.ts";

export function makeModels(builder: Builder): void {
  const { problems, settings, defaults } = builder;
  const described = entriesByName<ModelEntry>(builder, "model", (file) => file.models);
  const names = new Set<string>();
  for (const file of builder.files) {
    if (file.kind !== "model") continue;
    const name = nameOf(builder, file, "model", ".sql");
    if (name === undefined) continue;
    names.add(name);
    const references = builder.fileReferences(file);
    if (references === undefined) continue;
    const found = described.get(name);
    const path = [...foldersOf(file.below), name];
    const layers = [defaults.model.for(path), ...propertyLayers(builder, "model", found?.entry)];
    for (const { values, at } of references.configs) {
      layers.push(readConfig("model", yamlFromJson(values, at), `model ${name}`, problems));
    }
    const config = nodeConfig(mergeConfig(layers), "view");
    checkGroup(builder, {
      group: config.group,
      owner: `model ${name}`,
      at: found?.entry.at ?? { file: file.path },
    });
    const model: Model = {
      resourceType: "model",
      uniqueId: `model.${settings.name}.${name}`,
      name,
      fqn: [settings.name, ...path],
      path: file.path,
      ...(found?.entry.description !== undefined && { description: found.entry.description }),
      config,
      checksum: file.checksum,
      text: file.text as string,
      references,
      columns: columnProperties(found?.entry.columns),
      constraints: tableConstraints(found?.entry),
      ...(found !== undefined && { patchPath: found.file }),
    };
    addNode(builder, model, { file: file.path });
  }
  warnUnknown(builder, "model", described, names);
}

export function makeSeeds(builder: Builder): void {
  const { settings, defaults } = builder;
  const described = entriesByName<SeedEntry>(builder, "seed", (file) => file.seeds);
  const names = new Set<string>();
  for (const file of builder.files) {
    if (file.kind !== "seed") continue;
    const name = nameOf(builder, file, "seed", ".csv");
    if (name === undefined) continue;
    names.add(name);
    const found = described.get(name);
    const path = [...foldersOf(file.below), name];
    const layers = [defaults.seed.for(path), ...propertyLayers(builder, "seed", found?.entry)];
    const config = nodeConfig(mergeConfig(layers), "seed");
    checkGroup(builder, {
      group: config.group,
      owner: `seed ${name}`,
      at: found?.entry.at ?? { file: file.path },
    });
    const twin = builder.nodes.get(`model.${settings.name}.${name}`);
    if (twin !== undefined) {
      const parameters = { kind: "node", name, first: twin.path };
      builder.problems.add("project/duplicate-name", parameters, { file: file.path });
    }
    const seed: Seed = {
      resourceType: "seed",
      uniqueId: `seed.${settings.name}.${name}`,
      name,
      fqn: [settings.name, ...path],
      path: file.path,
      ...(found?.entry.description !== undefined && { description: found.entry.description }),
      config,
      checksum: file.checksum,
      columns: columnProperties(found?.entry.columns),
      ...(found !== undefined && { patchPath: found.file }),
    };
    addNode(builder, seed, { file: file.path });
  }
  warnUnknown(builder, "seed", described, names);
}

export function propertyLayers(
  builder: Builder,
  kind: "model" | "seed" | "snapshot",
  entry: ModelEntry | SeedEntry | SnapshotEntry | undefined,
): ConfigValues[] {
  if (entry === undefined) return [];
  const layers = [entryConfig(entry)];
  if (entry.config !== undefined)
    layers.push(readConfig(kind, entry.config, `${kind} ${entry.name}`, builder.problems));
  return layers;
}

export function nameOf(
  builder: Builder,
  file: ProjectFile,
  kind: string,
  ending: string,
): string | undefined {
  const name = file.below.slice(file.below.lastIndexOf("/") + 1, -ending.length);
  if (isName(name)) return name;
  builder.problems.add("project/bad-name", { kind, name }, { file: file.path }, "rename the file");
  return undefined;
}

export function warnUnknown(
  builder: Builder,
  kind: string,
  described: ReadonlyMap<string, { readonly entry: { readonly at: Location } }>,
  names: ReadonlySet<string>,
): void {
  for (const [name, { entry }] of described) {
    if (names.has(name)) continue;
    const near = didYouMean(name, names);
    builder.problems.warn(`no ${kind} is called ${name}${near === undefined ? "" : `: ${near}`}`, entry.at);
  }
}

/** Two nodes must not write one table. */
export function checkTables(builder: Builder, profile: TargetProfile): void {
  const first = new Map<string, Model | Seed>();
  for (const node of builder.nodes.values()) {
    if (!isTableNode(node) || !node.config.enabled) continue;
    const table = `${node.config.schema ?? profile.schema}.${node.config.alias ?? node.name}`;
    const other = first.get(table);
    if (other === undefined) first.set(table, node);
    else if (other.name !== node.name) {
      const parameters = { table, first: other.path, second: node.path };
      builder.problems.add(
        "project/duplicate-table",
        parameters,
        { file: node.path },
        "give one of them another alias",
      );
    }
  }
}
