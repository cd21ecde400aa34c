// One output of profiles.yml → a target, and the targets that it stands on (`from`).
import os from "node:os";
import path from "node:path";
import { lakeError, throwCollected } from "../common/errors.ts";
import type { Location } from "../common/errors.ts";
import type { Json } from "../common/json.ts";
import { didYouMean } from "../common/suggest.ts";
import { isName, json, mapOf, name, object, positive, Problems, text } from "./readers.ts";
import type { Fields } from "./readers.ts";
import { renderEnv } from "./render-env.ts";
import type { TargetProfile } from "./types.ts";
import type { YamlEntry, YamlNode } from "./yaml.ts";

const fields = {
  from: name("target"),
  schema: name("schema"),
  warehouse: text,
  landing: text,
  catalog: mapOf(json),
  compute: mapOf(json),
  storage: mapOf(json),
  threads: positive,
  keep_base_days: positive,
} satisfies Fields;

/** How long a base of clones outlives the next one, where the target does not say it. */
const keepBaseDays = 7;
const dayMs = 86_400_000;

export interface TargetRequest {
  /** Absolute path of the project's folder. */
  readonly root: string;
  readonly profileName: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly outputs: ReadonlyMap<string, YamlEntry>;
  readonly targetName: string;
  /** Where the target is asked for. */
  readonly at: Location;
  /** Names of the targets that stand on this one. */
  readonly above: readonly string[];
}

/** One output with its defaults; an environment takes from the target below what it does not say itself. */
export function readTarget(request: TargetRequest): TargetProfile {
  const { outputs, targetName, profileName, root, above } = request;
  const problems = new Problems({ hidesValues: true });
  const output = findOutput(request);
  const owner = `target ${targetName}`;
  const rendered = renderEnv({ node: output, env: request.env, target: targetName, what: owner, problems });
  const read = object(fields)(rendered, owner, problems) ?? {};
  if (!isName(targetName)) problems.add("project/bad-name", { kind: "target", name: targetName }, output.at);
  const parent = read.from === undefined ? undefined : parentOf(request, output, read.from);
  const missing = (["schema", "warehouse"] as const).filter(
    (key) => parent === undefined && output.entries?.has(key) !== true,
  );
  for (const key of missing) problems.add("project/missing-key", { key, owner }, output.at);
  const catalog = read.catalog === undefined ? undefined : withType(rendered, "catalog", "sql", problems);
  const compute = withType(rendered, "compute", "duckdb", problems);
  checkMemoryLimit(rendered, compute, problems);
  throwCollected(problems.errors);
  const keepsBase = read.keep_base_days !== undefined || isStoodOn(outputs, targetName) || above.length > 0;
  const warehouse = read.warehouse === undefined ? undefined : asUri(read.warehouse, root);
  const profile: TargetProfile = {
    profile: profileName,
    name: targetName,
    schema: read.schema ?? targetName,
    warehouse: warehouse ?? (parent as TargetProfile).warehouse,
    landing:
      read.landing === undefined && parent !== undefined
        ? parent.landing
        : asUri(read.landing ?? "landing-zone", root),
    catalog:
      catalog === undefined && parent !== undefined
        ? parent.catalog
        : absoluteCatalog(catalog ?? { type: "sql" }, root),
    compute:
      read.compute === undefined && parent !== undefined ? parent.compute : absoluteFolder(compute, root),
    storage: read.storage ?? parent?.storage ?? {},
    threads: read.threads ?? parent?.threads ?? 4,
    ...(parent !== undefined && { parent }),
    ...(keepsBase && { keepBaseMs: (read.keep_base_days ?? keepBaseDays) * dayMs }),
  };
  if (parent !== undefined) checkEnvironment(profile, [...outputs.keys()], output.at);
  return profile;
}

/** The output of that name, else the one whose pattern (`pr_*`) fits it. */
function findOutput({ outputs, targetName, profileName, at }: TargetRequest): YamlNode {
  const found = outputs.get(targetName) ?? [...outputs].find(([key]) => fitsPattern(key, targetName))?.[1];
  if (found === undefined) {
    const known = [...outputs.keys()];
    const hint = didYouMean(targetName, known);
    throw lakeError(
      "project/unknown-target",
      { target: targetName, profile: profileName, known },
      { at, hint },
    );
  }
  if (found.node.entries === null) {
    throw lakeError(
      "project/wrong-type",
      { what: `target ${targetName}`, found: "no mapping", expected: "a mapping" },
      { at: found.keyAt },
    );
  }
  if (!outputs.has(targetName) && !found.node.entries.has("from")) {
    const problem = "a pattern stands for environments only, and this one says no target that they stand on";
    const hint = "add `from: prod`, or whatever target they are to read";
    throw lakeError("project/bad-environment", { target: targetName, problem }, { at: found.keyAt, hint });
  }
  return found.node;
}

/** `pr_*` stands for every name that begins so. */
export function fitsPattern(pattern: string, targetName: string): boolean {
  const [before = "", after, ...more] = pattern.split("*");
  return (
    after !== undefined &&
    more.length === 0 &&
    targetName.length > before.length + after.length &&
    targetName.startsWith(before) &&
    targetName.endsWith(after)
  );
}

function parentOf(request: TargetRequest, output: YamlNode, from: string): TargetProfile {
  const above = [...request.above, request.targetName];
  const at = output.entries?.get("from")?.node.at ?? output.at;
  if (above.includes(from)) {
    const problem = `it stands on itself: ${[...above, from].join(" on ")}`;
    throw lakeError("project/bad-environment", { target: request.targetName, problem }, { at });
  }
  return readTarget({ ...request, targetName: from, at, above });
}

function isStoodOn(outputs: ReadonlyMap<string, YamlEntry>, targetName: string): boolean {
  return [...outputs.values()].some(({ node }) => node.entries?.get("from")?.node.value === targetName);
}

/** An environment's namespace is its own, and so are all that begin with it and two underscores. */
function checkEnvironment(profile: TargetProfile, outputs: readonly string[], at: Location): void {
  const { name: target, schema } = profile;
  const refuse = (problem: string): never => {
    const hint = "give it a schema of its own, for example one that is called as the target";
    throw lakeError("project/bad-environment", { target, problem }, { at, hint });
  };
  if (schema.includes("__")) refuse(`its schema ${schema} has two underscores in a row, which divide names`);
  if (outputs.includes(schema) && schema !== target)
    refuse(`its schema ${schema} is called as another target`);
  for (let below = profile.parent; below !== undefined; below = below.parent) {
    if (below.schema === schema)
      refuse(`its schema ${schema} is that of ${below.name}, which it must not write`);
    if (below.name === schema) refuse(`its schema ${schema} is called as the target that it stands on`);
  }
}

type Typed = Readonly<Record<string, Json>> & { readonly type: string };

function checkMemoryLimit(output: YamlNode, compute: Typed, problems: Problems): void {
  const limit = compute["memory_limit"];
  if (limit === undefined || (typeof limit === "number" && limit > 0)) return;
  if (typeof limit === "string" && /^\s*\d+(\.\d+)?\s*([kmgt]i?b|b)?\s*$/i.test(limit)) return;
  const node = output.entries?.get("compute")?.node.entries?.get("memory_limit")?.node;
  const found = problems.shown(limit);
  const expected = "a size such as 1GB or 512MiB";
  problems.add(
    "project/wrong-type",
    { what: "memory_limit of compute", found, expected },
    node?.at ?? output.at,
  );
}

function withType(output: YamlNode, key: string, fallback: string, problems: Problems): Typed {
  const node = output.entries?.get(key)?.node;
  const values = (node?.value ?? {}) as Readonly<Record<string, Json>>;
  const type = values["type"] ?? fallback;
  if (typeof type === "string") return { ...values, type };
  problems.add(
    "project/wrong-type",
    { what: `type of ${key}`, found: "no text", expected: "text" },
    node?.at ?? output.at,
  );
  return { ...values, type: fallback };
}

/** `warehouse` → `file:///project/warehouse`; what has a scheme stays as it is written. */
function asUri(location: string, root: string): string {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(location)) return location.replace(/(?<!\/)\/+$/, "");
  // Spelled literally, as Iceberg's metadata spells locations: a blank is a blank, not %20.
  return `file://${path.resolve(root, expandHome(location))}`.replace(/(?<!\/)\/+$/, "");
}

function expandHome(location: string): string {
  return location.startsWith("~/") ? path.join(os.homedir(), location.slice(2)) : location;
}

function absoluteCatalog(catalog: Typed, root: string): Typed {
  const uri = catalog["uri"];
  if (catalog.type !== "sql") return catalog;
  if (uri === undefined)
    return { ...catalog, uri: `sqlite:///${path.resolve(root, "warehouse/catalog.db")}` };
  const relative = typeof uri === "string" ? sqlitePath(uri) : null;
  return relative === null ? catalog : { ...catalog, uri: `sqlite:///${path.resolve(root, relative)}` };
}

/** As SQLAlchemy spells it: three slashes before a relative path, four before an absolute one. */
function sqlitePath(uri: string): string | null {
  const match = /^sqlite:\/\/\/(.+)$/.exec(uri);
  return match === null || match[1] === ":memory:" ? null : (match[1] as string);
}

function absoluteFolder(compute: Typed, root: string): Typed {
  const folder = compute["temp_directory"];
  return typeof folder === "string"
    ? { ...compute, temp_directory: path.resolve(root, expandHome(folder)) }
    : compute;
}
