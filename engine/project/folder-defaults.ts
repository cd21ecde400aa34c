// `models:`, `seeds:`, `data_tests:` and `sources:` of lake.yml: config by folder, outermost first.
import { didYouMean } from "../common/suggest.ts";
import { configFields, mergeConfig, readConfigEntries } from "./config.ts";
import type { ConfigKind, ConfigValues } from "./config.ts";
import { mappingEntries } from "./readers.ts";
import type { Problems } from "./readers.ts";
import type { YamlEntry, YamlNode } from "./yaml.ts";

interface Folder {
  readonly config: ConfigValues;
  readonly folders: ReadonlyMap<string, Folder>;
  readonly at: YamlNode["at"];
}

export class FolderDefaults {
  readonly #root: Folder | null;
  readonly #used = new Set<Folder>();
  readonly #merged = new Map<string, ConfigValues>();

  constructor(options: {
    readonly kind: ConfigKind;
    readonly key: string;
    readonly project: string;
    readonly node: YamlNode | undefined;
    readonly problems: Problems;
  }) {
    const { kind, key, project, node, problems } = options;
    if (node === undefined) {
      this.#root = null;
      return;
    }
    const root = readFolder({ kind, owner: key, node, problems });
    const inner = root.folders.get(project);
    // The project's name as the first level is dbt's habit; without it the folders may stand at once.
    this.#root = inner === undefined ? root : joined(root, inner, project);
  }

  /** Config of a node whose fqn below the project is `path` (folders, then its name). */
  for(path: readonly string[]): ConfigValues {
    if (this.#root === null) return {};
    const key = path.slice(0, -1).join("/");
    const name = path.at(-1) ?? "";
    const known = this.#merged.get(key);
    const last = this.#find(path.slice(0, -1))?.folders.get(name);
    if (known !== undefined && last === undefined) return known;
    const layers: ConfigValues[] = [];
    let folder: Folder | undefined = this.#root;
    for (const part of [...path.slice(0, -1), null]) {
      layers.push(folder.config);
      this.#used.add(folder);
      if (part === null) break;
      folder = folder.folders.get(part);
      if (folder === undefined) break;
    }
    const merged = mergeConfig(layers);
    this.#merged.set(key, merged);
    if (last === undefined) return merged;
    this.#used.add(last);
    return mergeConfig([merged, last.config]);
  }

  /** Warns of folders that no node lies in: mostly a misspelt name. */
  warnUnused(problems: Problems, names: ReadonlySet<string>): void {
    const visit = (folder: Folder, path: readonly string[]): void => {
      for (const [name, inner] of folder.folders) {
        if (this.#used.has(inner)) visit(inner, [...path, name]);
        else {
          const near = didYouMean(name, names);
          const hint = near === undefined ? "" : ` (${near})`;
          problems.warn(
            `no node lies under ${[...path, name].join("/")}: its settings are not used${hint}`,
            inner.at,
          );
        }
      }
    };
    if (this.#root !== null) visit(this.#root, []);
  }

  #find(path: readonly string[]): Folder | undefined {
    let folder: Folder | undefined = this.#root ?? undefined;
    for (const part of path) folder = folder?.folders.get(part);
    return folder;
  }
}

function joined(root: Folder, inner: Folder, project: string): Folder {
  const folders = new Map([...root.folders, ...inner.folders]);
  if (!inner.folders.has(project)) folders.delete(project);
  return { config: mergeConfig([root.config, inner.config]), folders, at: inner.at };
}

function readFolder(options: {
  readonly kind: ConfigKind;
  readonly owner: string;
  readonly node: YamlNode;
  readonly problems: Problems;
}): Folder {
  const { kind, owner, node, problems } = options;
  const own: [string, YamlEntry][] = [];
  const folders = new Map<string, Folder>();
  for (const [key, entry] of mappingEntries(node, owner, problems) ?? []) {
    // Without `+`, a key that is no config and holds a mapping is a folder.
    const isConfig =
      key.startsWith("+") || Object.hasOwn(configFields[kind], key) || entry.node.entries === null;
    if (isConfig) own.push([key, entry]);
    else
      folders.set(key, {
        ...readFolder({ kind, owner: `${owner}.${key}`, node: entry.node, problems }),
        at: entry.keyAt,
      });
  }
  return { config: readConfigEntries(kind, own, owner, problems), folders, at: node.at };
}
