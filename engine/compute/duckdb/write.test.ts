import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { partitionKey } from "../../iceberg/partition.ts";
import type { DataFile, NestedField, PartitionSpec } from "../../iceberg/types.ts";
import type { Compute, IcebergRelation, SqlRelation, WriteRequest } from "../compute.ts";
import { openDuckDb } from "./duckdb-compute.ts";
import { planWrite } from "./write-plan.ts";

let folder: string;
let compute: Compute;
let count = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lake-write-"));
  compute = await openDuckDb({
    timezone: "Asia/Seoul",
    threads: 2,
    memoryLimitBytes: 500e6,
    tempDirectory: join(folder, "temp"),
    allowedDirectories: [folder],
  });
});
afterAll(async () => {
  await compute.close();
  await rm(folder, { recursive: true, force: true });
});

const fields: NestedField[] = [
  { id: 1, name: "id", required: true, type: "long" },
  { id: 2, name: "region", required: false, type: "string" },
  { id: 3, name: "at", required: false, type: "timestamptz" },
  { id: 4, name: "raw", required: false, type: "binary" },
];
const rows = `select i as id, case i % 3 when 0 then 'a/b c' when 1 then 'é' end as region,
  timestamptz '2025-07-01 00:00:00+09' + to_hours(i::int) as at, encode('r' || (i % 2)) as raw from range(100) t(i)`;

function requestOf(
  given: Partial<WriteRequest> & { readonly partitions?: readonly [number, string][] },
): WriteRequest {
  const { partitions = [], ...rest } = given;
  const specFields = partitions.map(([sourceId, transform], index) => ({
    name:
      transform === "identity"
        ? fields[sourceId - 1]!.name
        : `${fields[sourceId - 1]!.name}_${transform.replace(/\W.*/, "")}`,
    transform,
    "source-id": sourceId,
    "field-id": 1000 + index,
  }));
  const spec: PartitionSpec = { "spec-id": 1, fields: specFields };
  // Functions that read ranges are no relation of a model, so the rows stand behind one.
  const source: SqlRelation = { kind: "sql", name: "source.rows", sql: rows };
  return {
    id: "model.test.m",
    sql: `select * from "source.rows"`,
    relations: [source],
    schema: { type: "struct", "schema-id": 0, fields },
    spec,
    dataLocation: `file://${join(folder, `table-${(count += 1)}`, "data")}`,
    properties: {},
    writeId: `write-${count}`,
    ...rest,
  };
}

async function readBack(files: readonly DataFile[], sql: string): Promise<readonly (readonly unknown[])[]> {
  const relation: IcebergRelation = {
    kind: "iceberg",
    name: "t",
    schema: { type: "struct", "schema-id": 0, fields },
    tasks: files.map((file) => ({ file, sequenceNumber: 1n, deletes: [] })),
  };
  return (await compute.query({ sql, relations: [relation] })).rows;
}

const checksum = `select count(*), sum(id), count(distinct region), count(region), min("at")::varchar, count(distinct raw) from "t"`;

describe("one file per partition, with values from the engine's keys", () => {
  test.each<[string, [number, string][], number]>([
    ["no partitions", [], 1],
    ["identity of text with a slash, a space, an accent and nulls", [[2, "identity"]], 3],
    ["identity of a timestamp", [[3, "identity"]], 100],
    ["identity of bytes", [[4, "identity"]], 2],
    ["day", [[3, "day"]], 5],
    [
      "identity beside hour",
      [
        [2, "identity"],
        [3, "hour"],
      ],
      100,
    ],
    ["bucket", [[1, "bucket[4]"]], 4],
    ["truncate", [[1, "truncate[10]"]], 10],
    ["void", [[2, "void"]], 1],
  ])("%s", async (_name, partitions, expected) => {
    const result = await compute.write(requestOf({ partitions }));
    expect(result.rows).toBe(100n);
    expect(result.files).toHaveLength(expected);
    expect(new Set(result.files.map(({ partition }) => partitionKey(1, partition))).size).toBe(expected);
    expect(await readBack(result.files, checksum)).toEqual([[100, 4950, 2, 67, "2025-07-01 00:00:00+09", 2]]);
    for (const file of result.files) {
      expect(file.path).toMatch(/^file:\/\/\/.*\/data\/.*write-\d+.*\.parquet$/);
      expect(file.lowerBounds?.has(1)).toBe(true);
    }
  });
});

test("partition values are those of the rows in the file", async () => {
  const { files } = await compute.write(
    requestOf({
      partitions: [
        [2, "identity"],
        [3, "day"],
      ],
    }),
  );
  for (const file of files) {
    const [region, day] = file.partition;
    const found = await readBack(
      [file],
      `select distinct region, ("at" at time zone 'UTC')::date::varchar from "t"`,
    );
    expect(found).toEqual([[region, new Date(Number(day) * 86_400_000).toISOString().slice(0, 10)]]);
  }
});

test("columns are matched by name and cast; missing optional ones are null", async () => {
  const relation: SqlRelation = { kind: "sql", name: "source.rows", sql: `select 'x' as REGION, '7' as id` };
  const { files } = await compute.write(requestOf({ relations: [relation] }));
  expect(await readBack(files, `select * from "t"`)).toEqual([[7, "x", null, null]]);
});

test("a column that is to stay out does, whatever its case", async () => {
  const relation: SqlRelation = {
    kind: "sql",
    name: "source.rows",
    sql: `select 7 as id, 'x' as Extra, 8 as other`,
  };
  const { files } = await compute.write(
    requestOf({ relations: [relation], ignoredColumns: ["extra", "OTHER"] }),
  );
  expect(await readBack(files, `select * from "t"`)).toEqual([[7, null, null, null]]);
});

test("a column that the table does not have and a required one that is absent are reported together", async () => {
  const relation: SqlRelation = { kind: "sql", name: "source.rows", sql: `select 'x' as regoin` };
  await expect(compute.write(requestOf({ relations: [relation] }))).rejects.toMatchObject({
    errors: [{ code: "compute/missing-column" }, { code: "compute/unexpected-column" }],
  });
});

test.each([[[]], [[[2, "identity"]]]] as [[number, string][]][])(
  "no rows, no files (%j)",
  async (partitions) => {
    const relation: SqlRelation = {
      kind: "sql",
      name: "source.rows",
      sql: `select * from (${rows}) where id < 0`,
    };
    const result = await compute.write(requestOf({ relations: [relation], partitions }));
    expect(result).toMatchObject({ files: [], rows: 0n });
  },
);

test("a write that fails half-way leaves no file", async () => {
  const relation: SqlRelation = {
    kind: "sql",
    name: "source.rows",
    sql: `select case when i < 900000 then i else cast('x' || i as bigint) end as id, 'r' || (i % 5) as region from range(1000000) t(i)`,
  };
  for (const partitions of [[], [[2, "identity"]]] as [number, string][][]) {
    const request = requestOf({ relations: [relation], partitions });
    await expect(compute.write(request)).rejects.toMatchObject({ code: "compute/bad-value" });
    const left = await readdir(request.dataLocation.replace("file://", ""), { recursive: true });
    expect(left.filter((name) => name.endsWith(".parquet"))).toEqual([]);
  }
});

test("an aborted write rejects and leaves no file", async () => {
  const relation: SqlRelation = {
    kind: "sql",
    name: "source.rows",
    sql: `select i as id, 'r' || (i % 500) as region from range(20000000) t(i)`,
  };
  const controller = new AbortController();
  const request = requestOf({
    relations: [relation],
    partitions: [[2, "identity"]],
    signal: controller.signal,
  });
  setTimeout(() => controller.abort(), 150);
  await expect(compute.write(request)).rejects.toMatchObject({ code: "compute/interrupted" });
  const left = await readdir(request.dataLocation.replace("file://", ""), { recursive: true });
  expect(left.filter((name) => name.endsWith(".parquet"))).toEqual([]);
});

test("table properties choose the codec; one that is none is refused", async () => {
  const properties = { "write.parquet.compression-codec": "lzo" };
  await expect(compute.write(requestOf({ properties }))).rejects.toMatchObject({
    code: "compute/bad-property",
  });
  const zstd = await compute.write(requestOf({}));
  const plain = await compute.write(
    requestOf({ properties: { "write.parquet.compression-codec": "uncompressed" } }),
  );
  expect(Number(plain.files[0]!.sizeBytes)).toBeGreaterThan(Number(zstd.files[0]!.sizeBytes));
});

test("rows out of a budget too small to hold them are staged, still one file per partition", async () => {
  const small = await openDuckDb({
    timezone: "Asia/Seoul",
    threads: 2,
    memoryLimitBytes: 120e6,
    tempDirectory: join(folder, "temp-small"),
    allowedDirectories: [folder],
  });
  try {
    const relation: SqlRelation = {
      kind: "sql",
      name: "source.rows",
      sql: `select i as id, 'r' || (hash(i) % 300) as region, encode(repeat(md5(i::varchar), 4)) as raw from range(1000000) t(i)`,
    };
    const result = await small.write(requestOf({ relations: [relation], partitions: [[2, "identity"]] }));
    expect(result.rows).toBe(1_000_000n);
    expect(result.files).toHaveLength(300);
  } finally {
    await small.close();
  }
});

test.each([
  ["in the order of their partitions", "i"],
  ["scattered", "hash(i)"],
])("rows %s are written once each, one file per partition", async (_, order) => {
  // Nulls, quotes, and boxes of bounds that overlap: region 7 of one day lies between others of its neighbours.
  const sql = `select i as id, case when i // 500 = 3 then null else 'it''s ' || (i // 500 % 9) end as region,
    timestamptz '2025-07-01 00:00:00+09' + to_days((i // 4000)::int) as at, null::blob as raw
    from range(40000) t(i) order by ${order}`;
  const relation: SqlRelation = { kind: "sql", name: "source.rows", sql };
  const partitions: [number, string][] = [
    [3, "day"],
    [2, "identity"],
  ];
  const { files } = await compute.write(requestOf({ relations: [relation], partitions }));
  const keys = files.map((file) => partitionKey(1, file.partition));
  expect(new Set(keys).size).toBe(keys.length);
  expect(keys.length).toBeGreaterThan(70);
  const back = await readBack(files, "select count(*), count(distinct id), sum(id), count(region) from t");
  expect(back.map((row) => row.map(Number))).toEqual([[40_000, 40_000, 799_980_000, 39_500]]);
});

test.each<[string, [number, string][], number]>([
  ["without partitions", [], 1],
  ["in partitions by value", [[2, "identity"]], 3],
  ["in partitions by what is worked out from a value", [[1, "bucket[2]"]], 2],
])("files become as large as write.target-file-size-bytes says, %s", async (_, partitions, count) => {
  const relation: SqlRelation = {
    kind: "sql",
    name: "source.rows",
    sql: `select i as id, case i % 3 when 0 then 'a/b c' when 1 then 'é' end as region, timestamptz '2025-07-01 00:00:00+09' - to_seconds(i::int) as at, encode(md5(i::varchar)) as raw from range(300000) t(i)`,
  };
  const target = 1_000_000;
  const { files } = await compute.write(
    requestOf({
      relations: [relation],
      partitions,
      orderBy: '"at"',
      properties: { "write.target-file-size-bytes": String(target) },
    }),
  );
  expect(new Set(files.map(({ partition }) => partitionKey(1, partition))).size).toBe(count);
  expect(files.length).toBeGreaterThan(5);
  expect(Math.max(...files.map(({ sizeBytes }) => Number(sizeBytes)))).toBeLessThan(1.5 * target);
  const back = await readBack(files, `select count(*), count(distinct id), sum(id), count(region) from "t"`);
  expect(back.map((row) => row.map(Number))).toEqual([[300_000, 300_000, 44_999_850_000, 200_000]]);
  // In order over the files of a partition: their bounds do not overlap.
  for (const group of Map.groupBy(files, ({ partition }) => partitionKey(1, partition)).values()) {
    const bounds = group.map(({ lowerBounds, upperBounds }): [bigint, bigint] => [
      Buffer.from(lowerBounds!.get(3)!).readBigInt64LE(),
      Buffer.from(upperBounds!.get(3)!).readBigInt64LE(),
    ]);
    bounds.sort(([one], [other]) => Number(one - other));
    bounds.slice(1).forEach(([low], index) => expect(low).toBeGreaterThanOrEqual(bounds[index]![1]));
  }
  const paths = files.map(({ path }) => path);
  const folderOf = paths[0]!.replace(/^file:\/\//, "").replace(/\/data\/.*/, "/data");
  const there = await readdir(folderOf, { recursive: true, withFileTypes: true });
  expect(there.filter((entry) => entry.isFile())).toHaveLength(files.length);
});

test("a target smaller than what a few rows take ends in few files", async () => {
  const properties = { "write.target-file-size-bytes": "1" };
  for (const orderBy of ["", '"id"']) {
    const { files, rows: count } = await compute.write(requestOf({ properties, orderBy }));
    expect([files.length, count]).toEqual([1, 100n]);
  }
});

test("large inputs are staged, small ones are held", () => {
  const base = { partitioned: true, memoryLimitBytes: 1e9, threads: 2 };
  expect(planWrite({ ...base, inputBytes: 100e6 }).kind).toBe("held");
  expect(planWrite({ ...base, inputBytes: 8e9 })).toMatchObject({ kind: "staged" });
  expect(planWrite({ ...base, inputBytes: 811e6, partitioned: false }).kind).toBe("single");
});
