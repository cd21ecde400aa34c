// The embedded engine's own S3 client, for benches: PyPI carries the signed extension of each version.
import { execFile } from "node:child_process";
import { readdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { promisify } from "node:util";
import { cachedFolder } from "./cached-folder.ts";

const execute = promisify(execFile);

/** The extension's file. Throws where PyPI cannot be reached. */
export async function findHttpfs(): Promise<string> {
  const manifest = createRequire(import.meta.url)("@duckdb/node-api/package.json") as { version: string };
  // `1.5.5-r.5` holds the engine 1.5.5.
  const version = manifest.version.replace(/-.*$/, "");
  const folder = await cachedFolder({
    name: "duckdb-httpfs",
    madeFrom: [version],
    build: async (folder) => {
      const wanted = ["--no-deps", "--quiet", "--disable-pip-version-check", "-d", folder];
      await execute("python3", ["-m", "pip", "download", ...wanted, `duckdb-extension-httpfs==${version}`]);
      const [wheel = ""] = await readdir(folder);
      await execute("python3", ["-m", "zipfile", "-e", join(folder, wheel), folder]);
    },
  });
  return join(folder, "duckdb_extension_httpfs/extensions", `v${version}`, "httpfs.duckdb_extension");
}
