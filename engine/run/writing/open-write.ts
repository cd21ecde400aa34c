// What a strategy writes with: the model's statement with what it reads, and the table's own folder.
import type { CatalogTable } from "../../catalog/catalog.ts";
import type { Relation, WriteRequest, WriteResult } from "../../compute/compute.ts";
import { planScan } from "../../iceberg/scan.ts";
import { enforceConstraints, hasKeys } from "../binding/constraints.ts";
import { LakeError, lakeError } from "../../common/errors.ts";
import { readAs } from "../../iceberg/metadata.ts";
import { folderKey, pathKey } from "../../iceberg/path-key.ts";
import { keepsLineage, withLineage } from "../../iceberg/row-lineage.ts";
import type { PartitionSpec } from "../../iceberg/types.ts";
import type { LandingVersion } from "../../plan/landing-diff.ts";
import { changesPart, isIncremental } from "../../plan/types.ts";
import type { Model, Seed } from "../../project/types.ts";
import type { Session } from "../session.ts";
import type { BuildContext } from "./build-table.ts";
import { conditionOf, keepChanged } from "./keep-changed.ts";
import type { ChangedKeys } from "./keep-changed.ts";
import { tableProperties } from "../names.ts";
import type { PlannedNode } from "../planning/planner.ts";
import { relationsFor } from "../relations.ts";
import { seedRelation } from "../seeds.ts";
import type { Shape } from "../binding/shapes.ts";
import { resultName } from "../strategies/strategy.ts";
import type { TableWrite, Written } from "../strategies/strategy.ts";

export interface BuildStatement {
  readonly sql: string;
  readonly compiledPath: string | null;
  readonly locate: (error: LakeError) => LakeError;
}

export interface OpenWrite {
  /** Files that were written are gone when it fails. */
  run(write: (table: TableWrite) => Promise<Written>): Promise<Written>;
}

/** A delete file is found by its data file, whatever partition that is of. */
const unpartitioned: PartitionSpec = { "spec-id": 0, fields: [] };
const ofDeletes = { "write.metadata.metrics.default": "full" };

export async function openWrite(options: {
  readonly context: BuildContext;
  readonly node: PlannedNode;
  readonly base: CatalogTable | null;
  readonly shape: Shape;
  readonly statement: BuildStatement;
  readonly location: string;
  readonly commitId: string;
}): Promise<OpenWrite> {
  const { context, node, base, shape, statement, commitId } = options;
  const { session, signal } = context;
  const model = node.node as Model | Seed;
  const changed = await changedInputs(context, node);
  const relations = [
    ...(await inputRelations(
      context,
      node,
      changed.length === 0 ? statement.sql : prunable(context, node, changed),
    )),
    ...changed.map(({ kept }) => kept.relation),
  ];
  const compute = await session.compute();
  const files: string[] = [];
  let writes = 0;
  const common = {
    id: model.uniqueId,
    schema: shape.schema,
    signal,
    onProgress: (progress: Parameters<NonNullable<WriteRequest["onProgress"]>>[0]) =>
      context.emit({ kind: "node-progress", uniqueId: model.uniqueId, ...progress }),
  };
  const own = { ...common, sql: statement.sql, relations, ignoredColumns: shape.ignoredColumns };
  const properties = { ...base?.metadata.properties, ...tableProperties(model, session.profile) };
  refuseOutside(session, properties["write.data.path"]);
  const place = {
    spec: shape.spec,
    sortOrder: shape.sortOrder,
    dataLocation: properties["write.data.path"] ?? `${options.location}/data`,
    properties,
  };
  const lineage = base !== null && keepsLineage(base.metadata);
  const write = async (request: Omit<WriteRequest, "writeId">): Promise<WriteResult> => {
    // By the commit's id files of a killed run are found; of one width, so that none is the beginning of another.
    const writeId = `${commitId}-${String((writes += 1)).padStart(6, "0")}`;
    const result = await compute.write({ ...request, writeId });
    files.push(...result.files.map((file) => file.path));
    return result;
  };
  const locating = <T>(work: Promise<T>): Promise<T> =>
    work.catch((error: unknown) => {
      throw error instanceof LakeError ? statement.locate(error) : error;
    });
  const table: TableWrite = {
    context,
    node,
    // A seed has no strategy to ask.
    model: model as Model,
    // Under the columns that the table will have: some may be renamed or wider then.
    base:
      changesPart(node.step) && base !== null
        ? { ...base, metadata: readAs(base.metadata, shape.schema) }
        : null,
    shape,
    relations,
    changed,
    writeResult: (others = relations) => locating(write({ ...own, ...place, relations: others })),
    keepResult: () => locating(compute.keep({ ...own, name: resultName })),
    properties: place.properties,
    lineage,
    writeRows: (sql, others) =>
      write({
        ...common,
        ...place,
        schema: lineage ? withLineage(shape.schema) : shape.schema,
        sql,
        relations: others,
      }),
    writePuffin: async (bytes) => {
      const path = `${place.dataLocation.replace(/\/+$/, "")}/00000-${commitId}-deletes.puffin`;
      files.push(path);
      await (await session.storage()).writeIfAbsent(path, bytes);
      return path;
    },
    writeDeletes: async (request) =>
      (await write({ ...common, ...place, ...request, spec: unpartitioned, properties: ofDeletes })).files,
  };
  return {
    async run(work) {
      try {
        const written = await work(table);
        await enforce(table, written, base);
        return written;
      } catch (error) {
        const storage = await session.storage();
        await storage.delete(files);
        throw error;
      } finally {
        for (const { kept } of changed) await kept.release();
      }
    },
  };
}

/** The contract's constraints, over the table as this change leaves it. */
async function enforce(
  { context, model, shape }: TableWrite,
  { operation }: Written,
  base: CatalogTable | null,
): Promise<void> {
  if (model.config.contract?.enforced !== true) return;
  const [compute, storage] = await Promise.all([context.session.compute(), context.session.storage()]);
  const added = operation.add.map((file) => ({ file, sequenceNumber: 0n, deletes: [] }));
  const marked = Map.groupBy(
    operation.kind === "overwrite" ? (operation.addDeletes ?? []) : [],
    ({ referencedDataFile }) => referencedDataFile,
  );
  const keepsOld = base !== null && operation.kind !== "replace-all" && hasKeys(model);
  const old = keepsOld ? await planScan({ storage, metadata: base.metadata }) : [];
  const removed = "removePaths" in operation ? operation.removePaths : new Set<string>();
  const kept = old.flatMap((task) =>
    removed.has(task.file.path)
      ? []
      : [{ ...task, deletes: [...task.deletes, ...(marked.get(task.file.path) ?? [])] }],
  );
  await enforceConstraints({ compute, model, schema: shape.schema, added, all: [...kept, ...added] });
}

async function changedInputs(
  { session, planned, tables, signal }: BuildContext,
  { node, step, state }: PlannedNode,
): Promise<readonly ChangedKeys[]> {
  if (node.resourceType !== "model" || !isIncremental(step)) return [];
  const { renderer } = planned;
  const recorded = state?.ours?.inputs ?? {};
  return keepChanged({ session, renderer, tables, model: node, recorded, signal });
}

/** The statement with what changed in literals: from it, files are left out that hold none of it. */
function prunable({ planned }: BuildContext, { node }: PlannedNode, changed: readonly ChangedKeys[]): string {
  return planned.renderer.changedModel(node as Model, conditionOf(changed)).sql;
}

function inputRelations(context: BuildContext, node: PlannedNode, sql: string): Promise<Relation[]> {
  const { session, planned, tables, options } = context;
  const model = node.node as Model | Seed;
  if (model.resourceType === "seed") return Promise.resolve([seedRelation(session, model)]);
  return relationsFor({
    session,
    renderer: planned.renderer,
    tables,
    node: model.name,
    inputs: node.inputs,
    landing: landingToRead(node),
    // A table of many files costs a look into each.
    self: model.references.usesThis ? model : null,
    selfWithout: (node.landing?.diff.replaced ?? []).map(({ held }) => held.path),
    sample: options.sample,
    empty: options.empty,
    onBadRecord: model.config.onBadRecord,
    sql,
  });
}

/** The landing files that this step reads: only new ones, and those that are replaced, when it changes a part of its table. */
function landingToRead(node: PlannedNode): ReadonlyMap<string, readonly LandingVersion[]> {
  const { landing, step } = node;
  if (landing === null) return new Map();
  if (!isIncremental(step)) return landing.bySource;
  const { fresh, replaced } = landing.diff;
  const wanted = new Set([...fresh, ...replaced.map(({ found }) => found)].map((file) => file.path));
  return new Map(
    [...landing.bySource].map(([source, files]) => [source, files.filter((file) => wanted.has(file.path))]),
  );
}

/** On this machine the engine writes into the warehouse alone: a store has its own rights. */
function refuseOutside({ profile }: Session, path: string | undefined): void {
  if (path === undefined || /^(?!file:)[a-z][a-z0-9+.-]*:/i.test(path)) return;
  if (pathKey(path).startsWith(folderKey(profile.warehouse))) return;
  throw lakeError("compute/bad-property", {
    property: "write.data.path",
    value: path,
    expected: `a folder inside the warehouse (${profile.warehouse})`,
  });
}
