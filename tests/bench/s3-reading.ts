// Reading tables on S3: through the local cache, or by the engine's own httpfs? The figures behind the default.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { openFileCache } from "../../engine/compute/duckdb/file-cache.ts";
import { openS3Storage } from "../../engine/storage/s3/s3-storage.ts";
import { findHttpfs } from "../services/httpfs.ts";
import { startVersitygw } from "../services/versitygw.ts";
import { median, table } from "./measure.ts";

const runs = Number(process.env["BENCH_RUNS"] ?? 5);
const rowCount = Number(process.env["BENCH_EVENTS"] ?? 1_000_000);

/** What is read, of five columns. */
const selections = {
  "two columns": "select kind, count(*), count(distinct user_id) from {files} group by all",
  "every column": `select count(distinct hash(id, user_id, kind, "at", session_id, request_id, part)) from {files}`,
};

export async function s3Reading(): Promise<string> {
  const extension = await findHttpfs();
  const server = await startVersitygw();
  const bucket = await server.createBucket();
  const folder = await mkdtemp(join(tmpdir(), "lake-s3-reading-"));
  const storage = openS3Storage({ storage: server.storage });
  const instance = await DuckDBInstance.create(":memory:", { threads: "2" });
  const connection = await instance.connect();
  const ask = async (sql: string): Promise<Record<string, unknown>[]> =>
    (await connection.runAndReadAll(sql)).getRowObjects();
  const timed = async (act: () => Promise<unknown>): Promise<number> => {
    const started = performance.now();
    await act();
    return performance.now() - started;
  };
  try {
    await connection.run(`load '${extension}'`);
    await connection.run(`create secret (type s3, key_id '${server.accessKeyId}', secret '${server.secretAccessKey}',
      region '${server.region}', endpoint '${new URL(server.endpoint).host}', use_ssl false, url_style 'path')`);
    await connection.run(`create table events as select i as id, 'user-' || (hash(i) % 50000) as user_id,
      ['view', 'like', 'search', 'share'][1 + i % 4] as kind, timestamp '2025-07-01' + to_seconds(i * 2) as at,
      md5(i::varchar) as session_id, md5((i * 7)::varchar) as request_id, i % 744 as part from range(${rowCount}) t(i)`);
    await connection.run("set partitioned_write_max_open_files = 1000");
    const rows: string[][] = [];
    for (const count of [1, 744]) {
      const target = join(folder, String(count));
      const partition = count === 1 ? "" : ", partition_by (part), write_partition_columns true";
      const path = count === 1 ? `${target}.parquet` : target;
      await connection.run(`copy events to '${path}' (format parquet, compression zstd${partition})`);
      const pattern = count === 1 ? path : `${target}/*/*.parquet`;
      const written = await ask(`select filename, size from read_blob('${pattern}')`);
      const files = written.map((row, index) => ({
        localPath: String(row["filename"]),
        path: `s3://${bucket}/${count}/${index}.parquet`,
        sizeBytes: Number(row["size"]),
      }));
      await storage.putFiles(files);
      const list = (names: readonly string[]): string =>
        `read_parquet([${names.map((name) => `'${name}'`).join(", ")}])`;
      for (const [name, select] of Object.entries(selections)) {
        const times: { direct: number; first: number; again: number }[] = [];
        for (let run = 0; run < runs; run += 1) {
          const direct = await timed(() =>
            ask(select.replace("{files}", list(files.map((one) => one.path)))),
          );
          const directory = join(folder, `cache-${count}-${name}-${run}`);
          const cache = openFileCache({ storage, directory });
          let release = (): void => undefined;
          const local = select.replace("{files}", list(files.map((one) => cache.localPath(one.path))));
          const first = await timed(async () => {
            release = await cache.hold({ immutable: files, changeable: [] });
            await ask(local);
          });
          const again = await timed(() => ask(local));
          release();
          await rm(directory, { recursive: true });
          times.push({ direct, first, again });
        }
        const ms = (key: "direct" | "first" | "again"): string =>
          median(times.map((one) => one[key])).toFixed(0);
        const megabytes = (files.reduce((sum, one) => sum + one.sizeBytes, 0) / 1e6).toFixed(0);
        const what = `${name} of ${count === 1 ? "one file" : `${count} files`}, ${megabytes} MB`;
        rows.push([what, ms("direct"), ms("first"), ms("again")]);
      }
    }
    const head = ["a query reads", "httpfs ms", "through the cache ms", "again ms"];
    return `### Reading from S3 (medians of ${runs})\n\n${table([head, ...rows])}`;
  } finally {
    connection.closeSync();
    instance.closeSync();
    await server.stop();
    await rm(folder, { recursive: true });
  }
}
