// A real PostgreSQL for tests: a private cluster in a temporary folder, on loopback, gone after `stop`.
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { chown, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { freePort } from "./free-port.ts";
import { servicesElsewhere } from "./skip.ts";

const execute = promisify(execFile);

export interface RunningPostgres {
  readonly uri: string;
  /** A fresh, empty database on the same server. */
  createDatabase(name: string): Promise<string>;
  stop(): Promise<void>;
}

/** The folder that holds `initdb` and `postgres`, or null: Debian keeps them out of PATH. */
export function findPostgres(): string | null {
  const debian = "/usr/lib/postgresql";
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [
    ...(process.env["PATH"] ?? "").split(delimiter),
    ...versions.map((version) => join(debian, version, "bin")),
  ];
  return (
    folders.find((folder) => existsSync(join(folder, "initdb")) && existsSync(join(folder, "postgres"))) ??
    null
  );
}

/** Why PostgreSQL cannot be started here, or null. */
export function postgresUnavailable(): string | null {
  const skipped = servicesElsewhere();
  if (skipped !== null) return skipped;
  return findPostgres() === null ? "no PostgreSQL server is installed (initdb and postgres)" : null;
}

export async function startPostgres(): Promise<RunningPostgres> {
  const binaries = findPostgres();
  if (binaries === null) throw new Error(postgresUnavailable() ?? "");
  const folder = await mkdtemp(join(tmpdir(), "lake-postgres-"));
  const identity = await serverIdentity();
  if (identity.uid !== undefined) await chown(folder, identity.uid, identity.gid ?? identity.uid);
  const data = join(folder, "data");
  const options = { ...identity, cwd: folder, env: { ...process.env, LC_ALL: "C" } };
  await execute(
    join(binaries, "initdb"),
    ["-D", data, "-U", "lake", "--auth=trust", "-E", "UTF8", "--no-sync"],
    options,
  );
  const port = await freePort();
  const server = spawn(
    join(binaries, "postgres"),
    [
      "-D",
      data,
      "-h",
      "127.0.0.1",
      "-p",
      String(port),
      "-k",
      folder,
      "-c",
      "fsync=off",
      "-c",
      "max_connections=60",
    ],
    { ...options, stdio: ["ignore", "ignore", "pipe"] },
  );
  const killWithUs = (): void => void server.kill("SIGKILL");
  process.once("exit", killWithUs);
  const stop = async (): Promise<void> => {
    process.removeListener("exit", killWithUs);
    await ended(server, "SIGINT");
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await ready(server);
  } catch (error) {
    await stop();
    throw error;
  }
  const uri = (database: string): string => `postgresql://lake@127.0.0.1:${port}/${database}`;
  return {
    uri: uri("postgres"),
    createDatabase: async (name) => {
      const { Client } = await import("pg");
      const client = new Client({ connectionString: uri("postgres") });
      await client.connect();
      await client.query(`CREATE DATABASE "${name}"`);
      await client.end();
      return uri(name);
    },
    stop,
  };
}

/** The server refuses to run as root; then it runs as `postgres`, or as `nobody` where there is none. */
async function serverIdentity(): Promise<{ uid?: number; gid?: number }> {
  if (process.getuid?.() !== 0) return {};
  for (const user of ["postgres", "nobody"]) {
    try {
      const [uid, gid] = await Promise.all([execute("id", ["-u", user]), execute("id", ["-g", user])]);
      return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
    } catch {
      continue;
    }
  }
  throw new Error("no user postgres or nobody to run the server as; run the tests as another user than root");
}

function ready(server: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let log = "";
    const late = setTimeout(() => reject(new Error(`PostgreSQL was not ready after 30 s:\n${log}`)), 30_000);
    server.stderr?.setEncoding("utf8").on("data", (text: string) => {
      log += text;
      if (!log.includes("ready to accept connections")) return;
      clearTimeout(late);
      log = "";
      resolve();
    });
    server.once("exit", (code) => {
      clearTimeout(late);
      reject(new Error(`PostgreSQL ended with ${code}:\n${log}`));
    });
  });
}

function ended(server: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    const late = setTimeout(() => server.kill("SIGKILL"), 10_000);
    server.once("exit", () => {
      clearTimeout(late);
      resolve();
    });
    server.kill(signal);
  });
}
