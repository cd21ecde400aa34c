import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { toJsonText } from "./json-text.ts";

/** Writes `<folder>/<name>` whole or not at all: a reader never meets half an artifact. */
export async function writeArtifact(folder: string, name: string, content: unknown): Promise<string> {
  await mkdir(folder, { recursive: true });
  const file = path.join(folder, name);
  const unfinished = path.join(folder, `.${name}.${process.pid}`);
  try {
    await writeFile(unfinished, `${toJsonText(content)}\n`);
    await rename(unfinished, file);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
  return file;
}
