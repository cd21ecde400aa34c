// Binds every statement of a run against the schemas of its inputs, before any data is read.
import { LakeError } from "../../common/errors.ts";
import type { Location } from "../../common/errors.ts";
import type { BindRequest, Column, Compute, EmptyRelation } from "../../compute/compute.ts";
import { relationName } from "../../compute/compute.ts";
import type { DataTest, Model, Seed, Source } from "../../project/types.ts";
import type { SourceMap } from "../../template/types.ts";
import { bindRemembered } from "./bind-cache.ts";
import { ingestedFilesColumns, isIngestedFiles } from "../landing/ingested-files.ts";
import { checkExpressions } from "./constraints.ts";
import { followedInputs, keyList } from "../writing/changed-names.ts";
import { directInputs, inputsOf } from "../inputs.ts";
import { batchedInputs } from "../planning/plan-batches.ts";
import { isInlined, relationOf, sqlName, thisRelation } from "../names.ts";
import type { Readable } from "../names.ts";
import { currentSchema } from "../../iceberg/metadata.ts";
import { icebergSource, missingInput } from "../relations.ts";
import type { RunTables } from "../relations.ts";
import type { Renderer } from "../render-node.ts";
import { asNamed } from "./schema-change.ts";
import { historyColumnsSql } from "../strategies/snapshot-sql.ts";
import { seedRelation } from "../seeds.ts";
import type { Session } from "../session.ts";
import { testSql } from "../testing/test-sql.ts";

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
  /** Unique id → the SQL that was bound, of models and tests. */
  readonly sql: ReadonlyMap<string, string>;
}

interface Statement extends BindRequest {
  /** The node whose columns these are, in place of those of its own statement. */
  readonly standsFor?: string;
  /** The model that is at fault if it is no node itself. */
  readonly owner?: string;
  readonly sourceMap: SourceMap | null;
  readonly at: Location;
}

export async function bindNodes(options: BindOptions): Promise<Bound> {
  const collected = await collectStatements(options);
  const { empties, statements, columns, errors, failed } = collected;
  const results = await bindRemembered(
    options.session,
    [...statements.values()],
    [...empties.values()],
  ).catch(async (error: unknown) => {
    throw (await badSource(options, empties)) ?? error;
  });
  for (const result of results) {
    if ("columns" in result) {
      // A snapshot is known by the columns of its history.
      columns.set(statements.get(result.id)?.standsFor ?? result.id, result.columns);
      continue;
    }
    const statement = statements.get(result.id) as Statement;
    failed.add(result.id);
    if (statement.standsFor !== undefined) {
      failed.add(statement.standsFor);
      columns.delete(statement.standsFor);
    }
    if (result.error.code !== "compute/input-failed")
      errors.set(statement.owner ?? result.id, located(result.error, statement));
  }
  const sql = new Map([...statements].map(([id, statement]) => [id, statement.sql]));
  return { columns, errors, failed, sql };
}

/** A declared type that the engine does not know spoils the whole call: finds the source that declares it. */
async function badSource(
  { session }: BindOptions,
  empties: ReadonlyMap<string, EmptyRelation>,
): Promise<LakeError | null> {
  const compute = await session.compute();
  for (const node of session.graph.nodes.values()) {
    const relation =
      node.resourceType === "source" ? empties.get(relationOf(node, session.profile)) : undefined;
    if (relation === undefined || node.resourceType !== "source") continue;
    try {
      await compute.query({ sql: "select 1", relations: [relation] });
    } catch (error) {
      if (!(error instanceof LakeError)) throw error;
      const message = `the source ${node.sourceName}.${node.name} cannot be read: ${error.message}`;
      return new LakeError(error.code, message, { at: node.at, hint: error.hint, cause: error });
    }
  }
  return null;
}

interface Collected {
  readonly empties: Map<string, EmptyRelation>;
  /** Each after those it reads. */
  readonly statements: Map<string, Statement>;
  readonly columns: Map<string, readonly Column[]>;
  readonly errors: Map<string, LakeError>;
  readonly failed: Set<string>;
}

interface Collecting extends Collected {
  readonly options: BindOptions;
  readonly compute: Compute;
  readonly selected: ReadonlySet<string>;
  /** View → the first table behind it that does not exist; each view is looked into once. */
  readonly missing: Map<string, string | null>;
}

async function collectStatements(options: BindOptions): Promise<Collected> {
  const { session, nodes } = options;
  const into: Collecting = {
    options,
    compute: await session.compute(),
    selected: new Set(nodes.map((node) => node.uniqueId)),
    missing: new Map(),
    empties: new Map(),
    statements: new Map(),
    columns: new Map(),
    errors: new Map(),
    failed: new Set(),
  };
  for (const node of nodes) {
    try {
      if (node.resourceType === "seed") {
        const known = await seedColumns(into, node);
        into.columns.set(node.uniqueId, known);
        addEmpty(into, relationOf(node, session.profile), known);
      } else {
        await addStatement(into, node);
      }
    } catch (error) {
      if (!(error instanceof LakeError)) throw error;
      into.errors.set(node.uniqueId, error);
      into.failed.add(node.uniqueId);
    }
  }
  return into;
}

async function addStatement(into: Collecting, node: Model | DataTest): Promise<void> {
  const { session, renderer, tables, incremental } = into.options;
  const missing = await addInputs(into, node.uniqueId);
  if (missing !== null) {
    const at = node.resourceType === "test" ? node.at : { file: node.path };
    throw missingInput({ node: node.name, input: missing, at });
  }
  if (node.resourceType === "test") {
    const { rows, sourceMap } = testSql({ session, renderer, test: node });
    const id = node.uniqueId;
    into.statements.set(id, { id, name: id, sql: rows, sourceMap, at: node.at, rowsOnly: true });
    return;
  }
  const before = tables.get(node.uniqueId);
  if (before !== undefined) {
    addEmpty(
      into,
      thisRelation(node, session.profile),
      into.compute.toColumns(currentSchema(asNamed(before, node))),
    );
  }
  // Also where nothing is left out yet: a key that is not there must not wait for the next run to be noticed.
  if (!isInlined(node)) addChanged(into, node);
  addModel(into, node, !isInlined(node) && incremental(node));
  addChecks(into, node);
}

/** Checks of the contract, over the columns that the model gives. */
function addChecks(into: Collecting, model: Model): void {
  const name = relationOf(model, into.options.session.profile);
  checkExpressions(model).forEach((expression, index) => {
    const id = `${name}@check ${index}`;
    const sql = `select (${expression}) as holds from ${relationName(name)}`;
    const at = { file: model.patchPath ?? model.path };
    into.statements.set(id, { id, name: id, sql, sourceMap: null, at, owner: model.uniqueId });
  });
}

/** What `{{changed …}}` of the model reads: keys of an input, as columns of their own. */
function addChanged(into: Collecting, model: Model): void {
  const { renderer, session } = into.options;
  const followed =
    model.config.strategy === "microbatch"
      ? batchedInputs(model, inputsOf(session.graph, model.uniqueId), session)
      : followedInputs(renderer.names, model, session.profile);
  for (const { call, node, relation } of followed) {
    if (into.statements.has(relation)) continue;
    const sql = `select ${keyList(call)} from ${sqlName(node, session.profile)}`;
    const owner = model.uniqueId;
    into.statements.set(relation, { id: relation, name: relation, sql, sourceMap: null, at: call.at, owner });
  }
}

function addModel(into: Collecting, model: Model, incremental: boolean): void {
  const { renderer, session, tables } = into.options;
  const { sql, sourceMap } = renderer.model(model, incremental);
  const name = relationOf(model, session.profile);
  const { uniqueId, at = { file: model.path } } = model;
  const snapshot = model.config.snapshot;
  const own = snapshot === undefined ? name : `${name}@rows`;
  into.statements.set(uniqueId, { id: uniqueId, name: own, sql, sourceMap, at });
  if (snapshot === undefined) return;
  const id = `${uniqueId}@history`;
  const before = tables.get(uniqueId);
  const known = before === undefined ? [] : into.compute.toColumns(currentSchema(before));
  const history = historyColumnsSql(snapshot, own, known);
  into.statements.set(id, {
    id,
    name,
    sql: history,
    sourceMap: null,
    at,
    owner: uniqueId,
    standsFor: uniqueId,
  });
}

/** Schemas of what a node reads and views on the way; the first table among them that does not exist, or null. */
async function addInputs(into: Collecting, uniqueId: string): Promise<string | null> {
  let missing: string | null = null;
  for (const input of directInputs(into.options.session.graph, uniqueId)) {
    const found = isInlined(input) ? await addView(into, input as Model) : await addLeaf(into, input);
    missing ??= found;
  }
  return missing;
}

async function addView(into: Collecting, view: Model): Promise<string | null> {
  const known = into.missing.get(view.uniqueId);
  if (known !== undefined) return known;
  const missing = await addInputs(into, view.uniqueId);
  into.missing.set(view.uniqueId, missing);
  if (missing === null && !into.statements.has(view.uniqueId)) addModel(into, view, false);
  return missing;
}

/** A table or source that is read and not itself bound in this call. */
async function addLeaf(into: Collecting, leaf: Readable): Promise<string | null> {
  const { session, tables } = into.options;
  const name = relationOf(leaf, session.profile);
  if (into.empties.has(name) || into.selected.has(leaf.uniqueId)) return null;
  if (leaf.resourceType === "source") {
    addEmpty(into, name, await sourceColumns(into, leaf));
    return null;
  }
  const metadata = tables.get(leaf.uniqueId);
  if (metadata === undefined) return leaf.name;
  addEmpty(into, name, into.compute.toColumns(currentSchema(metadata)));
  return null;
}

async function sourceColumns({ options, compute }: Collecting, source: Source): Promise<readonly Column[]> {
  if (isIngestedFiles(source)) return ingestedFilesColumns;
  if (source.type === "iceberg")
    return compute.toColumns(currentSchema(await icebergSource(options.session, source)));
  return compute.landingColumns(source.landingColumns ?? []);
}

async function seedColumns({ options, compute }: Collecting, seed: Seed): Promise<readonly Column[]> {
  const relation = seedRelation(options.session, seed);
  const { columns } = await compute.query({
    sql: `select * from "seed" limit 0`,
    relations: [{ ...relation, name: "seed" }],
  });
  return columns;
}

function addEmpty({ empties }: Collecting, name: string, columns: readonly Column[]): void {
  empties.set(name, { kind: "empty", name, columns });
}

/** Puts an engine's error at the line of the model's own file; a place inside a macro goes into the hint. */
export function located(
  error: LakeError,
  statement: { readonly sql: string; readonly sourceMap: SourceMap | null; readonly at: Location },
): LakeError {
  const { code, message, hint, cause, retryable, positionBytes } = error;
  if (error.errors.length > 0) {
    const errors = error.errors.map((each) => located(each, statement));
    return new LakeError(code, message, { hint, cause, retryable, errors });
  }
  if (positionBytes === undefined || statement.sourceMap === null) {
    return new LakeError(code, message, { at: statement.at, hint, cause, retryable });
  }
  const trace = statement.sourceMap.trace(characterOffset(statement.sql, positionBytes));
  const [inner] = trace;
  const macro =
    trace.length > 1 && inner !== undefined
      ? `(in the macro at ${inner.file}:${inner.line ?? 1})`
      : undefined;
  const hints = [hint, macro].filter((part) => part !== undefined);
  return new LakeError(code, message, {
    at: trace.at(-1) ?? statement.at,
    hint: hints.length === 0 ? undefined : hints.join(" "),
    cause,
    retryable,
  });
}

/** UTF-8 bytes → UTF-16 units. */
function characterOffset(text: string, bytes: number): number {
  return Buffer.from(text, "utf8").subarray(0, bytes).toString("utf8").length;
}
