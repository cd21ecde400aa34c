// Whether `target/manifest.json` says already what would be written: by content, not by time.
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { sha256, stableStringify } from "../common/hash.ts";
import type { Graph } from "../graph/types.ts";
import { codeVersion } from "../project/parse-cache.ts";
import type { TargetProfile } from "../project/types.ts";

/** The key of `metadata` under which a manifest keeps what it was made from. */
export const contentKeyName = "lake_content_key";

/** Everything that a manifest depends on, its own time and id apart. */
export function manifestKey(options: {
  readonly graph: Graph;
  readonly profile: TargetProfile;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly lakeVersion: string;
}): string {
  const { graph, profile, env, lakeVersion } = options;
  const { contentHash, settings, root } = graph.project;
  const environment = settings.envVars.map((name) => [name, env[name]]);
  const code = codeVersion(["report", "graph", "project", "template", "common"]);
  return sha256(stableStringify([lakeVersion, code, contentHash, settings, root, profile, environment]));
}

const headBytes = 2000;

/** Whether the file is whole and was made from what the key stands for. */
export function isCurrentManifest(file: string, key: string): boolean {
  let opened: number | undefined;
  try {
    opened = openSync(file, "r");
    const { size } = fstatSync(opened);
    const head = Buffer.alloc(Math.min(headBytes, size));
    readSync(opened, head, 0, head.length, 0);
    const tail = Buffer.alloc(Math.min(3, size));
    readSync(opened, tail, 0, tail.length, size - tail.length);
    const [metadata = ""] = head.toString("utf8").split("}", 1);
    return tail.toString("utf8") === "}}\n" && metadata.includes(`"${contentKeyName}":"${key}"`);
  } catch {
    return false;
  } finally {
    if (opened !== undefined) closeSync(opened);
  }
}
