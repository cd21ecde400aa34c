// `target/sources.json`: how old the newest data of each source is, in dbt's shape.
import type { FreshnessResult } from "../run/landing/freshness.ts";
import { artifactMetadata, type ArtifactMetadata } from "./artifact-metadata.ts";
import { freshnessCriteria } from "./manifest-node.ts";

type JsonObject = Record<string, unknown>;

export function toSources(
  results: readonly FreshnessResult[],
  metadata: ArtifactMetadata & { readonly elapsedMs: number },
): JsonObject {
  return {
    metadata: artifactMetadata("sources", metadata),
    results: results.map(toResult),
    elapsed_time: metadata.elapsedMs / 1000,
  };
}

function toResult(result: FreshnessResult): JsonObject {
  const { uniqueId, maxLoadedAtMs, ageMs, askedMs, elapsedMs } = result;
  // dbt's schema has no other shape for a source without an answer.
  if (maxLoadedAtMs === null || ageMs === null)
    return { unique_id: uniqueId, status: "runtime error", error: "the source holds no data" };
  return {
    unique_id: uniqueId,
    max_loaded_at: isoTime(maxLoadedAtMs),
    snapshotted_at: isoTime(askedMs),
    max_loaded_at_time_ago_in_s: ageMs / 1000,
    status: result.status,
    criteria: freshnessCriteria(result.criteria),
    adapter_response: {},
    timing: [{ name: "execute", started_at: isoTime(askedMs), completed_at: isoTime(askedMs + elapsedMs) }],
    thread_id: "main",
    execution_time: elapsedMs / 1000,
  };
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
