// What a target publishes of its project, under its own prefix: of each node the state that it was last run in, and
// the text of its views, which lie in no table. Environments compare with it and read views from it (rule 11).
import { isLakeError, lakeError } from "../../common/errors.ts";
import { sha256, stableStringify } from "../../common/hash.ts";
import { stateParts } from "../../graph/state-parts.ts";
import type { StateParts } from "../../graph/types.ts";
import { targetValues } from "../../project/parse-context.ts";
import type { Model, TargetProfile } from "../../project/types.ts";
import type { Storage } from "../../storage/storage.ts";
import { isInlined, lakeFolder } from "../names.ts";
import type { PlannedRun } from "../planning/plan-run.ts";
import type { Session } from "../session.ts";

export interface PublishedView {
  /** With unique ids in place of the names of tables. */
  readonly sql: string;
  /** Unique ids of what it reads. */
  readonly reads: readonly string[];
}

export interface PublishedNode {
  readonly state: StateParts;
  readonly view?: PublishedView;
}

type PublishedNodes = ReadonlyMap<string, PublishedNode>;

/** Another number when the file's form or its meaning changes: what it says then is nobody's. */
const layout = 1;
/** All of a project of some hundred nodes. */
const headBytes = 64 * 1024;

function manifestPath(profile: TargetProfile): string {
  return `${lakeFolder(profile)}/manifest.json`;
}

/** Null where no run has published on the target. Errors: `run/bad-manifest`. */
export async function readPublished(
  storage: Storage,
  profile: TargetProfile,
): Promise<PublishedNodes | null> {
  const path = manifestPath(profile);
  try {
    return parseManifest(await storage.read(path), profile);
  } catch (error) {
    if (isLakeError(error, "storage/not-found")) return null;
    throw error;
  }
}

function parseManifest(bytes: Uint8Array, profile: TargetProfile): PublishedNodes | null {
  try {
    const value = JSON.parse(new TextDecoder().decode(bytes)) as {
      readonly layout: number;
      readonly nodes: Readonly<Record<string, PublishedNode>>;
    };
    return value.layout === layout ? new Map(Object.entries(value.nodes)) : null;
  } catch (cause) {
    const hint = `the next run on ${profile.name} writes it anew`;
    throw lakeError("run/bad-manifest", { path: manifestPath(profile) }, { cause, hint });
  }
}

/**
 * Takes in what a run did, all of whose steps went well. Costs one read where nothing of the project changed, and
 * that of the file's head after a run of everything.
 */
export async function publishManifest(session: Session, planned: PlannedRun): Promise<void> {
  const { graph, profile } = session;
  const storage = await session.storage();
  const key = contentKey(session);
  const head = await readHead(storage, profile);
  if (head !== null && keyOf(head) === key) return;
  const before = head === null ? null : await completed(storage, profile, head);
  const ran = ranNodes(session, planned);
  const nodes = publishedNodes(session, planned, { ran, before });
  const isComplete = ran.size === graph.nodes.size;
  const text = JSON.stringify(Object.fromEntries(nodes));
  if (!isComplete && before !== null && text === JSON.stringify(Object.fromEntries(before))) return;
  const begin = `{"layout":${layout},"key":${JSON.stringify(isComplete ? key : null)},"nodes":`;
  await storage.write(manifestPath(profile), new TextEncoder().encode(`${begin}${text}}\n`));
}

function publishedNodes(
  session: Session,
  planned: PlannedRun,
  { ran, before }: { readonly ran: ReadonlySet<string>; readonly before: PublishedNodes | null },
): [string, PublishedNode][] {
  const { graph } = session;
  return [...graph.nodes].flatMap(([uniqueId, node]): [string, PublishedNode][] => {
    const known = before?.get(uniqueId);
    if (!ran.has(uniqueId)) return known === undefined ? [] : [[uniqueId, known]];
    const view = isInlined(node) ? publishedView(session, planned, node as Model) : undefined;
    return [[uniqueId, { state: stateParts(graph.project, node), ...(view && { view }) }]];
  });
}

async function readHead(storage: Storage, profile: TargetProfile): Promise<Uint8Array | null> {
  try {
    return await storage.readRange(manifestPath(profile), 0, headBytes);
  } catch (error) {
    if (isLakeError(error, "storage/not-found")) return null;
    throw error;
  }
}

function keyOf(head: Uint8Array): string | null {
  const text = new TextDecoder().decode(head.subarray(0, 200));
  return /^\{"layout":\d+,"key":"([0-9a-f]+)"/.exec(text)?.[1] ?? null;
}

/** The whole file, which the head of a small project is; null where it cannot be read. */
async function completed(
  storage: Storage,
  profile: TargetProfile,
  head: Uint8Array,
): Promise<PublishedNodes | null> {
  try {
    return head.length < headBytes ? parseManifest(head, profile) : await readPublished(storage, profile);
  } catch (error) {
    if (isLakeError(error, "run/bad-manifest")) return null;
    throw error;
  }
}

/** What a manifest of a run of everything depends on. */
function contentKey({ graph, profile, env }: Session): string {
  const { contentHash, settings } = graph.project;
  const environment = settings.envVars.map((name) => [name, env[name]]);
  return sha256(stableStringify([layout, contentHash, settings, targetValues(profile), environment]));
}

/** The steps of the run, what they read that is not run, and exposures of nothing but them. */
function ranNodes({ graph }: Session, { nodes }: PlannedRun): ReadonlySet<string> {
  const ran = new Set(nodes.keys());
  for (const uniqueId of nodes.keys())
    for (const parent of graph.parents.get(uniqueId) ?? [])
      if (graph.nodes.get(parent)?.resourceType === "source") ran.add(parent);
  for (const [uniqueId, node] of graph.nodes) {
    const reads = graph.parents.get(uniqueId) ?? [];
    if (node.resourceType === "exposure" && reads.every((read) => ran.has(read))) ran.add(uniqueId);
    // One that nobody reads, as the engine's own: there is no run to wait for.
    if (node.resourceType === "source" && (graph.children.get(uniqueId) ?? []).length === 0)
      ran.add(uniqueId);
  }
  return ran;
}

/** A view that reads a state of a table by its id says something about one target only. */
function publishedView({ graph }: Session, { renderer }: PlannedRun, view: Model): PublishedView | undefined {
  const { refs, sources } = view.references;
  if ([...refs, ...sources].some(({ pin }) => pin !== undefined)) return undefined;
  return { sql: renderer.model(view, false, true).sql, reads: graph.parents.get(view.uniqueId) ?? [] };
}
