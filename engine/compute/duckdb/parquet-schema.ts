// What Parquet files hold, physically: names, field ids and nesting. Needed because the engine matches
// names, not ids, below the top level, and reads a file without any ids as all nulls, silently.
import type { DuckDBConnection } from "@duckdb/node-api";
import { lakeError } from "../../common/errors.ts";
import type { DataFile } from "../../iceberg/types.ts";
import { engineError } from "./errors.ts";
import { escapeGlob, localPath } from "./paths.ts";
import { type DuckDbSession } from "./session.ts";
import { literal } from "./text.ts";

export interface PhysicalField {
  readonly name: string;
  readonly id: number | null;
  readonly kind: "primitive" | "struct" | "list" | "map";
  /** The engine's type of a primitive. */
  readonly type: string | null;
  /** A struct's fields, a list's element, a map's key and value. */
  readonly children: readonly PhysicalField[];
}
export interface PhysicalSchema {
  /** Equal for files of equal layout. */
  readonly signature: string;
  readonly fields: readonly PhysicalField[];
  readonly hasIds: boolean;
}

/** One element of `parquet_schema()`, in the file's depth-first order. */
type Row = readonly [
  name: string,
  repetition: string | null,
  childCount: number | null,
  annotation: string,
  fieldId: number | null,
  type: string | null,
];

const batchSize = 2000;

/** What the manifest says of a file, and how messages call it. */
export type ExpectedFile = Pick<DataFile, "path" | "recordCount" | "sizeBytes">;

/**
 * The physical schema of each file, by engine path. Files are immutable, so each footer is read once a session,
 * and compared with what the manifest says of the file. Errors: `compute/damaged-file`.
 */
export async function physicalSchemas(
  session: DuckDbSession,
  connection: DuckDBConnection,
  files: readonly ExpectedFile[],
): Promise<ReadonlyMap<string, PhysicalSchema>> {
  const cache = session.physicalSchemas;
  const isUnread = (file: ExpectedFile): boolean => !cache.has(localPath(file.path));
  if (files.some(isUnread)) {
    await session.readingFooters(() => readMissing(connection, files.filter(isUnread), cache));
  }
  return cache;
}

async function readMissing(
  connection: DuckDBConnection,
  files: readonly ExpectedFile[],
  cache: Map<string, PhysicalSchema>,
): Promise<void> {
  const missing = new Map(files.map((file) => [localPath(file.path), file]));
  const paths = [...missing.keys()];
  for (let start = 0; start < paths.length; start += batchSize) {
    const batch = paths.slice(start, start + batchSize);
    await checkFooters(connection, batch, (path) => missing.get(path));
    await readFooters(connection, batch, cache);
  }
  const unread = paths.find((path) => !cache.has(path));
  if (unread !== undefined)
    throw lakeError("compute/failed", { message: `no footer was read from ${unread}` });
}

/** Files that one statement wrote have one layout: a single footer tells it for all of them. */
export async function learnWrittenSchema(
  session: DuckDbSession,
  connection: DuckDBConnection,
  paths: readonly string[],
): Promise<void> {
  const [first] = paths;
  if (first === undefined) return;
  const cache = session.physicalSchemas;
  await readFooters(connection, [first], cache);
  const physical = cache.get(first)!;
  for (const path of paths) cache.set(path, physical);
}

/** Parquet has no checksum that the engine looks at: a file that was cut off or replaced has another length or row count. */
async function checkFooters(
  connection: DuckDBConnection,
  paths: readonly string[],
  expected: (path: string) => ExpectedFile | undefined,
): Promise<void> {
  const files = paths.map((path) => literal(escapeGlob(path))).join(", ");
  const sql = `select file_name, file_size_bytes, num_rows from parquet_file_metadata([${files}])`;
  let rows;
  try {
    rows = (await connection.runAndReadAll(sql)).getRows();
  } catch (error) {
    throw engineError(error);
  }
  for (const [name, size, count] of rows) {
    const file = expected(String(name));
    if (file === undefined) continue;
    const found = { rows: BigInt(String(count)), bytes: BigInt(String(size)) };
    // Some writers on object stores record no size.
    const sizeFits = file.sizeBytes === 0n || file.sizeBytes === found.bytes;
    if (sizeFits && file.recordCount === found.rows) continue;
    throw lakeError("compute/damaged-file", {
      path: file.path,
      problem: `it has ${found.rows} rows and ${found.bytes} bytes, where the table's manifest says ${file.recordCount} and ${file.sizeBytes}`,
    });
  }
}

async function readFooters(
  connection: DuckDBConnection,
  paths: readonly string[],
  cache: Map<string, PhysicalSchema>,
): Promise<void> {
  const files = paths.map((path) => literal(escapeGlob(path))).join(", ");
  const sql = `select schema, list(file_name) from (
      select file_name, to_json(list(json_array(name, repetition_type, num_children,
          concat(logical_type, ' ', converted_type), field_id, duckdb_type) order by column_id))::varchar as schema
        from parquet_schema([${files}]) group by file_name)
    group by schema`;
  try {
    const reader = await connection.runAndReadAll(sql);
    for (const [schema, names] of reader.getRows()) {
      const physical = readSchema(String(schema));
      for (const name of (names as { items: readonly string[] }).items) cache.set(name, physical);
    }
  } catch (error) {
    throw engineError(error);
  }
}

function readSchema(signature: string): PhysicalSchema {
  const rows = JSON.parse(signature) as readonly Row[];
  let at = 0;
  const next = (): PhysicalField => {
    const [name, , childCount, annotation, id, type] = rows[at++]!;
    if (childCount === null || childCount === 0) return { name, id, kind: "primitive", type, children: [] };
    const repeated = rows[at]![1] === "REPEATED" && childCount === 1;
    const children = Array.from({ length: childCount }, next);
    if (repeated && /MAP/i.test(annotation))
      return { name, id, kind: "map", type: null, children: children[0]!.children };
    if (repeated && /LIST/i.test(annotation)) {
      return { name, id, kind: "list", type: null, children: [elementOf(name, children[0]!)] };
    }
    return { name, id, kind: "struct", type: null, children };
  };
  const fields = next().children;
  return { signature, fields, hasIds: fields.some(hasId) };
}

function hasId(field: PhysicalField): boolean {
  return field.id !== null || field.children.some(hasId);
}

/** Files of old writers have two levels: then the repeated group is the element itself (Parquet's LIST rules). */
function elementOf(list: string, repeated: PhysicalField): PhysicalField {
  const isElement =
    repeated.children.length !== 1 || repeated.name === "array" || repeated.name === `${list}_tuple`;
  return isElement ? repeated : repeated.children[0]!;
}
