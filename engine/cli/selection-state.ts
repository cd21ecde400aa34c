// `--state FOLDER`: the artifacts of another run, for the methods state, result and source_status.
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { lakeError } from "../common/errors.ts";
import type { SelectionState, SourceState, StateParts } from "../graph/types.ts";

/** What stands in the folder, and the newest freshness of this project; a file that is not there leaves its
 *  method without an answer. */
export function readSelectionState(folder: string, targetFolder: string): SelectionState {
  const manifest = readArtifact(folder, "manifest.json");
  const results = readArtifact(folder, "run_results.json");
  const sources = readArtifact(folder, "sources.json");
  if (manifest === null && results === null && sources === null) {
    throw lakeError("cli/no-state", { folder }, { hint: "give the target/ folder of another run" });
  }
  const current = readArtifact(targetFolder, "sources.json");
  return {
    ...(manifest !== null && { manifest: partsOf(manifest) }),
    ...(results !== null && { results: statusesOf(results) }),
    ...(sources !== null && { sources: sourcesOf(sources) }),
    ...(current !== null && { currentSources: sourcesOf(current) }),
  };
}

function readArtifact(folder: string, name: string): Record<string, unknown> | null {
  const file = path.join(folder, name);
  if (!existsSync(file)) return null;
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;
  } catch (error) {
    throw lakeError("cli/bad-artifact", { file }, { cause: error, hint: "run `lake parse` there again" });
  }
}

function partsOf(manifest: Record<string, unknown>): Map<string, StateParts> {
  const groups = ["nodes", "sources", "exposures", "unit_tests"].map(
    (key) => manifest[key] as Record<string, { config?: { lake_state?: StateParts } }> | undefined,
  );
  return new Map(
    groups.flatMap((group) =>
      Object.entries(group ?? {}).flatMap(([id, node]) =>
        node.config?.lake_state === undefined ? [] : [[id, node.config.lake_state] as const],
      ),
    ),
  );
}

function statusesOf(artifact: Record<string, unknown>): Map<string, string> {
  const results = (artifact["results"] ?? []) as readonly { unique_id: string; status: string }[];
  return new Map(results.map(({ unique_id, status }) => [unique_id, status]));
}

function sourcesOf(artifact: Record<string, unknown>): Map<string, SourceState> {
  const results = (artifact["results"] ?? []) as readonly {
    unique_id: string;
    status: string;
    max_loaded_at?: string | null;
  }[];
  return new Map(
    results.map(({ unique_id, status, max_loaded_at }) => {
      const loadedMs = Date.parse(max_loaded_at ?? "");
      return [unique_id, { status, maxLoadedAtMs: Number.isNaN(loadedMs) ? null : loadedMs }];
    }),
  );
}
