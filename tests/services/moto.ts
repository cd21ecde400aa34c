// moto's server: an S3 and STS that echo what was asked for, encryption above all. In a venv of its own.
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { freePort } from "./free-port.ts";
import { servicesElsewhere } from "./skip.ts";

const execute = promisify(execFile);
const requirements = fileURLToPath(new URL("./moto-requirements.txt", import.meta.url));
const cache = fileURLToPath(new URL("../../node_modules/.cache", import.meta.url));

export interface RunningMoto {
  readonly endpoint: string;
  createBucket(name: string): Promise<void>;
  stop(): Promise<void>;
}

/** Why the server cannot be had here, or null. Made on demand by pip, about half a minute. */
export async function motoUnavailable(): Promise<string | null> {
  const skipped = servicesElsewhere();
  if (skipped !== null) return skipped;
  try {
    await venv();
    return null;
  } catch (error) {
    const [line = ""] = (error as { stderr?: string }).stderr?.trim().split("\n").slice(-1) ?? [];
    return `no moto (${requirements}): ${line === "" ? String(error) : line}`;
  }
}

export async function startMoto(): Promise<RunningMoto> {
  const python = await venv();
  const port = await freePort();
  const server = spawn(python, ["-m", "moto.server", "-H", "127.0.0.1", "-p", String(port)], {
    stdio: "ignore",
  });
  const killWithUs = (): void => void server.kill("SIGKILL");
  process.once("exit", killWithUs);
  const endpoint = `http://127.0.0.1:${port}`;
  await answering(endpoint, server);
  return {
    endpoint,
    createBucket: async (name) => {
      await fetch(`${endpoint}/${name}`, { method: "PUT" });
    },
    stop: () =>
      new Promise((resolve) => {
        process.removeListener("exit", killWithUs);
        server.once("exit", () => resolve());
        server.kill("SIGKILL");
      }),
  };
}

/** Of two processes that make it at once the first to finish is kept. */
async function venv(): Promise<string> {
  const mark = createHash("sha256").update(readFileSync(requirements)).digest("hex").slice(0, 12);
  const folder = join(cache, `moto-${mark}`);
  const python = join(folder, "bin/python");
  if (existsSync(python)) return python;
  const own = `${folder}.${process.pid}`;
  await execute(process.env["PYTHON"] ?? "python3", ["-m", "venv", own]);
  const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", requirements];
  await execute(join(own, "bin/python"), pip, { timeout: 300_000 });
  await rename(own, folder).catch(() => rm(own, { recursive: true, force: true }));
  return python;
}

async function answering(endpoint: string, server: ChildProcess): Promise<void> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    if (server.exitCode !== null) throw new Error(`moto ended with ${server.exitCode}`);
    const up = await fetch(`${endpoint}/moto-api/`).then(
      () => true,
      () => false,
    );
    if (up) return;
    if (Date.now() > deadline) throw new Error("moto did not answer within 60 s");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
