import { describe, expect, test } from "vitest";
import type { Schema, TableMetadata } from "../../iceberg/types.ts";
import type { TableCommit } from "../catalog.ts";
import { refusedColumns } from "./column-positions.ts";
import { movedHiveTable, newHiveTable } from "./hive-table.ts";
import { hiveColumns } from "./hive-types.ts";

const schema: Schema = {
  type: "struct",
  "schema-id": 3,
  fields: [
    { id: 1, name: "id", required: true, type: "long", doc: "the key" },
    { id: 2, name: "at", required: false, type: "timestamptz" },
  ],
};
const metadata: TableMetadata = {
  "format-version": 2,
  "table-uuid": "9c12d441-03fe-4693-9a96-a0705ddf69c1",
  location: "s3://bucket/warehouse/silver.db/events",
  "last-sequence-number": 1n,
  "last-updated-ms": 1_700_000_000_000,
  "last-column-id": 2,
  "current-schema-id": 3,
  schemas: [schema],
  "default-spec-id": 1,
  "partition-specs": [
    { "spec-id": 0, fields: [] },
    { "spec-id": 1, fields: [{ name: "day", transform: "day", "source-id": 2, "field-id": 1000 }] },
  ],
  "last-partition-id": 1000,
  "default-sort-order-id": 0,
  "sort-orders": [{ "order-id": 0, fields: [] }],
  properties: {
    "gc.enabled": "false",
    "hive.metastore.table.owner": "team",
    mine: "1",
    metadata_location: "x",
  },
  "current-snapshot-id": 9_158_179_788_527_662_767n,
  refs: { main: { type: "branch", "snapshot-id": 9_158_179_788_527_662_767n } },
  snapshots: [
    {
      "snapshot-id": 9_158_179_788_527_662_767n,
      "sequence-number": 1n,
      "timestamp-ms": 1_700_000_000_000,
      summary: {
        operation: "append",
        "total-records": "7",
        "total-data-files": "2",
        "total-files-size": "900",
      },
    },
  ],
  statistics: [],
  "partition-statistics": [],
  "snapshot-log": [],
  "metadata-log": [],
};
const commit: TableCommit = {
  identifier: { namespace: "silver", name: "events" },
  baseMetadataLocation: null,
  newMetadataLocation: "m1",
  newMetadata: metadata,
  baseMetadata: null,
};

test("a new table is written as iceberg-java writes it", () => {
  expect(newHiveTable(commit, 1_700_000_000_999)).toEqual({
    dbName: "silver",
    tableName: "events",
    owner: "team",
    createTime: 1_700_000_000,
    lastAccessTime: 1_700_000_000,
    retention: 2_147_483_647,
    partitionKeys: [],
    tableType: "EXTERNAL_TABLE",
    sd: {
      cols: [
        { name: "id", type: "bigint", comment: "the key" },
        { name: "at", type: "timestamp with local time zone" },
      ],
      location: "s3://bucket/warehouse/silver.db/events",
      inputFormat: "org.apache.hadoop.mapred.FileInputFormat",
      outputFormat: "org.apache.hadoop.mapred.FileOutputFormat",
      compressed: false,
      numBuckets: 0,
      serdeInfo: { serializationLib: "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe", parameters: {} },
      bucketCols: [],
      sortCols: [],
      parameters: {},
    },
    parameters: {
      EXTERNAL: "TRUE",
      "external.table.purge": "false",
      mine: "1",
      uuid: "9c12d441-03fe-4693-9a96-a0705ddf69c1",
      table_type: "ICEBERG",
      metadata_location: "m1",
      numFiles: "2",
      numRows: "7",
      totalSize: "900",
      "current-snapshot-id": "9158179788527662767",
      "current-snapshot-timestamp-ms": "1700000000000",
      "current-snapshot-summary": '{"total-records":"7","total-data-files":"2","total-files-size":"900"}',
      "snapshot-count": "1",
      "current-schema":
        '{"type":"struct","schema-id":3,"fields":[{"id":1,"name":"id","required":true,"type":"long","doc":"the key"},{"id":2,"name":"at","required":false,"type":"timestamptz"}]}',
      "default-partition-spec":
        '{"spec-id":1,"fields":[{"name":"day","transform":"day","source-id":2,"field-id":1000}]}',
      DO_NOT_UPDATE_STATS: "true",
    },
  });
});

test("a move keeps what others wrote, and takes back what is no longer so", () => {
  const existing = {
    ...newHiveTable(commit, 0),
    parameters: {
      ...newHiveTable(commit, 0).parameters,
      theirs: "kept",
      COLUMN_STATS_ACCURATE: "{}",
      "default-sort-order": "old",
      storage_handler: "old",
    },
  };
  const long: Schema = { ...schema, fields: [{ ...schema.fields[0]!, doc: "x".repeat(32_700) }] };
  const moved = movedHiveTable(existing, {
    ...commit,
    baseMetadataLocation: "m1",
    newMetadataLocation: "m2",
    baseMetadata: metadata,
    newMetadata: { ...metadata, schemas: [long], properties: { other: "2" }, "default-spec-id": 0 },
  });
  expect(moved.parameters).toMatchObject({
    theirs: "kept",
    other: "2",
    metadata_location: "m2",
    previous_metadata_location: "m1",
    EXTERNAL: "TRUE",
  });
  expect(Object.keys(moved.parameters ?? {})).not.toEqual(
    expect.arrayContaining([expect.stringMatching(/^(mine|external\.table\.purge|COLUMN_STATS_ACCURATE)$/)]),
  );
  for (const gone of ["current-schema", "default-partition-spec", "default-sort-order", "storage_handler"]) {
    expect(moved.parameters).not.toHaveProperty([gone]);
  }
});

test("a table for Hive's own engine gets its storage handler and formats", () => {
  const forHive = { ...metadata, properties: { "engine.hive.enabled": "true" } };
  const table = newHiveTable({ ...commit, newMetadata: forHive }, 0);
  expect(table.parameters?.["storage_handler"]).toBe("org.apache.iceberg.mr.hive.HiveIcebergStorageHandler");
  expect(table.sd?.serdeInfo?.serializationLib).toBe("org.apache.iceberg.mr.hive.HiveIcebergSerDe");
});

describe("columns", () => {
  const of = (...types: readonly unknown[]): Schema => ({
    type: "struct",
    "schema-id": 0,
    fields: types.map((type, at) => ({ id: at + 1, name: `c${at}`, required: false, type: type as "long" })),
  });

  test("have Hive's types", () => {
    const nested = {
      type: "struct",
      fields: [
        { id: 9, name: "a", required: false, type: "uuid" },
        {
          id: 10,
          name: "b",
          required: false,
          type: { type: "list", "element-id": 11, "element-required": false, element: "decimal(9, 2)" },
        },
      ],
    };
    const map = {
      type: "map",
      "key-id": 1,
      key: "string",
      "value-id": 2,
      value: "int",
      "value-required": false,
    };
    const types = ["fixed[16]", "binary", "time", "timestamp", "decimal(38,10)", nested, map, "variant"];
    expect(hiveColumns(of(...types)).map(({ type }) => type)).toEqual([
      "binary",
      "binary",
      "string",
      "timestamp",
      "decimal(38,10)",
      "struct<a:string,b:array<decimal(9,2)>>",
      "map<string,int>",
      "unknown",
    ]);
  });

  test("of types that Hive does not have are refused by name", () => {
    expect(() => hiveColumns(of("long", "timestamp_ns"))).toThrow(/c1 of type timestamp_ns/);
  });

  test.each([
    ["a wider number", ["int", "float"], ["long", "double"], 0],
    ["a new column at the end", ["int"], ["int", "string"], 0],
    ["the last column dropped", ["int", "string"], ["int"], 0],
    ["a number that becomes text", ["int"], ["string"], 0],
    ["columns of one type in another order", ["string", "string"], ["string", "string"], 0],
    ["the first column dropped", ["string", "int"], ["int"], 1],
    ["a column put in front", ["long", "string"], ["boolean", "long", "string"], 2],
    ["a narrower number", ["double"], ["float"], 1],
    ["text that becomes a date", ["string"], ["date"], 1],
  ])("%s: %j to %j", (_, from, to, refused) => {
    expect(refusedColumns(of(...from), of(...to))).toHaveLength(refused);
  });
});
