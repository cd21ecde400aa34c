// What the tests of this folder share: an engine in a folder of its own, and Parquet files made by hand.
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DataFile, Schema } from "../../iceberg/types.ts";
import type { ComputeSettings, IcebergRelation, ScanTask } from "../compute.ts";
import { openDuckDb } from "./duckdb-compute.ts";

export interface TestEngine {
  readonly folder: string;
  readonly compute: Awaited<ReturnType<typeof openDuckDb>>;
  readonly settings: ComputeSettings;
  /** Writes a query's rows as one Parquet file by hand, outside the adapter. */
  write(name: string, sql: string, fieldIds?: string): Promise<DataFile>;
  close(): Promise<void>;
}

export async function openTestEngine(settings: Partial<ComputeSettings> = {}): Promise<TestEngine> {
  const folder = await mkdtemp(join(tmpdir(), "lake-compute-"));
  const all: ComputeSettings = {
    timezone: "Asia/Seoul",
    threads: 2,
    memoryLimitBytes: 300_000_000,
    tempDirectory: join(folder, "temp"),
    allowedDirectories: [join(folder, "data")],
    ...settings,
  };
  const compute = await openDuckDb(all);
  const { DuckDBInstance } = await import("@duckdb/node-api");
  const instance = await DuckDBInstance.create(":memory:", { threads: "1" });
  const hand = await instance.connect();
  await hand.run("set timezone = 'UTC'");
  const { mkdir } = await import("node:fs/promises");
  return {
    folder,
    compute,
    settings: all,
    async write(name, sql, fieldIds) {
      const path = join(folder, "data", name);
      await mkdir(join(path, ".."), { recursive: true });
      const ids = fieldIds === undefined ? "" : `, field_ids ${fieldIds}`;
      const result = await hand.run(
        `copy (${sql}) to '${path.replaceAll("'", "''")}' (format parquet${ids})`,
      );
      const rows = (await result.getRows())[0]![0] as bigint;
      return dataFile(path, { recordCount: rows, sizeBytes: BigInt((await stat(path)).size) });
    },
    async close() {
      hand.closeSync();
      instance.closeSync();
      await compute.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export function dataFile(path: string, more: Partial<DataFile> = {}): DataFile {
  return {
    content: "data",
    path,
    format: "PARQUET",
    specId: 0,
    partition: [],
    recordCount: 0n,
    sizeBytes: 0n,
    ...more,
  };
}

export function icebergRelation(
  schema: Schema,
  files: readonly (DataFile | (Partial<ScanTask> & { readonly file: DataFile }))[],
  nameMapping?: unknown,
): IcebergRelation {
  const tasks = files.map((given): ScanTask => {
    const task = "file" in given ? given : { file: given };
    return { sequenceNumber: 1n, deletes: [], ...task };
  });
  return { kind: "iceberg", name: "n.t", schema, tasks, ...(nameMapping !== undefined && { nameMapping }) };
}

export function schemaOf(...fields: Schema["fields"]): Schema {
  return { type: "struct", "schema-id": 0, fields };
}
