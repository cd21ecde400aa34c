// Real racing processes: several writers that begin together and report as JSON.
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

/** Runs one script of this folder in several processes at once; each prints one JSON value. */
export function race(script: string, argumentsOfEach: readonly (readonly string[])[]): Promise<unknown[]> {
  const path = fileURLToPath(new URL(script, import.meta.url));
  return Promise.all(argumentsOfEach.map((own) => runScript(path, own)));
}

function runScript(path: string, own: readonly string[]): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [path, ...own], { stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    let problems = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (problems += text));
    child.once("error", reject);
    child.once("close", (code) => {
      if (code === 0) resolve(JSON.parse(output));
      else reject(new Error(`${path} ended with ${code}: ${problems}`));
    });
  });
}
