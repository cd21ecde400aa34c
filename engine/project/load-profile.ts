// profiles.yml, one output → where tables lie and what computes them.
import { readFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { lakeError, throwCollected } from "../common/errors.ts";
import type { Location } from "../common/errors.ts";
import { didYouMean } from "../common/suggest.ts";
import { unreadable } from "./load-settings.ts";
import { mappingEntries, Problems } from "./readers.ts";
import { readTarget } from "./read-target.ts";
import { renderEnv } from "./render-env.ts";
import type { TargetProfile } from "./types.ts";
import { parseYaml } from "./yaml.ts";
import type { YamlEntry, YamlNode } from "./yaml.ts";

export interface LoadProfileOptions {
  /** Absolute path of the project's folder; relative paths of a profile start there. */
  readonly root: string;
  readonly profileName: string;
  /** Default: the profile's `target`, else its only output. */
  readonly targetName?: string;
  /** `--profiles-dir`: looked in alone. */
  readonly profilesDirectory?: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Reads one target, and those that it stands on. Errors never show a value of the profile, which may be a password. */
export async function loadProfile(options: LoadProfileOptions): Promise<TargetProfile> {
  const { profileName } = options;
  const { file, source } = await findProfiles(options);
  const problems = new Problems({ hidesValues: true });
  const node = parseYaml(source, file);
  const profiles = mappingEntries(node, file, problems) ?? new Map<string, YamlEntry>();
  const profile = profiles.get(profileName);
  if (profile === undefined) {
    const known = [...profiles.keys()].filter((key) => key !== "config");
    const hint = didYouMean(profileName, known);
    throw lakeError(
      "project/unknown-profile",
      { profile: profileName, file, known },
      { at: { file, line: 1 }, hint },
    );
  }
  const {
    name: targetName,
    at,
    outputs,
  } = chooseOutput({ ...options, file, profile: profile.node, problems });
  throwCollected(problems.errors);
  return readTarget({ ...options, outputs, targetName, at, above: [] });
}

async function findProfiles(options: LoadProfileOptions): Promise<{ file: string; source: string }> {
  const { root, profilesDirectory, env } = options;
  const home = env["HOME"] ?? os.homedir();
  const folders =
    profilesDirectory === undefined ? [root, path.join(home, ".lake")] : [path.resolve(profilesDirectory)];
  for (const folder of folders) {
    const absolute = path.join(folder, "profiles.yml");
    const file = folder === root ? "profiles.yml" : absolute;
    try {
      return { file, source: await readFile(absolute, "utf8") };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw unreadable(file, error);
    }
  }
  throw lakeError(
    "project/profiles-not-found",
    { looked: folders },
    { hint: "lake init writes one, or give --profiles-dir" },
  );
}

function chooseOutput(options: {
  readonly profile: YamlNode;
  readonly profileName: string;
  readonly targetName?: string;
  readonly env: LoadProfileOptions["env"];
  readonly file: string;
  readonly problems: Problems;
}): { name: string; at: Location; outputs: ReadonlyMap<string, YamlEntry> } {
  const { profile, profileName, env, file, problems } = options;
  const owner = `profile ${profileName}`;
  const entries = mappingEntries(profile, owner, problems);
  for (const [key, entry] of entries ?? []) {
    if (key !== "target" && key !== "outputs") {
      const known = ["target", "outputs"];
      problems.add("project/unknown-key", { key, owner, known }, entry.keyAt, didYouMean(key, known));
    }
  }
  const outputsNode = entries?.get("outputs")?.node;
  if (outputsNode === undefined) {
    throw lakeError("project/missing-key", { key: "outputs", owner }, { at: profile.at });
  }
  const outputs =
    mappingEntries(outputsNode, `outputs of ${owner}`, problems) ?? new Map<string, YamlEntry>();
  const chosen = entries?.get("target")?.node;
  const written = chosen && renderEnv({ node: chosen, env, what: `target of ${owner}`, problems }).value;
  const first = [...outputs.keys()].find((key) => !key.includes("*")) ?? "dev";
  const target = options.targetName ?? (typeof written === "string" ? written : first);
  const at: Location =
    options.targetName === undefined && chosen !== undefined
      ? chosen.at
      : { file, line: outputsNode.at.line ?? 1 };
  return { name: target, at, outputs };
}
