// `lake source freshness`: how old the newest data of each source is.
import { relationName } from "../../compute/compute.ts";
import { selectNodes } from "../../graph/select.ts";
import type { SelectionRequest } from "../../graph/types.ts";
import type { Source } from "../../project/types.ts";
import { listSource } from "./landing-state.ts";
import { relationOf } from "../names.ts";
import { relationsFor, RunTables } from "../relations.ts";
import { Renderer } from "../render-node.ts";
import type { Session } from "../session.ts";

export interface FreshnessResult {
  readonly uniqueId: string;
  readonly name: string;
  readonly status: "pass" | "warn" | "error";
  /** Null for a source without data. */
  readonly maxLoadedAtMs: number | null;
  readonly ageMs: number | null;
  /** When the source was asked, and how long that took. */
  readonly askedMs: number;
  readonly elapsedMs: number;
  readonly criteria: NonNullable<Source["freshness"]>;
}

/** Sources with a `freshness`: by `loaded_at_field`, else by the newest file of the landing zone. */
export async function checkFreshness(
  session: Session,
  selection: SelectionRequest,
): Promise<FreshnessResult[]> {
  const results: FreshnessResult[] = [];
  for (const id of selectNodes(session.graph, { ...selection, resourceTypes: ["source"] })) {
    const source = session.graph.nodes.get(id);
    if (source?.resourceType !== "source" || source.freshness === undefined) continue;
    const askedMs = session.now();
    const maxLoadedAtMs = await newest(session, source);
    const ageMs = maxLoadedAtMs === null ? null : askedMs - maxLoadedAtMs;
    results.push({
      uniqueId: id,
      name: `${source.sourceName}.${source.name}`,
      status: judge(source, ageMs),
      maxLoadedAtMs,
      ageMs,
      askedMs,
      elapsedMs: session.now() - askedMs,
      criteria: source.freshness,
    });
  }
  return results;
}

async function newest(session: Session, source: Source): Promise<number | null> {
  if (source.loadedAtField === undefined && source.type === "landing") {
    const { files } = await listSource(session, source);
    return files.length === 0 ? null : files.reduce((latest, file) => Math.max(latest, file.modifiedMs), 0);
  }
  const compute = await session.compute();
  const renderer = new Renderer(session);
  const filter = source.freshness?.filter === undefined ? "" : ` where ${source.freshness.filter}`;
  const relation = relationName(relationOf(source, session.profile));
  const field = source.loadedAtField ?? "_loaded_at";
  const sql = `select epoch_ms(max((${field})::timestamptz)) from ${relation}${filter}`;
  const inputs = { leaves: [source], inlined: [] };
  const tables = new RunTables({ tables: new Map() });
  const relations = await relationsFor({ session, renderer, tables, node: source.name, inputs, sql });
  const value = (await compute.query({ sql, relations })).rows[0]?.[0];
  return value === null || value === undefined ? null : Number(value);
}

const periodMs = { minute: 60_000, hour: 3_600_000, day: 86_400_000 } as const;

function judge(source: Source, ageMs: number | null): FreshnessResult["status"] {
  const older = (limit: { count: number; period: keyof typeof periodMs } | undefined): boolean =>
    limit !== undefined && (ageMs === null || ageMs > limit.count * periodMs[limit.period]);
  if (older(source.freshness?.errorAfter)) return "error";
  return older(source.freshness?.warnAfter) ? "warn" : "pass";
}
