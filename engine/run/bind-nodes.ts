// Binds every statement of a run against the schemas of its inputs, before any data is read.
import { LakeError, lakeError } from "../common/errors.ts";
import type { Location } from "../common/errors.ts";
import type { BindRequest, Column, EmptyRelation } from "../compute/compute.ts";
import type { DataTest, Model, Seed, Source } from "../project/types.ts";
import type { SourceMap } from "../template/types.ts";
import { inputsOf } from "./inputs.ts";
import type { Inputs } from "./inputs.ts";
import { ingestedFilesColumns, isIngestedFiles } from "./ingested-files.ts";
import { isInlined, relationOf, thisRelation } from "./names.ts";
import { currentSchema } from "../iceberg/metadata.ts";
import { icebergSource } from "./relations.ts";
import type { RunTables } from "./relations.ts";
import type { Renderer } from "./render-node.ts";
import { seedRelation } from "./seeds.ts";
import type { Session } from "./session.ts";
import { testSql } from "./test-sql.ts";

export interface BindOptions {
  readonly session: Session;
  readonly renderer: Renderer;
  readonly tables: RunTables;
  /** In graph order. */
  readonly nodes: readonly (Model | Seed | DataTest)[];
  /** Whether a model is rendered with `incremental` true. */
  readonly incremental: (model: Model) => boolean;
}

export interface Bound {
  /** Unique id → columns, of models, views on the way, and seeds. */
  readonly columns: ReadonlyMap<string, readonly Column[]>;
  /** Unique id → what is wrong with the statement itself. */
  readonly errors: ReadonlyMap<string, LakeError>;
  /** Unique ids of all that cannot run: those with an error, and those that read them. */
  readonly failed: ReadonlySet<string>;
}

interface Statement extends BindRequest {
  readonly sourceMap: SourceMap | null;
  readonly at: Location;
}

export async function bindNodes(options: BindOptions): Promise<Bound> {
  const { session, nodes } = options;
  const compute = await session.compute();
  const empties = new Map<string, EmptyRelation>();
  const statements = new Map<string, Statement>();
  const columns = new Map<string, readonly Column[]>();
  const errors = new Map<string, LakeError>();
  const failed = new Set<string>();
  const selected = new Set(nodes.map((node) => node.uniqueId));
  for (const node of nodes) {
    try {
      if (node.resourceType === "seed") {
        const known = await seedColumns(session, node);
        columns.set(node.uniqueId, known);
        addEmpty(empties, relationOf(node, session.profile), known);
        continue;
      }
      await addStatement({ options, node, selected, empties, statements });
    } catch (error) {
      if (!(error instanceof LakeError)) throw error;
      errors.set(node.uniqueId, error);
      failed.add(node.uniqueId);
    }
  }
  const requests = [...statements.values()];
  for (const result of await compute.bind(requests, [...empties.values()])) {
    const statement = statements.get(result.id) as Statement;
    if ("columns" in result) {
      columns.set(result.id, result.columns);
      continue;
    }
    failed.add(result.id);
    if (result.error.code !== "compute/input-failed") errors.set(result.id, located(result.error, statement));
  }
  return { columns, errors, failed };
}

async function addStatement(context: {
  options: BindOptions;
  node: Model | DataTest;
  selected: ReadonlySet<string>;
  empties: Map<string, EmptyRelation>;
  statements: Map<string, Statement>;
}): Promise<void> {
  const { options, node, selected, empties, statements } = context;
  const { session, renderer } = options;
  const inputs = inputsOf(session.graph, node.uniqueId);
  await addInputs(options, node.name, inputs, selected, empties);
  for (const view of inputs.inlined) {
    if (!statements.has(view.uniqueId)) statements.set(view.uniqueId, modelStatement(options, view, false));
  }
  if (node.resourceType === "test") {
    const sql = testSql({ session, renderer, test: node });
    statements.set(node.uniqueId, {
      id: node.uniqueId,
      name: node.uniqueId,
      sql: sql.rows,
      sourceMap: sql.sourceMap,
      at: node.at,
    });
    return;
  }
  const incremental = !isInlined(node) && options.incremental(node);
  const before = options.tables.get(node.uniqueId);
  if (before !== undefined) {
    const compute = await session.compute();
    addEmpty(empties, thisRelation(node, session.profile), compute.toColumns(currentSchema(before)));
  }
  statements.set(node.uniqueId, modelStatement(options, node, incremental));
}

function modelStatement(options: BindOptions, model: Model, incremental: boolean): Statement {
  const rendered = options.renderer.model(model, incremental);
  return {
    id: model.uniqueId,
    name: relationOf(model, options.session.profile),
    sql: rendered.sql,
    sourceMap: rendered.sourceMap,
    at: { file: model.path },
  };
}

/** Schemas of what is read and not itself bound in this call. */
async function addInputs(
  options: BindOptions,
  node: string,
  inputs: Inputs,
  selected: ReadonlySet<string>,
  empties: Map<string, EmptyRelation>,
): Promise<void> {
  const { session, tables } = options;
  const compute = await session.compute();
  for (const leaf of inputs.leaves) {
    const name = relationOf(leaf, session.profile);
    if (empties.has(name) || selected.has(leaf.uniqueId)) continue;
    if (leaf.resourceType === "source") {
      addEmpty(empties, name, await sourceColumns(options, leaf));
      continue;
    }
    const metadata = tables.get(leaf.uniqueId);
    if (metadata === undefined) {
      throw lakeError(
        "run/missing-input",
        { node, input: leaf.name },
        { hint: `build it first, for example with --select +${node}` },
      );
    }
    addEmpty(empties, name, compute.toColumns(currentSchema(metadata)));
  }
}

async function sourceColumns(options: BindOptions, source: Source): Promise<readonly Column[]> {
  const { session, tables } = options;
  const compute = await session.compute();
  if (isIngestedFiles(source)) return ingestedFilesColumns;
  if (source.type === "iceberg")
    return compute.toColumns(currentSchema(tables.get(source.uniqueId) ?? (await icebergSource(session, source))));
  return compute.landingColumns(source.landingColumns ?? []);
}

async function seedColumns(session: Session, seed: Seed): Promise<readonly Column[]> {
  const compute = await session.compute();
  const relation = seedRelation(session, seed);
  const { columns } = await compute.query({
    sql: `select * from "seed" limit 0`,
    relations: [{ ...relation, name: "seed" }],
  });
  return columns;
}

function addEmpty(empties: Map<string, EmptyRelation>, name: string, columns: readonly Column[]): void {
  empties.set(name, { kind: "empty", name, columns });
}

/** Puts an engine's error at the line of the model's own file; a place inside a macro goes into the hint. */
export function located(
  error: LakeError,
  statement: { readonly sql: string; readonly sourceMap: SourceMap | null; readonly at: Location },
): LakeError {
  const { code, message, hint, cause, retryable, positionBytes } = error;
  if (positionBytes === undefined || statement.sourceMap === null) {
    return new LakeError(code, message, { at: statement.at, hint, cause, retryable });
  }
  const trace = statement.sourceMap.trace(characterOffset(statement.sql, positionBytes));
  const [inner] = trace;
  const macro =
    trace.length > 1 && inner !== undefined ? `in the macro at ${inner.file}:${inner.line ?? 1}` : undefined;
  const hints = [hint, macro].filter((part) => part !== undefined);
  return new LakeError(code, message, {
    at: trace.at(-1) ?? statement.at,
    hint: hints.length === 0 ? undefined : hints.join("; "),
    cause,
    retryable,
  });
}

/** UTF-8 bytes → UTF-16 units. */
function characterOffset(text: string, bytes: number): number {
  return Buffer.from(text, "utf8").subarray(0, bytes).toString("utf8").length;
}
