// A real S3 server for tests: Versity's gateway over a temporary folder, on loopback, gone after `stop`.
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync, readdirSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { cachedFolder, isCached, type CachedFolder } from "./cached-folder.ts";
import { freePort } from "./free-port.ts";
import { servicesElsewhere } from "./skip.ts";

const execute = promisify(execFile);
export const versitygwVersion = "1.8.0";
const region = "us-east-1";

export interface RunningS3 {
  readonly endpoint: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** The `storage:` block of a target on this server. */
  readonly storage: Readonly<Record<string, string>>;
  /** Makes an empty bucket and gives its name. */
  createBucket(): Promise<string>;
  /** The folder whose files are a bucket's objects, for what S3 has no request for: another time of writing. */
  folder(bucket: string): string;
  stop(): Promise<void>;
}

/** Why the server cannot be had here, or null. Built once from its module by Go, about a minute. */
export function versitygwUnavailable(): string | null {
  const skipped = servicesElsewhere();
  if (skipped !== null) return skipped;
  if (isCached(distribution) || goProgram() !== null) return null;
  return "no versitygw in the cache and no go to build it";
}

export async function startVersitygw(): Promise<RunningS3> {
  const binary = await findVersitygw();
  const folder = await mkdtemp(join(tmpdir(), "lake-s3-"));
  const root = join(folder, "buckets");
  await mkdir(root);
  const port = await freePort();
  const accessKeyId = `lake${randomUUID().slice(0, 8)}`;
  const secretAccessKey = randomUUID();
  const server = spawn(
    binary,
    ["--port", `127.0.0.1:${port}`, "--region", region, "--quiet", "posix", root],
    {
      cwd: folder,
      env: { ...process.env, ROOT_ACCESS_KEY: accessKeyId, ROOT_SECRET_KEY: secretAccessKey },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  const killWithUs = (): void => void server.kill("SIGKILL");
  process.once("exit", killWithUs);
  const stop = async (): Promise<void> => {
    process.removeListener("exit", killWithUs);
    await ended(server);
    await rm(folder, { recursive: true, force: true });
  };
  const endpoint = `http://127.0.0.1:${port}`;
  try {
    await answering(endpoint, server);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    endpoint,
    region,
    accessKeyId,
    secretAccessKey,
    storage: { endpoint, region, access_key_id: accessKeyId, secret_access_key: secretAccessKey },
    async createBucket() {
      const name = `lake-${randomUUID()}`;
      // A folder of the server's root is a bucket.
      await mkdir(join(root, name));
      return name;
    },
    folder: (bucket) => join(root, bucket),
    stop,
  };
}

function goProgram(): string | null {
  const debian = "/usr/lib";
  const versions = existsSync(debian) ? readdirSync(debian).filter((name) => name.startsWith("go-")) : [];
  const folders = [
    ...(process.env["PATH"] ?? "").split(delimiter),
    "/usr/local/go/bin",
    ...versions.map((name) => join(debian, name, "bin")),
  ];
  const found = folders.find((folder) => existsSync(join(folder, "go")));
  return found === undefined ? null : join(found, "go");
}

/** The program, built where it is not there yet. */
export async function findVersitygw(): Promise<string> {
  return join(await cachedFolder(distribution), "versitygw");
}

const distribution: CachedFolder = {
  name: "versitygw",
  madeFrom: [versitygwVersion],
  build: async (folder) => {
    const go = goProgram();
    if (go === null) throw new Error(versitygwUnavailable() ?? "");
    const modules = `${folder}.go`;
    const env = { ...process.env, GOBIN: folder, GOFLAGS: "-modcacherw", GOPATH: modules };
    try {
      await execute(go, ["install", `github.com/versity/versitygw/cmd/versitygw@v${versitygwVersion}`], {
        env,
        timeout: 580_000,
      });
    } finally {
      await rm(modules, { recursive: true, force: true });
    }
  },
};

async function answering(endpoint: string, server: ChildProcess): Promise<void> {
  let log = "";
  for (const stream of [server.stdout, server.stderr]) {
    stream?.setEncoding("utf8").on("data", (text: string) => (log = (log + text).slice(-4000)));
  }
  const deadline = Date.now() + 30_000;
  for (;;) {
    if (server.exitCode !== null) throw new Error(`versitygw ended with ${server.exitCode}:\n${log}`);
    // Without a signature it refuses, which is an answer.
    if (
      await fetch(endpoint).then(
        () => true,
        () => false,
      )
    )
      return;
    if (Date.now() > deadline) throw new Error(`versitygw did not answer within 30 s:\n${log}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function ended(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    const late = setTimeout(() => server.kill("SIGKILL"), 10_000);
    server.once("exit", () => {
      clearTimeout(late);
      resolve();
    });
    server.kill("SIGTERM");
  });
}
