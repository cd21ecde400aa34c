// Files → Project.
import { throwCollected } from "../common/errors.ts";
import { sha256 } from "../common/hash.ts";
import type { Json } from "../common/json.ts";
import type { MacroSource } from "../template/types.ts";
import { parseSettings, readSettingsText } from "./load-settings.ts";
import { openParseCache } from "./parse-cache.ts";
import { readProjectFiles } from "./read-files.ts";
import type { ProjectFile } from "./read-files.ts";
import { Problems } from "./readers.ts";
import type { Project, ProjectSettings, TargetProfile } from "./types.ts";

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
 * are several), each with its place; what is merely odd is in `warnings`. What was parsed before and has
 * not changed, by content, comes from a cache.
 */
export async function loadProject(options: LoadProjectOptions): Promise<Project> {
  const problems = new Problems();
  const settingsText = await readSettingsText(options.root);
  const file = parseSettings(settingsText, problems);
  throwCollected(problems.errors);
  const settings: ProjectSettings = {
    ...file.settings,
    vars: { ...file.settings.vars, ...options.vars },
  };
  const files = readProjectFiles(options.root, settings, problems);
  const contentHash = hashOf(settingsText, files);
  const cache = openParseCache({ options, settings, files, contentHash });
  const cached = problems.errors.length === 0 ? cache.project() : null;
  if (cached !== null) return cached;
  const { assembleProject } = await import("./assemble-project.ts");
  const known = cache.references();
  const project = assembleProject({
    options,
    file: { ...file, settings },
    files,
    problems,
    contentHash,
    known,
  });
  throwCollected(problems.errors);
  cache.write(project);
  return project;
}

function hashOf(settingsText: string, files: readonly ProjectFile[]): string {
  const lines = files.map(({ path, checksum }) => `${path}\n${checksum}`);
  return sha256([sha256(settingsText), ...lines].join("\n"));
}
