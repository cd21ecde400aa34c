// What the target's profile says about the engine, with the defaults.
import { tmpdir } from "node:os";
import path from "node:path";
import { lakeError } from "../common/errors.ts";
import type { Json } from "../common/json.ts";
import { didYouMean } from "../common/suggest.ts";
import type { ComputeSettings } from "../compute/compute.ts";
import type { Graph } from "../graph/types.ts";
import type { TargetProfile } from "../project/types.ts";
import type { Storage } from "../storage/storage.ts";
import { landingLocation } from "./landing/landing.ts";

/** Resident memory exceeds the engine's own limit by up to 300 MB; together they stay below 1 GB. */
const defaultMemoryLimitBytes = 640 * 1024 * 1024;

export function computeSettings(options: {
  readonly graph: Graph;
  readonly profile: TargetProfile;
  /** Targets whose tables are read, too. */
  readonly below: readonly TargetProfile[];
  readonly storage: Storage;
  /** Where tables lie that others own and sources name. */
  readonly foreignLocations: readonly string[];
  /** The run's clock: what `now()` means in every statement (rule 20). */
  readonly nowMs: number;
}): ComputeSettings {
  const { graph, profile, nowMs } = options;
  const { settings, root } = graph.project;
  const compute = profile.compute;
  refuseUnknownKeys(profile);
  const memory = compute["memory_limit_bytes"] ?? compute["memory_limit"];
  const temp = compute["temp_directory"];
  return {
    nowMs,
    timezone: settings.timezone,
    threads: profile.threads,
    memoryLimitBytes: memory === undefined ? defaultMemoryLimitBytes : parseSize(memory, profile),
    tempDirectory: typeof temp === "string" ? path.resolve(root, temp) : tmpdir(),
    allowedDirectories: allowedDirectories(options),
  };
}

const knownKeys = ["type", "memory_limit", "memory_limit_bytes", "temp_directory"];

function refuseUnknownKeys({ compute, name }: TargetProfile): void {
  for (const key of Object.keys(compute)) {
    if (knownKeys.includes(key)) continue;
    throw lakeError(
      "project/unknown-key",
      { key, owner: `compute of target ${name}`, known: knownKeys },
      { at: { file: "profiles.yml" }, hint: didYouMean(key, knownKeys) },
    );
  }
}

/** What a plan can name: the warehouse, the landing zones, the seeds, tables of others. */
function allowedDirectories(options: {
  readonly graph: Graph;
  readonly profile: TargetProfile;
  readonly below: readonly TargetProfile[];
  readonly storage: Storage;
  readonly foreignLocations: readonly string[];
}): string[] {
  const { graph, profile, below, storage, foreignLocations } = options;
  const { settings, root } = graph.project;
  const landings = [...graph.nodes.values()].flatMap((node) =>
    node.resourceType === "source" && node.type === "landing" ? [landingLocation(node, profile)] : [],
  );
  const warehouses = [profile, ...below].map(({ warehouse }) => warehouse);
  const folders = [...warehouses, profile.landing, ...landings, ...foreignLocations].flatMap((folder) => {
    const local = storage.localPath(folder);
    return local === null ? [] : [local];
  });
  return [...new Set([...folders, ...settings.seedPaths.map((folder) => path.join(root, folder))])];
}

const units: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1000,
  mb: 1000 ** 2,
  gb: 1000 ** 3,
  tb: 1000 ** 4,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
  tib: 1024 ** 4,
};

/** `1GB`, `512 MiB`, or a number of bytes. */
function parseSize(value: Json, profile: TargetProfile): number {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(
    typeof value === "string" ? value : JSON.stringify(value),
  );
  const unit = units[(match?.[2] || "b").toLowerCase()];
  if (match !== null && unit !== undefined) return Math.floor(Number(match[1]) * unit);
  throw lakeError(
    "project/bad-value",
    {
      what: `memory_limit of compute of target ${profile.name}`,
      found: JSON.stringify(value),
      expected: "a size such as 2GB or 512MiB",
    },
    { at: { file: "profiles.yml" } },
  );
}
