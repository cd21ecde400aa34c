// What stands behind each name of a node's SQL in this run: staged tables before published ones.
import { type LakeError, lakeError, type Location } from "../common/errors.ts";
import type { CatalogTable } from "../catalog/catalog.ts";
import type { IcebergRelation, LandingFile, Relation } from "../compute/compute.ts";
import { literal, quoteIdentifier } from "../common/sql.ts";
import { relationName } from "../compute/compute.ts";
import type { TableMetadata } from "../iceberg/types.ts";
import { currentSchema, parseTableMetadata } from "../iceberg/metadata.ts";
import type { Predicate } from "../iceberg/predicate.ts";
import { findMetadata } from "../iceberg/find-metadata.ts";
import { asRelation, planScan } from "../iceberg/scan.ts";
import { tableVersion } from "../plan/table-state.ts";
import type { Model, Source } from "../project/types.ts";
import { fileColumnOf } from "./landing/file-column.ts";
import type { Inputs } from "./inputs.ts";
import { ingestedFiles, ingestedFilesColumns, isIngestedFiles } from "./landing/ingested-files.ts";
import { listSource } from "./landing/landing-state.ts";
import { relationOf, thisRelation } from "./names.ts";
import type { Renderer } from "./render-node.ts";
import { asNamed } from "./binding/schema-change.ts";
import type { Session } from "./session.ts";

/** The tables of one run as its nodes see them; each resolves to one metadata state at a time (rule 5). */
export class RunTables {
  readonly #current = new Map<string, TableMetadata>();
  readonly #problems: ReadonlyMap<string, LakeError>;
  readonly #ended: Map<string, LakeError>;
  /** Tables that this run staged or published. */
  readonly built = new Set<string>();

  constructor(options: {
    readonly tables: ReadonlyMap<string, CatalogTable>;
    /** Tables of others by the unique id of their source, and other states of tables by theirs. */
    readonly sourceTables?: ReadonlyMap<string, TableMetadata>;
    /** Why a state of a table that somebody asks for cannot be read. */
    readonly problems?: ReadonlyMap<string, LakeError>;
    /** Clones that have ended, and why. */
    readonly ended?: ReadonlyMap<string, LakeError>;
  }) {
    const { tables, sourceTables = [], ended = [] } = options;
    this.#problems = options.problems ?? new Map();
    for (const [uniqueId, metadata] of sourceTables) this.#current.set(uniqueId, metadata);
    for (const [uniqueId, table] of tables) this.#current.set(uniqueId, table.metadata);
    this.#ended = new Map(ended);
  }

  /** Errors: `run/base-expired`. */
  refuseEnded(uniqueId: string): void {
    const ended = this.#ended.get(uniqueId);
    if (ended !== undefined) throw ended;
  }

  /** Errors: those of a state that cannot be read. */
  get(uniqueId: string): TableMetadata | undefined {
    const problem = this.#problems.get(uniqueId);
    if (problem !== undefined) throw problem;
    return this.#current.get(uniqueId);
  }

  /** Another state of a table than its newest, in its place. */
  show(uniqueId: string, metadata: TableMetadata): void {
    this.#current.set(uniqueId, metadata);
  }

  set(uniqueId: string, metadata: TableMetadata): void {
    this.#current.set(uniqueId, metadata);
    this.#ended.delete(uniqueId);
    this.built.add(uniqueId);
  }

  /** A table whose change failed: those who come after are skipped, the old state stays. */
  forget(uniqueId: string): void {
    this.built.delete(uniqueId);
  }

  /** Versions of the given nodes' tables, for `lake.inputs`. */
  versions(uniqueIds: readonly string[]): Record<string, string> {
    return Object.fromEntries(
      uniqueIds.flatMap((uniqueId) => {
        const metadata = this.#current.get(uniqueId);
        return metadata === undefined ? [] : [[uniqueId, tableVersion(metadata)]];
      }),
    );
  }
}

export interface RelationOptions {
  readonly session: Session;
  readonly renderer: Renderer;
  readonly tables: RunTables;
  /** For messages. */
  readonly node: string;
  readonly inputs: Inputs;
  /** Source unique id → the files to read; others are read whole. */
  readonly landing?: ReadonlyMap<string, readonly LandingFile[]>;
  /** The model that `{{this}}` means, if its table exists; null where the statement does not say it. */
  readonly self?: Model | null;
  /** Landing files that are taken in again: `{{this}}` is without their rows. */
  readonly selfWithout?: readonly string[];
  /** `--sample`: inputs that this run did not build are cut to this part. */
  readonly sample?: string | undefined;
  /** `--empty`: no rows from any input that this run did not build. */
  readonly empty?: boolean | undefined;
  /** The model's own choice, over that of the source. */
  readonly onBadRecord?: "fail" | "quarantine" | undefined;
  /** The statement that reads the relations directly, for leaving out files that it cannot need. */
  readonly sql?: string;
}

/** Relations in an order in which each comes after those it reads. */
export async function relationsFor(options: RelationOptions): Promise<Relation[]> {
  const { session, renderer, tables, inputs } = options;
  const { profile } = session;
  const relations: Relation[] = [];
  for (const leaf of inputs.leaves) {
    const name = relationOf(leaf, profile);
    if (leaf.resourceType === "pinned")
      relations.push(...(await tableRelations(options, leaf.uniqueId, leaf.name, name)));
    else if (leaf.resourceType === "source") relations.push(...(await sourceRelations(options, leaf, name)));
    else relations.push(...(await tableRelations(options, leaf.uniqueId, leaf.name, name)));
  }
  const self = options.self ?? null;
  const before = self === null ? undefined : tables.get(self.uniqueId);
  if (self !== null && before !== undefined) {
    relations.push(...(await selfRelations(options, self, asNamed(before, self))));
  }
  for (const view of inputs.inlined) {
    relations.push({ kind: "sql", name: relationOf(view, profile), sql: renderer.model(view, false).sql });
  }
  return relations;
}

async function selfRelations(
  { session, selfWithout = [] }: RelationOptions,
  self: Model,
  before: TableMetadata,
): Promise<Relation[]> {
  const name = thisRelation(self, session.profile);
  if (selfWithout.length === 0) return [await scanRelation(session, name, before, null)];
  const whole = `${name}@whole`;
  const table = relationOf(self, session.profile);
  const schema = currentSchema(before);
  const column = quoteIdentifier(fileColumnOf({ schema, table, at: { file: self.path } }));
  const paths = selfWithout.map((path) => literal(path)).join(", ");
  const sql = `select * from ${relationName(whole)} where ${column} is null or ${column} not in (${paths})`;
  return [await scanRelation(session, whole, before, null), { kind: "sql", name, sql }];
}

async function sourceRelations(options: RelationOptions, source: Source, name: string): Promise<Relation[]> {
  const { session } = options;
  if (isIngestedFiles(source)) {
    return [
      {
        kind: "rows",
        name,
        columns: ingestedFilesColumns,
        rows: await ingestedFiles(session, options.tables),
      },
    ];
  }
  if (source.type === "iceberg") {
    const metadata = options.tables.get(source.uniqueId) ?? (await icebergSource(session, source));
    return [await scanRelation(session, name, metadata, await predicateFor(options, name, metadata))];
  }
  const files = options.landing?.get(source.uniqueId) ?? (await listSource(session, source)).files;
  const whole = partOf(options, name);
  const relation: Relation = {
    kind: "landing",
    name: whole.name,
    format: "jsonl",
    files: options.empty === true ? [] : files,
    columns: source.landingColumns ?? [],
    onBadRecord: options.onBadRecord ?? source.onBadRecord,
    declaredAt: source.at,
  };
  return [relation, ...whole.cut];
}

async function tableRelations(
  options: RelationOptions,
  uniqueId: string,
  nodeName: string,
  name: string,
): Promise<Relation[]> {
  const { session, tables } = options;
  tables.refuseEnded(uniqueId);
  const metadata = tables.get(uniqueId);
  if (metadata === undefined) {
    throw missingInput({ node: options.node, input: nodeName });
  }
  if (tables.built.has(uniqueId))
    return [await scanRelation(session, name, metadata, await predicateFor(options, name, metadata))];
  if (options.empty === true) {
    const compute = await session.compute();
    return [{ kind: "empty", name, columns: compute.toColumns(currentSchema(metadata)) }];
  }
  const whole = partOf(options, name);
  const predicate = whole.cut.length > 0 ? null : await predicateFor(options, name, metadata);
  return [await scanRelation(session, whole.name, metadata, predicate), ...whole.cut];
}

export function missingInput(options: {
  readonly node: string;
  readonly input: string;
  readonly at?: Location;
}): LakeError {
  const { node, input, at } = options;
  // Not `lake run`, which builds models alone, as `dbt run` does: the input may be a seed.
  const hint = `build it first: lake build -s +${input}`;
  return lakeError("run/missing-input", { node, input }, { at, hint });
}

/** Under `--sample` the whole input goes by another name and its part by the plain one. */
function partOf(options: RelationOptions, name: string): { name: string; cut: Relation[] } {
  const { sample } = options;
  if (sample === undefined) return { name, cut: [] };
  const whole = `${name}@whole`;
  return {
    name: whole,
    cut: [{ kind: "sql", name, sql: `select * from ${relationName(whole)} ${sampleClause(sample)}` }],
  };
}

function sampleClause(sample: string): string {
  const value = Number(sample);
  if (sample.trim() === "" || !(value > 0) || (value >= 1 && !Number.isInteger(value))) {
    throw lakeError("run/bad-sample", { sample }, { hint: "for example --sample 0.01 or --sample 1000" });
  }
  // A fixed seed: the same rows each time, as far as the engine's threads allow.
  return value < 1 ? `using sample ${value * 100}% (bernoulli, 20250701)` : `limit ${value}`;
}

async function predicateFor(
  options: RelationOptions,
  name: string,
  metadata: TableMetadata,
): Promise<Predicate | null> {
  const { sql, session, inputs } = options;
  // Through a view the same name may be read twice, with other conditions.
  if (sql === undefined || inputs.inlined.length > 0) return null;
  const compute = await session.compute();
  return (await compute.predicateFor?.(sql, name, currentSchema(metadata))) ?? null;
}

export async function scanRelation(
  session: Session,
  name: string,
  metadata: TableMetadata,
  filter: Predicate | null,
): Promise<IcebergRelation> {
  const storage = await session.storage();
  const tasks = await planScan({ storage, metadata, ...(filter !== null && { filter }) });
  return asRelation({ name, metadata, tasks });
}

/** A table that others own: by catalog name (`namespace.table`), by its metadata file or by its folder. */
export async function icebergSource(session: Session, source: Source): Promise<TableMetadata> {
  const storage = await session.storage();
  if (source.location !== undefined) {
    const location = await findMetadata(storage, source.location);
    return parseTableMetadata(await storage.read(location), location);
  }
  const [namespace = "", name = source.identifier] = source.identifier.includes(".")
    ? source.identifier.split(".")
    : [source.sourceName, source.identifier];
  for (const owner of [session.profile, ...session.below]) {
    const catalog = await session.catalogOf(owner);
    const path = (await catalog.locate([{ namespace, name }])).get(`${namespace}.${name}`);
    if (path !== undefined) return parseTableMetadata(await storage.read(path), path);
  }
  throw lakeError(
    "run/missing-input",
    { node: source.sourceName, input: `${namespace}.${name}` },
    { at: source.at },
  );
}
