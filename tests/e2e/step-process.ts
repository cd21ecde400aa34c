// A run in a process of its own that kills, or stops, itself at one chosen step: before or after the n-th call
// that changes something outside the process. What it did is in `steps.log` of the project.
import { appendFileSync } from "node:fs";
import path from "node:path";
import type { Catalog } from "../../engine/catalog/catalog.ts";
import { executeRun } from "../../engine/run/execute-run.ts";
import { openProject } from "../../engine/run/open-project.ts";
import { createSession } from "../../engine/run/session.ts";
import type { Adapters } from "../../engine/run/session.ts";
import { maintain } from "../../engine/upkeep/maintain.ts";
import { adapters } from "../../engine/wire.ts";
import type { StepRequest } from "./steps.ts";

const request = JSON.parse(process.argv[2] ?? "{}") as StepRequest;
const log = path.join(request.root, "steps.log");
let steps = 0;

/** The process ends, or stands still, here; nothing that comes after in this turn is run. */
function step(what: string): void {
  steps += 1;
  appendFileSync(log, `${what}\n`);
  if (steps === request.at && request.signal !== undefined) process.kill(process.pid, request.signal);
}

function watch<T extends object>(name: string, seam: T, calls: readonly string[]): T {
  return new Proxy(seam, {
    get(target, key, receiver) {
      const value: unknown = Reflect.get(target, key, receiver);
      if (typeof value !== "function") return value;
      const call = value.bind(target) as (...given: unknown[]) => unknown;
      if (!calls.includes(String(key))) return call;
      return async (...given: unknown[]) => {
        step(`before ${name}.${String(key)}`);
        const result = await call(...given);
        step(`after ${name}.${String(key)}`);
        return result;
      };
    },
  });
}

/** The same catalog for who may move one table at a time, as on Hive Metastore. */
function oneByOne(catalog: Catalog): Catalog {
  return request.oneByOne === true ? { ...catalog, capabilities: { atomicMultiTable: false } } : catalog;
}

const watched: Adapters = {
  ...adapters,
  storage: async (profile) =>
    watch("storage", await adapters.storage(profile), ["write", "writeIfAbsent", "putFiles", "delete"]),
  catalog: async (profile) =>
    watch("catalog", oneByOne(await adapters.catalog(profile)), ["commit", "createNamespace"]),
  compute: async (profile, settings, storage) =>
    watch("compute", await adapters.compute(profile, settings, storage), ["write"]),
};

const { graph, profile } = await openProject({
  projectDir: request.root,
  env: {},
  ...(request.target !== undefined && { target: request.target }),
});
const session = createSession({ graph, profile, adapters: watched });
try {
  if (request.maintain === undefined) {
    const result = await executeRun(session, { command: "build", ...request.options });
    process.exitCode = result.success ? 0 : 1;
  } else {
    const identifier = { namespace: profile.schema, name: request.maintain };
    const policy = {
      compact: true,
      rewriteManifests: true,
      expireSnapshots: 1,
      removeOrphanFiles: 86_400_000,
    };
    await maintain({ session, table: { identifier, policy }, dryRun: false });
  }
} finally {
  await session.close();
}
