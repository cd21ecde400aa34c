import * as fc from "fast-check";
import { readFileSync } from "node:fs";
import { deflateRawSync, zstdCompressSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { isLakeError } from "../common/errors.ts";
import type { Storage } from "../storage/storage.ts";
import { openLocalStorage } from "../storage/local/local-storage.ts";
import { AvroReader, AvroWriter } from "./avro-encoding.ts";
import { readAvroFile } from "./avro.ts";
import { decodeManifestList, writeManifestList } from "./manifest-list.ts";
import { manifestEntrySchema, manifestFileSchema } from "./manifest-schema.ts";
import { readManifest, writeManifest } from "./manifest.ts";
import { emptyMetadata } from "./metadata.ts";
import type {
  DataFile,
  ManifestEntry,
  ManifestFile,
  PartitionSpec,
  Schema,
  TableMetadata,
  Value,
} from "./types.ts";

const golden = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`golden/${name}.avsc.json`, import.meta.url), "utf8"));

const schema: Schema = {
  type: "struct",
  "schema-id": 3,
  fields: [
    { id: 1, name: "id", required: false, type: "long" },
    { id: 2, name: "price", required: false, type: "decimal(9, 2)" },
    { id: 3, name: "key", required: false, type: "uuid" },
    { id: 4, name: "at", required: false, type: "timestamptz" },
    { id: 5, name: "text", required: false, type: "string" },
    { id: 6, name: "raw", required: false, type: "binary" },
    { id: 7, name: "share", required: false, type: "double" },
    { id: 8, name: "flag", required: false, type: "boolean" },
  ],
};
const spec: PartitionSpec = {
  "spec-id": 2,
  fields: [
    { name: "bucket 1", transform: "bucket[4]", "source-id": 1, "field-id": 1000 },
    ...[2, 3, 4, 5, 6, 7, 8].map((id) => ({
      name: schema.fields[id - 1]?.name ?? "",
      transform: "identity",
      "source-id": id,
      "field-id": 999 + id,
    })),
    { name: "day", transform: "day", "source-id": 4, "field-id": 1008 },
  ],
};
const empty = emptyMetadata({
  location: "/t",
  schema,
  spec,
  properties: {},
  formatVersion: 3,
  lastColumnId: 8,
  nowMs: 1,
});

const long = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const orNull = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(arbitrary, { nil: null });
const bytes = fc.uint8Array({ maxLength: 20 });
const partition: fc.Arbitrary<Value[]> = fc.tuple(
  orNull(fc.integer({ min: 0, max: 3 })),
  orNull(fc.bigInt({ min: -999_999_999n, max: 999_999_999n })),
  orNull(fc.uuid()),
  orNull(long),
  orNull(fc.string({ unit: "grapheme" })),
  orNull(bytes),
  orNull(fc.double()),
  orNull(fc.boolean()),
  orNull(fc.integer({ min: -100_000, max: 100_000 })),
);
const idMap = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<Map<number, T>> =>
  fc
    .array(fc.tuple(fc.integer({ min: 1, max: 2_147_483_647 }), value), { maxLength: 5 })
    .map((pairs) => new Map(pairs));
const file: fc.Arbitrary<DataFile> = fc
  .record(
    {
      columnSizes: idMap(long),
      valueCounts: idMap(long),
      nullValueCounts: idMap(long),
      nanValueCounts: idMap(long),
      lowerBounds: idMap(bytes),
      upperBounds: idMap(bytes),
      keyMetadata: bytes,
      splitOffsets: fc.array(long, { maxLength: 3 }),
      equalityIds: fc.array(fc.integer(), { maxLength: 3 }),
      sortOrderId: fc.integer(),
      firstRowId: long,
      referencedDataFile: fc.string(),
      contentOffset: long,
      contentSizeBytes: long,
    },
    { requiredKeys: [] },
  )
  .chain((optional) =>
    fc
      .record({ partition, path: fc.string({ unit: "grapheme" }), recordCount: long, sizeBytes: long })
      .map((required): DataFile => ({
        content: "data",
        format: "PARQUET",
        specId: 2,
        ...required,
        ...(optional as Partial<DataFile>),
      })),
  );
const entry: fc.Arbitrary<ManifestEntry> = fc.record({
  status: fc.constantFrom("existing", "added", "deleted"),
  snapshotId: long,
  sequenceNumber: long,
  fileSequenceNumber: long,
  file,
});

/** The seam's local adapter, with one file that stands in memory. */
function holding(content: Uint8Array): Storage {
  return { ...openLocalStorage(), read: async () => content };
}

async function roundTrip(
  entries: readonly ManifestEntry[],
  formatVersion: 2 | 3 = 3,
): Promise<ManifestEntry[]> {
  const { bytes, manifest } = writeManifest({ ...request, formatVersion, entries });
  return readManifest({ storage: holding(bytes), manifest, metadata: empty });
}

const request = {
  path: "/t/metadata/m.avro",
  schema,
  spec,
  formatVersion: 3,
  content: "data",
  snapshotId: 9158179788527662767n,
  sequenceNumber: 5n,
} as const;

const plain: ManifestEntry = {
  status: "added",
  snapshotId: 9158179788527662767n,
  sequenceNumber: null,
  fileSequenceNumber: null,
  file: {
    content: "data",
    path: "/t/data/a.parquet",
    format: "parquet",
    specId: 2,
    partition: [1, 105n, "f79c3e09-677c-4bbd-a479-3f349cb785e7", 0n, "x", null, Number.NaN, true, 0],
    recordCount: 3n,
    sizeBytes: 10n,
  },
};

describe("schemas", () => {
  test.each([2, 3] as const)("of version %d are those of iceberg-java, key for key", (formatVersion) => {
    const unpartitioned = { "spec-id": 0, fields: [] };
    expect(JSON.stringify(manifestEntrySchema({ formatVersion, spec: unpartitioned, types: [] }))).toBe(
      JSON.stringify(golden(`manifest-entry.v${formatVersion}`)),
    );
    expect(JSON.stringify(manifestFileSchema(formatVersion))).toBe(
      JSON.stringify(golden(`manifest-file.v${formatVersion}`)),
    );
  });

  test("name partition fields as Avro allows, keep the real name beside, define each fixed type once", () => {
    const types = ["uuid", "uuid", "decimal(20, 3)", "timestamp"] as const;
    const names = ["a b", "1é", "c", "d"];
    const fields = names.map((name, index) => ({
      name,
      transform: "identity",
      "source-id": 1,
      "field-id": 1000 + index,
    }));
    const made = manifestEntrySchema({ formatVersion: 2, spec: { "spec-id": 0, fields }, types });
    const text = JSON.stringify(made);
    expect(text).toContain(
      '{"name":"a_x20b","type":["null",{"type":"fixed","name":"uuid_fixed","size":16,"logicalType":"uuid"}],"default":null,"field-id":1000,"iceberg-field-name":"a b"}',
    );
    expect(text).toContain('"name":"_1_xE9"');
    expect(text).toContain('"name":"uuid_fixed_1001"');
    expect(text).toContain('"size":9,"logicalType":"decimal","precision":20,"scale":3');
    expect(text).toContain('"logicalType":"timestamp-micros","adjust-to-utc":false');
  });
});

describe("a manifest", () => {
  test("gives back every entry that is written to it", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(entry, { maxLength: 8 }), async (entries) => {
        expect(await roundTrip(entries)).toEqual(entries);
      }),
      { numRuns: 150 },
    );
  });

  test("carries the header that readers look for", () => {
    const { bytes } = writeManifest({ ...request, entries: [plain] });
    const { metadata } = readAvroFile(bytes, "m.avro");
    expect(Object.fromEntries([...metadata].filter(([key]) => !key.startsWith("avro.")))).toEqual({
      schema: JSON.stringify({ type: "struct", "schema-id": 3, fields: schema.fields }),
      "schema-id": "3",
      "partition-spec": JSON.stringify(spec.fields),
      "partition-spec-id": "2",
      "format-version": "3",
      content: "data",
    });
  });

  test("hands on snapshot and sequence numbers that its entries leave out", async () => {
    const { bytes, manifest } = writeManifest({ ...request, entries: [{ ...plain, snapshotId: null }] });
    const [read] = await readManifest({ storage: holding(bytes), manifest, metadata: empty });
    expect(read).toMatchObject({
      snapshotId: 9158179788527662767n,
      sequenceNumber: 5n,
      fileSequenceNumber: 5n,
    });
    expect(read?.file.format).toBe("PARQUET");
  });

  test("hands out row ids in the order of its entries", async () => {
    const { bytes, manifest } = writeManifest({ ...request, entries: [plain, plain] });
    const withIds: ManifestFile = { ...manifest, firstRowId: 100n };
    const read = await readManifest({ storage: holding(bytes), manifest: withIds, metadata: empty });
    expect(read.map((one) => one.file.firstRowId)).toEqual([100n, 103n]);
  });

  test("is summed up by its row: counts, rows, lowest sequence number, partition bounds", () => {
    const existing: ManifestEntry = {
      ...plain,
      status: "existing",
      sequenceNumber: 2n,
      fileSequenceNumber: 2n,
      file: { ...plain.file, partition: [null, -5n, null, -1n, "😀", null, 2, false, -1] },
    };
    const { bytes, manifest } = writeManifest({
      ...request,
      entries: [plain, existing, { ...plain, status: "deleted" }],
    });
    expect(manifest).toMatchObject({
      lengthBytes: BigInt(bytes.length),
      addedFilesCount: 1,
      existingFilesCount: 1,
      deletedFilesCount: 1,
      addedRowsCount: 3n,
      sequenceNumber: 5n,
      minSequenceNumber: 2n,
    });
    const [bucket, price, , , text, raw, share] = manifest.partitions ?? [];
    expect(bucket).toEqual({
      containsNull: true,
      containsNan: false,
      lowerBound: Uint8Array.of(1, 0, 0, 0),
      upperBound: Uint8Array.of(1, 0, 0, 0),
    });
    expect(price?.lowerBound).toEqual(Uint8Array.of(0xfb));
    expect(text?.upperBound).toEqual(new TextEncoder().encode("😀"));
    expect(raw).toEqual({ containsNull: true, containsNan: false });
    expect(share).toMatchObject({ containsNull: false, containsNan: true });
  });

  test("is read by field id, whatever its columns are called and however few there are", async () => {
    // As BigQuery writes: status and data_file only; an old name; a long where we write an int.
    const foreign = {
      type: "record",
      name: "manifest_entry",
      fields: [
        {
          name: "df",
          "field-id": 2,
          type: {
            type: "record",
            name: "x",
            fields: [
              { name: "size", "field-id": 104, type: "long" },
              {
                name: "p",
                "field-id": 102,
                type: {
                  type: "record",
                  name: "q",
                  fields: [{ name: "z", "field-id": 1008, type: ["int", "null"] }],
                },
              },
              { name: "rows", "field-id": 103, type: "long" },
              { name: "more", type: { type: "map", values: "string" } },
              { name: "f", "field-id": 100, type: "string" },
              { name: "g", "field-id": 101, type: "string" },
            ],
          },
        },
        { name: "s", "field-id": 0, type: "int" },
      ],
    };
    const record = new AvroWriter();
    record.writeLong(77);
    record.writeLong(0);
    record.writeLong(20_000);
    record.writeLong(9);
    record.writeLong(1);
    record.writeString("k");
    record.writeString("v");
    record.writeLong(0);
    record.writeString("/t/x.parquet");
    record.writeString("parquet");
    record.writeLong(1);
    const written = writeManifest({ ...request, entries: [] });
    const manifest = { ...written.manifest, addedFilesCount: 1 };
    for (const [codec, compress] of [
      ["null", identity],
      ["zstandard", zstdCompressSync],
      ["deflate", deflateRawSync],
    ] as const) {
      const content = container(foreign, codec, compress(record.bytes()));
      const [read] = await readManifest({ storage: holding(content), manifest, metadata: empty });
      expect(read).toMatchObject({ status: "added", sequenceNumber: 5n, snapshotId: 9158179788527662767n });
      expect(read?.file).toMatchObject({ path: "/t/x.parquet", recordCount: 9n, sizeBytes: 77n });
      expect(read?.file.partition).toEqual([null, null, null, null, null, null, null, null, 20_000]);
    }
  });

  test("that is damaged is named, and never crashes or hangs the reader", async () => {
    const { bytes, manifest } = writeManifest({ ...request, entries: [plain, plain], codec: "null" });
    await fc.assert(
      fc.asyncProperty(
        fc.nat(bytes.length - 1),
        fc.integer({ min: 0, max: 255 }),
        fc.boolean(),
        async (at, byte, cut) => {
          const damaged = Uint8Array.from(bytes);
          damaged[at] = byte;
          const content = cut ? damaged.subarray(0, at) : damaged;
          const code = await readManifest({ storage: holding(content), manifest, metadata: empty }).then(
            () => "iceberg/bad-luck: the damage changed a value only",
            (error: unknown) => (isLakeError(error) ? error.code : String(error)),
          );
          expect(code).toMatch(/^iceberg\/bad-/);
        },
      ),
      { numRuns: 500 },
    );
  });
});

function identity(data: Uint8Array): Uint8Array {
  return data;
}

function container(avroSchema: unknown, codec: string, block: Uint8Array): Uint8Array {
  const writer = new AvroWriter();
  writer.writeFixed(Buffer.from("Obj\u0001", "latin1"));
  writer.writeLong(2);
  for (const text of ["avro.schema", JSON.stringify(avroSchema), "avro.codec", codec])
    writer.writeString(text);
  writer.writeLong(0);
  const sync = new Uint8Array(16).fill(7);
  writer.writeFixed(sync);
  writer.writeLong(1);
  writer.writeBytes(block);
  writer.writeFixed(sync);
  return writer.bytes();
}

describe("a manifest list", () => {
  test("gives back every row, and carries the header that readers look for", () => {
    const row = writeManifest({ ...request, entries: [plain] }).manifest;
    const { bytes, assignedRows } = writeManifestList({
      formatVersion: 2,
      snapshotId: 7n,
      parentSnapshotId: null,
      sequenceNumber: 5n,
      manifests: [row, { ...row, partitions: [], content: "deletes" }],
    });
    expect(decodeManifestList(bytes, "l.avro")).toEqual([
      row,
      { ...row, partitions: [], content: "deletes" },
    ]);
    expect(assignedRows).toBe(0n);
    expect(Object.fromEntries(readAvroFile(bytes, "l.avro").metadata)).toMatchObject({
      "snapshot-id": "7",
      "parent-snapshot-id": "null",
      "sequence-number": "5",
      "format-version": "2",
    });
  });

  test("of version 3 hands out row ids to data manifests that have none", () => {
    const row = writeManifest({ ...request, entries: [plain] }).manifest;
    const manifests = [row, { ...row, firstRowId: 1n }, { ...row, content: "deletes" as const }, row];
    const { bytes, assignedRows } = writeManifestList({
      formatVersion: 3,
      snapshotId: 7n,
      parentSnapshotId: 6n,
      sequenceNumber: 5n,
      firstRowId: 50n,
      manifests,
    });
    expect(decodeManifestList(bytes, "l").map((one) => one.firstRowId)).toEqual([50n, 1n, undefined, 53n]);
    expect(assignedRows).toBe(6n);
  });
});

test("longs of Avro hold all 64 bits", () => {
  fc.assert(
    fc.property(fc.array(long), (values) => {
      const writer = new AvroWriter();
      for (const value of values) writer.writeLong(value);
      const reader = new AvroReader(writer.bytes());
      expect(values.map(() => reader.readLong())).toEqual(values);
      expect(reader.remaining).toBe(0);
    }),
  );
});

test("partition values are taken to the type of today when a column was widened", async () => {
  const int: TableMetadata = {
    ...empty,
    schemas: [{ ...schema, fields: [{ id: 1, name: "id", required: false, type: "int" }] }],
  };
  const one: PartitionSpec = {
    "spec-id": 2,
    fields: [{ name: "id", transform: "identity", "source-id": 1, "field-id": 1000 }],
  };
  const entries = [{ ...plain, file: { ...plain.file, partition: [5] } }];
  const { bytes, manifest } = writeManifest({
    ...request,
    schema: int.schemas[0] as Schema,
    spec: one,
    entries,
  });
  const [read] = await readManifest({
    storage: holding(bytes),
    manifest,
    metadata: { ...empty, "partition-specs": [one] },
  });
  expect(read?.file.partition).toEqual([5n]);
});
