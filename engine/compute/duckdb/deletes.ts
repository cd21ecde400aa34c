// Deletes of a scan as anti joins. Which delete applies to which data file, the planner has decided.
import { randomUUID } from "node:crypto";
import { lakeError } from "../../common/errors.ts";
import type { DataFile, IcebergType, Schema } from "../../iceberg/types.ts";
import type { ScanTask } from "../compute.ts";
import { groupBy } from "./group-by.ts";
import { readDeletionVector } from "./deletion-vector.ts";
import { physicalSchemas } from "./parquet-schema.ts";
import type { RelationContext } from "./relation-context.ts";
import { escapeGlob, localPath } from "./paths.ts";
import { literal } from "./text.ts";
import { duckdbType, icebergType } from "./types.ts";

/** Rows that the engine takes at once. */
const vectorSize = 2048;
const filePathId = 2147483546;
const positionId = 2147483545;

/** Anti joins that take `t.file` and `t.row`, and `t.c<id>` for each of `columns`. */
export interface DeleteJoins {
  readonly joins: readonly string[];
  /** Columns compared by equality deletes, whether or not the table's schema still has them. */
  readonly columns: ReadonlyMap<number, IcebergType>;
}

/** The joins for tasks that have deletes. */
export async function deleteJoins(
  context: RelationContext,
  tasks: readonly ScanTask[],
  schema: Schema,
): Promise<DeleteJoins> {
  const { files: engine } = context.session;
  const all = tasks.flatMap((task) =>
    task.deletes.map((file) => ({ file, data: task.file.path, spelled: engine.spelled(task.file.path) })),
  );
  const positional = all.filter(({ file }) => file.content === "position-deletes");
  const isVector = ({ file }: DeletePair) => file.format.toUpperCase() === "PUFFIN";
  const joins: string[] = [];
  const vectors = positional.filter(isVector);
  if (vectors.length > 0) joins.push(positionJoin(await vectorRows(context, vectors)));
  const files = positional.filter((pair) => !isVector(pair));
  if (files.length > 0) joins.push(positionJoin(await positionRows(context, files)));
  const columns = new Map<number, IcebergType>();
  const byKey = groupBy(
    all.filter(({ file }) => file.content === "equality-deletes"),
    ({ file }) => (file.equalityIds ?? []).toSorted((a, b) => a - b).join(","),
  );
  for (const [key, pairs] of byKey) {
    const ids = key.split(",").filter(Boolean).map(Number);
    joins.push(await equalityJoin(context, { pairs, ids, schema, columns }));
  }
  return { joins, columns };
}

interface DeletePair {
  readonly file: DataFile;
  /** The data file's path, as it is read and as the manifest spells it. */
  readonly data: string;
  readonly spelled: string;
}

function positionJoin(rows: string): string {
  return `anti join (${rows}) as d on d.file = t.file and d.row = t.row`;
}

/** The engine's name of each delete file, with each data file that it applies to under both its names. */
function pairValues(pairs: readonly DeletePair[]): string {
  const rows = pairs.map(
    ({ file, data, spelled }) =>
      `(${literal(localPath(file.path))}, ${literal(spelled)}, ${literal(localPath(data))})`,
  );
  return `(values ${rows.join(", ")}) as p(deleting, path, file)`;
}

function fileList(pairs: readonly DeletePair[]): string {
  const paths = new Set(pairs.map(({ file }) => file.path));
  return [...paths].map((path) => literal(escapeGlob(localPath(path)))).join(", ");
}

/** `file_path` in a delete file is compared as text with the manifest's spelling (specification, scan planning). */
async function positionRows(context: RelationContext, pairs: readonly DeletePair[]): Promise<string> {
  await requireIds(context, pairs, [filePathId, positionId]);
  const schema = `map {${filePathId}: {name: 'path', type: 'VARCHAR', default_value: null},
    ${positionId}: {name: 'pos', type: 'BIGINT', default_value: null}}`;
  return `select p.file, d.pos as row
    from (select path, pos, filename from read_parquet([${fileList(pairs)}], schema = ${schema}, hive_partitioning = false)) as d
    join ${pairValues(pairs)} on p.deleting = d.filename and p.path = d.path`;
}

/** Without ids every column would read as null, and the deleted rows would come back. */
async function requireIds(
  context: RelationContext,
  pairs: readonly DeletePair[],
  ids: readonly number[],
): Promise<void> {
  for (const { file } of pairs) {
    if (file.format.toUpperCase() !== "PARQUET") {
      throw lakeError("compute/unsupported-feature", {
        what: `a delete file in ${file.format} (${file.path})`,
      });
    }
  }
  const files = pairs.map(({ file }) => file);
  const schemas = await physicalSchemas(context.session, context.connection, files);
  for (const { path } of files) {
    const { fields, hasIds } = schemas.get(localPath(path))!;
    const found = new Set(fields.map(({ id }) => id));
    const missing = ids.find((id) => !found.has(id));
    if (missing === undefined) continue;
    if (!hasIds) throw lakeError("compute/no-field-ids", { path });
    const what = `a delete by field ${missing}, which is no column of the delete file (${path}),`;
    throw lakeError("compute/unsupported-feature", { what });
  }
}

/** Positions go into the engine by the vector; the paths, each once, beside them. */
async function vectorRows(context: RelationContext, pairs: readonly DeletePair[]): Promise<string> {
  const { BIGINT, DuckDBDataChunk, INTEGER } = await import("@duckdb/node-api");
  const table = `lake_deleted_${randomUUID().replaceAll("-", "")}`;
  const { connection } = context;
  await connection.run(`create temp table ${table} (n integer, row bigint)`);
  const appender = await connection.createAppender(table, "main", "temp");
  const chunk = DuckDBDataChunk.create([INTEGER, BIGINT]);
  for (const [index, { file }] of pairs.entries()) {
    const positions = await readDeletionVector(file);
    for (let start = 0; start < positions.length; start += vectorSize) {
      const rows = positions.slice(start, start + vectorSize);
      chunk.setColumns([rows.map(() => index), rows.map(BigInt)]);
      appender.appendDataChunk(chunk);
    }
  }
  appender.closeSync();
  const files = pairs.map(({ data }, index) => `(${index}, ${literal(localPath(data))})`);
  return `select p.file, d.row from ${table} as d join (values ${files.join(", ")}) as p(n, file) on p.n = d.n`;
}

interface EqualityDeletes {
  readonly pairs: readonly DeletePair[];
  readonly ids: readonly number[];
  readonly schema: Schema;
  /** Collects the columns that the data files must be read with. */
  readonly columns: Map<number, IcebergType>;
}

/** Null equals null; a column that the schema has dropped still decides. */
async function equalityJoin(context: RelationContext, deletes: EqualityDeletes): Promise<string> {
  const { pairs, ids, schema, columns } = deletes;
  await requireIds(context, pairs, ids);
  const physical = context.session.physicalSchemas.get(localPath(pairs[0]!.file.path))!;
  for (const id of ids) {
    const type =
      schema.fields.find((field) => field.id === id)?.type ??
      icebergType(physical.fields.find((field) => field.id === id)!.type!);
    columns.set(id, type);
  }
  const entries = ids.map(
    (id) => `${id}: {name: 'c${id}', type: ${literal(duckdbType(columns.get(id)!))}, default_value: null}`,
  );
  const names = ids.map((id) => `d.c${id}`).join(", ");
  const equal = ids.map((id) => `d.c${id} is not distinct from t.c${id}`).join(" and ");
  return `anti join (select p.file, ${names}
    from (select *, filename from read_parquet([${fileList(pairs)}], schema = map {${entries.join(", ")}}, hive_partitioning = false)) as d
    join ${pairValues(pairs)} on p.deleting = d.filename) as d on d.file = t.file and ${equal}`;
}
