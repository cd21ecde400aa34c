// The embedded engine over objects: positions of deleted rows, nested folders, failures of a write.
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Compute, IcebergRelation, WriteRequest } from "../../engine/compute/compute.ts";
import { openDuckDb } from "../../engine/compute/duckdb/duckdb-compute.ts";
import type { DataFile, Schema } from "../../engine/iceberg/types.ts";
import { openS3Storage } from "../../engine/storage/s3/s3-storage.ts";
import type { Storage } from "../../engine/storage/storage.ts";
import { startHttpFaultProxy, type HttpFaultProxy } from "../services/http-fault-proxy.ts";
import { describeWith } from "../services/skip.ts";
import { startVersitygw, versitygwUnavailable, type RunningS3 } from "../services/versitygw.ts";

const schema: Schema = {
  type: "struct",
  "schema-id": 0,
  fields: [
    { id: 1, name: "id", required: false, type: "long" },
    { id: 2, name: "kind", required: false, type: "string" },
  ],
};
const positions: Schema = {
  type: "struct",
  "schema-id": 0,
  fields: [
    { id: 2147483546, name: "file_path", required: true, type: "string" },
    { id: 2147483545, name: "pos", required: true, type: "long" },
  ],
};

describeWith(versitygwUnavailable(), "the embedded engine over S3", () => {
  let server: RunningS3;
  let proxy: HttpFaultProxy;
  let storage: Storage;
  let compute: Compute;
  let location: string;
  const folder = mkdtempSync(path.join(tmpdir(), "lake-s3-compute-"));
  beforeAll(async () => {
    server = await startVersitygw();
    proxy = await startHttpFaultProxy(server.endpoint);
    storage = openS3Storage({ storage: { ...server.storage, endpoint: proxy.endpoint, retries: 1 } });
    location = `s3a://${await server.createBucket()}/wh/t`;
    const settings = {
      timezone: "UTC",
      threads: 2,
      memoryLimitBytes: 300_000_000,
      tempDirectory: folder,
      allowedDirectories: [],
    };
    compute = await openDuckDb(settings, storage);
  });
  afterAll(async () => {
    await compute.close();
    await proxy.close();
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const write = async (
    request: Partial<WriteRequest> & { readonly sql: string },
  ): Promise<readonly DataFile[]> => {
    const whole: WriteRequest = {
      id: "test",
      relations: [],
      schema,
      spec: { "spec-id": 0, fields: [] },
      dataLocation: `${location}/data`,
      properties: {},
      writeId: randomUUID(),
      ...request,
    };
    return (await compute.write(whole)).files;
  };
  const relation = (tasks: IcebergRelation["tasks"]): IcebergRelation => ({
    kind: "iceberg",
    name: "ns.t",
    schema,
    tasks,
  });
  async function listed(): Promise<string[]> {
    const found: string[] = [];
    for await (const file of storage.list(location)) found.push(file.path);
    return found.sort();
  }

  test("rows deleted by position are gone, by the path as the table spells it", async () => {
    const [file] = await write({ sql: "select i as id, 'k' as kind from range(10) t(i)" });
    if (file === undefined) throw new Error("nothing was written");
    expect(file.path).toMatch(/^s3a:\/\/.*\/wh\/t\/data\/[^/]+\.parquet$/);
    const [positional] = await write({
      schema: positions,
      sql: `select '${file.path}' as file_path, unnest([2, 5]) as pos`,
    });
    if (positional === undefined) throw new Error("nothing was written");
    const deletes: DataFile[] = [{ ...positional, content: "position-deletes" }];
    const tasks = [{ file, sequenceNumber: 1n, deletes }];
    // Another engine, which has nothing of it in its cache.
    const other = await openDuckDb(
      {
        timezone: "UTC",
        threads: 1,
        memoryLimitBytes: 300_000_000,
        tempDirectory: folder,
        allowedDirectories: [],
      },
      storage,
    );
    for (const engine of [compute, other]) {
      const { rows } = await engine.query({
        sql: 'select list(id order by id) from "ns.t"',
        relations: [relation(tasks)],
      });
      expect(rows).toEqual([[[0, 1, 3, 4, 6, 7, 8, 9]]]);
    }
    await other.close();
  });

  test("a relation that the statement does not name is not brought", async () => {
    const [file] = await write({ sql: "select 1 as id, 'k' as kind" });
    if (file === undefined) throw new Error("nothing was written");
    await storage.delete([file.path]);
    const relations = [
      { ...relation([{ file: { ...file, path: `${file.path}.gone` }, sequenceNumber: 1n, deletes: [] }]) },
    ];
    expect((await compute.query({ sql: "select 1 as one", relations })).rows).toEqual([[1]]);
    await expect(compute.query({ sql: 'select * from "ns.t"', relations })).rejects.toMatchObject({
      code: "storage/not-found",
    });
  });

  test("a partitioned write whose upload fails half-way leaves nothing", async () => {
    const before = await listed();
    proxy.fail({ method: "PUT", after: 3, times: 1, what: { answer: 403, code: "AccessDenied" } });
    await expect(
      write({
        sql: "select i as id, 'a b/c%' || i % 30 as kind from range(300) t(i)",
        spec: {
          "spec-id": 0,
          fields: [{ "source-id": 2, "field-id": 1000, name: "kind", transform: "identity" }],
        },
      }),
    ).rejects.toMatchObject({ code: "storage/failed", message: expect.stringContaining("access denied") });
    expect(await listed()).toEqual(before);
    proxy.fail();
    const files = await write({
      sql: "select i as id, 'a b/c%' || i % 30 as kind from range(300) t(i)",
      spec: {
        "spec-id": 0,
        fields: [{ "source-id": 2, "field-id": 1000, name: "kind", transform: "identity" }],
      },
    });
    expect((await listed()).length).toBe(before.length + 30);
    const tasks = files.map((file) => ({ file, sequenceNumber: 1n, deletes: [] }));
    const { rows } = await compute.query({
      sql: 'select count(*), count(distinct kind) from "ns.t"',
      relations: [relation(tasks)],
    });
    expect(rows).toEqual([[300, 30]]);
  });

  test("a model cannot read an object by itself", async () => {
    for (const sql of [
      `select * from read_parquet('${location}/data/*.parquet')`,
      `select * from '${location}/a.parquet'`,
    ]) {
      await expect(compute.query({ sql, relations: [] })).rejects.toMatchObject({
        code: expect.stringMatching(/^compute\//),
      });
    }
  });
});
