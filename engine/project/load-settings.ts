// lake.yml → settings.
import { readFile } from "node:fs/promises";
import path from "node:path";
import { lakeError, throwCollected } from "../common/errors.ts";
import type { ProjectSettings } from "./types.ts";
import { ignored, json, listOf, mapOf, name, object, Problems, scalarText, text } from "./readers.ts";
import type { Reader } from "./readers.ts";
import { parseYaml } from "./yaml.ts";
import type { YamlNode } from "./yaml.ts";

export const settingsFile = "lake.yml";

const timezone: Reader<string> = (node, what, problems) => {
  const value = text(node, what, problems);
  if (value === undefined) return undefined;
  // An offset such as +09:00 is understood here, but is no name that every engine knows.
  if (/^[A-Za-z]/.test(value) && isTimeZone(value)) return value;
  problems.add(
    "project/bad-value",
    { what, found: JSON.stringify(value), expected: "an IANA time zone such as UTC or Asia/Seoul" },
    node.at,
  );
  return undefined;
};

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: name }).resolvedOptions().timeZone !== "";
  } catch {
    return false;
  }
}

/** A folder inside the project. */
const folder: Reader<string> = (node, what, problems) => {
  const value = text(node, what, problems);
  if (value === undefined) return undefined;
  const normal = path.posix.normalize(value.replaceAll("\\", "/")).replace(/\/+$/, "");
  if (!path.isAbsolute(normal) && normal !== ".." && !normal.startsWith("../") && normal !== ".")
    return normal;
  problems.add(
    "project/bad-value",
    { what, found: JSON.stringify(value), expected: "a folder inside the project" },
    node.at,
  );
  return undefined;
};

const fields = {
  name: name("project"),
  version: scalarText,
  "config-version": ignored,
  profile: text,
  "model-paths": listOf(folder),
  "seed-paths": listOf(folder),
  "snapshot-paths": listOf(folder),
  "test-paths": listOf(folder),
  "macro-paths": listOf(folder),
  "target-path": folder,
  timezone,
  vars: mapOf(json),
  "env-vars": listOf(text),
  env_vars: listOf(text),
  models: ignored,
  seeds: ignored,
  snapshots: ignored,
  sources: ignored,
  data_tests: ignored,
  tests: ignored,
};

export interface SettingsFile {
  readonly settings: ProjectSettings;
  readonly text: string;
  readonly node: YamlNode;
}

/** The settings alone: what must be known before a profile can be looked up. Errors of the file are thrown. */
export async function readSettings(root: string): Promise<ProjectSettings> {
  const problems = new Problems();
  const text = await readSettingsText(root);
  const { settings } = parseSettings(text, problems);
  throwCollected(problems.errors);
  return settings;
}

export async function readSettingsText(root: string): Promise<string> {
  try {
    return await readFile(path.join(root, settingsFile), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw unreadable(settingsFile, error);
    throw lakeError(
      "project/not-found",
      { root },
      { hint: "go to the project's folder, or make one with lake init" },
    );
  }
}

export function unreadable(file: string, error: unknown): Error {
  const reason = (error as NodeJS.ErrnoException).code ?? (error as Error).message;
  return lakeError("project/unreadable-file", { file, reason }, { at: { file }, cause: error });
}

export function parseSettings(source: string, problems: Problems): SettingsFile {
  const node = parseYaml(source, settingsFile);
  const read = object(fields)(node, settingsFile, problems) ?? {};
  if (read.name === undefined && node.entries?.has("name") !== true) {
    problems.add(
      "project/missing-key",
      { key: "name", owner: settingsFile },
      { file: settingsFile, line: 1 },
    );
  }
  const name = read.name ?? "project";
  const settings: ProjectSettings = {
    name,
    ...(read.version !== undefined && { version: read.version }),
    profile: read.profile ?? name,
    modelPaths: read["model-paths"] ?? ["models"],
    seedPaths: read["seed-paths"] ?? ["seeds"],
    snapshotPaths: read["snapshot-paths"] ?? ["snapshots"],
    testPaths: read["test-paths"] ?? ["tests/data"],
    macroPaths: read["macro-paths"] ?? ["macros"],
    targetPath: read["target-path"] ?? "target",
    timezone: read.timezone ?? "UTC",
    vars: read.vars ?? {},
    declaredVars: read.vars ?? {},
    envVars: [...(read["env-vars"] ?? []), ...(read.env_vars ?? [])],
  };
  return { settings, text: source, node };
}
