// Texts of a project → its nodes. Loaded only when the cache cannot answer.
import { renderTemplate } from "../template/render.ts";
import type { MacroSource, References } from "../template/types.ts";
import type { Builder } from "./builder.ts";
import { addEngineSources } from "./engine-sources.ts";
import { FolderDefaults } from "./folder-defaults.ts";
import type { LoadProjectOptions } from "./load-project.ts";
import type { SettingsFile } from "./load-settings.ts";
import { makeSingularTests } from "./make-singular-tests.ts";
import { makeGenericTests } from "./make-tests.ts";
import { makeExposures, makeGroups, makeSources } from "./make-sources.ts";
import { checkTables, makeModels, makeSeeds } from "./make-tables.ts";
import { makeSnapshots } from "./make-snapshots.ts";
import { makeUnitTests } from "./make-unit-tests.ts";
import { parseContext } from "./parse-context.ts";
import { readProperties } from "./properties.ts";
import { selectorsFile } from "./read-files.ts";
import type { ProjectFile } from "./read-files.ts";
import { flag, isName, json, listOf, object, scalarText, text } from "./readers.ts";
import type { Problems } from "./readers.ts";
import type { Project } from "./types.ts";
import { parseYaml } from "./yaml.ts";

/** Everything but the reading of files; errors go to `problems`. */
export function assembleProject(parts: {
  readonly options: LoadProjectOptions;
  readonly file: SettingsFile;
  readonly files: readonly ProjectFile[];
  readonly problems: Problems;
  readonly contentHash: string;
  /** References of a file whose text was parsed before, under the same macros and values. */
  readonly known: (file: ProjectFile) => References | undefined;
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
    fileReferences: (found) =>
      parts.known(found) ?? references({ text: found.text as string, file: found.path }),
  };
  makeGroups(builder);
  makeModels(builder);
  makeSeeds(builder);
  makeSnapshots(builder);
  makeSources(builder);
  makeGenericTests(builder);
  makeSingularTests(builder);
  makeExposures(builder);
  addEngineSources(builder);
  makeUnitTests(builder);
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
    contentHash: parts.contentHash,
    warnings: problems.warnings,
  };
}

function folderDefaults(file: SettingsFile, problems: Problems): Builder["defaults"] {
  const project = file.settings.name;
  const entry = (key: string) => file.node.entries?.get(key)?.node;
  return {
    model: new FolderDefaults({ kind: "model", key: "models", project, node: entry("models"), problems }),
    seed: new FolderDefaults({ kind: "seed", key: "seeds", project, node: entry("seeds"), problems }),
    snapshot: new FolderDefaults({
      kind: "snapshot",
      key: "snapshots",
      project,
      node: entry("snapshots"),
      problems,
    }),
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
