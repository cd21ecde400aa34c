// A real Hive Metastore 4.0.0 on a real PostgreSQL for tests, from packages alone, gone after `stop`.
import { spawn, type ChildProcess } from "node:child_process";
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort } from "./free-port.ts";
import {
  findDistribution,
  openedPackages,
  toolsUnavailable,
  type Distribution,
} from "./hive-metastore/distribution.ts";
import { hadoopXml, metastoreSite } from "./hive-metastore/settings.ts";
import { postgresUnavailable, startPostgres, type RunningPostgres } from "./postgres.ts";
import { servicesElsewhere } from "./skip.ts";

export interface HiveMetastoreOptions {
  /** Where tables may lie; by default a temporary folder. `s3://` and `s3a://` are taken as they are, unseen. */
  readonly warehouse?: string;
  /** Hive's own default is true: it compares columns by position. Here false unless asked for. */
  readonly comparesColumnPositions?: boolean;
  /** After which an abandoned lock is taken away; 300 as in Hive. */
  readonly transactionTimeoutSeconds?: number;
  /** Whether abandoned locks are taken away at all; true unless asked otherwise, against Hive's own default. */
  readonly housekeeping?: boolean;
}

export interface RunningHiveMetastore {
  readonly uri: string;
  readonly port: number;
  readonly warehouse: string;
  /** The metastore's database, for a look behind the scenes. */
  readonly databaseUri: string;
  /** SIGKILL: what it was doing is undone by PostgreSQL. */
  kill(): Promise<void>;
  /** Starts it again, on the same port and database. */
  restart(): Promise<void>;
  /** Stops its time, and lets it go on: a server that takes connections and does not answer. */
  pause(): void;
  resume(): void;
  stop(): Promise<void>;
}

/** Why it cannot be started here, or null. */
export function hiveMetastoreUnavailable(): string | null {
  const skipped = servicesElsewhere();
  if (skipped !== null) return skipped;
  return postgresUnavailable() ?? toolsUnavailable();
}

/** A second or two for the database, some for the JVM; the first time on a machine also Maven's download. */
export async function startHiveMetastore(options: HiveMetastoreOptions = {}): Promise<RunningHiveMetastore> {
  const distribution = await findDistribution();
  const postgres = await startPostgres();
  const folder = await mkdtemp(join(tmpdir(), "lake-hive-metastore-"));
  let server: ChildProcess | null = null;
  const kill = async (): Promise<void> => {
    if (server !== null) await killed(server);
    server = null;
  };
  const stop = async (): Promise<void> => {
    await kill();
    await postgres.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const databaseUri = await createDatabase(postgres, distribution);
    const port = await freePort();
    const warehouse = options.warehouse ?? `file://${join(folder, "warehouse")}`;
    if (warehouse.startsWith("file://")) await mkdir(fileURLToPath(warehouse), { recursive: true });
    await configure({ folder, databaseUri, port, warehouse, options });
    const start = async (): Promise<void> => {
      server = launch(folder, distribution);
      await ready(server, port);
    };
    await start();
    return {
      uri: `thrift://127.0.0.1:${port}`,
      port,
      warehouse,
      databaseUri,
      kill,
      restart: async () => {
        await kill();
        await start();
      },
      pause: () => void server?.kill("SIGSTOP"),
      resume: () => void server?.kill("SIGCONT"),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** With the tables of Hive's own script: a second, where its schema tool takes ten. */
async function createDatabase(postgres: RunningPostgres, { home }: Distribution): Promise<string> {
  const uri = await postgres.createDatabase("metastore");
  const script = join(home, "scripts/metastore/upgrade/postgres/hive-schema-4.0.0.postgres.sql");
  const { Client } = await import("pg");
  const client = new Client({ connectionString: uri });
  await client.connect();
  await client.query(await readFile(script, "utf8"));
  await client.end();
  return uri;
}

interface Configuration {
  readonly folder: string;
  readonly databaseUri: string;
  readonly port: number;
  readonly warehouse: string;
  readonly options: HiveMetastoreOptions;
}

async function configure({ folder, databaseUri, port, warehouse, options }: Configuration): Promise<void> {
  const database = new URL(databaseUri);
  const site = metastoreSite({
    jdbcUrl: `jdbc:postgresql://${database.host}${database.pathname}`,
    user: database.username,
    password: "trusted",
    host: "127.0.0.1",
    port,
    warehouse,
    comparesColumnPositions: options.comparesColumnPositions ?? false,
    transactionTimeoutSeconds: options.transactionTimeoutSeconds ?? 300,
    housekeepingSeconds: options.housekeeping === false ? null : 1,
    retryMs: 200,
  });
  const objectStorage = { "fs.s3.impl": "lake.tests.NoopFs", "fs.s3a.impl": "lake.tests.NoopFs" };
  await writeFile(join(folder, "metastore-site.xml"), hadoopXml(site));
  await writeFile(join(folder, "core-site.xml"), hadoopXml(objectStorage));
  const log = fileURLToPath(new URL("./hive-metastore/log4j2.properties", import.meta.url));
  await copyFile(log, join(folder, "log4j2.properties"));
}

function launch(folder: string, { java, home, classPath }: Distribution): ChildProcess {
  return spawn(
    java,
    [
      "-Xmx512m",
      "-XX:+UseSerialGC",
      // Starts in two thirds of the time, and nothing here runs for long.
      "-XX:TieredStopAtLevel=1",
      `-Dlog4j.configurationFile=${join(folder, "log4j2.properties")}`,
      ...openedPackages,
      "-cp",
      [folder, ...classPath].join(delimiter),
      "lake.tests.Guarded",
    ],
    {
      cwd: folder,
      env: { ...process.env, METASTORE_HOME: home, METASTORE_CONF_DIR: folder },
      // Its input ends with this process, however that ends, and it with its input.
      stdio: ["pipe", "ignore", "pipe"],
    },
  );
}

async function ready(server: ChildProcess, port: number): Promise<void> {
  let log = "";
  server.stderr?.setEncoding("utf8").on("data", (text: string) => {
    log = (log + text).slice(-20_000);
  });
  server.stdin?.on("error", () => undefined);
  const deadline = Date.now() + 120_000;
  while (!(await answers(port))) {
    if (server.exitCode !== null || server.signalCode !== null || Date.now() > deadline) {
      throw new Error(`Hive Metastore did not start:\n${log}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

function killed(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    server.once("exit", () => resolve());
    server.kill("SIGKILL");
  });
}
