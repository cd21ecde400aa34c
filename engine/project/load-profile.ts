// profiles.yml, one output → where tables lie and what computes them.
import { readFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { lakeError, throwCollected } from "../common/errors.ts";
import type { Location } from "../common/errors.ts";
import type { Json } from "../common/json.ts";
import { didYouMean } from "../common/suggest.ts";
import { unreadable } from "./load-settings.ts";
import { isName, json, mapOf, mappingEntries, name, object, positive, Problems, text } from "./readers.ts";
import type { Fields } from "./readers.ts";
import type { TargetProfile } from "./types.ts";
import { parseYaml } from "./yaml.ts";
import type { YamlEntry, YamlNode } from "./yaml.ts";

export interface LoadProfileOptions {
  /** Absolute path of the project's folder; relative paths of a profile start there. */
  readonly root: string;
  readonly profileName: string;
  /** Default: the profile's `target`, else its only output. */
  readonly targetName?: string;
  /** `--profiles-dir`: looked in alone. */
  readonly profilesDirectory?: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

const fields = {
  schema: name("schema"),
  warehouse: text,
  landing: text,
  catalog: mapOf(json),
  compute: mapOf(json),
  storage: mapOf(json),
  threads: positive,
} satisfies Fields;

/** Reads one target. Errors never show a value of the profile, which may be a password. */
export async function loadProfile(options: LoadProfileOptions): Promise<TargetProfile> {
  const { profileName } = options;
  const { file, source } = await findProfiles(options);
  const problems = new Problems({ hidesValues: true });
  const node = parseYaml(source, file);
  const profiles = mappingEntries(node, file, problems) ?? new Map<string, YamlEntry>();
  const profile = profiles.get(profileName);
  if (profile === undefined) {
    const known = [...profiles.keys()].filter((key) => key !== "config");
    const hint = didYouMean(profileName, known);
    throw lakeError(
      "project/unknown-profile",
      { profile: profileName, file, known },
      { at: { file, line: 1 }, hint },
    );
  }
  const { name: targetName, output } = chooseOutput({ ...options, file, profile: profile.node, problems });
  throwCollected(problems.errors);
  const owner = `target ${targetName}`;
  const rendered = renderEnv({ node: output, env: options.env, what: owner, problems });
  const read = object(fields)(rendered, owner, problems) ?? {};
  const missing = (["schema", "warehouse"] as const).filter((key) => output.entries?.has(key) !== true);
  for (const key of missing) problems.add("project/missing-key", { key, owner }, output.at);
  if (!isName(targetName)) problems.add("project/bad-name", { kind: "target", name: targetName }, output.at);
  const catalog = withType(rendered, "catalog", "sql", problems);
  const compute = withType(rendered, "compute", "duckdb", problems);
  checkMemoryLimit(rendered, compute, problems);
  throwCollected(problems.errors);
  const { root } = options;
  return {
    profile: profileName,
    name: targetName,
    schema: read.schema as string,
    warehouse: asUri(read.warehouse as string, root),
    landing: asUri(read.landing ?? "landing-zone", root),
    catalog: absoluteCatalog(catalog, root),
    compute: absoluteFolder(compute, root),
    storage: read.storage ?? {},
    threads: read.threads ?? 4,
  };
}

async function findProfiles(options: LoadProfileOptions): Promise<{ file: string; source: string }> {
  const { root, profilesDirectory, env } = options;
  const home = env["HOME"] ?? os.homedir();
  const folders =
    profilesDirectory === undefined ? [root, path.join(home, ".lake")] : [path.resolve(profilesDirectory)];
  for (const folder of folders) {
    const absolute = path.join(folder, "profiles.yml");
    const file = folder === root ? "profiles.yml" : absolute;
    try {
      return { file, source: await readFile(absolute, "utf8") };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw unreadable(file, error);
    }
  }
  throw lakeError(
    "project/profiles-not-found",
    { looked: folders },
    { hint: "lake init writes one, or give --profiles-dir" },
  );
}

function chooseOutput(options: {
  readonly profile: YamlNode;
  readonly profileName: string;
  readonly targetName?: string;
  readonly env: LoadProfileOptions["env"];
  readonly file: string;
  readonly problems: Problems;
}): { name: string; output: YamlNode } {
  const { profile, profileName, env, file, problems } = options;
  const owner = `profile ${profileName}`;
  const entries = mappingEntries(profile, owner, problems);
  for (const [key, entry] of entries ?? []) {
    if (key !== "target" && key !== "outputs") {
      const known = ["target", "outputs"];
      problems.add("project/unknown-key", { key, owner, known }, entry.keyAt, didYouMean(key, known));
    }
  }
  const outputsNode = entries?.get("outputs")?.node;
  if (outputsNode === undefined) {
    throw lakeError("project/missing-key", { key: "outputs", owner }, { at: profile.at });
  }
  const outputs =
    mappingEntries(outputsNode, `outputs of ${owner}`, problems) ?? new Map<string, YamlEntry>();
  const known = [...outputs.keys()];
  const chosen = entries?.get("target")?.node;
  const written = chosen && renderEnv({ node: chosen, env, what: `target of ${owner}`, problems }).value;
  const target = options.targetName ?? (typeof written === "string" ? written : (known[0] ?? "dev"));
  const output = outputs.get(target);
  if (output === undefined) {
    const at: Location =
      options.targetName === undefined && chosen !== undefined
        ? chosen.at
        : { file, line: outputsNode.at.line ?? 1 };
    throw lakeError(
      "project/unknown-target",
      { target, profile: profileName, known },
      { at, hint: didYouMean(target, known) },
    );
  }
  if (output.node.entries === null) {
    throw lakeError(
      "project/wrong-type",
      { what: `target ${target}`, found: "no mapping", expected: "a mapping" },
      { at: output.keyAt },
    );
  }
  return { name: target, output: output.node };
}

const quotedText = String.raw`(?:"([^"]*)"|'([^']*)')`;
const envCall = new RegExp(
  String.raw`\{\{\s*env_var\s*\(?\s*${quotedText}\s*(?:,?\s*(?:default\s*=\s*)?${quotedText}\s*)?\)?\s*\}\}`,
  "g",
);

/** Replaces `{{env_var "X" default="…"}}` (and dbt's `{{ env_var('X', '…') }}`) in every text below `node`. */
function renderEnv(options: {
  readonly node: YamlNode;
  readonly env: LoadProfileOptions["env"];
  readonly what: string;
  readonly problems: Problems;
}): YamlNode {
  const { node, env, what, problems } = options;
  if (typeof node.value === "string") {
    if (!node.value.includes("{{")) return node;
    const value = node.value.replace(envCall, (_, a?: string, b?: string, c?: string, d?: string) => {
      const variable = a ?? b ?? "";
      const found = env[variable] ?? c ?? d;
      if (found === undefined) {
        const hint = `export ${variable}=…, or write {{env_var "${variable}" default="…"}}`;
        problems.add("project/missing-env-var", { name: variable, what }, node.at, hint);
      }
      return found ?? "";
    });
    if (node.value.replace(envCall, "").includes("{{")) {
      problems.add(
        "project/wrong-type",
        { what, found: "a template", expected: '{{env_var "NAME"}} or plain text' },
        node.at,
      );
    }
    // A variable that stands alone may be a number (threads).
    const whole = /^\{\{[^{}]*\}\}$/.test(node.value.trim()) && /^\d{1,9}$/.test(value);
    return { ...node, value: whole ? Number(value) : value };
  }
  if (node.items !== null) {
    const items = node.items.map((item) => renderEnv({ ...options, node: item }));
    return { ...node, items, value: items.map(({ value }) => value) };
  }
  if (node.entries === null) return node;
  const entries = new Map<string, YamlEntry>();
  const value: Record<string, Json> = {};
  for (const [key, entry] of node.entries) {
    const inner = renderEnv({ ...options, node: entry.node, what: `${key} of ${what}` });
    entries.set(key, { keyAt: entry.keyAt, node: inner });
    value[key] = inner.value;
  }
  return { ...node, entries, value };
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
