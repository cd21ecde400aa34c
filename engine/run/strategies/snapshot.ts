// Snapshots (slowly changing dimensions of type 2): every version of a row with the time that it held. Versions that
// end are rewritten with the files that hold them; all other files stay as they are.
import { lakeError } from "../../common/errors.ts";
import { quoteIdentifier } from "../../common/sql.ts";
import { didYouMean } from "../../common/suggest.ts";
import type { KeptRows, Relation, ScanTask } from "../../compute/compute.ts";
import { relationName } from "../../compute/compute.ts";
import { currentSchema } from "../../iceberg/metadata.ts";
import { asRelation, planScan } from "../../iceberg/scan.ts";
import type { Schema } from "../../iceberg/types.ts";
import type { Model, SnapshotConfig } from "../../project/types.ts";
import { SnapshotSql, relations as names } from "./snapshot-sql.ts";
import { refuseBadRows } from "./snapshot-rows.ts";
import type { Strategy, TableWrite, Written } from "./strategy.ts";
import { resultName, wholeOperation } from "./strategy.ts";
import { keyColumns } from "./unique-key.ts";

export const snapshot: Strategy = {
  ingests: false,
  check() {},
  checkColumns(model, schema) {
    keyColumns(model, schema);
    checkTimes(model, schema);
    checkCompared(model, schema);
  },
  write,
};

async function write(table: TableWrite): Promise<Written> {
  const kept = await table.keepResult();
  try {
    const sql = sqlOf(table, await table.context.session.compute());
    const history = await historyOf(table, kept, sql);
    await refuseBadRows({ table, sql, relations: history.relations });
    return await change(table, kept, sql, history);
  } finally {
    await kept.release();
  }
}

interface History {
  readonly relations: readonly Relation[];
  /** Files that may hold versions that still hold. */
  readonly newest: readonly ScanTask[];
}

async function historyOf(
  { base, shape, context }: TableWrite,
  kept: KeptRows,
  sql: SnapshotSql,
): Promise<History> {
  const { session } = context;
  const [compute, storage] = await Promise.all([session.compute(), session.storage()]);
  const sqlRelation = (name: string, text: string): Relation => ({ kind: "sql", name, sql: text });
  const derived = [
    sqlRelation(names.current, sql.current()),
    sqlRelation(names.ended, sql.ended()),
    sqlRelation(names.compared, sql.compared()),
    sqlRelation(names.closing, sql.closing()),
    sqlRelation(names.fresh, sql.fresh()),
  ];
  if (base === null) {
    const columns = compute.toColumns(shape.schema);
    const empty = [names.newest, names.history].map((name): Relation => ({ kind: "empty", name, columns }));
    return { relations: [kept.relation, ...empty, ...derived], newest: [] };
  }
  const { metadata } = base;
  const relation = (name: string, tasks: readonly ScanTask[]): Relation => ({
    ...asRelation({ name, metadata, tasks }),
    schema: shape.schema,
  });
  const condition = `select * from ${relationName(names.newest)} as t where ${sql.isCurrent("t")}`;
  const filter = await compute.predicateFor?.(condition, names.newest, currentSchema(metadata));
  const newest = await planScan({ storage, metadata, ...(filter && { filter }) });
  const all = await planScan({ storage, metadata });
  return {
    relations: [kept.relation, relation(names.newest, newest), relation(names.history, all), ...derived],
    newest,
  };
}

async function change(
  table: TableWrite,
  kept: KeptRows,
  sql: SnapshotSql,
  history: History,
): Promise<Written> {
  const { base } = table;
  const columns = table.shape.schema.fields.map(({ name }) => quoteIdentifier(name)).join(", ");
  const fresh = `select ${columns} from ${relationName(names.fresh)}`;
  if (base === null) {
    const written = await table.writeRows(fresh, history.relations);
    const result = { ...kept, files: written.files, rows: written.rows };
    return { operation: wholeOperation(table, result), result };
  }
  const touched = await touchedFiles(table, sql, history);
  const removePaths = new Set(touched.map(({ file }) => file.path));
  const compute = await table.context.session.compute();
  const count = `select count(*) from ${relationName(names.fresh)}`;
  const added = await compute.query({ sql: count, relations: history.relations });
  const rows = BigInt(Number(added.rows[0]?.[0] ?? 0));
  if (rows === 0n && touched.length === 0) {
    // Says that it looked: consumers have nothing to do.
    const dataSequenceNumber = base.metadata["last-sequence-number"];
    const operation = { kind: "rewrite", add: [], removePaths, dataSequenceNumber } as const;
    return { operation, result: { ...kept, files: [], rows } };
  }
  const relation: Relation = {
    ...asRelation({ name: "lake@touched", metadata: base.metadata, tasks: touched }),
    schema: table.shape.schema,
  };
  const rest = touched.length === 0 ? "" : `\nunion all\n${sql.rewritten(relation.name)}`;
  const { files } = await table.writeRows(`${fresh}${rest}`, [...history.relations, relation]);
  return { operation: { kind: "overwrite", add: files, removePaths }, result: { ...kept, files, rows } };
}

/** Files with a version that ends. */
async function touchedFiles(
  { context }: TableWrite,
  sql: SnapshotSql,
  { relations, newest }: History,
): Promise<readonly ScanTask[]> {
  const fileColumn = "lake@file";
  const compute = await context.session.compute();
  const { rows } = await compute.query({
    sql: `select distinct t.${quoteIdentifier(fileColumn)} from ${relationName(names.newest)} as t
join ${relationName(names.closing)} as k on ${sql.sameKey("k", "t")} where ${sql.isCurrent("t")}`,
    relations: relations.map((relation) =>
      relation.kind === "iceberg" && relation.name === names.newest ? { ...relation, fileColumn } : relation,
    ),
  });
  return rows.map(([position]) => newest[Number(position)] as ScanTask);
}

function sqlOf(
  { model, shape }: TableWrite,
  compute: { toColumns: (schema: Schema) => readonly { name: string; type: string }[] },
): SnapshotSql {
  const config = configOf(model);
  const columns = compute.toColumns(shape.schema);
  const own = new Set(Object.values(config.columns));
  return new SnapshotSql({
    snapshot: config,
    keys: model.config.uniqueKey ?? [],
    rows: resultName,
    tableColumns: columns.map(({ name }) => name),
    compared: comparedColumns(
      config,
      shape.statementColumns.filter((column) => !own.has(column)),
    ),
    timeType: columns.find(({ name }) => name === config.columns.validFrom)?.type ?? "",
  });
}

function configOf({ config, uniqueId }: Model): SnapshotConfig {
  if (config.snapshot === undefined) throw new Error(`${uniqueId} is no snapshot`);
  return config.snapshot;
}

function comparedColumns({ checkCols = "all" }: SnapshotConfig, all: readonly string[]): readonly string[] {
  return checkCols === "all" ? all : checkCols;
}

/** A time that is no time would make versions that nobody can ask for. */
function checkTimes(model: Model, schema: Schema): void {
  const { columns, updatedAt } = configOf(model);
  const type = schema.fields.find(({ name }) => name === columns.validFrom)?.type;
  if (typeof type === "string" && /^(date|timestamp)/.test(type)) return;
  throw lakeError(
    "run/snapshot-time",
    {
      snapshot: model.name,
      column: updatedAt ?? columns.validFrom,
      type: typeof type === "string" ? type : "no time",
    },
    { at: model.at ?? { file: model.path }, hint: "cast it in the SQL of the snapshot, to timestamptz best" },
  );
}

function checkCompared(model: Model, schema: Schema): void {
  const { checkCols = "all", strategy } = configOf(model);
  if (strategy !== "check" || checkCols === "all") return;
  const known = schema.fields.map(({ name }) => name);
  const column = checkCols.find((name) => !known.includes(name));
  if (column === undefined) return;
  throw lakeError(
    "run/unknown-key-column",
    { model: model.name, column },
    { at: model.at ?? { file: model.path }, hint: didYouMean(column, known) ?? `it has ${known.join(", ")}` },
  );
}
