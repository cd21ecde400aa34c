// Spark with Iceberg as the judge of what we write, and as another writer.
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { parseJson } from "../../../engine/common/json.ts";
import { cachedFolder } from "../../services/cached-folder.ts";
import type { RunningHiveMetastore } from "../../services/hive-metastore.ts";

const execute = promisify(execFile);
const here = fileURLToPath(new URL(".", import.meta.url));
const patience = { timeout: 590_000, maxBuffer: 64 * 1024 * 1024 };

export type Runtime = "1.4.2" | "1.10";

/** Spark from PyPI (300 MB) and Iceberg's runtime from Maven, fetched where they are not there yet. */
async function distribution(): Promise<{
  readonly python: string;
  /** Of Iceberg 1.4.2, and of 1.10, which writes format 3. */
  readonly jars: Readonly<Record<Runtime, string>>;
}> {
  const files = ["requirements.txt", "pom.xml"].map((name) => join(here, name));
  const [requirements = "", pom = ""] = files;
  const folder = await cachedFolder({
    name: "lake-spark",
    madeFrom: await Promise.all(files.map((file) => readFile(file, "utf8"))),
    build: async (folder) => {
      // Into a folder of its own rather than a venv, which cannot be moved.
      const quiet = ["--quiet", "--disable-pip-version-check", "--no-compile"];
      const into = ["--target", join(folder, "python"), "--requirement", requirements];
      await execute("python3", ["-m", "pip", "install", ...quiet, ...into], patience);
      await execute("mvn", ["-B", "-q", "-f", pom, `-Ddist=${folder}`, "package"], patience);
    },
  });
  const jars = { "1.4.2": join(folder, "jars", "*"), "1.10": join(folder, "jars-v3", "*") };
  return { python: join(folder, "python"), jars };
}

/** Why there is no Spark here, or null. */
export async function whyNoSpark(): Promise<string | null> {
  try {
    await distribution();
    return null;
  } catch (error) {
    const [line = ""] = (error as { stderr?: string }).stderr?.trim().split("\n").slice(-1) ?? [];
    return `no Spark (tests/interop/spark): ${line === "" ? String(error) : line}`;
  }
}

/** Runs statements one after another in one Spark; the rows of each, dates and decimals as text. */
export async function runSpark(
  { uri, warehouse }: RunningHiveMetastore,
  statements: readonly string[],
): Promise<unknown[][][]> {
  const answer = await runSparkScript("1.4.2", join(here, "session.py"), [
    uri,
    warehouse,
    JSON.stringify(statements),
  ]);
  return answer as unknown[][][];
}

/** Runs a script of Python as a Spark of its own; its arguments come after the runtime's jars. The JSON that it prints. */
export async function runSparkScript(
  runtime: Runtime,
  script: string,
  args: readonly string[],
): Promise<unknown> {
  const { python, jars } = await distribution();
  const path = [python, process.env["PYTHONPATH"]].filter((one) => one !== undefined).join(delimiter);
  const env = {
    ...process.env,
    PYTHONPATH: path,
    SPARK_HOME: join(python, "pyspark"),
    SPARK_DRIVER_MEMORY: "1g",
    TZ: "UTC",
  };
  const { stdout } = await execute("python3", [script, jars[runtime], ...args], { ...patience, env });
  return parseJson(stdout);
}
