// Sources that the engine itself provides. They stand in the project only where something reads them.
import { sha256 } from "../common/hash.ts";
import type { Builder } from "./builder.ts";
import { mergeConfig, nodeConfig } from "./config.ts";
import type { Source } from "./types.ts";

/** `{{source "lake" "ingested_files"}}`: one row for each landing file that a table took in. */
const ingestedFiles = { source: "lake", table: "ingested_files" } as const;

export function addEngineSources(builder: Builder): void {
  const { settings, nodes } = builder;
  const uniqueId = `source.${settings.name}.${ingestedFiles.source}.${ingestedFiles.table}`;
  if (nodes.has(uniqueId) || !isRead(builder)) return;
  const source: Source = {
    resourceType: "source",
    uniqueId,
    name: ingestedFiles.table,
    sourceName: ingestedFiles.source,
    fqn: [settings.name, ingestedFiles.source, ingestedFiles.table],
    path: "lake.yml",
    description: "Landing files that the project's tables hold, with the counts of their lines.",
    config: nodeConfig(mergeConfig([]), "view"),
    checksum: sha256(uniqueId),
    type: "engine",
    identifier: ingestedFiles.table,
    onBadRecord: "fail",
    columns: [],
    at: { file: "lake.yml" },
  };
  nodes.set(uniqueId, source);
}

function isRead({ nodes }: Builder): boolean {
  for (const node of nodes.values()) {
    const sources = "references" in node ? node.references.sources : [];
    if (sources.some(({ source, table }) => source === ingestedFiles.source && table === ingestedFiles.table))
      return true;
  }
  return false;
}
