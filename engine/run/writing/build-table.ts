// One model or seed → a staged change: files, manifests and metadata are written, the catalog is not asked.
import type { CatalogTable } from "../../catalog/catalog.ts";
import { tableName } from "../../catalog/catalog.ts";
import { LakeError } from "../../common/errors.ts";
import type { WriteResult } from "../../compute/compute.ts";
import { relationName } from "../../compute/compute.ts";
import type { ChangeOperation, StagedChange } from "../../iceberg/change.ts";
import { stageChange } from "../../iceberg/transaction.ts";
import type { EvolutionStep } from "../../plan/evolution.ts";
import { definitionProperty, partialPrefix, summaryKeys } from "../../plan/table-state.ts";
import { isIncremental } from "../../plan/types.ts";
import type { Model, Seed } from "../../project/types.ts";
import type { Rendered } from "../../template/types.ts";
import { located } from "../binding/bind-nodes.ts";
import { keepCode } from "../planning/built-code.ts";
import { castPlace, withPosition } from "./cast-place.ts";
import { onClone } from "../environments/clones.ts";
import { compiledName, writeCompiled } from "../compiled.ts";
import { evolutionOf } from "../binding/evolution-of.ts";
import { baseTags } from "../environments/keep-bases.ts";
import { emptyLedger, ledgerProperties, writeLedger } from "../landing/ledger.ts";
import type { LedgerEntry } from "../landing/ledger.ts";
import { lakeFolder, tableIdentifier, tableProperties } from "../names.ts";
import { newTableLocation } from "./new-table-location.ts";
import { openWrite } from "./open-write.ts";
import type { BuildStatement } from "./open-write.ts";
import type { PlannedRun } from "../planning/plan-run.ts";
import type { PlannedNode } from "../planning/planner.ts";
import { stageQuarantine } from "./quarantine.ts";
import type { RunTables } from "../relations.ts";
import { seedRelation } from "../seeds.ts";
import type { Session } from "../session.ts";
import type { Shape } from "../binding/shapes.ts";
import { strategyOf } from "../strategies/strategies.ts";
import { writeWhole } from "../strategies/strategy.ts";
import type { Written } from "../strategies/strategy.ts";
import type { RunEvent, RunOptions } from "../types.ts";
import { whoRuns } from "../who.ts";

export interface BuildContext {
  readonly session: Session;
  readonly planned: PlannedRun;
  readonly tables: RunTables;
  readonly shapes: ReadonlyMap<string, Shape>;
  readonly options: RunOptions;
  readonly runId: string;
  /** Of the next commit of this run: begins with the run's id, and so do the files written for it. */
  readonly newCommitId: () => string;
  readonly signal: AbortSignal;
  readonly emit: (event: RunEvent) => void;
}

export interface BuiltTable {
  readonly change: StagedChange;
  /** The quarantine table of the same run, if lines were put there or old ones go. */
  readonly quarantine: StagedChange | null;
  readonly result: WriteResult;
  readonly compiledPath: string | null;
  /** What became of the columns and layout of a table that was there. */
  readonly evolution: readonly EvolutionStep[];
}

/** Columns and layout change, no row is written. */
async function evolveTable(context: BuildContext, node: PlannedNode): Promise<BuiltTable> {
  const { session, shapes } = context;
  const { base, definition } = node;
  const model = node.node as Model | Seed;
  const { uniqueId, config } = model;
  const shape = shapes.get(uniqueId);
  if (shape === undefined || base === null) throw new Error(`${uniqueId} was not bound`);
  const change = await stageChange({
    storage: await session.storage(),
    nowMs: session.now(),
    request: {
      identifier: base.identifier,
      base,
      location: base.metadata.location,
      schema: shape.schema,
      spec: shape.spec,
      sortOrder: shape.sortOrder,
      properties: { ...tableProperties(model, session.profile), [definitionProperty]: definition },
      operation: { kind: "none" },
      summary: {},
      commitId: context.newCommitId(),
      formatVersion: config.formatVersion ?? 2,
    },
  });
  const result: WriteResult = { files: [], rows: 0n, landing: [], rejected: [] };
  const evolution = evolutionOf(node, shape, session.profile);
  return { change, quarantine: null, result, compiledPath: null, evolution };
}

/** Errors: those of the statement (`compute/*`, at the model's line), of its contract and its schema change. */
export async function buildTable(context: BuildContext, given: PlannedNode): Promise<BuiltTable> {
  const node = await onClone(context.session, given);
  const { session } = context;
  const model = node.node as Model | Seed;
  const { base } = node;
  if (node.step.mode === "evolve") return evolveTable(context, node);
  const statement = await statementOf(context, node);
  const shape = context.shapes.get(model.uniqueId);
  if (shape === undefined) throw new Error(`${model.uniqueId} was not bound`);
  const identifier = tableIdentifier(model, session.profile);
  const location = base?.metadata.location ?? (await newTableLocation(session, identifier));
  const commitId = context.newCommitId();
  const table = await openWrite({ context, node, base, shape, statement, location, commitId });
  const { operation, result, summary } = await table.run(
    (model.resourceType === "seed" ? undefined : strategyOf(model)?.write) ?? writeWhole,
  );
  const change = await stage({ context, node, base, location, commitId, shape, operation, result, summary });
  const replace = !isIncremental(node.step);
  const quarantine =
    node.landing === null
      ? null
      : await stageQuarantine({
          context,
          identifier,
          rejected: result.rejected,
          replace,
          replacedFiles: node.landing.diff.replaced.map(({ held }) => held.path),
        });
  const { compiledPath } = statement;
  const evolution = evolutionOf(node, shape, session.profile);
  return { change, quarantine, result, compiledPath, evolution };
}

async function statementOf(context: BuildContext, node: PlannedNode): Promise<BuildStatement> {
  const model = node.node as Model | Seed;
  const { session, planned } = context;
  if (model.resourceType === "seed") {
    const sql = `select * from ${relationName(seedRelation(session, model).name)}`;
    return {
      sql,
      compiledPath: null,
      locate: (error) => located(error, { sql, sourceMap: null, at: { file: model.path } }),
    };
  }
  const rendered = planned.renderer.model(model, isIncremental(node.step));
  const compiledPath = await writeCompiled(session, compiledName(model), rendered.sql);
  return {
    sql: rendered.sql,
    compiledPath,
    // An error of the data (a bad record) has a place of its own.
    locate: (error) => (error.at === undefined ? locateIn(context, node, rendered, error) : error),
  };
}

/** At the statement's place if the engine gave one, else at the cast that failed, here or in a view on the way. */
function locateIn(context: BuildContext, node: PlannedNode, rendered: Rendered, error: LakeError): LakeError {
  const { renderer } = context.planned;
  const views = node.inputs.inlined.map((view) => ({
    ...renderer.model(view, false),
    at: { file: view.path },
  }));
  const own = { ...rendered, at: { file: (node.node as Model).path } };
  const place = castPlace(error, [own, ...views]);
  return place === null ? located(error, own) : located(withPosition(error, place.positionBytes), place.text);
}

async function stage(options: {
  context: BuildContext;
  node: PlannedNode;
  base: CatalogTable | null;
  location: string;
  commitId: string;
  shape: Shape;
  operation: ChangeOperation;
  result: WriteResult;
  summary: Written["summary"];
}): Promise<StagedChange> {
  const { context, node, base, location, commitId, shape, operation } = options;
  const { session } = context;
  const model = node.node as Model | Seed;
  const ledger = await stageLedger(options);
  const identifier = tableIdentifier(model, session.profile);
  const { code, fingerprint } = node;
  const before = node.state?.ours ?? null;
  const codePath =
    code === null
      ? null
      : await keepCode({ session, table: tableName(identifier), fingerprint, code, before });
  const volatile =
    model.resourceType === "seed"
      ? []
      : await volatileFunctions(context, isIncremental(node.step), model, node.inputs.inlined);
  const partial = context.options.sample !== undefined || context.options.empty === true;
  return stageChange({
    storage: await session.storage(),
    nowMs: session.now(),
    request: {
      identifier,
      base,
      location,
      schema: shape.schema,
      spec: shape.spec,
      sortOrder: shape.sortOrder,
      properties: {
        ...tableProperties(model, session.profile),
        [definitionProperty]: node.definition,
        ...(ledger !== null && { [ledgerProperties.ledger]: ledger }),
      },
      ...(ledger !== null && { snapshotIdProperty: ledgerProperties.snapshot }),
      ...baseTags(session, base?.metadata ?? null),
      operation,
      summary: {
        [summaryKeys.runId]: context.runId,
        [summaryKeys.node]: model.uniqueId,
        [summaryKeys.user]: whoRuns(session.env),
        [summaryKeys.fingerprint]: partial ? `${partialPrefix}${fingerprint}` : fingerprint,
        [summaryKeys.inputs]: JSON.stringify(
          context.tables.versions(node.inputs.leaves.map((leaf) => leaf.uniqueId)),
        ),
        ...options.summary,
        ...(ledger !== null && { [summaryKeys.ledger]: ledger }),
        ...(codePath !== null && { [summaryKeys.code]: codePath }),
        ...(volatile.length > 0 && { [summaryKeys.volatile]: volatile.join(",") }),
      },
      commitId,
      formatVersion: model.config.formatVersion ?? 2,
    },
  });
}

/** Of the model's statement and of the views that it reads. */
async function volatileFunctions(
  { session, planned }: BuildContext,
  incremental: boolean,
  model: Model,
  views: readonly Model[],
): Promise<readonly string[]> {
  const compute = await session.compute();
  const { renderer } = planned;
  const statements = [
    renderer.model(model, incremental),
    ...views.map((view) => renderer.model(view, false)),
  ];
  const found = await Promise.all(statements.map(({ sql }) => compute.volatileFunctions(sql)));
  return [...new Set(found.flat())];
}

/** The ledger segment that goes with this commit; rows of landing files and their ledger move together. */
async function stageLedger(options: {
  context: BuildContext;
  node: PlannedNode;
  commitId: string;
  result: WriteResult;
}): Promise<string | null> {
  const { context, node, commitId, result } = options;
  const { landing, step } = node;
  if (landing === null) return null;
  const { session } = context;
  const sourceOf = new Map(
    [...landing.bySource].flatMap(([source, files]) =>
      files.map((file) => [file.path, { source, file }] as const),
    ),
  );
  const added = result.landing.map((count): LedgerEntry => {
    const known = sourceOf.get(count.path);
    return {
      source: known?.source ?? "",
      path: count.path,
      sizeBytes: count.sizeBytes,
      modifiedMs: count.modifiedMs,
      ...(known?.file.etag !== undefined && { etag: known.file.etag }),
      contentHash: count.contentHash,
      rows: count.validRows,
      rejected: count.rejectedRows,
    };
  });
  const touched = landing.touched.map((file) => ({ source: sourceOf.get(file.path)?.source ?? "", ...file }));
  const appends = isIncremental(step);
  const name = tableName(tableIdentifier(node.node as Model | Seed, session.profile));
  return writeLedger({
    storage: await session.storage(),
    folder: `${lakeFolder(session.profile)}/ledger/${name}`,
    commitId,
    base: appends ? landing.ledger : emptyLedger,
    added: appends ? [...touched, ...added] : added,
  });
}
