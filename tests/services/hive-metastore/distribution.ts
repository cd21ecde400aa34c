// The metastore's jars, fetched once per version of what this folder asks for, outside the repository's files.
import { execFile } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { cachedFolder } from "../cached-folder.ts";

const execute = promisify(execFile);
const here = fileURLToPath(new URL(".", import.meta.url));
const ourClasses = ["NoopFs.java", "Guarded.java"];

/** What Hive reaches into by reflection. */
export const openedPackages: readonly string[] = [
  "lang",
  "util",
  "net",
  "nio",
  "util.concurrent",
  "util.regex",
].map((name) => `--add-opens=java.base/java.${name}=ALL-UNNAMED`);

export interface Distribution {
  readonly java: string;
  /** Of the metastore: `lib`, `scripts`. */
  readonly home: string;
  /** What the JVM gets besides the configuration's folder. */
  readonly classPath: readonly string[];
}

/** Why a metastore cannot be started here, or null. */
export function toolsUnavailable(): string | null {
  const missing = ["java", "javac", "mvn"].filter((tool) => pathOf(tool) === null);
  return missing.length === 0 ? null : `${missing.join(", ")} cannot be found in PATH`;
}

function pathOf(tool: string): string | null {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  return folders.map((folder) => join(folder, tool)).find((path) => existsSync(path)) ?? null;
}

/** From Maven where it is not there yet (155 MB). */
export async function findDistribution(): Promise<Distribution> {
  const sources = ["pom.xml", ...ourClasses].map((file) => readFile(join(here, file), "utf8"));
  const folder = await cachedFolder({
    name: "lake-hive-metastore",
    madeFrom: await Promise.all(sources),
    build,
  });
  const [home = ""] = readdirSync(join(folder, "metastore"));
  const metastore = join(folder, "metastore", home);
  return {
    java: pathOf("java") ?? "java",
    home: metastore,
    classPath: [join(metastore, "lib", "*"), join(folder, "hadoop", "*"), join(folder, "classes")],
  };
}

async function build(folder: string): Promise<void> {
  const classes = join(folder, "classes");
  await mkdir(classes);
  const patience = { timeout: 580_000, maxBuffer: 16 * 1024 * 1024 };
  const fetched = ["-B", "-q", "-f", join(here, "pom.xml"), `-Ddist=${folder}`, "package"];
  await execute("mvn", fetched, patience);
  const [home = ""] = readdirSync(join(folder, "metastore"));
  const jars = [join(folder, "hadoop", "*"), join(folder, "metastore", home, "lib", "*")].join(delimiter);
  const sources = ourClasses.map((file) => join(here, file));
  await execute("javac", ["--release", "8", "-nowarn", "-cp", jars, "-d", classes, ...sources], patience);
}
