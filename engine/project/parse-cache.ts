// Parsed projects on disk. Everything goes by content: the file is believed only if it was made by this
// very code, from these very texts and values, and is whole. Anything else is as good as no cache.
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { sha256, stableStringify } from "../common/hash.ts";
import type { References } from "../template/types.ts";
import type { LoadProjectOptions } from "./load-project.ts";
import { decodeProject, decodeReferences, encodeProject } from "./project-codec.ts";
import { targetValues } from "./parse-context.ts";
import type { ProjectFile } from "./read-files.ts";
import type { Project, ProjectSettings } from "./types.ts";

export interface ParseCache {
  /** The whole project if nothing has changed, else null. */
  project(): Project | null;
  /** References of single files that have not changed, if macros and values are the same. */
  references(): (file: ProjectFile) => References | undefined;
  write(project: Project): void;
}

interface Options {
  readonly options: LoadProjectOptions;
  readonly settings: ProjectSettings;
  readonly files: readonly ProjectFile[];
  readonly contentHash: string;
}

export function openParseCache({ options, settings, files, contentHash }: Options): ParseCache {
  const { root, profile } = options;
  const folder =
    options.cacheDirectory === undefined
      ? path.join(root, settings.targetPath, "cache")
      : options.cacheDirectory;
  if (folder === null)
    return { project: () => null, references: () => () => undefined, write: () => undefined };
  const valuesKey = keyOf(options, settings);
  const templateKey = sha256(valuesKey + macrosHash(files));
  const projectKey = sha256(valuesKey + contentHash + root);
  // One file for each target: switching between targets does not parse anew.
  const file = path.join(folder, `project-${profile.profile}-${profile.name}.json`);
  const stored = readStored(file);
  return {
    project: () => {
      if (stored?.projectKey !== projectKey) return null;
      return guarded(() => {
        const texts = new Map(files.map((found) => [found.path, found]));
        return decodeProject({ body: stored.body(), root, settings, contentHash, files: texts });
      });
    },
    references: () => {
      const known =
        stored?.templateKey === templateKey ? guarded(() => decodeReferences(stored.body())) : null;
      return (found) => {
        const entry = known?.get(found.path);
        return entry?.checksum === found.checksum ? entry.references : undefined;
      };
    },
    write: (project) => writeStored({ file, projectKey, templateKey, project }),
  };
}

/** Whatever is wrong with the file: it is a cache. */
function guarded<T>(read: () => T): T | null {
  try {
    return read();
  } catch {
    return null;
  }
}

/** Everything beside the files that parsing depends on. */
function keyOf(options: LoadProjectOptions, settings: ProjectSettings): string {
  const { engine, profile, env = {}, builtinMacros = [] } = options;
  const environment = settings.envVars.map((name) => [name, env[name]]);
  const target = targetValues(profile);
  // An update of lake must not read what an older one parsed.
  const code = codeVersion(["project", "template", "common"]);
  return sha256(stableStringify([code, engine, settings, target, environment, builtinMacros]));
}

/** Folders of the engine → text that differs when their code does. */
export function codeVersion(engineFolders: readonly string[]): string {
  const stamps = engineFolders.flatMap((name) => {
    const folder = path.join(import.meta.dirname, "..", name);
    const names = guarded(() => readdirSync(folder)) ?? [];
    return names
      .filter((name) => /\.[cm]?[jt]s$/.test(name) && !name.includes(".test."))
      .map((name) => {
        const { size, mtimeMs } = statSync(path.join(folder, name));
        return `${name} ${size} ${mtimeMs}`;
      });
  });
  return stamps.join("\n");
}

function macrosHash(files: readonly ProjectFile[]): string {
  const macros = files.filter(({ kind }) => kind === "macro");
  return sha256(macros.map((file) => `${file.path}\n${file.checksum}`).join("\n"));
}

interface Stored {
  readonly projectKey: string;
  readonly templateKey: string;
  /** Throws when the body is not what was written. */
  readonly body: () => string;
}

function readStored(file: string): Stored | null {
  return guarded(() => {
    const text = readFileSync(file, "utf8");
    const end = text.indexOf("\n");
    const [projectKey = "", templateKey = "", bodyHash = ""] = text.slice(0, end).split(" ");
    const body = (): string => {
      const rest = text.slice(end + 1);
      if (sha256(rest) !== bodyHash) throw new Error("damaged");
      return rest;
    };
    return { projectKey, templateKey, body };
  });
}

function writeStored(options: {
  readonly file: string;
  readonly projectKey: string;
  readonly templateKey: string;
  readonly project: Project;
}): void {
  const { file, projectKey, templateKey, project } = options;
  const temporary = `${file}.${process.pid}`;
  const written = guarded(() => {
    const body = encodeProject(project);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(temporary, `${projectKey} ${templateKey} ${sha256(body)}\n${body}`);
    renameSync(temporary, file);
    return true;
  });
  // A full disk must not be filled further by what could not be finished.
  if (written === null) guarded(() => rmSync(temporary, { force: true }));
}
