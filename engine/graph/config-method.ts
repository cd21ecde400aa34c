// `config.materialized:table`, `config.meta.owner:sales`, `config.unique_key:id`.
import { lakeError } from "../common/errors.ts";
import type { ProjectNode } from "../project/types.ts";
import { fnmatch } from "./fnmatch.ts";
import type { Criterion } from "./selection-spec.ts";

/** Names that users write, where they are no mere snake case of ours. */
const renamed: Readonly<Record<string, string>> = { incremental_strategy: "strategy" };

function camel(name: string): string {
  return renamed[name] ?? name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

export function configMatches(criterion: Criterion): (node: ProjectNode) => boolean {
  const [key, ...rest] = criterion.methodArguments;
  if (key === undefined) {
    throw lakeError("graph/bad-selector", {
      selector: criterion.text,
      problem: "expected a key, as in config.materialized:table",
    });
  }
  const wanted = key === "severity" ? criterion.value.toLowerCase() : criterion.value;
  return (node) => {
    const found = descend(valueOf(node, key), rest);
    return found !== undefined && fits(found, wanted);
  };
}

function valueOf(node: ProjectNode, key: string): unknown {
  if (node.resourceType === "exposure") return key === "tags" ? node.tags : undefined;
  if (key === "materialized" && node.resourceType === "test") return "test";
  // A source is not made by us; that its config type has the field is an accident of ours.
  if (key === "materialized" && node.resourceType === "source") return undefined;
  const config: object = node.resourceType === "test" ? node.testConfig : node.config;
  return own(config, camel(key));
}

function own(value: object, key: string): unknown {
  return Object.hasOwn(value, key) ? (value as Readonly<Record<string, unknown>>)[key] : undefined;
}

/** Keys may hold dots (`properties.write.target-file-size-bytes`): the longest one that is there wins. */
function descend(value: unknown, keys: readonly string[]): unknown {
  if (keys.length === 0) return value;
  if (value === null || typeof value !== "object" || Array.isArray(value)) return undefined;
  for (let length = keys.length; length > 0; length--) {
    const found = own(value, keys.slice(0, length).join("."));
    if (found !== undefined) return descend(found, keys.slice(length));
  }
  return undefined;
}

function fits(value: unknown, wanted: string): boolean {
  if (Array.isArray(value)) return value.some((item) => fits(item, wanted));
  if (value !== null && typeof value === "object") return Object.hasOwn(value, wanted);
  if (typeof value === "boolean") return String(value) === wanted.toLowerCase();
  return fnmatch(String(value), wanted);
}
