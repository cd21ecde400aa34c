// Environment variables, and a target's own name, in the texts of profiles.yml.
import type { Json } from "../common/json.ts";
import type { Problems } from "./readers.ts";
import type { YamlEntry, YamlNode } from "./yaml.ts";

const quotedText = String.raw`(?:"([^"]*)"|'([^']*)')`;
const envCall = new RegExp(
  String.raw`\{\{\s*env_var\s*\(?\s*${quotedText}\s*(?:,?\s*(?:default\s*=\s*)?${quotedText}\s*)?\)?\s*\}\}`,
  "g",
);

const targetCall = /\{\{\s*target\.name\s*\}\}/g;

/** Replaces `{{env_var "X" default="…"}}` (and dbt's `{{ env_var('X', '…') }}`) and, inside an output, its own
 *  `{{target.name}}` in every text below `node`. */
export function renderEnv(options: {
  readonly node: YamlNode;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly target?: string;
  readonly what: string;
  readonly problems: Problems;
}): YamlNode {
  const { node, env, what, problems } = options;
  if (typeof node.value === "string") {
    if (!node.value.includes("{{")) return node;
    const named = options.target === undefined ? node.value : node.value.replace(targetCall, options.target);
    const value = named.replace(envCall, (_, a?: string, b?: string, c?: string, d?: string) => {
      const variable = a ?? b ?? "";
      const found = env[variable] ?? c ?? d;
      if (found === undefined) {
        const hint = `export ${variable}=…, or write {{env_var "${variable}" default="…"}}`;
        problems.add("project/missing-env-var", { name: variable, what }, node.at, hint);
      }
      return found ?? "";
    });
    if (named.replace(envCall, "").includes("{{")) {
      problems.add(
        "project/wrong-type",
        { what, found: "a template", expected: '{{env_var "NAME"}}, {{target.name}} or plain text' },
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
