// Spark with Iceberg as the judge of what we write, and as another writer: one session for many statements.
import { execFile, spawn } from "node:child_process";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { parseJson } from "../../../engine/common/json.ts";
import { cachedFolder } from "../../services/cached-folder.ts";
import type { RunningLakehouse } from "../../services/lakehouse.ts";
import { sparkExcludedPackage, sparkPackages, sparkSettings } from "../../services/spark-settings.ts";

const execute = promisify(execFile);
const here = fileURLToPath(new URL(".", import.meta.url));
const patience = { timeout: 590_000, maxBuffer: 64 * 1024 * 1024 };

export type Runtime = "1.4.2" | "1.10";

/** Writes format 3; never beside the other, which has the same name. */
const newerIceberg = "org.apache.iceberg:iceberg-spark-runtime-3.5_2.12:1.10.2";

interface Distribution {
  readonly python: string;
  /** Iceberg for Spark alone. */
  readonly iceberg: Readonly<Record<Runtime, string>>;
  /** Iceberg 1.4.2 and what else `sparkPackages` names. */
  readonly packages: readonly string[];
}

/** Spark from PyPI (300 MB) and its packages from Maven, fetched where they are not there yet. */
export async function findSpark(): Promise<Distribution> {
  const requirements = join(here, "requirements.txt");
  const folder = await cachedFolder({
    name: "lake-spark",
    madeFrom: [await readFile(requirements, "utf8"), pom(), newerIceberg],
    build: async (folder) => {
      // Into a folder of its own rather than a venv, which cannot be moved.
      const quiet = ["--quiet", "--disable-pip-version-check", "--no-compile"];
      const into = ["--target", join(folder, "python"), "--requirement", requirements];
      await execute("python3", ["-m", "pip", "install", ...quiet, ...into], patience);
      await writeFile(join(folder, "pom.xml"), pom());
      const maven = (...goal: readonly string[]): Promise<unknown> =>
        execute("mvn", ["-B", "-q", "-f", join(folder, "pom.xml"), ...goal], patience);
      const plugin = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1";
      const runtime = "-DincludeScope=runtime";
      await maven(`${plugin}:copy-dependencies`, `-DoutputDirectory=${join(folder, "jars")}`, runtime);
      const newer = join(folder, "jars-newer");
      await maven(`${plugin}:copy`, `-Dartifact=${newerIceberg}`, `-DoutputDirectory=${newer}`);
    },
  });
  const jarsIn = async (name: string): Promise<string[]> =>
    (await readdir(join(folder, name))).map((jar) => join(folder, name, jar));
  const packages = await jarsIn("jars");
  const iceberg = {
    "1.4.2": packages.find((jar) => jar.includes("iceberg-spark-runtime")) ?? "",
    "1.10": (await jarsIn("jars-newer"))[0] ?? "",
  };
  return { python: join(folder, "python"), iceberg, packages };
}

/** What `spark-sql --packages … --exclude-packages …` would resolve. */
function pom(): string {
  const [excludedGroup, excludedArtifact] = sparkExcludedPackage.split(":");
  const exclusion = `<exclusions><exclusion><groupId>${excludedGroup}</groupId><artifactId>${excludedArtifact}</artifactId></exclusion></exclusions>`;
  const dependencies = sparkPackages.map((coordinates) => {
    const [group, artifact, version] = coordinates.split(":");
    return `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version>${exclusion}</dependency>`;
  });
  return `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>lake.tests</groupId><artifactId>spark</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>${dependencies.join("\n")}</dependencies></project>
`;
}

/** Why there is no Spark here, or null. */
export async function whyNoSpark(): Promise<string | null> {
  try {
    await findSpark();
    return null;
  } catch (error) {
    const [line = ""] = (error as { stderr?: string }).stderr?.trim().split("\n").slice(-1) ?? [];
    return `no Spark (tests/interop/spark): ${line === "" ? String(error) : line}`;
  }
}

function environment(python: string): NodeJS.ProcessEnv {
  return {
    ...process.env,
    PYTHONPATH: [python, process.env["PYTHONPATH"]].filter((one) => one !== undefined).join(delimiter),
    SPARK_HOME: join(python, "pyspark"),
    SPARK_DRIVER_MEMORY: "1g",
    TZ: "UTC",
  };
}

/** Runs a script of Python as a Spark of its own; its arguments come after the runtime's jar. The JSON that it prints. */
export async function runSparkScript(
  runtime: Runtime,
  script: string,
  args: readonly string[],
): Promise<unknown> {
  const { python, iceberg } = await findSpark();
  const { stdout } = await execute("python3", [script, iceberg[runtime], ...args], {
    ...patience,
    env: environment(python),
  });
  return parseJson(stdout);
}

/**
 * The rows of a query of the table `t`, which is the one of the metadata file, by a Spark with Iceberg 1.10. The folder is
 * for what it needs on the way.
 */
export async function querySpark(metadata: string, folder: string, sql: string): Promise<unknown[][]> {
  return (await runSparkScript("1.10", join(here, "query.py"), [metadata, folder, sql])) as unknown[][];
}

export interface SparkSession {
  /**
   * Runs statements one after another; the rows of each: null, text for what is scalar, lists for what nests.
   * Fails with Spark's own message.
   */
  sql(...statements: readonly string[]): Promise<unknown[][][]>;
  close(): Promise<void>;
}

/** A Spark whose default catalog is the metastore's, on the bucket. */
export async function openSpark({ s3, metastore, warehouse }: RunningLakehouse): Promise<SparkSession> {
  const { python, packages } = await findSpark();
  const settings = {
    ...sparkSettings({ metastore: metastore.uri, warehouse, endpoint: s3.endpoint }),
    // As --packages adds them: behind Spark's own, which are newer.
    "spark.jars": packages.join(","),
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.sql.shuffle.partitions": "1",
    "spark.sql.session.timeZone": "UTC",
    // Spark remembers a table for half a minute; here each statement is to see what lake did meanwhile.
    "spark.sql.catalog.lake.cache-enabled": "false",
    "spark.sql.sources.partitionOverwriteMode": "dynamic",
  };
  const child = spawn("python3", [join(here, "session.py"), JSON.stringify(settings)], {
    env: {
      ...environment(python),
      AWS_ACCESS_KEY_ID: s3.accessKeyId,
      AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
      AWS_REGION: s3.region,
    },
    stdio: ["pipe", "pipe", "pipe"],
  });
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (log = (log + text).slice(-8000)));
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<string> => {
    const { done, value } = await lines.next();
    if (done === true) throw new Error(`Spark ended:\n${log}`);
    return value;
  };
  await next();
  return {
    sql: async (...statements) => {
      child.stdin.write(`${JSON.stringify(statements)}\n`);
      const answer = JSON.parse(await next()) as unknown[][][] | { readonly error: string };
      if ("error" in answer) throw new Error(answer.error);
      return answer;
    },
    close: async () => {
      child.stdin.end();
      await ended;
    },
  };
}
