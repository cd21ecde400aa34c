// Every file that a project is made of, read once and hashed: the cache goes by content, never by time.
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { sha256 } from "../common/hash.ts";
import { unreadable } from "./load-settings.ts";
import type { Problems } from "./readers.ts";
import type { ProjectSettings } from "./types.ts";

export type FileKind =
  | "model"
  | "seed"
  | "snapshot"
  | "singular"
  | "macro"
  | "properties"
  | "selectors"
  | "fixture";

export interface ProjectFile {
  readonly kind: FileKind;
  /** Relative to the project's root, with `/`. */
  readonly path: string;
  /** Relative to the resource folder (`models`), with `/`. */
  readonly below: string;
  readonly checksum: string;
  /** Null for seeds, whose rows are read when they are loaded. */
  readonly text: string | null;
}

export const selectorsFile = "selectors.yml";

/** Sorted by path. What cannot be read goes to `problems`. */
export function readProjectFiles(root: string, settings: ProjectSettings, problems: Problems): ProjectFile[] {
  const found = new Map<string, ProjectFile>();
  const read = (folders: readonly string[], kinds: Readonly<Record<string, FileKind>>): void => {
    for (const folder of folders) walk({ root, folder, below: "", kinds, found, problems });
  };
  read(settings.modelPaths, { ".sql": "model", ".yml": "properties", ".yaml": "properties" });
  read(settings.seedPaths, { ".csv": "seed", ".yml": "properties", ".yaml": "properties" });
  read(settings.snapshotPaths, { ".sql": "snapshot", ".yml": "properties", ".yaml": "properties" });
  // Before the tests, of which a fixture in SQL is none.
  read([...settings.testPaths.map((folder) => `${folder}/fixtures`), "tests/fixtures"], {
    ".csv": "fixture",
    ".sql": "fixture",
  });
  read(settings.testPaths, { ".sql": "singular", ".yml": "properties", ".yaml": "properties" });
  read(settings.macroPaths, { ".sql": "macro", ".yml": "properties", ".yaml": "properties" });
  addFile({
    root,
    file: selectorsFile,
    below: selectorsFile,
    kind: "selectors",
    found,
    problems,
    optional: true,
  });
  return [...found.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

interface Walk {
  readonly root: string;
  readonly folder: string;
  readonly below: string;
  readonly kinds: Readonly<Record<string, FileKind>>;
  readonly found: Map<string, ProjectFile>;
  readonly problems: Problems;
}

function walk(options: Walk): void {
  const { root, folder, below, kinds, found, problems } = options;
  const here = below === "" ? folder : `${folder}/${below}`;
  let entries;
  try {
    entries = readdirSync(path.join(root, here), { withFileTypes: true });
  } catch (error) {
    // A folder that is not there holds nothing.
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    problems.attempt(() => {
      throw unreadable(here, error);
    });
    return;
  }
  for (const entry of entries) {
    if (entry.name.startsWith(".")) continue;
    const inner = below === "" ? entry.name : `${below}/${entry.name}`;
    if (entry.isDirectory()) walk({ ...options, below: inner });
    else {
      const dot = entry.name.lastIndexOf(".");
      const kind = dot < 0 ? undefined : kinds[entry.name.slice(dot)];
      if (kind !== undefined)
        addFile({ root, file: `${here}/${entry.name}`, below: inner, kind, found, problems });
    }
  }
}

function addFile(options: {
  readonly root: string;
  readonly file: string;
  readonly below: string;
  readonly kind: FileKind;
  readonly found: Map<string, ProjectFile>;
  readonly problems: Problems;
  readonly optional?: boolean;
}): void {
  const { root, file, below, kind, found, problems, optional = false } = options;
  if (found.has(file)) return;
  // Plain concatenation: path.join costs as much as the hash.
  const absolute = `${root}/${file}`;
  try {
    if (kind === "seed") {
      found.set(file, { kind, path: file, below, checksum: sha256(readFileSync(absolute)), text: null });
      return;
    }
    const text = readFileSync(absolute, "utf8");
    found.set(file, { kind, path: file, below, checksum: sha256(text), text });
  } catch (error) {
    if (optional && (error as NodeJS.ErrnoException).code === "ENOENT") return;
    problems.attempt(() => {
      throw unreadable(file, error);
    });
  }
}
