#!/usr/bin/env node
// Plain JavaScript, so that it starts on any Node: one that is too old to run TypeScript hands over to the
// Node that `npm ci` installed beside the packages.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import module from "node:module";
import { constants } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const oldest = [22, 18];

const [major, minor] = process.versions.node.split(".").map(Number);
if (major > oldest[0] || (major === oldest[0] && minor >= oldest[1])) {
  module.enableCompileCache?.();
  // Node 22 announces on every start that running TypeScript is experimental.
  if (major === 22) process.removeAllListeners("warning");
  await import("../main.ts");
} else {
  handOver();
}

function handOver() {
  const node = findNode(dirname(fileURLToPath(import.meta.url)));
  if (node === null) {
    console.error(
      `lake needs Node ${oldest.join(".")} or newer and this is ${process.versions.node}; \`npm ci\` installs one into node_modules`,
    );
    process.exitCode = 2;
    return;
  }
  const child = spawn(node, [...process.execArgv, fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: "inherit",
  });
  // A terminal sends Ctrl-C to the child as well; `main.ts` takes two within a moment for one.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => {
    console.error(`cannot start ${node}: ${error.message}`);
    process.exitCode = 2;
  });
  child.on("exit", (code, signal) => {
    process.exitCode = code ?? 128 + constants.signals[signal];
  });
}

/** The `.bin` folder of the nearest `node_modules` above that holds a Node. */
function findNode(from) {
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, "node_modules", ".bin", "node");
    if (existsSync(candidate)) return candidate;
    if (dirname(folder) === folder) return null;
  }
}
