// `lake compile`: every selected statement rendered, bound without data, and written for people.
import { LakeError } from "../common/errors.ts";
import type { Column } from "../compute/compute.ts";
import { selectNodes } from "../graph/select.ts";
import type { SelectionRequest } from "../graph/types.ts";
import { isTableNode } from "../project/node-kinds.ts";
import type { Model, ProjectNode } from "../project/types.ts";
import { bindNodes } from "./binding/bind-nodes.ts";
import type { Bound } from "./binding/bind-nodes.ts";
import { CompiledFolder, compiledName } from "./compiled.ts";
import { directInputs, inputsOf, pinnedAmong, tableInputs } from "./inputs.ts";
import { hasTable } from "./names.ts";
import type { PinnedTable } from "./names.ts";
import { loadPinned } from "./tables/pinned-tables.ts";
import { RunTables } from "./relations.ts";
import { Renderer } from "./render-node.ts";
import { endedOf, seenTables, tablesOf } from "./environments/seen-tables.ts";
import type { Session } from "./session.ts";
import { shapeOrError } from "./binding/shapes.ts";

export interface CompiledNode {
  readonly uniqueId: string;
  readonly sql: string;
  /** Relative to the project's root. */
  readonly path: string;
  readonly columns: readonly Column[];
}

export interface CompileResult {
  readonly compiled: readonly CompiledNode[];
  readonly errors: readonly LakeError[];
}

/** Inputs that are not selected and not built yet are bound as well, so that a new project compiles. */
export async function compileNodes(session: Session, selection: SelectionRequest): Promise<CompileResult> {
  const { graph } = session;
  const selected = new Set(selectNodes(graph, selection));
  const pins = [...graph.nodes.keys()].flatMap((id) => pinnedAmong(directInputs(graph, id)));
  const tables = await knownTables(session, pins);
  const renderer = new Renderer(session);
  const needed = withUnbuiltInputs(session, selected, tables);
  const nodes = graph.order.flatMap((id) => {
    const node = graph.nodes.get(id);
    if (!needed.has(id)) return [];
    return isTableNode(node) || node?.resourceType === "test" ? [node] : [];
  });
  const incremental = (model: Model): boolean =>
    model.config.materialized === "incremental" && tables.get(model.uniqueId) !== undefined;
  const bound = await bindNodes({ session, renderer, tables, nodes, incremental });
  const errors = new Map([
    ...bound.errors,
    ...(await shapeErrors({ session, nodes, bound, tables, incremental })),
  ]);
  const compiled: CompiledNode[] = [];
  const folder = new CompiledFolder(session);
  for (const node of nodes) {
    if (!selected.has(node.uniqueId) || node.resourceType === "seed" || bound.failed.has(node.uniqueId))
      continue;
    const sql = bound.sql.get(node.uniqueId) ?? "";
    const path = folder.write(compiledName(node), sql);
    compiled.push({ uniqueId: node.uniqueId, sql, path, columns: bound.columns.get(node.uniqueId) ?? [] });
  }
  return { compiled, errors: [...errors.values()] };
}

/** Types that Iceberg lacks, broken contracts, partitions by no column, forbidden schema changes. */
async function shapeErrors(options: {
  readonly session: Session;
  readonly nodes: readonly ProjectNode[];
  readonly bound: Bound;
  readonly tables: RunTables;
  readonly incremental: (model: Model) => boolean;
}): Promise<Map<string, LakeError>> {
  const { session, nodes, bound, tables, incremental } = options;
  const errors = new Map<string, LakeError>();
  if (bound.columns.size === 0) return errors;
  const compute = await session.compute();
  for (const model of nodes) {
    const columns = bound.columns.get(model.uniqueId);
    if (columns === undefined || !hasTable(model)) continue;
    const current = tables.get(model.uniqueId) ?? null;
    const changesPart =
      model.config.snapshot !== undefined || (model.resourceType === "model" && incremental(model));
    const mode = current === null ? "create" : changesPart ? "append" : "replace";
    const shape = shapeOrError({ model, columns, compute, current, mode, emit: () => {} });
    if (shape instanceof LakeError) errors.set(model.uniqueId, shape);
  }
  return errors;
}

/** Every table of the project that the target shows, and the given states of tables. */
export async function knownTables(session: Session, pins: readonly PinnedTable[]): Promise<RunTables> {
  const nodes = [...session.graph.nodes.values()].filter(hasTable);
  const seen = await seenTables(session, nodes);
  const { tables: pinned, errors } = await loadPinned({ session, pins, seen });
  return new RunTables({
    tables: tablesOf(seen),
    sourceTables: pinned,
    problems: errors,
    ended: endedOf(seen),
  });
}

function withUnbuiltInputs(session: Session, selected: ReadonlySet<string>, tables: RunTables): Set<string> {
  const needed = new Set<string>();
  const visit = (id: string): void => {
    if (needed.has(id)) return;
    needed.add(id);
    for (const input of tableInputs(inputsOf(session.graph, id))) {
      if (tables.get(input.uniqueId) === undefined) visit(input.uniqueId);
    }
  };
  for (const id of selected) visit(id);
  return needed;
}
