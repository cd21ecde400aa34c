// Merge-on-read: rows that go are marked in small files beside the data files, which stay as they are
// (specification, position delete files and deletion vectors). When that is better than writing the other rows of
// their files again.
import { lakeError } from "../../common/errors.ts";
import { mapLimited } from "../../common/limit.ts";
import { literal, quoteIdentifier } from "../../common/sql.ts";
import type { IcebergRelation, ScanTask } from "../../compute/compute.ts";
import { relationName } from "../../compute/compute.ts";
import { writePuffin } from "../../iceberg/deletion-vector-write.ts";
import type { PlacedVector } from "../../iceberg/deletion-vector-write.ts";
import type { DataFile, Schema, SortOrder } from "../../iceberg/types.ts";
import type { TableWrite } from "./strategy.ts";
import type { Condition, Touched } from "./touched-files.ts";

/** Reserved field ids of the format. */
const [pathId, positionId] = [2147483546, 2147483545];

const deleteSchema: Schema = {
  type: "struct",
  "schema-id": 0,
  fields: [
    { id: pathId, name: "file_path", required: true, type: "string" },
    { id: positionId, name: "pos", required: true, type: "long" },
  ],
};
const byPosition: SortOrder = {
  "order-id": 1,
  fields: [
    { transform: "identity", "source-id": pathId, direction: "asc", "null-order": "nulls-first" },
    { transform: "identity", "source-id": positionId, direction: "asc", "null-order": "nulls-first" },
  ],
};
const placesSchema: Schema = {
  type: "struct",
  "schema-id": 0,
  fields: [
    { id: 1, name: "file", required: true, type: "int" },
    { id: 2, name: "pos", required: true, type: "long" },
  ],
};

/** Rewriting less than this is done before readers would have noticed the deletes. */
const leastBytes = 64n << 20n;
/** Of the rows that a rewrite would write again, one in so many may go. */
const leastRowsForOne = 20n;
/** Readers open each of them. */
const mostDeleteFiles = 4;
const atOnce = 4;

const [fileColumn, rowColumn] = ["lake@file", "lake@row"] as const;

type Mode = "copy-on-write" | "merge-on-read";

/**
 * Whether rows are marked rather than files written again. Iceberg's own properties decide where they are set
 * (`write.merge.mode` for merge, `write.delete.mode` for the other strategies); otherwise it is done where a rewrite
 * would be large (64 MB), mostly of rows that stay (19 of 20), and of files with few delete files so far (under 4).
 * Errors: `compute/bad-property`.
 */
export function marksRows({ model, properties }: TableWrite, { mixed }: Touched): boolean {
  if (mixed.length === 0) return false;
  const asked = modeOf(
    model.config.strategy === "merge" ? "write.merge.mode" : "write.delete.mode",
    properties,
  );
  if (asked !== null) return asked === "merge-on-read";
  const [bytes, rows, toGo] = mixed.reduce(
    ([size, all, gone], { task, rows: count }) => [
      size + task.file.sizeBytes,
      all + task.file.recordCount,
      gone + BigInt(count),
    ],
    [0n, 0n, 0n],
  );
  const isFresh = mixed.every(({ task }) => task.deletes.length < mostDeleteFiles);
  return bytes >= leastBytes && toGo * leastRowsForOne <= rows && isFresh;
}

function modeOf(property: string, properties: Readonly<Record<string, string>>): Mode | null {
  const value = properties[property];
  if (value === undefined) return null;
  if (value === "copy-on-write" || value === "merge-on-read") return value;
  throw lakeError("compute/bad-property", { property, value, expected: "copy-on-write or merge-on-read" });
}

interface Marks {
  readonly addDeletes: readonly DataFile[];
  readonly replaceVectorsOf?: ReadonlySet<string>;
}

/** The rows to go of files that also hold rows to stay: in format 3 as deletion vectors, else as position deletes. */
export async function markRows(table: TableWrite, toGo: Condition, touched: Touched): Promise<Marks> {
  const { base, model } = table;
  const version = Math.max(base?.metadata["format-version"] ?? 0, model.config.formatVersion ?? 2);
  if (version < 3) return { addDeletes: await positionDeletes(table, toGo, touched) };
  const replaceVectorsOf = new Set(touched.rest.tasks.map(({ file }) => file.path));
  return { addDeletes: await deletionVectors(table, toGo, touched), replaceVectorsOf };
}

/** One vector for each data file, all in one Puffin file, each with what was deleted from its file before. */
async function deletionVectors(
  table: TableWrite,
  { sql, relations }: Condition,
  { rest }: Touched,
): Promise<readonly DataFile[]> {
  const compute = await table.context.session.compute();
  const target: IcebergRelation = { ...rest, fileColumn, rowColumn };
  const [file, row] = [quoteIdentifier(fileColumn), quoteIdentifier(rowColumn)];
  const name = relationName(rest.name);
  const sizes = rest.tasks.map((task, index) => `(${index}, ${task.file.recordCount})`).join(", ");
  // What is not among the rows that stay is gone, whichever delete took it.
  const stays = `select ${file} as file, ${row} as pos from ${name} as t where not (${sql})`;
  const all = `select file, unnest(range(size)) as pos from (values ${sizes}) as sizes(file, size)`;
  const gone = `select file, list(pos order by pos) from (${all}) as every_row anti join (${stays}) as stays using (file, pos) group by file order by file`;
  const { rows } = await compute.query({ sql: gone, relations: [...relations, target] });
  const vectors = rows.map(([index, positions]) => ({
    task: rest.tasks[Number(index)] as ScanTask,
    positions: (positions as readonly unknown[]).map(Number),
  }));
  const { bytes, placed } = writePuffin(
    vectors.map(({ task, positions }) => ({ dataFile: task.file.path, positions })),
  );
  const path = await table.writePuffin(bytes);
  return vectors.map(({ task }, index): DataFile => {
    const { offset, length, cardinality } = placed[index] as PlacedVector;
    return {
      content: "position-deletes",
      path,
      format: "PUFFIN",
      specId: task.file.specId,
      partition: task.file.partition,
      recordCount: BigInt(cardinality),
      sizeBytes: BigInt(bytes.length),
      referencedDataFile: task.file.path,
      contentOffset: BigInt(offset),
      contentSizeBytes: BigInt(length),
    };
  });
}

/** One file for each data file: sorted, with the path as its bounds, so that every engine reads it for that file alone. */
async function positionDeletes(
  table: TableWrite,
  { sql, relations }: Condition,
  { rest }: Touched,
): Promise<readonly DataFile[]> {
  const compute = await table.context.session.compute();
  const target: IcebergRelation = { ...rest, fileColumn, rowColumn };
  const places = await compute.keep({
    id: table.model.uniqueId,
    name: "lake@places",
    sql: `select ${quoteIdentifier(fileColumn)} as file, ${quoteIdentifier(rowColumn)} as pos from ${relationName(rest.name)} as t where ${sql}`,
    relations: [...relations, target],
    schema: placesSchema,
  });
  try {
    return await mapLimited(rest.tasks, atOnce, async (task, index) => {
      const [written] = await table.writeDeletes({
        sql: `select ${literal(task.file.path)} as file_path, pos from ${relationName(places.relation.name)} where file = ${index}`,
        relations: [places.relation],
        schema: deleteSchema,
        sortOrder: byPosition,
      });
      if (written === undefined) throw new Error(`no row of ${task.file.path} is to go`);
      return asDeletes(written, task);
    });
  } finally {
    await places.release();
  }
}

function asDeletes({ sortOrderId: _own, ...file }: DataFile, { file: data }: ScanTask): DataFile {
  const path = new TextEncoder().encode(data.path);
  const bounds = (given: DataFile["lowerBounds"]): DataFile["lowerBounds"] =>
    new Map([...(given ?? []), [pathId, path]]);
  return {
    ...file,
    content: "position-deletes",
    specId: data.specId,
    partition: data.partition,
    lowerBounds: bounds(file.lowerBounds)!,
    upperBounds: bounds(file.upperBounds)!,
    referencedDataFile: data.path,
  };
}
