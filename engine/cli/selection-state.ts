// `--state FOLDER`: the artifacts of another run, for the methods state, result and source_status.
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { lakeError } from "../common/errors.ts";
import type { SelectionState } from "../graph/types.ts";

type StateParts = NonNullable<SelectionState["manifest"]> extends ReadonlyMap<string, infer P> ? P : never;

/** What stands in the folder; a file that is not there leaves its method without an answer. */
export function readSelectionState(cwd: string, folder: string): SelectionState {
  const root = path.resolve(cwd, folder);
  const manifest = readArtifact(root, "manifest.json");
  const results = readArtifact(root, "run_results.json");
  const sources = readArtifact(root, "sources.json");
  if (manifest === null && results === null && sources === null) {
    throw lakeError("cli/no-state", { folder }, { hint: "give the target/ folder of another run" });
  }
  return {
    ...(manifest !== null && { manifest: partsOf(manifest) }),
    ...(results !== null && { results: statusesOf(results) }),
    ...(sources !== null && { sources: statusesOf(sources) }),
  };
}

function readArtifact(root: string, name: string): Record<string, unknown> | null {
  const file = path.join(root, name);
  if (!existsSync(file)) return null;
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;
  } catch (error) {
    throw lakeError("cli/bad-artifact", { file }, { cause: error, hint: "run `lake parse` there again" });
  }
}

function partsOf(manifest: Record<string, unknown>): Map<string, StateParts> {
  const groups = ["nodes", "sources", "exposures", "unit_tests"].map(
    (key) => manifest[key] as Record<string, { lake_state?: StateParts }> | undefined,
  );
  return new Map(
    groups.flatMap((group) =>
      Object.entries(group ?? {}).flatMap(([id, node]) =>
        node.lake_state === undefined ? [] : [[id, node.lake_state] as const],
      ),
    ),
  );
}

function statusesOf(artifact: Record<string, unknown>): Map<string, string> {
  const results = (artifact["results"] ?? []) as readonly { unique_id: string; status: string }[];
  return new Map(results.map(({ unique_id, status }) => [unique_id, status]));
}
