// The metastore's jars, fetched once per version of what this folder asks for, outside the repository's files.
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync } from "node:fs";
import { mkdir, readFile, rename, rm, stat } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const execute = promisify(execFile);
const here = fileURLToPath(new URL(".", import.meta.url));
const cache = fileURLToPath(new URL("../../../node_modules/.cache/lake-hive-metastore", import.meta.url));
const ourClasses = ["NoopFs.java", "Guarded.java"];

export interface Distribution {
  /** Of the metastore: `lib`, `scripts`. */
  readonly home: string;
  /** What the JVM gets besides the configuration's folder. */
  readonly classPath: readonly string[];
}

/** Why a metastore cannot be started here, or null. */
export function toolsUnavailable(): string | null {
  const missing = ["java", "javac", "mvn"].filter((tool) => !inPath(tool));
  return missing.length === 0 ? null : `${missing.join(", ")} cannot be found in PATH`;
}

function inPath(tool: string): boolean {
  return (process.env["PATH"] ?? "").split(delimiter).some((folder) => existsSync(join(folder, tool)));
}

/** From Maven where it is not there yet (155 MB). Of several at once one fetches and the others wait. */
export async function findDistribution(): Promise<Distribution> {
  const wanted = createHash("sha256");
  for (const file of ["pom.xml", ...ourClasses]) wanted.update(await readFile(join(here, file)));
  const folder = join(cache, wanted.digest("hex").slice(0, 16));
  if (!existsSync(folder)) await alone(() => (existsSync(folder) ? Promise.resolve() : build(folder)));
  const [home = ""] = readdirSync(join(folder, "metastore"));
  const metastore = join(folder, "metastore", home);
  return {
    home: metastore,
    classPath: [join(metastore, "lib", "*"), join(folder, "hadoop", "*"), join(folder, "classes")],
  };
}

/** Whole or not at all: a build that was interrupted leaves nothing that looks finished. */
async function build(folder: string): Promise<void> {
  const unfinished = `${folder}.unfinished`;
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(join(unfinished, "classes"), { recursive: true });
  const patience = { timeout: 580_000, maxBuffer: 16 * 1024 * 1024 };
  await execute(
    "mvn",
    ["-B", "-q", "-f", join(here, "pom.xml"), `-Ddist=${unfinished}`, "package"],
    patience,
  );
  const [home = ""] = readdirSync(join(unfinished, "metastore"));
  const jars = [join(unfinished, "hadoop", "*"), join(unfinished, "metastore", home, "lib", "*")];
  const sources = ourClasses.map((file) => join(here, file));
  const compile = ["--release", "8", "-nowarn", "-cp", jars.join(delimiter)];
  await execute("javac", [...compile, "-d", join(unfinished, "classes"), ...sources], patience);
  await rename(unfinished, folder);
}

async function alone(act: () => Promise<void>): Promise<void> {
  await mkdir(cache, { recursive: true });
  const lock = join(cache, "building");
  for (;;) {
    try {
      await mkdir(lock);
      break;
    } catch {
      // One that was killed leaves its lock behind.
      const held = await stat(lock).catch(() => null);
      if (held !== null && Date.now() - held.mtimeMs > 600_000) await rm(lock, { recursive: true });
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
  try {
    await act();
  } finally {
    await rm(lock, { recursive: true });
  }
}
