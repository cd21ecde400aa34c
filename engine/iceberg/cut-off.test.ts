// Avro files that end between two blocks are whole files to Avro: what was cut off must be missed all the same.
import { describe, expect, test } from "vitest";
import type { Storage } from "../storage/storage.ts";
import { readManifestList, writeManifestList } from "./manifest-list.ts";
import { readManifest, writeManifest } from "./manifest.ts";
import { emptyMetadata } from "./metadata.ts";
import type { ManifestEntry, ManifestFile, PartitionSpec, Schema, Snapshot } from "./types.ts";

const schema: Schema = {
  type: "struct",
  "schema-id": 0,
  fields: [{ id: 1, name: "id", required: false, type: "long" }],
};
const spec: PartitionSpec = { "spec-id": 0, fields: [] };
const metadata = emptyMetadata({
  location: "/t",
  schema,
  spec,
  properties: {},
  formatVersion: 2,
  lastColumnId: 1,
  nowMs: 0,
});

function holding(bytes: Uint8Array): Storage {
  return { read: () => Promise.resolve(bytes) } as unknown as Storage;
}

/** Where each block ends: the file's sync marker stands there, and at its very end. */
function blockEnds(bytes: Uint8Array): number[] {
  const file = Buffer.from(bytes);
  const sync = file.subarray(-16);
  const ends: number[] = [];
  for (let at = file.indexOf(sync); at >= 0; at = file.indexOf(sync, at + 1)) ends.push(at + 16);
  return ends;
}

const entries: ManifestEntry[] = Array.from({ length: 2000 }, (_, index) => ({
  status: index % 5 === 0 ? "existing" : "added",
  snapshotId: 1n,
  sequenceNumber: 1n,
  fileSequenceNumber: 1n,
  file: {
    content: "data",
    path: `/t/data/${"x".repeat(100)}-${index}.parquet`,
    format: "PARQUET",
    specId: 0,
    partition: [],
    recordCount: 1n,
    sizeBytes: 1n,
  },
}));

describe("a manifest that was cut off between two blocks", () => {
  const { bytes, manifest } = writeManifest({
    path: "/t/m.avro",
    schema,
    spec,
    formatVersion: 2,
    content: "data",
    snapshotId: 1n,
    sequenceNumber: 1n,
    entries,
  });
  const cuts = blockEnds(bytes).slice(0, -1);
  const problemOf = (content: Uint8Array, row: ManifestFile): Promise<string> =>
    readManifest({ storage: holding(content), manifest: row, metadata }).then(
      (read) => `${read.length} entries`,
      (error: Error) => error.message,
    );

  test("misses files that the manifest list counts, the whole one does not", async () => {
    expect(cuts.length).toBeGreaterThan(3);
    for (const end of cuts)
      expect(await problemOf(bytes.subarray(0, end), manifest)).toContain("the manifest list says 2000");
    expect(await problemOf(bytes, manifest)).toBe("2000 entries");
  });

  test("has fewer bytes than the manifest list says, where that has no counts (format 1)", async () => {
    const { addedFilesCount: _added, existingFilesCount: _existing, ...uncounted } = manifest;
    for (const end of cuts)
      expect(await problemOf(bytes.subarray(0, end), uncounted)).toContain(
        `the manifest list says ${bytes.length}`,
      );
    expect(await problemOf(bytes, uncounted)).toBe("2000 entries");
  });

  test("counts are believed over a length: others rewrite manifests with tools, and clouds report sizes late", async () => {
    expect(await problemOf(bytes, { ...manifest, lengthBytes: 0n })).toBe("2000 entries");
  });
});

describe("a manifest list that was cut off between two blocks", () => {
  const row = writeManifest({
    path: "/t/m.avro",
    schema,
    spec,
    formatVersion: 2,
    content: "data",
    snapshotId: 1n,
    sequenceNumber: 1n,
    entries: entries.slice(0, 10),
  }).manifest;
  const manifests = Array.from({ length: 3000 }, (_, index) => ({
    ...row,
    path: `/t/metadata/m${index}.avro`,
  }));
  const { bytes } = writeManifestList({
    formatVersion: 2,
    snapshotId: 1n,
    parentSnapshotId: null,
    sequenceNumber: 1n,
    manifests,
  });
  const ends = blockEnds(bytes);
  const problemOf = (content: Uint8Array, totalFiles?: string): Promise<string> => {
    const snapshot: Snapshot = {
      "snapshot-id": 1n,
      "sequence-number": 1n,
      "timestamp-ms": 0,
      summary: {
        operation: "append",
        ...(totalFiles !== undefined && { "total-data-files": totalFiles }),
      },
      "manifest-list": "/t/snap.avro",
    };
    return readManifestList({ storage: holding(content), snapshot }).then(
      (read) => `${read.length} manifests`,
      (error: Error) => error.message,
    );
  };

  test("names fewer files than the snapshot's summary", async () => {
    expect(ends.length).toBeGreaterThan(2);
    for (const end of ends.slice(0, -1))
      expect(await problemOf(bytes.subarray(0, end), "30000")).toContain("the snapshot's summary says 30000");
    expect(await problemOf(bytes, "30000")).toBe("3000 manifests");
  });

  test("a summary whose total has drifted does not condemn a list that ends in the middle of a block", async () => {
    const [header = 0] = ends;
    const short = writeManifestList({
      formatVersion: 2,
      snapshotId: 1n,
      parentSnapshotId: null,
      sequenceNumber: 1n,
      manifests: manifests.slice(0, 3),
    }).bytes;
    expect(await problemOf(short, "31")).toBe("3 manifests");
    expect(await problemOf(bytes.subarray(0, header), "31")).toContain("the snapshot's summary says 31");
    expect(await problemOf(bytes.subarray(0, header))).toBe("0 manifests");
  });
});
