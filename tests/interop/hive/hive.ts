// Hive's own query processor, which says how Hive sees the tables of a metastore.
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { cachedFolder } from "../../services/cached-folder.ts";
import { findDistribution, openedPackages } from "../../services/hive-metastore/distribution.ts";

const execute = promisify(execFile);
/** The metastore's: to the error stream alone. */
const log = fileURLToPath(new URL("../../services/hive-metastore/log4j2.properties", import.meta.url));
const source = fileURLToPath(new URL("./HiveSql.java", import.meta.url));
const patience = { timeout: 580_000, maxBuffer: 64 * 1024 * 1024 };

/** What the metastore's own jars lack. */
const artifacts = [
  "org.apache.hive:hive-exec:4.0.0",
  "org.apache.commons:commons-compress:1.23.0",
  "org.apache.commons:commons-math3:3.6.1",
  "org.apache.commons:commons-collections4:4.1",
  "org.reflections:reflections:0.10.2",
];
const copy = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy";

/** 90 MB from Maven where they are not there yet. */
async function findHive(): Promise<{ readonly java: string; readonly classPath: string }> {
  const metastore = await findDistribution();
  const classPath = (folder: string): string =>
    [join(folder, "classes"), join(folder, "jars", "*"), ...metastore.classPath].join(delimiter);
  const folder = await cachedFolder({
    name: "lake-hive",
    madeFrom: [await readFile(source, "utf8"), ...artifacts],
    build: async (into) => {
      await mkdir(join(into, "classes"));
      for (const artifact of artifacts) {
        const wanted = [`-Dartifact=${artifact}`, `-DoutputDirectory=${join(into, "jars")}`];
        await execute("mvn", ["-B", "-q", copy, ...wanted], patience);
      }
      const compile = ["--release", "8", "-nowarn", "-cp", classPath(into), "-d", join(into, "classes")];
      await execute("javac", [...compile, source], patience);
    },
  });
  return { java: metastore.java, classPath: classPath(folder) };
}

/** What Hive 4.0.0 answers to each statement, as text. Fails with Hive's own message. */
export async function askHive(metastoreUri: string, ...statements: readonly string[]): Promise<string[]> {
  const { java, classPath } = await findHive();
  const folder = await mkdtemp(join(tmpdir(), "lake-hive-"));
  try {
    const machine = ["-Xmx512m", `-Dlog4j.configurationFile=${log}`, ...openedPackages, "-cp", classPath];
    const { stdout } = await execute(
      java,
      [...machine, "lake.tests.HiveSql", metastoreUri, folder, ...statements],
      { ...patience, cwd: folder },
    );
    return stdout.split("\0").slice(0, -1);
  } finally {
    await rm(folder, { recursive: true });
  }
}
