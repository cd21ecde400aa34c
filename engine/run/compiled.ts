// `target/compiled/`: the SQL that the engine gets, for people to read and run.
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Session } from "./session.ts";

/** Writes one compiled file and returns its path relative to the project's root. */
export function writeCompiled(session: Session, nodePath: string, sql: string): Promise<string> {
  return Promise.resolve(new CompiledFolder(session).write(nodePath, sql));
}

/** The file of a node's SQL; of one that is declared in YAML, a file in a folder of that name. */
export function compiledName({ path: file, name }: { readonly path: string; readonly name: string }): string {
  return file.endsWith(".sql") ? file : `${file.replace(/\.ya?ml$/, "")}/${name}.sql`;
}

/**
 * The folder while many files go into it: each of its folders is made once, and a file that holds the text
 * already is left alone. Synchronous, because 14,000 files take half the CPU time of as many promises, and no
 * less time.
 */
export class CompiledFolder {
  readonly #root: string;
  readonly #relative: string;
  readonly #made = new Set<string>();

  constructor(session: Session) {
    const { root, settings } = session.graph.project;
    this.#root = root;
    this.#relative = path.join(settings.targetPath, "compiled", settings.name);
  }

  /** Returns the file's path relative to the project's root. */
  write(nodePath: string, sql: string): string {
    const relative = path.join(this.#relative, nodePath.replace(/\.ya?ml$/, ".sql"));
    const file = path.join(this.#root, relative);
    const folder = path.dirname(file);
    if (!this.#made.has(folder)) {
      mkdirSync(folder, { recursive: true });
      this.#made.add(folder);
    }
    const text = sql.endsWith("\n") ? sql : `${sql}\n`;
    if (!holds(file, text)) writeFileSync(file, text);
    return relative;
  }
}

function holds(file: string, text: string): boolean {
  const found = statSync(file, { throwIfNoEntry: false });
  return found?.size === Buffer.byteLength(text) && readFileSync(file, "utf8") === text;
}
