import * as fc from "fast-check";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { isLakeError } from "../common/errors.ts";
import { printJson } from "../common/json.ts";
import {
  applyUpdates,
  checkRequirements,
  emptyMetadata,
  newMetadataLocation,
  parseTableMetadata,
  serialiseTableMetadata,
} from "./metadata.ts";
import type { Snapshot, TableMetadata, TableUpdate } from "./types.ts";

const path = "/t/metadata/00000-a.metadata.json";
const schema = {
  type: "struct",
  "schema-id": 0,
  fields: [{ id: 1, name: "id", required: false, type: "long" }],
} as const;

function table(properties: Readonly<Record<string, string>> = {}): TableMetadata {
  return emptyMetadata({
    location: "/t/",
    schema,
    spec: { "spec-id": 0, fields: [] },
    properties,
    formatVersion: 2,
    lastColumnId: 1,
    nowMs: 1000,
    uuid: "f79c3e09-677c-4bbd-a479-3f349cb785e7",
  });
}

function snapshot(id: bigint, sequenceNumber: bigint, timestampMs: number, parent?: bigint): Snapshot {
  return {
    "snapshot-id": id,
    ...(parent !== undefined && { "parent-snapshot-id": parent }),
    "sequence-number": sequenceNumber,
    "timestamp-ms": timestampMs,
    summary: { operation: "append" },
    "manifest-list": `/t/metadata/snap-${id}.avro`,
    "schema-id": 0,
  };
}

function moveMain(one: Snapshot): TableUpdate[] {
  return [
    { action: "add-snapshot", snapshot: one },
    { action: "set-snapshot-ref", "ref-name": "main", type: "branch", "snapshot-id": one["snapshot-id"] },
  ];
}

function commit(base: TableMetadata, updates: readonly TableUpdate[], nowMs: number): TableMetadata {
  return applyUpdates(base, updates, {
    nowMs,
    previousMetadataLocation: `/t/metadata/${base["last-updated-ms"]}`,
  });
}

function parse(value: unknown): TableMetadata {
  return parseTableMetadata(Buffer.from(printJson(value)), path);
}

function text(metadata: TableMetadata): string {
  return new TextDecoder().decode(serialiseTableMetadata(metadata));
}

describe("serialiseTableMetadata", () => {
  test("writes Java's keys in Java's order, and -1 for no snapshot", () => {
    const json = JSON.parse(text(table())) as Record<string, unknown>;
    expect(Object.keys(json)).toEqual([
      "format-version",
      "table-uuid",
      "location",
      "last-sequence-number",
      "last-updated-ms",
      "last-column-id",
      "current-schema-id",
      "schemas",
      "default-spec-id",
      "partition-specs",
      "last-partition-id",
      "default-sort-order-id",
      "sort-orders",
      "properties",
      "current-snapshot-id",
      "refs",
      "snapshots",
      "statistics",
      "partition-statistics",
      "snapshot-log",
      "metadata-log",
    ]);
    expect(json["current-snapshot-id"]).toBe(-1);
    expect(json["location"]).toBe("/t");
    expect(json["last-partition-id"]).toBe(999);
  });

  test("is read back as it was, 63-bit ids and unknown keys included", () => {
    const id = 9158179788527662767n;
    const metadata = {
      ...commit(table(), moveMain(snapshot(id, 1n, 2000)), 2000),
      "encryption-keys": [{ a: "b" }],
    };
    expect(parseTableMetadata(serialiseTableMetadata(metadata), path)).toEqual(metadata);
    expect(text(metadata)).toContain('"current-snapshot-id":9158179788527662767');
  });

  test("is gzipped when the table asks for it, and told by its first bytes", () => {
    const metadata = table({ "write.metadata.compression-codec": "gzip" });
    const bytes = serialiseTableMetadata(metadata);
    expect([...bytes.subarray(0, 2)]).toEqual([0x1f, 0x8b]);
    expect(parseTableMetadata(bytes, path)).toEqual(metadata);
    expect(parseTableMetadata(gzipSync(serialiseTableMetadata(table())), path)).toEqual(table());
    expect(newMetadataLocation(metadata, null)).toMatch(
      /^\/t\/metadata\/00000-[0-9a-f-]{36}\.gz\.metadata\.json$/,
    );
  });
});

describe("parseTableMetadata", () => {
  test("reads version 1 with its single schema and spec", () => {
    const metadata = parse({
      "format-version": 1,
      "table-uuid": "u",
      location: "/t",
      "last-updated-ms": 5,
      "last-column-id": 1,
      schema: { type: "struct", fields: schema.fields },
      "partition-spec": [{ name: "id", transform: "identity", "source-id": 1 }],
      properties: { a: "b" },
      "current-snapshot-id": 7,
      snapshots: [{ "snapshot-id": 7, "timestamp-ms": 4, manifests: ["/t/m.avro"] }],
    });
    expect(metadata["current-schema-id"]).toBe(0);
    expect(metadata["partition-specs"]).toEqual([
      { "spec-id": 0, fields: [{ name: "id", transform: "identity", "source-id": 1, "field-id": 1000 }] },
    ]);
    expect(metadata["last-partition-id"]).toBe(1000);
    expect(metadata.refs).toEqual({ main: { "snapshot-id": 7n, type: "branch" } });
    expect(metadata.snapshots[0]?.["sequence-number"]).toBe(0n);
    expect(JSON.parse(text(metadata))).toHaveProperty("partition-spec");
  });

  test("takes -1 for no snapshot", () => {
    const json = JSON.parse(text(table())) as Record<string, unknown>;
    expect(parse({ ...json, "current-snapshot-id": -1 })["current-snapshot-id"]).toBeNull();
  });

  test("refuses a newer format by its version", () => {
    const json = JSON.parse(text(table())) as Record<string, unknown>;
    expect(() => parse({ ...json, "format-version": 4 })).toThrow(
      "the table metadata /t/metadata/00000-a.metadata.json has format version 4; expected 1, 2 or 3",
    );
  });

  test("never crashes: whatever one changes, it reads or names the file", () => {
    const good = commit(table({ a: "b" }), moveMain(snapshot(5n, 1n, 2000)), 2000);
    const bytes = serialiseTableMetadata(good);
    const value = fc.oneof(
      fc.jsonValue(),
      fc.constantFrom(null, -1, "", [], {}, [null], [[]], [{}], { type: "struct" }, { main: null }),
    );
    const keys = Object.keys(JSON.parse(new TextDecoder().decode(bytes)) as object);
    const survives = (input: Uint8Array): void => {
      let problem = path;
      try {
        parseTableMetadata(input, path);
      } catch (error) {
        const known =
          isLakeError(error, "iceberg/bad-metadata") || isLakeError(error, "iceberg/unsupported-version");
        if (!known) throw error;
        problem = error.message;
      }
      expect(problem).toContain(path);
    };
    fc.assert(
      fc.property(fc.constantFrom(...keys), value, (key, replacement) => {
        const json = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
        survives(Buffer.from(JSON.stringify({ ...json, [key]: replacement })));
      }),
      { numRuns: 1000 },
    );
    fc.assert(
      fc.property(
        fc.nat(bytes.length - 1),
        fc.integer({ min: 0, max: 255 }),
        fc.boolean(),
        (at, byte, cut) => {
          const damaged = Uint8Array.from(bytes);
          damaged[at] = byte;
          survives(cut ? damaged.subarray(0, at) : damaged);
        },
      ),
      { numRuns: 1000 },
    );
  });
});

describe("newMetadataLocation", () => {
  test("counts on from the previous file, from -1 for Hadoop's names", () => {
    const metadata = table({ "write.metadata.path": "s3a://b/meta/" });
    expect(newMetadataLocation(metadata, "/t/metadata/00041-x.metadata.json")).toMatch(
      /^s3a:\/\/b\/meta\/00042-/,
    );
    expect(newMetadataLocation(metadata, "/t/metadata/v7.metadata.json")).toMatch(/\/00000-/);
  });
});

describe("applyUpdates", () => {
  test("moves main, logs it, and keeps the previous file's name", () => {
    const first = commit(table(), moveMain(snapshot(5n, 1n, 2000)), 2000);
    const second = commit(first, moveMain(snapshot(6n, 2n, 3000, 5n)), 3000);
    expect(second["current-snapshot-id"]).toBe(6n);
    expect(second["last-sequence-number"]).toBe(2n);
    expect(second["snapshot-log"]).toEqual([
      { "timestamp-ms": 2000, "snapshot-id": 5n },
      { "timestamp-ms": 3000, "snapshot-id": 6n },
    ]);
    expect(second["metadata-log"]).toEqual([
      { "timestamp-ms": 1000, "metadata-file": "/t/metadata/1000" },
      { "timestamp-ms": 2000, "metadata-file": "/t/metadata/2000" },
    ]);
  });

  test("never goes back in time, however the clock is set", () => {
    const first = commit(table(), moveMain(snapshot(5n, 1n, 900_000)), 900_000);
    const second = commit(first, [{ action: "set-properties", updates: { a: "b" } }], 1000);
    expect(second["last-updated-ms"]).toBe(900_000);
  });

  test("keeps as many previous files as the table asks for, at least one", () => {
    let metadata = table({ "write.metadata.previous-versions-max": "2" });
    for (let now = 2000; now < 7000; now += 1000) metadata = commit(metadata, [], now);
    expect(metadata["metadata-log"].map((entry) => entry["timestamp-ms"])).toEqual([4000, 5000]);
    const none = commit(
      { ...metadata, properties: { "write.metadata.previous-versions-max": "0" } },
      [],
      9000,
    );
    expect(none["metadata-log"]).toHaveLength(1);
  });

  test("does not log a snapshot that the same change moved on from", () => {
    const updates = [...moveMain(snapshot(5n, 1n, 2000)), ...moveMain(snapshot(6n, 2n, 2000, 5n))];
    expect(commit(table(), updates, 2000)["snapshot-log"]).toEqual([
      { "timestamp-ms": 2000, "snapshot-id": 6n },
    ]);
  });

  test("starts history anew behind an expired entry in its middle", () => {
    let metadata = commit(table(), moveMain(snapshot(5n, 1n, 2000)), 2000);
    metadata = commit(metadata, moveMain(snapshot(6n, 2n, 3000, 5n)), 3000);
    metadata = commit(metadata, moveMain(snapshot(7n, 3n, 4000, 6n)), 4000);
    const expired = commit(metadata, [{ action: "remove-snapshots", "snapshot-ids": [6n] }], 5000);
    expect(expired["snapshot-log"]).toEqual([{ "timestamp-ms": 4000, "snapshot-id": 7n }]);
    expect(expired.refs["main"]?.["snapshot-id"]).toBe(7n);
  });

  test("refuses a snapshot with a used sequence number or id", () => {
    const first = commit(table(), moveMain(snapshot(5n, 1n, 2000)), 2000);
    expect(() => commit(first, moveMain(snapshot(6n, 1n, 3000, 5n)), 3000)).toThrow("sequence number 1");
    expect(() => commit(first, moveMain(snapshot(5n, 2n, 3000, 5n)), 3000)).toThrow(
      "snapshot 5 is there already",
    );
  });

  test("uses an equal schema and spec again instead of adding another", () => {
    const updates: TableUpdate[] = [
      { action: "add-schema", schema: { ...schema, "schema-id": 9 }, "last-column-id": 1 },
      { action: "set-current-schema", "schema-id": -1 },
      { action: "add-spec", spec: { "spec-id": 4, fields: [] } },
      { action: "set-default-spec", "spec-id": -1 },
    ];
    const same = commit(table(), updates, 2000);
    expect([same.schemas.length, same["current-schema-id"], same["partition-specs"].length]).toEqual([
      1, 0, 1,
    ]);
  });
});

describe("checkRequirements", () => {
  test("names the table, what was expected and what was found", () => {
    const metadata = commit(table(), moveMain(snapshot(5n, 1n, 2000)), 2000);
    expect(() => checkRequirements(metadata, [{ type: "assert-create" }], "db.t")).toThrow(
      "another writer moved db.t: expected no table, found table f79c3e09-677c-4bbd-a479-3f349cb785e7",
    );
    const requirement = { type: "assert-ref-snapshot-id", ref: "main", "snapshot-id": 4n } as const;
    expect(() => checkRequirements(metadata, [requirement], "db.t")).toThrow(
      "expected main at snapshot 4, found main at snapshot 5",
    );
    checkRequirements(metadata, [{ ...requirement, "snapshot-id": 5n }], "db.t");
    checkRequirements(table(), [{ ...requirement, "snapshot-id": null }], "db.t");
    expect(() => checkRequirements(null, [requirement], "db.t")).toThrow("found no table");
  });
});
