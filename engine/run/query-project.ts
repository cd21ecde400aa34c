// `lake query` and `lake show`: rows of the project's tables, views and sources.
import { LakeError, lakeError } from "../common/errors.ts";
import type { QueryResult, Relation } from "../compute/compute.ts";
import { selectNodes } from "../graph/select.ts";
import { located } from "./bind-nodes.ts";
import { knownTables } from "./compile-nodes.ts";
import type { Inputs } from "./inputs.ts";
import { inputsOf } from "./inputs.ts";
import { isInlined, isReadable, sqlName } from "./names.ts";
import type { Readable } from "./names.ts";
import { relationsFor } from "./relations.ts";
import { Renderer } from "./render-node.ts";
import type { Session } from "./session.ts";
import type { Model } from "../project/types.ts";

export interface QueryOptions {
  /** A template: `select … from {{ref "m"}}`. */
  readonly sql?: string;
  /** Or one node to show. */
  readonly select?: readonly string[];
  readonly limit?: number;
}

/** Errors: those of the statement with line and column in it; `run/missing-input` for what is not built. */
export async function queryProject(session: Session, options: QueryOptions): Promise<QueryResult> {
  const renderer = new Renderer(session);
  const text = options.sql ?? `select * from ${sqlName(nodeToShow(session, options.select ?? []), session.profile)}`;
  const file = "query";
  const rendered = renderer.text({ text, file });
  const inputs =
    options.sql === undefined
      ? inputsOfNodes(session, [nodeToShow(session, options.select ?? [])])
      : inputsOfNodes(session, referenced(renderer, rendered.references));
  const relations: readonly Relation[] = await relationsFor({
    session,
    renderer,
    tables: await knownTables(session),
    node: "the query",
    inputs,
    sql: rendered.sql,
  });
  const compute = await session.compute();
  try {
    return await compute.query({
      sql: rendered.sql,
      relations,
      ...(options.limit !== undefined && { limit: options.limit }),
    });
  } catch (error) {
    if (!(error instanceof LakeError) || error.at !== undefined) throw error;
    throw located(error, { ...rendered, at: { file } });
  }
}

function referenced(renderer: Renderer, references: ReturnType<Renderer["text"]>["references"]): Readable[] {
  return [
    ...references.refs.map(({ name }) => renderer.names.ref(name)),
    ...references.sources.map(({ source, table }) => renderer.names.source(source, table)),
  ].filter((node) => node !== undefined);
}

/** The nodes themselves and all they stand on. */
function inputsOfNodes(session: Session, nodes: readonly Readable[]): Inputs {
  const leaves = new Map<string, Readable>();
  const inlined = new Map<string, Model>();
  for (const node of nodes) {
    if (!isInlined(node)) {
      leaves.set(node.uniqueId, node);
      continue;
    }
    const below = inputsOf(session.graph, node.uniqueId);
    for (const leaf of below.leaves) leaves.set(leaf.uniqueId, leaf);
    for (const view of [...below.inlined, node as Model]) inlined.set(view.uniqueId, view);
  }
  return { leaves: [...leaves.values()], inlined: [...inlined.values()] };
}

function nodeToShow(session: Session, select: readonly string[]): Readable {
  const ids = selectNodes(session.graph, { select, resourceTypes: ["model", "seed", "source"] });
  const node = session.graph.nodes.get(ids[0] ?? "");
  if (ids.length !== 1 || !isReadable(node)) {
    throw lakeError(
      "run/not-showable",
      { node: ids.length === 0 ? select.join(" ") : `a selection of ${ids.length} nodes` },
      { hint: "name one model, seed or source" },
    );
  }
  return node;
}
