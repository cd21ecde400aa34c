// Files → graph: what every command does first.
import path from "node:path";
import { lakeError } from "../common/errors.ts";
import type { Json } from "../common/json.ts";
import { buildGraph } from "../graph/build-graph.ts";
import type { Graph } from "../graph/types.ts";
import { loadProfile } from "../project/load-profile.ts";
import { loadProject } from "../project/load-project.ts";
import { readSettings } from "../project/load-settings.ts";
import type { Project, TargetProfile } from "../project/types.ts";
import { isOwnNamespace } from "./names.ts";

export interface OpenProjectOptions {
  readonly projectDir: string;
  readonly profilesDir?: string;
  readonly target?: string;
  readonly vars?: Readonly<Record<string, Json>>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly threads?: number;
}

export interface OpenProject {
  readonly graph: Graph;
  readonly profile: TargetProfile;
}

/** Reads the project and its target; all errors of its files are thrown together. */
export async function openProject(options: OpenProjectOptions): Promise<OpenProject> {
  const root = path.resolve(options.projectDir);
  const { env } = options;
  const loaded = await openTarget(options);
  const profile = options.threads === undefined ? loaded : { ...loaded, threads: options.threads };
  const project = await loadProject({
    root,
    profile,
    env,
    engine: profile.compute.type,
    ...(options.vars !== undefined && { vars: options.vars }),
  });
  checkNamespaces(project, profile);
  return { graph: buildGraph(project), profile };
}

/** A target of the project's profile alone. */
export async function openTarget(options: OpenProjectOptions): Promise<TargetProfile> {
  const root = path.resolve(options.projectDir);
  const { profile } = await readSettings(root);
  return loadProfile({
    root,
    profileName: profile,
    env: options.env,
    ...(options.profilesDir !== undefined && { profilesDirectory: options.profilesDir }),
    ...(options.target !== undefined && { targetName: options.target }),
  });
}

/** A model's own schema is one that the targets below write. */
function checkNamespaces(project: Project, profile: TargetProfile): void {
  if (profile.parent === undefined) return;
  for (const node of project.nodes.values()) {
    if (!("config" in node) || !("schema" in node.config)) continue;
    const { schema } = node.config;
    if (schema === undefined || !isOwnNamespace(profile, schema)) continue;
    const problem = `the model ${node.name} asks for the schema ${schema}, which would be both`;
    throw lakeError(
      "project/bad-environment",
      { target: profile.name, problem },
      { at: { file: node.path }, hint: "give the environment another schema" },
    );
  }
}
