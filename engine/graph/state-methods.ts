// `state:`, `result:`, `source_status:`: methods that look at another run.
import { lakeError } from "../common/errors.ts";
import { didYouMean } from "../common/suggest.ts";
import type { ProjectNode } from "../project/types.ts";
import { fnmatch } from "./fnmatch.ts";
import type { MethodOptions } from "./selection-methods.ts";
import { stateParts } from "./state-parts.ts";
import type { SourceState, StateParts } from "./types.ts";

type SourceStates = ReadonlyMap<string, SourceState>;
type Fits = (node: ProjectNode) => boolean;

const parts: Readonly<Record<string, readonly (keyof StateParts)[]>> = {
  modified: ["body", "config", "relation", "contract", "macros"],
  "modified.body": ["body"],
  "modified.configs": ["config"],
  "modified.config": ["config"],
  "modified.relation": ["relation"],
  "modified.contract": ["contract"],
  "modified.macros": ["macros"],
  "modified.macro": ["macros"],
};
const values = ["new", "old", "unmodified", ...Object.keys(parts)];

export function stateMatches({ graph, criterion, state }: MethodOptions): Fits {
  const { value } = criterion;
  if (!values.includes(value)) {
    const problem = `state is one of ${values.join(", ")}`;
    throw lakeError(
      "graph/bad-selector",
      { selector: criterion.text, problem },
      { hint: didYouMean(value, values) },
    );
  }
  const manifest = state?.manifest;
  if (manifest === undefined)
    throw missing(
      "state",
      "the manifest of another run",
      "give --state with a folder that holds manifest.json",
    );
  const differs = (node: ProjectNode, keys: readonly (keyof StateParts)[]): boolean => {
    const before = manifest.get(node.uniqueId);
    if (before === undefined) return true;
    const now = stateParts(graph.project, node);
    return keys.some((key) => before[key] !== now[key]);
  };
  if (value === "new") return (node) => !manifest.has(node.uniqueId);
  if (value === "old") return (node) => manifest.has(node.uniqueId);
  if (value === "unmodified")
    return (node) => !differs(node, parts["modified"] as readonly (keyof StateParts)[]);
  // As in dbt: `modified` takes in what is new, its parts compare what was there before.
  const keys = parts[value] as readonly (keyof StateParts)[];
  return (node) => (value === "modified" || manifest.has(node.uniqueId)) && differs(node, keys);
}

export function resultMatches({ criterion, state }: MethodOptions): Fits {
  const results = state?.results;
  if (results === undefined)
    throw missing(
      "result",
      "the results of an earlier run",
      "give --state with a folder that holds run_results.json",
    );
  return ({ uniqueId }) => {
    const status = results.get(uniqueId);
    return status !== undefined && fnmatch(status, criterion.value);
  };
}

export function sourceStatusMatches({ criterion, state }: MethodOptions): Fits {
  const sources = state?.sources;
  if (sources === undefined)
    throw missing(
      "source_status",
      "the result of lake source freshness",
      "give --state with a folder that holds sources.json",
    );
  if (criterion.value === "fresher") return isFresher(sources, state?.currentSources);
  return ({ uniqueId, resourceType }) => {
    const before = sources.get(uniqueId);
    return resourceType === "source" && before !== undefined && fnmatch(before.status, criterion.value);
  };
}

/** Sources with newer data than then, and those that had none or were not asked. */
function isFresher(before: SourceStates, now: SourceStates | undefined): Fits {
  if (now === undefined)
    throw missing("source_status", "the freshness of the sources now", "run lake source freshness first");
  return ({ uniqueId, resourceType }) => {
    const newest = now.get(uniqueId)?.maxLoadedAtMs ?? null;
    if (resourceType !== "source" || newest === null) return false;
    return newest > (before.get(uniqueId)?.maxLoadedAtMs ?? -Infinity);
  };
}

function missing(method: string, needs: string, hint: string): Error {
  return lakeError("graph/missing-state", { method, needs }, { hint });
}
