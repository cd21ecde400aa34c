// `lake query` and `lake show`: rows of the project's tables, views and sources, and failing rows of tests.
import { LakeError, lakeError, throwCollected } from "../common/errors.ts";
import { didYouMean } from "../common/suggest.ts";
import type { QueryResult } from "../compute/compute.ts";
import { selectNodes } from "../graph/select.ts";
import type { TableMetadata } from "../iceberg/types.ts";
import type { DataTest, Model } from "../project/types.ts";
import type { SourceMap } from "../template/types.ts";
import type { Location } from "../common/errors.ts";
import { located } from "./binding/bind-nodes.ts";
import { knownTables } from "./compile-nodes.ts";
import type { Inputs } from "./inputs.ts";
import { inputsOf, pinnedInputs, tableInputs } from "./inputs.ts";
import { isInlined, isReadable, pinnedAs, sqlName } from "./names.ts";
import type { PinnedTable, Readable } from "./names.ts";
import { loadPinned } from "./tables/pinned-tables.ts";
import { relationsFor } from "./relations.ts";
import type { RunTables } from "./relations.ts";
import { Renderer } from "./render-node.ts";
import type { Session } from "./session.ts";
import { seenTables } from "./environments/seen-tables.ts";
import { useStagedTables } from "./journal/staged-run.ts";
import { testSql } from "./testing/test-sql.ts";

export interface QueryOptions {
  /** A template: `select … from {{ref "m"}}`. */
  readonly sql?: string;
  /** Or one node to show; of a test, the rows that fail. */
  readonly select?: readonly string[];
  readonly limit?: number;
  /** Reads what this run staged, where it staged something and did not publish it. */
  readonly runId?: string;
  /** All tables as they were then: a snapshot id, tag, branch or time. */
  readonly at?: string;
}

interface Statement {
  readonly sql: string;
  readonly sourceMap: SourceMap | null;
  readonly at: Location;
  readonly inputs: Inputs;
}

/** Errors: those of the statement with line and column in it; `run/missing-input` for what is not built. */
export async function queryProject(session: Session, options: QueryOptions): Promise<QueryResult> {
  const renderer = new Renderer(session);
  const statement = statementOf(session, renderer, options);
  const { sql, inputs } = statement;
  const tables = await knownTables(session, pinnedInputs(inputs));
  if (options.at !== undefined) await showAll({ session, tables, inputs, text: options.at });
  if (options.runId !== undefined) await useStagedTables({ session, tables, runId: options.runId });
  const relations = await relationsFor({ session, renderer, tables, node: "the query", inputs, sql });
  const compute = await session.compute();
  try {
    return await compute.query({
      sql,
      relations,
      ...(options.limit !== undefined && { limit: options.limit }),
    });
  } catch (error) {
    if (!(error instanceof LakeError) || error.at !== undefined) throw error;
    throw located(error, statement);
  }
}

/** Every table that the statement reads, where it does not name a state itself. */
async function showAll(options: {
  readonly session: Session;
  readonly tables: RunTables;
  readonly inputs: Inputs;
  readonly text: string;
}): Promise<void> {
  const { session, tables, inputs, text } = options;
  const at = { file: "query" };
  const pins = inputs.leaves.flatMap((leaf) => {
    if (leaf.resourceType === "pinned") return [];
    if (leaf.resourceType === "source" && leaf.type !== "iceberg") {
      throw lakeError("run/no-history", { node: `${leaf.sourceName}.${leaf.name}` }, { at });
    }
    return [[leaf.uniqueId, pinnedAs(leaf, { pin: { kind: "at", text }, at }) as PinnedTable] as const];
  });
  const seen = await seenTables(session, tableInputs(inputs));
  const found = await loadPinned({ session, pins: pins.map(([, pin]) => pin), seen });
  throwCollected([...found.errors.values()]);
  for (const [uniqueId, pin] of pins) {
    tables.show(uniqueId, found.tables.get(pin.uniqueId) as TableMetadata);
  }
}

function statementOf(session: Session, renderer: Renderer, options: QueryOptions): Statement {
  const at = { file: "query" };
  if (options.sql !== undefined) {
    const rendered = renderer.text({ text: options.sql, file: at.file });
    return { ...rendered, at, inputs: inputsOfNodes(session, referenced(renderer, rendered.references)) };
  }
  const node = nodeToShow(session, options.select ?? []);
  if (node.resourceType === "test") {
    const { rows, sourceMap } = testSql({ session, renderer, test: node });
    return { sql: rows, sourceMap, at: node.at, inputs: inputsOf(session.graph, node.uniqueId) };
  }
  const sql = `select * from ${sqlName(node, session.profile)}`;
  return { sql, sourceMap: null, at, inputs: inputsOfNodes(session, [node]) };
}

function referenced(renderer: Renderer, references: ReturnType<Renderer["text"]>["references"]): Readable[] {
  return [
    ...references.refs.map((call) => ({ call, node: renderer.names.ref(call.name) })),
    ...references.sources.map((call) => ({ call, node: renderer.names.source(call.source, call.table) })),
  ].flatMap(({ call, node }) => (node === undefined ? [] : [pinnedAs(node, call)]));
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

function nodeToShow(session: Session, select: readonly string[]): Readable | DataTest {
  const find = (resourceTypes: readonly string[]): readonly string[] =>
    selectNodes(session.graph, { select, resourceTypes, indirectSelection: "empty" });
  const tables = find(["model", "seed", "snapshot", "source"]);
  const ids = tables.length > 0 ? tables : find(["test"]);
  const node = session.graph.nodes.get(ids[0] ?? "");
  if (ids.length === 1 && (isReadable(node) || node?.resourceType === "test")) return node;
  throw lakeError(
    "run/not-showable",
    { node: ids.length === 0 ? `"${select.join(" ")}"` : `a selection of ${ids.length} nodes` },
    {
      hint: (ids.length === 0 ? nearestName(session, select) : undefined) ?? "`lake ls` lists what there is",
    },
  );
}

function nearestName(session: Session, select: readonly string[]): string | undefined {
  const names = [...session.graph.nodes.values()].filter(isReadable).map(({ name }) => name);
  return select.length === 1 ? didYouMean(select[0] ?? "", names) : undefined;
}
