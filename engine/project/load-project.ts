// Files → Project.
import { throwCollected } from "../common/errors.ts";
import { sha256 } from "../common/hash.ts";
import type { Json } from "../common/json.ts";
import type { MacroSource } from "../template/types.ts";
import { renderTemplate } from "../template/render.ts";
import type { Builder } from "./builder.ts";
import { FolderDefaults } from "./folder-defaults.ts";
import { parseSettings, readSettingsText, settingsFile } from "./load-settings.ts";
import type { SettingsFile } from "./load-settings.ts";
import { makeGenericTests, makeSingularTests } from "./make-tests.ts";
import { makeExposures, makeGroups, makeSources } from "./make-sources.ts";
import { checkTables, makeModels, makeSeeds } from "./make-tables.ts";
import { parseContext } from "./parse-context.ts";
import { readProperties } from "./properties.ts";
import { readProjectFiles, selectorsFile } from "./read-files.ts";
import type { ProjectFile } from "./read-files.ts";
import { flag, isName, json, listOf, object, Problems, scalarText, text } from "./readers.ts";
import type { Project, ProjectSettings, TargetProfile } from "./types.ts";
import { parseYaml } from "./yaml.ts";

export interface LoadProjectOptions {
  /** Absolute path of the folder that holds lake.yml. */
  readonly root: string;
  readonly profile: TargetProfile;
  /** Values of the command line; they win over those of lake.yml. */
  readonly vars?: Readonly<Record<string, Json>>;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** `duckdb` or `spark`: picks macro overrides. */
  readonly engine: string;
  /** Where parsed projects are kept; default `<target-path>/cache`, null for none. */
  readonly cacheDirectory?: string | null;
  /** Macros that the engine brings; a project's macro of the same name wins. */
  readonly builtinMacros?: readonly MacroSource[];
}

/**
 * Reads a whole project. All errors of its files are thrown together (`project/several-errors` when there
 * are several), each with its place; what is merely odd is in `warnings`.
 */
export async function loadProject(options: LoadProjectOptions): Promise<Project> {
  const problems = new Problems();
  const settingsText = await readSettingsText(options.root);
  const file = parseSettings(settingsText, problems);
  throwCollected(problems.errors);
  const settings: ProjectSettings = { ...file.settings, vars: { ...file.settings.vars, ...options.vars } };
  const files = readProjectFiles(options.root, settings, problems);
  const project = buildProject({ options, file: { ...file, settings }, files, problems });
  throwCollected(problems.errors);
  return project;
}

function buildProject(parts: {
  readonly options: LoadProjectOptions;
  readonly file: SettingsFile;
  readonly files: readonly ProjectFile[];
  readonly problems: Problems;
}): Project {
  const { options, file, files, problems } = parts;
  const { settings } = file;
  const macros = collectMacros(files, options.builtinMacros ?? [], problems);
  const context = parseContext({ ...options, settings, macros });
  const references: Builder["references"] = ({ locals, ...template }) =>
    problems.attempt(() => {
      const merged = locals === undefined ? context : { ...context, locals };
      return renderTemplate({ ...template, context: merged }).references;
    });
  const defaults = folderDefaults(file, problems);
  const builder: Builder = {
    settings,
    problems,
    files,
    macros,
    properties: files.flatMap((found) => {
      if (found.kind !== "properties") return [];
      const node = problems.attempt(() => parseYaml(found.text as string, found.path));
      return node === undefined ? [] : [readProperties(node, found.path, problems)];
    }),
    defaults,
    nodes: new Map(),
    groups: new Map(),
    references,
    fileReferences: (found) => references({ text: found.text as string, file: found.path }),
  };
  makeGroups(builder);
  makeModels(builder);
  makeSeeds(builder);
  makeSources(builder);
  makeGenericTests(builder);
  makeSingularTests(builder);
  makeExposures(builder);
  checkTables(builder, options.profile);
  const names = new Set([...builder.nodes.values()].flatMap(({ fqn }) => fqn));
  for (const folder of Object.values(defaults)) folder.warnUnused(problems, names);
  return {
    root: options.root,
    settings,
    nodes: builder.nodes,
    macros,
    groups: builder.groups,
    selectors: readSelectors(files, problems),
    contentHash: contentHash(file.text, files),
    warnings: problems.warnings,
  };
}

export function contentHash(settingsText: string, files: readonly ProjectFile[]): string {
  return sha256(
    [sha256(settingsText), ...files.map(({ path, checksum }) => `${path}\n${checksum}`)].join("\n"),
  );
}

function folderDefaults(file: SettingsFile, problems: Problems): Builder["defaults"] {
  const project = file.settings.name;
  const entry = (key: string) => file.node.entries?.get(key)?.node;
  return {
    model: new FolderDefaults({ kind: "model", key: "models", project, node: entry("models"), problems }),
    seed: new FolderDefaults({ kind: "seed", key: "seeds", project, node: entry("seeds"), problems }),
    source: new FolderDefaults({ kind: "source", key: "sources", project, node: entry("sources"), problems }),
    test: new FolderDefaults({
      kind: "test",
      key: "data_tests",
      project,
      node: entry("data_tests") ?? entry("tests"),
      problems,
    }),
  };
}

function collectMacros(
  files: readonly ProjectFile[],
  builtin: readonly MacroSource[],
  problems: Problems,
): ReadonlyMap<string, readonly MacroSource[]> {
  const own = new Map<string, MacroSource[]>();
  for (const file of files) {
    if (file.kind !== "macro") continue;
    const base = file.below.slice(file.below.lastIndexOf("/") + 1, -".sql".length);
    const [name = "", engine = null, ...rest] = base.split(".");
    if (!isName(name) || rest.length > 0 || (engine !== null && !isName(engine))) {
      problems.add("project/bad-name", { kind: "macro", name: base }, { file: file.path }, "rename the file");
      continue;
    }
    const variants = own.get(name) ?? [];
    const first = variants.find((variant) => variant.engine === engine);
    if (first === undefined) variants.push({ name, engine, file: file.path, text: file.text as string });
    else
      problems.add(
        "project/duplicate-name",
        { kind: "macro", name: base, first: first.file },
        { file: file.path },
      );
    own.set(name, variants);
  }
  const all = new Map<string, readonly MacroSource[]>();
  for (const macro of builtin) {
    if (!own.has(macro.name)) all.set(macro.name, [...(all.get(macro.name) ?? []), macro]);
  }
  for (const [name, variants] of own) all.set(name, variants);
  return all;
}

const selectorFields = { name: text, description: scalarText, definition: json, default: flag };

function readSelectors(files: readonly ProjectFile[], problems: Problems): Project["selectors"] {
  const file = files.find(({ kind }) => kind === "selectors");
  if (file === undefined) return [];
  const node = problems.attempt(() => parseYaml(file.text as string, selectorsFile));
  if (node === undefined) return [];
  const read = object({ version: json, selectors: listOf(object(selectorFields)) })(
    node,
    selectorsFile,
    problems,
  );
  return (read?.selectors ?? []).flatMap((selector, index) => {
    const at = node.entries?.get("selectors")?.node.items?.[index]?.at ?? { file: selectorsFile, line: 1 };
    const { name, definition } = selector;
    if (name === undefined || definition === undefined) {
      const key = name === undefined ? "name" : "definition";
      problems.add("project/missing-key", { key, owner: `a selector of ${selectorsFile}` }, at);
      return [];
    }
    return [{ name, default: selector.default ?? false, definition, at }];
  });
}

export { settingsFile };
