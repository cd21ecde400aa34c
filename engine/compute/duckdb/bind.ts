// Binds models against empty tables: never against views, which cost twice as much with every layer.
import type { DuckDBConnection } from "@duckdb/node-api";
import { lakeError, throwCollected, type LakeError } from "../../common/errors.ts";
import {
  relationName,
  type BindRequest,
  type BindResult,
  type Column,
  type EmptyRelation,
} from "../compute.ts";
import { describeBatch, describeOne } from "./describe.ts";
import { engineError } from "./errors.ts";
import { checkSelects, type CheckedSelect } from "./safety.ts";
import { suspectColumns, type SuspectColumn } from "./select-list.ts";
import type { DuckDbSession } from "./session.ts";
import { identifier } from "./text.ts";
import { columnNameErrors } from "./types.ts";

const batchSize = 100;

/** What is known of a request before it is bound; its tree is dropped, since thousands are held at once. */
interface Prepared {
  readonly request: BindRequest;
  readonly level: number;
  /** Names of what it reads, and which of the requests those are. */
  readonly tables: readonly string[];
  readonly inputs: readonly number[];
  readonly names: readonly SuspectColumn[];
  readonly error?: LakeError;
}

/** See `Compute.bind`. */
export async function bind(
  session: DuckDbSession,
  requests: readonly BindRequest[],
  inputs: readonly EmptyRelation[],
): Promise<readonly BindResult[]> {
  const open = [...requests.keys()].filter((index) => requests[index]!.columns === undefined);
  if (open.length === 0) return requests.map(({ id, columns }) => ({ id, columns: columns ?? [] }));
  return session.withConnection(async (connection) => {
    await createTables(connection, inputs);
    const prepared = await prepareAll({ connection, requests, open, inputs });
    return new Binding(connection, prepared).run();
  });
}

async function prepareAll(options: {
  readonly connection: DuckDBConnection;
  readonly requests: readonly BindRequest[];
  /** Those whose columns are not known yet. */
  readonly open: readonly number[];
  readonly inputs: readonly EmptyRelation[];
}): Promise<Prepared[]> {
  const { connection, requests, open, inputs } = options;
  const given = new Set(inputs.map(({ name }) => name.toLowerCase()));
  const byName = new Map<string, number>();
  requests.forEach(({ name }, index) => byName.set(name.toLowerCase(), index));
  const prepared = requests.map((request): Prepared => ({ ...unread, request }));
  for (let start = 0; start < open.length; start += batchSize) {
    const batch = open.slice(start, start + batchSize);
    const checked = await checkSelects(
      connection,
      batch.map((index) => requests[index]!.sql),
      (name, at) => given.has(name) || (byName.get(name) ?? requests.length) < batch[at]!,
    );
    batch.forEach((index, at) => {
      prepared[index] = prepare(requests[index]!, checked[at]!, { byName, prepared });
    });
  }
  return prepared;
}

const unread = { level: 0, tables: [], inputs: [], names: [] };

function prepare(
  request: BindRequest,
  select: CheckedSelect,
  known: { readonly byName: ReadonlyMap<string, number>; readonly prepared: readonly Prepared[] },
): Prepared {
  if ("error" in select) return { ...unread, request, error: select.error };
  const { tables } = select;
  const inputs = tables.flatMap((table) => known.byName.get(table.toLowerCase()) ?? []);
  const level = Math.max(0, ...inputs.map((input) => known.prepared[input]!.level + 1));
  return { request, level, tables, inputs, names: suspectColumns(select.node) };
}

class Binding {
  readonly #connection: DuckDBConnection;
  readonly #prepared: readonly Prepared[];
  readonly #results: BindResult[] = [];
  /** Requests that others read: only they become tables. */
  readonly #read: ReadonlySet<number>;

  constructor(connection: DuckDBConnection, prepared: readonly Prepared[]) {
    this.#connection = connection;
    this.#prepared = prepared;
    this.#read = new Set(prepared.flatMap(({ inputs }) => inputs));
  }

  async run(): Promise<readonly BindResult[]> {
    const levels: number[][] = [];
    this.#prepared.forEach(({ level }, index) => (levels[level] ??= []).push(index));
    for (const level of levels) {
      for (let start = 0; start < level.length; start += batchSize) {
        await this.#bindBatch(level.slice(start, start + batchSize));
      }
    }
    return this.#results;
  }

  async #bindBatch(batch: readonly number[]): Promise<void> {
    const made: EmptyRelation[] = [];
    const open: number[] = [];
    for (const index of batch) {
      const { id, name, columns } = this.#prepared[index]!.request;
      if (columns === undefined) open.push(index);
      else {
        this.#results[index] = { id, columns };
        if (this.#read.has(index)) made.push({ kind: "empty", name, columns });
      }
    }
    const described = await this.#describe(open.filter((index) => this.#isReady(index)));
    for (const [index, columns] of described) {
      const { request, tables } = this.#prepared[index]!;
      const errors = request.rowsOnly === true ? [] : columnErrors(this.#prepared[index]!, columns);
      if (errors.length > 0) {
        this.#results[index] = { id: request.id, error: collected(errors) };
        continue;
      }
      this.#results[index] = { id: request.id, columns, inputs: tables };
      if (this.#read.has(index)) made.push({ kind: "empty", name: request.name, columns });
    }
    await createTables(this.#connection, made);
  }

  /** Settles what need not be bound: a statement that is refused, and one whose input failed. */
  #isReady(index: number): boolean {
    const { request, error, inputs } = this.#prepared[index]!;
    const failed = inputs.find((input) => "error" in this.#results[input]!);
    if (error === undefined && failed === undefined) return true;
    const reason =
      error ??
      lakeError("compute/input-failed", { name: request.name, input: this.#prepared[failed!]!.request.name });
    this.#results[index] = { id: request.id, error: reason };
    return false;
  }

  async #describe(batch: readonly number[]): Promise<Map<number, Column[]>> {
    if (batch.length === 0) return new Map();
    try {
      const statements = batch.map((index) => this.#prepared[index]!.request.sql);
      const described = await describeBatch(this.#connection, statements);
      return new Map(batch.map((index, at) => [index, described[at]!]));
    } catch {
      return this.#describeEach(batch);
    }
  }

  async #describeEach(batch: readonly number[]): Promise<Map<number, Column[]>> {
    const columns = new Map<number, Column[]>();
    for (const index of batch) {
      const { id, sql } = this.#prepared[index]!.request;
      try {
        columns.set(index, await describeOne(this.#connection, sql));
      } catch (error) {
        this.#results[index] = { id, error: engineError(error) };
      }
    }
    return columns;
  }
}

function collected(errors: readonly LakeError[]): LakeError {
  try {
    throwCollected(errors);
  } catch (error) {
    return error as LakeError;
  }
  throw new Error("no error to collect");
}

async function createTables(
  connection: DuckDBConnection,
  relations: readonly EmptyRelation[],
): Promise<void> {
  for (let start = 0; start < relations.length; start += batchSize) {
    const statements = relations.slice(start, start + batchSize).map(({ name, columns }) => {
      const list = columns.map((column) => `${identifier(column.name)} ${column.type}`).join(", ");
      return `create or replace temp table ${relationName(name)} (${list})`;
    });
    try {
      // One transaction a batch takes two thirds of the time.
      await connection.run(["begin", ...statements, "commit"].join(";\n"));
    } catch (error) {
      throw engineError(error);
    }
  }
}

function columnErrors(prepared: Prepared, columns: readonly Column[]): LakeError[] {
  const errors = columnNameErrors(columns.map(({ name }) => name));
  for (const suspect of prepared.names) {
    const details = { positionBytes: suspect.positionBytes };
    if (suspect.kind === "nameless") {
      const expression = suspect.name ?? columns[suspect.position - 1]?.name;
      const named = expression === undefined ? {} : { expression };
      errors.push(lakeError("compute/nameless-column", { position: suspect.position, ...named }, details));
    } else {
      const column = suspect.name ?? String(suspect.position);
      errors.push(lakeError("compute/untyped-null", { column }, details));
    }
  }
  return errors;
}
