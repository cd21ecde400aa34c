// Files → graph: what every command does first.
import path from "node:path";
import type { Json } from "../common/json.ts";
import { buildGraph } from "../graph/build-graph.ts";
import type { Graph } from "../graph/types.ts";
import { loadProfile } from "../project/load-profile.ts";
import { loadProject } from "../project/load-project.ts";
import { readSettings } from "../project/load-settings.ts";
import type { TargetProfile } from "../project/types.ts";

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
  const settings = await readSettings(root);
  const loaded = await loadProfile({
    root,
    profileName: settings.profile,
    env,
    ...(options.profilesDir !== undefined && { profilesDirectory: options.profilesDir }),
    ...(options.target !== undefined && { targetName: options.target }),
  });
  const profile = options.threads === undefined ? loaded : { ...loaded, threads: options.threads };
  const project = await loadProject({
    root,
    profile,
    env,
    engine: profile.compute.type,
    ...(options.vars !== undefined && { vars: options.vars }),
  });
  return { graph: buildGraph(project), profile };
}
