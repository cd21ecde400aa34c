// `target/compiled/`: the SQL that the engine gets, for people to read and run.
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import type { Session } from "./session.ts";

/** Writes one compiled file and returns its path relative to the project's root. */
export async function writeCompiled(session: Session, nodePath: string, sql: string): Promise<string> {
  const { root, settings } = session.graph.project;
  const relative = path.join(
    settings.targetPath,
    "compiled",
    settings.name,
    nodePath.replace(/\.ya?ml$/, ".sql"),
  );
  const absolute = path.join(root, relative);
  await mkdir(path.dirname(absolute), { recursive: true });
  await writeFile(absolute, sql.endsWith("\n") ? sql : `${sql}\n`);
  return relative;
}
