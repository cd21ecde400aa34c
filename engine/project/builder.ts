// What the makers of nodes share while a project is put together.
import type { Location } from "../common/errors.ts";
import type { Json } from "../common/json.ts";
import type { References } from "../template/types.ts";
import type { ConfigKind, ConfigValues } from "./config.ts";
import type { FolderDefaults } from "./folder-defaults.ts";
import type { ModelEntry, PropertyFile, SeedEntry, SnapshotEntry } from "./properties.ts";
import { place } from "./properties.ts";
import type { ProjectFile } from "./read-files.ts";
import type { Problems } from "./readers.ts";
import type { ColumnProperties, Group, Model, ProjectNode, ProjectSettings } from "./types.ts";
import type { MacroSource } from "../template/types.ts";

export interface Builder {
  readonly settings: ProjectSettings;
  readonly problems: Problems;
  readonly files: readonly ProjectFile[];
  readonly properties: readonly PropertyFile[];
  readonly macros: ReadonlyMap<string, readonly MacroSource[]>;
  readonly defaults: Readonly<Record<Exclude<ConfigKind, "exposure" | "unit_test">, FolderDefaults>>;
  readonly nodes: Map<string, ProjectNode>;
  readonly groups: Map<string, Group>;
  /** References of a template; undefined when it has an error, which is then among the problems. */
  readonly references: (template: {
    readonly text: string;
    readonly file: string;
    readonly line?: number;
    readonly locals?: Readonly<Record<string, Json>>;
  }) => References | undefined;
  /** As `references`, for a whole file, from the cache if its text is known. */
  readonly fileReferences: (file: ProjectFile) => References | undefined;
}

export const noReferences: References = {
  refs: [],
  sources: [],
  configs: [],
  changes: [],
  vars: [],
  envVars: [],
  macros: [],
  usesThis: false,
  usesIncremental: false,
  usesTarget: false,
};

/** `silver/users/a.sql` → `["silver", "users"]`. */
export function foldersOf(below: string): readonly string[] {
  return below.split("/").slice(0, -1);
}

/** The path of a property file below the resource folder that it lies in. */
export function foldersOfProperties(builder: Builder, file: string): readonly string[] {
  const found = builder.files.find(({ path }) => path === file);
  return found === undefined ? [] : foldersOf(found.below);
}

/** Properties of nodes of one kind by name; the second description of a name is an error. */
export function entriesByName<E extends ModelEntry | SeedEntry | SnapshotEntry>(
  builder: Builder,
  kind: "model" | "seed" | "snapshot",
  entriesOf: (file: PropertyFile) => readonly E[] | undefined,
): ReadonlyMap<string, { readonly entry: E; readonly file: string }> {
  const result = new Map<string, { entry: E; file: string }>();
  for (const file of builder.properties) {
    for (const entry of entriesOf(file) ?? []) {
      const first = result.get(entry.name);
      if (first === undefined) result.set(entry.name, { entry, file: file.file });
      else {
        const parameters = { kind, name: entry.name, first: place(first.entry.at) };
        builder.problems.add("project/duplicate-entry", parameters, entry.at);
      }
    }
  }
  return result;
}

/** The keys of an entry that are config by habit (`tags`, `meta`, `group`, `access` beside `config:`). */
export function entryConfig(entry: {
  readonly tags?: readonly string[];
  readonly meta?: ConfigValues["meta"];
  readonly group?: string;
  readonly access?: ConfigValues["access"];
}): ConfigValues {
  const { tags, meta, group, access } = entry;
  return {
    ...(tags !== undefined && { tags }),
    ...(meta !== undefined && { meta }),
    ...(group !== undefined && { group }),
    ...(access !== undefined && { access }),
  };
}

export function columnProperties(columns: ModelEntry["columns"] = []): readonly ColumnProperties[] {
  return columns.map((column) => {
    const meta = { ...column.meta, ...column.config?.meta };
    const tags = [...new Set([...(column.tags ?? []), ...(column.config?.tags ?? [])])];
    const constraints = column.constraints?.flatMap(({ type, expression }) =>
      type === undefined ? [] : [{ type, ...(expression !== undefined && { expression }) }],
    );
    return {
      name: column.name,
      ...(column.description !== undefined && { description: column.description }),
      ...(column.data_type !== undefined && { dataType: column.data_type }),
      ...(column.was !== undefined && { was: column.was }),
      ...(column.default !== undefined && { default: column.default }),
      ...(constraints !== undefined && { constraints }),
      ...(Object.keys(meta).length > 0 && { meta }),
      ...(tags.length > 0 && { tags }),
    };
  });
}

export function tableConstraints(entry: ModelEntry | undefined): Model["constraints"] {
  return (entry?.constraints ?? []).flatMap(({ type, columns, expression }) =>
    type === undefined
      ? []
      : [
          {
            type,
            ...(columns !== undefined && { columns }),
            ...(expression !== undefined && { expression }),
          },
        ],
  );
}

/** Adds a node; a second one of the same id is an error that names both. */
export function addNode(builder: Builder, node: ProjectNode, at: Location): void {
  const first = builder.nodes.get(node.uniqueId);
  if (first === undefined) {
    builder.nodes.set(node.uniqueId, node);
    return;
  }
  const { name, resourceType } = node;
  if (first.resourceType === "test" && first.testType === "generic") {
    builder.problems.add(
      "project/duplicate-test",
      { name, first: place(first.at) },
      at,
      "give one of them a name",
    );
    return;
  }
  builder.problems.add(
    "project/duplicate-name",
    { kind: resourceType, name, first: first.path },
    at,
    "rename one of the two",
  );
}

export function checkGroup(
  builder: Builder,
  options: { group: string | undefined; owner: string; at: Location },
): void {
  const { group, owner, at } = options;
  if (group === undefined || builder.groups.has(group)) return;
  builder.problems.add(
    "project/unknown-group",
    { group, owner },
    at,
    "declare it under groups: in a yml file",
  );
}
