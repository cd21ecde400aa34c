// Reading tables on S3: through the local cache, or by the engine's own httpfs? The figures behind the default.
// node tests/bench/s3-reading.ts <path of httpfs.duckdb_extension>
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { openFileCache } from "../../engine/compute/duckdb/file-cache.ts";
import { openS3Storage } from "../../engine/storage/s3/s3-storage.ts";
import { startVersitygw } from "../services/versitygw.ts";

const [extension = ""] = process.argv.slice(2);
const server = await startVersitygw();
const bucket = await server.createBucket();
const folder = await mkdtemp(join(tmpdir(), "lake-s3-reading-"));
const storage = openS3Storage({ storage: server.storage });
const instance = await DuckDBInstance.create(":memory:", { threads: "2" });
const connection = await instance.connect();
const rows = async (sql: string): Promise<Record<string, unknown>[]> =>
  (await connection.runAndReadAll(sql)).getRowObjects();
const say = (text: string): boolean => process.stdout.write(`${text}\n`);

await connection.run(`load '${extension}'`);
await connection.run(`create secret (type s3, key_id '${server.accessKeyId}', secret '${server.secretAccessKey}',
  region '${server.region}', endpoint '${new URL(server.endpoint).host}', use_ssl false, url_style 'path')`);
await connection.run(`create table events as select i as id, 'user-' || (hash(i) % 50000) as user_id,
  ['view', 'like', 'search', 'share'][1 + i % 4] as kind, timestamp '2025-07-01' + to_seconds(i * 2) as at,
  md5(i::varchar) as session_id, md5((i * 7)::varchar) as request_id, i % 744 as part from range(1000000) t(i)`);

const selection = "select kind, count(*), count(distinct user_id) from {files} group by all";
for (const files of [1, 744]) {
  const target = join(folder, String(files));
  const partition = files === 1 ? "" : ", partition_by (part), write_partition_columns true";
  await connection.run("set partitioned_write_max_open_files = 1000");
  const path = files === 1 ? `${target}.parquet` : target;
  await connection.run(`copy events to '${path}' (format parquet, compression zstd${partition})`);
  const written = await rows(
    `select filename, size from read_blob('${files === 1 ? path : `${target}/*/*.parquet`}')`,
  );
  const table = written.map((row, index) => ({
    localPath: String(row["filename"]),
    path: `s3://${bucket}/${files}/${index}.parquet`,
    sizeBytes: Number(row["size"]),
  }));
  let started = performance.now();
  await storage.putFiles(table);
  const bytes = table.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  say(
    `${files} file(s), ${(bytes / 1e6).toFixed(1)} MB: written in ${(performance.now() - started).toFixed(0)} ms`,
  );
  for (let round = 1; round <= 3; round += 1) {
    const list = table.map(({ path }) => `'${path}'`).join(", ");
    started = performance.now();
    await rows(selection.replace("{files}", `read_parquet([${list}])`));
    const direct = performance.now() - started;
    const cache = openFileCache({ storage, directory: join(folder, `cache-${files}-${round}`) });
    started = performance.now();
    const release = await cache.hold({ immutable: table, changeable: [] });
    const brought = performance.now() - started;
    const local = table.map(({ path }) => `'${cache.localPath(path)}'`).join(", ");
    const query = selection.replace("{files}", `read_parquet([${local}])`);
    await rows(query);
    const first = performance.now() - started;
    started = performance.now();
    await rows(query);
    const again = performance.now() - started;
    release();
    say(
      `  httpfs ${direct.toFixed(0)} ms; cache ${first.toFixed(0)} ms (${brought.toFixed(0)} bringing), again ${again.toFixed(0)} ms`,
    );
  }
}
connection.closeSync();
instance.closeSync();
await server.stop();
await rm(folder, { recursive: true });
