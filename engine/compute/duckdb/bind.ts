// Binds models against empty tables: never against views, which cost twice as much with every layer.
import { randomUUID } from "node:crypto";
import type { DuckDBConnection } from "@duckdb/node-api";
import { lakeError, throwCollected, type LakeError } from "../../common/errors.ts";
import { mapLimited } from "../../common/limit.ts";
import {
  relationName,
  type BindRequest,
  type BindResult,
  type Column,
  type EmptyRelation,
} from "../compute.ts";
import { describeBatch, describeOne } from "./describe.ts";
import { engineError } from "./errors.ts";
import { checkSelects } from "./safety.ts";
import { suspectColumns, type SuspectColumn } from "./select-list.ts";
import type { DuckDbSession } from "./session.ts";
import { identifier, literal } from "./text.ts";
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

type Checked = Pick<Prepared, "tables" | "names" | "error">;

/** See `Compute.bind`. */
export async function bind(
  session: DuckDbSession,
  requests: readonly BindRequest[],
  inputs: readonly EmptyRelation[],
): Promise<readonly BindResult[]> {
  const open = [...requests.keys()].filter((index) => requests[index]!.columns === undefined);
  if (open.length === 0) return requests.map(({ id, columns }) => ({ id, columns: columns ?? [] }));
  const binders = Math.min(session.settings.threads, Math.ceil(open.length / batchSize));
  return withBinders(session, binders, async (connections) => {
    await createTables(connections[0]!, inputs);
    const checked = await checkAll({ connections, requests, open, inputs });
    return new Binding(connections, prepareAll(requests, checked)).run();
  });
}

/**
 * Connections that see the same empty tables and bind side by side: the binder of one statement has one thread.
 * The tables stand in a database of their own, which goes as a whole.
 */
async function withBinders<T>(
  session: DuckDbSession,
  count: number,
  work: (connections: readonly DuckDBConnection[]) => Promise<T>,
): Promise<T> {
  const database = identifier(`lake bind ${randomUUID()}`);
  const path = literal(`${database}.main,memory.main`);
  const connect = (connections: readonly DuckDBConnection[]): Promise<T> =>
    connections.length === count
      ? work(connections)
      : session.withConnection(async (connection) => {
          await connection.run(`set search_path = ${path}`);
          return connect([...connections, connection]);
        });
  return session.withConnection(async (connection) => {
    await connection.run(`attach ':memory:' as ${database}`);
    try {
      return await connect([]);
    } finally {
      await connection.run(`detach ${database}`);
    }
  });
}

/** Place of each open request → what its text says by itself. */
async function checkAll(options: {
  readonly connections: readonly DuckDBConnection[];
  readonly requests: readonly BindRequest[];
  /** Those whose columns are not known yet. */
  readonly open: readonly number[];
  readonly inputs: readonly EmptyRelation[];
}): Promise<ReadonlyMap<number, Checked>> {
  const { connections, requests, open, inputs } = options;
  const given = new Set(inputs.map(({ name }) => name.toLowerCase()));
  const byName = placesOf(requests);
  const checked = new Map<number, Checked>();
  await eachBatch(connections, open, async (connection, batch) => {
    const selects = await checkSelects(
      connection,
      batch.map((index) => requests[index]!.sql),
      (name, at) => given.has(name) || (byName.get(name) ?? requests.length) < batch[at]!,
    );
    batch.forEach((index, at) => {
      const select = selects[at]!;
      const { tables, names } =
        "error" in select ? unread : { tables: select.tables, names: suspectColumns(select.node) };
      checked.set(index, { tables, names, ...("error" in select && { error: select.error }) });
    });
  });
  return checked;
}

const unread = { tables: [], names: [] };

function placesOf(requests: readonly BindRequest[]): ReadonlyMap<string, number> {
  return new Map(requests.map(({ name }, index) => [name.toLowerCase(), index]));
}

/** Every request reads only what stands before it. */
function prepareAll(
  requests: readonly BindRequest[],
  checked: ReadonlyMap<number, Checked>,
): readonly Prepared[] {
  const byName = placesOf(requests);
  const prepared: Prepared[] = [];
  requests.forEach((request, index) => {
    const found = checked.get(index) ?? unread;
    const inputs = found.tables.flatMap((table) => byName.get(table.toLowerCase()) ?? []);
    const level = inputs.reduce((above, input) => Math.max(above, prepared[input]!.level + 1), 0);
    prepared.push({ ...found, request, level, inputs });
  });
  return prepared;
}

/** As many batches at once as there are connections. */
async function eachBatch(
  connections: readonly DuckDBConnection[],
  indexes: readonly number[],
  work: (connection: DuckDBConnection, batch: readonly number[]) => Promise<void>,
): Promise<void> {
  const free = [...connections];
  const batches: (readonly number[])[] = [];
  for (let start = 0; start < indexes.length; start += batchSize)
    batches.push(indexes.slice(start, start + batchSize));
  await mapLimited(batches, connections.length, async (batch) => {
    const connection = free.pop()!;
    try {
      await work(connection, batch);
    } finally {
      free.push(connection);
    }
  });
}

class Binding {
  readonly #connections: readonly DuckDBConnection[];
  readonly #prepared: readonly Prepared[];
  readonly #results: BindResult[] = [];
  /** Requests that others read: only they become tables. */
  readonly #read: ReadonlySet<number>;

  constructor(connections: readonly DuckDBConnection[], prepared: readonly Prepared[]) {
    this.#connections = connections;
    this.#prepared = prepared;
    this.#read = new Set(prepared.flatMap(({ inputs }) => inputs));
  }

  async run(): Promise<readonly BindResult[]> {
    const levels: number[][] = [];
    this.#prepared.forEach(({ level }, index) => (levels[level] ??= []).push(index));
    for (const level of levels) {
      await eachBatch(this.#connections, level, (connection, batch) => this.#bindBatch(connection, batch));
    }
    return this.#results;
  }

  async #bindBatch(connection: DuckDBConnection, batch: readonly number[]): Promise<void> {
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
    const described = await this.#describe(
      connection,
      open.filter((index) => this.#isReady(index)),
    );
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
    await createTables(connection, made);
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

  async #describe(connection: DuckDBConnection, batch: readonly number[]): Promise<Map<number, Column[]>> {
    if (batch.length === 0) return new Map();
    try {
      const statements = batch.map((index) => this.#prepared[index]!.request.sql);
      const described = await describeBatch(connection, statements);
      return new Map(batch.map((index, at) => [index, described[at]!]));
    } catch {
      return this.#describeEach(connection, batch);
    }
  }

  async #describeEach(
    connection: DuckDBConnection,
    batch: readonly number[],
  ): Promise<Map<number, Column[]>> {
    const columns = new Map<number, Column[]>();
    for (const index of batch) {
      const { id, sql } = this.#prepared[index]!.request;
      try {
        columns.set(index, await describeOne(connection, sql));
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
      return `create or replace table ${relationName(name)} (${list})`;
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
