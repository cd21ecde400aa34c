import type { ProjectNode } from "../project/types.ts";

type JsonObject = Record<string, unknown>;

/** Names that are not ours in snake case. */
const renamed: Readonly<Record<string, string>> = { strategy: "incremental_strategy" };

/** A node's config as people write it, with dbt's names. */
export function manifestConfig(node: ProjectNode): JsonObject {
  switch (node.resourceType) {
    case "test":
      return { materialized: "test", ...snakeCase(node.testConfig) };
    case "source": {
      // A source is not made by us; that its type has the field is an accident of ours.
      const { materialized: _, ...config } = node.config;
      return snakeCase(config);
    }
    case "exposure":
      return { enabled: true, tags: node.tags, meta: node.meta };
    default:
      return snakeCase(node.config);
  }
}

function snakeCase(config: object): JsonObject {
  const written: JsonObject = {};
  for (const [key, value] of Object.entries(config)) {
    written[renamed[key] ?? key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)] = value;
  }
  return written;
}
