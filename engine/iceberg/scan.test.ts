import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isLakeError } from "../common/errors.ts";
import type { ScanTask } from "../compute/compute.ts";
import { openLocalStorage } from "../storage/local/local-storage.ts";
import type { Storage } from "../storage/storage.ts";
import { writeManifestList } from "./manifest-list.ts";
import { writeManifest } from "./manifest.ts";
import type { Predicate } from "./predicate.ts";
import { asRelation, countPartitions, planScan } from "./scan.ts";
import type { DataFile, ManifestEntry, ManifestFile, PartitionSpec, Schema, TableMetadata } from "./types.ts";
import { serialiseValue } from "./values.ts";

const schema: Schema = {
  type: "struct",
  "schema-id": 0,
  fields: [
    { id: 1, name: "id", required: false, type: "long" },
    { id: 2, name: "day", required: false, type: "int" },
  ],
};
const unpartitioned: PartitionSpec = { "spec-id": 0, fields: [] };
const byDay: PartitionSpec = {
  "spec-id": 1,
  fields: [{ name: "day", transform: "identity", "source-id": 2, "field-id": 1000 }],
};

let folder: string;
const openedStorage = openLocalStorage();
/** Counts what is read, so that a pruned manifest can be told from a filtered one. */
const reads: string[] = [];
const storage: Storage = Object.assign(Object.create(openedStorage) as Storage, {
  read: (path: string) => {
    reads.push(path);
    return openedStorage.read(path);
  },
});
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lake-scan-"));
});
afterAll(() => rm(folder, { recursive: true }));

function dataFile(
  path: string,
  day: number | null,
  ids: readonly [bigint, bigint],
  more: Partial<DataFile> = {},
): DataFile {
  return {
    content: "data",
    path,
    format: "PARQUET",
    specId: 1,
    partition: [day],
    recordCount: 10n,
    sizeBytes: 100n,
    valueCounts: new Map([[1, 10n]]),
    nullValueCounts: new Map([[1, 0n]]),
    lowerBounds: new Map([[1, serialiseValue("long", ids[0])]]),
    upperBounds: new Map([[1, serialiseValue("long", ids[1])]]),
    sortOrderId: 0,
    ...more,
  };
}
function deleteFile(path: string, content: DataFile["content"], more: Partial<DataFile> = {}): DataFile {
  return {
    content,
    path,
    format: "PARQUET",
    specId: 1,
    partition: [1],
    recordCount: 1n,
    sizeBytes: 10n,
    ...(content === "equality-deletes" && { equalityIds: [1] }),
    ...more,
  };
}

interface Part {
  readonly spec?: PartitionSpec;
  readonly content?: "data" | "deletes";
  readonly files: readonly (readonly [DataFile, bigint, ManifestEntry["status"]?])[];
  readonly row?: Partial<ManifestFile>;
}

let tables = 0;
async function table(parts: readonly Part[], more: Partial<TableMetadata> = {}): Promise<TableMetadata> {
  const location = join(folder, `t${tables++}`);
  const manifests: ManifestFile[] = [];
  for (const [index, part] of parts.entries()) {
    const path = `${location}/m${index}.avro`;
    const { bytes, manifest } = writeManifest({
      path,
      schema,
      spec: part.spec ?? byDay,
      formatVersion: 2,
      content: part.content ?? "data",
      snapshotId: 7n,
      sequenceNumber: 9n,
      entries: part.files.map(([file, sequenceNumber, status = "existing"]) => ({
        status,
        snapshotId: 7n,
        sequenceNumber,
        fileSequenceNumber: sequenceNumber,
        file,
      })),
    });
    await openedStorage.write(path, bytes);
    manifests.push({ ...manifest, ...part.row });
  }
  const list = `${location}/list.avro`;
  const { bytes } = writeManifestList({
    formatVersion: 2,
    snapshotId: 7n,
    parentSnapshotId: null,
    sequenceNumber: 9n,
    manifests,
  });
  await openedStorage.write(list, bytes);
  return {
    "format-version": 2,
    "table-uuid": "9c12d441-03fe-4693-9a96-a0705ddf69c1",
    location,
    "last-sequence-number": 9n,
    "last-updated-ms": 0,
    "last-column-id": 2,
    "current-schema-id": 0,
    schemas: [schema],
    "default-spec-id": 1,
    "partition-specs": [unpartitioned, byDay],
    "last-partition-id": 1000,
    "default-sort-order-id": 0,
    "sort-orders": [{ "order-id": 0, fields: [] }],
    properties: {},
    "current-snapshot-id": 7n,
    refs: { main: { "snapshot-id": 7n, type: "branch" } },
    snapshots: [
      {
        "snapshot-id": 7n,
        "sequence-number": 9n,
        "timestamp-ms": 0,
        summary: { operation: "append" },
        "manifest-list": list,
        "schema-id": 0,
      },
    ],
    statistics: [],
    "partition-statistics": [],
    "snapshot-log": [],
    "metadata-log": [],
    ...more,
  };
}
async function planned(metadata: TableMetadata, filter?: Predicate): Promise<string[]> {
  const tasks = await planScan({ storage, metadata, ...(filter && { filter }) });
  return tasks.map(({ file, deletes }) => [file.path, ...deletes.map(({ path }) => path)].join(" ")).sort();
}

describe("planScan", () => {
  test("gives live files with sequence number and identity constants", async () => {
    const metadata = await table([
      {
        files: [
          [dataFile("a", 1, [0n, 9n]), 3n],
          [dataFile("gone", 1, [0n, 9n]), 3n, "deleted"],
          [dataFile("b", null, [0n, 9n]), 4n],
        ],
      },
      { spec: unpartitioned, files: [[dataFile("old", 1, [0n, 9n], { specId: 0, partition: [] }), 1n]] },
    ]);
    const tasks = await planScan({ storage, metadata });
    const constantsOf = ({ constants = new Map(), file }: ScanTask): unknown[] =>
      [...constants].map(([id, valueOf]) => [id, valueOf(file)]);
    expect(tasks.map((task) => [task.file.path, task.sequenceNumber, constantsOf(task)])).toEqual([
      ["a", 3n, [[2, 1]]],
      ["b", 4n, [[2, null]]],
      ["old", 1n, []],
    ]);
    expect(countPartitions(tasks)).toBe(3);
  });

  test("leaves out manifests by summary, without reading them, then files by partition and bounds", async () => {
    const metadata = await table([
      {
        files: [
          [dataFile("a", 1, [0n, 9n]), 1n],
          [dataFile("b", 2, [0n, 9n]), 1n],
          [dataFile("c", 2, [50n, 59n]), 1n],
        ],
      },
      { files: [[dataFile("d", 8, [0n, 9n]), 1n]] },
      { spec: unpartitioned, files: [[dataFile("old", 1, [0n, 9n], { specId: 0, partition: [] }), 1n]] },
      { files: [[dataFile("e", 2, [0n, 9n]), 1n, "deleted"]] },
    ]);
    const day: Predicate = { kind: "compare", column: ["day"], operator: "=", value: 2 };
    reads.length = 0;
    expect(await planned(metadata, day)).toEqual(["b", "c", "old"]);
    expect(reads.map((path) => path.slice(path.lastIndexOf("/") + 1)).sort()).toEqual([
      "list.avro",
      "m0.avro",
      "m2.avro",
    ]);
    const id: Predicate = { kind: "compare", column: ["id"], operator: ">", value: 20n };
    expect(await planned(metadata, { kind: "and", terms: [day, id] })).toEqual(["c"]);
  });

  test("no snapshot means no files, an unknown one is an error", async () => {
    const metadata = await table([]);
    expect(await planScan({ storage, metadata, snapshotId: null })).toEqual([]);
    expect(await planScan({ storage, metadata: { ...metadata, "current-snapshot-id": null } })).toEqual([]);
    await expect(planScan({ storage, metadata, snapshotId: 5n })).rejects.toThrow("no snapshot 5");
  });

  for (const [feature, part, more] of [
    ["data files in ORC", { files: [[dataFile("a", 1, [0n, 1n], { format: "ORC" }), 1n]] }, {}],
    [
      "encryption (key_metadata)",
      { files: [[dataFile("a", 1, [0n, 1n], { keyMetadata: Uint8Array.of(1) }), 1n]] },
      {},
    ],
    ["encryption (key_metadata)", { files: [], row: { keyMetadata: Uint8Array.of(1) } }, {}],
    [
      "the type variant (column v)",
      { files: [] },
      { schemas: [{ ...schema, fields: [{ id: 3, name: "v", required: false, type: "variant" }] }] },
    ],
  ] as readonly (readonly [string, Part, Partial<TableMetadata>])[]) {
    test(`refuses ${feature} by name`, async () => {
      const error: unknown = await planScan({ storage, metadata: await table([part], more) }).catch(
        (caught: unknown) => caught,
      );
      expect(isLakeError(error, "iceberg/unsupported-feature") && error.message).toContain(feature);
    });
  }

  test("refuses a file that is listed twice: its rows would count twice", async () => {
    const twice = [dataFile("a", 1, [0n, 1n]), 1n] as const;
    await expect(
      planScan({ storage, metadata: await table([{ files: [twice] }, { files: [twice] }]) }),
    ).rejects.toThrow("lists the data file a more than once");
  });
});

describe("deletes apply by sequence number and partition", () => {
  const data: Part = {
    files: [
      [dataFile("p1-s3", 1, [0n, 9n]), 3n],
      [dataFile("p1-s5", 1, [0n, 9n]), 5n],
      [dataFile("p2-s3", 2, [0n, 9n]), 3n],
    ],
  };
  const withDeletes = (...files: Part["files"]): Promise<TableMetadata> =>
    table([data, { content: "deletes", files }]);

  test("position deletes: the same partition, not older than the data", async () => {
    const metadata = await withDeletes(
      [deleteFile("d", "position-deletes"), 3n],
      [deleteFile("e", "position-deletes"), 5n],
    );
    expect(await planned(metadata)).toEqual(["p1-s3 d e", "p1-s5 e", "p2-s3"]);
  });
  test("position deletes of one file, by reference or by the bounds of file_path", async () => {
    const path = new TextEncoder().encode("p1-s5");
    const bounds = new Map([[2_147_483_546, path]]);
    const metadata = await withDeletes(
      [deleteFile("d", "position-deletes", { referencedDataFile: "p1-s3" }), 9n],
      [deleteFile("e", "position-deletes", { lowerBounds: bounds, upperBounds: bounds }), 9n],
    );
    expect(await planned(metadata)).toEqual(["p1-s3 d", "p1-s5 e", "p2-s3"]);
  });
  test("equality deletes: only older data, of the partition", async () => {
    const metadata = await withDeletes([deleteFile("d", "equality-deletes"), 5n]);
    expect(await planned(metadata)).toEqual(["p1-s3 d", "p1-s5", "p2-s3"]);
  });
  test("equality deletes of an unpartitioned spec reach all partitions, also under a filter", async () => {
    const everywhere = deleteFile("d", "equality-deletes", { specId: 0, partition: [] });
    const metadata = await table([
      data,
      { spec: unpartitioned, content: "deletes", files: [[everywhere, 4n]] },
    ]);
    expect(await planned(metadata)).toEqual(["p1-s3 d", "p1-s5", "p2-s3 d"]);
    expect(await planned(metadata, { kind: "compare", column: ["day"], operator: "=", value: 2 })).toEqual([
      "p2-s3 d",
    ]);
  });
  test("a deletion vector takes the place of position deletes", async () => {
    const vector = {
      format: "PUFFIN",
      referencedDataFile: "p1-s3",
      contentOffset: 4n,
      contentSizeBytes: 40n,
    };
    const metadata = await withDeletes(
      [deleteFile("v", "position-deletes", vector), 6n],
      [deleteFile("d", "position-deletes"), 6n],
    );
    expect(await planned(metadata)).toEqual(["p1-s3 v", "p1-s5 d", "p2-s3"]);
  });
});

describe("asRelation", () => {
  const renamed: Schema = {
    ...schema,
    "schema-id": 1,
    fields: [{ id: 1, name: "key", required: false, type: "long" }],
  };
  test("an older snapshot has its own schema, the current state the table's", async () => {
    const base = await table([]);
    const [snapshot] = base.snapshots;
    const metadata: TableMetadata = {
      ...base,
      schemas: [schema, renamed],
      "current-schema-id": 1,
      "current-snapshot-id": 8n,
      snapshots: [...base.snapshots, { ...snapshot!, "snapshot-id": 8n }],
      properties: { "schema.name-mapping.default": '[{"field-id":1,"names":["id"]}]' },
    };
    const names = (snapshotId?: bigint): string[] =>
      asRelation({
        name: "t",
        metadata,
        tasks: [],
        ...(snapshotId !== undefined && { snapshotId }),
      }).schema.fields.map(({ name }) => name);
    expect([names(), names(8n), names(7n)]).toEqual([["key"], ["key"], ["id", "day"]]);
    expect(asRelation({ name: "t", metadata, tasks: [] }).nameMapping).toEqual([
      { "field-id": 1, names: ["id"] },
    ]);
  });
});
