import { expect, test } from "vitest";
import { isLakeError } from "../common/errors.ts";
import { emptyMetadata } from "./metadata.ts";
import { isIdOrTime, metadataAt, resolvePoint, resolveVersion } from "./point-in-time.ts";
import type { Snapshot, TableMetadata } from "./types.ts";

const schema = { type: "struct", "schema-id": 0, fields: [] } as const;
const snapshot = (id: bigint, timeMs: number, schemaId?: number): Snapshot => ({
  "snapshot-id": id,
  "sequence-number": id,
  "timestamp-ms": timeMs,
  summary: { operation: "append" },
  ...(schemaId !== undefined && { "schema-id": schemaId }),
});

// Written, widened, then rolled back to the first state at 3000.
const metadata: TableMetadata = {
  ...emptyMetadata({
    location: "file:///t",
    schema,
    spec: { "spec-id": 0, fields: [] },
    properties: {},
    formatVersion: 2,
    lastColumnId: 0,
    nowMs: 0,
  }),
  schemas: [schema, { ...schema, "schema-id": 1 }],
  "current-schema-id": 1,
  snapshots: [snapshot(1n, 1000, 0), snapshot(2n, 2000, 1), snapshot(3n, 2500, 7)],
  "current-snapshot-id": 1n,
  refs: {
    main: { type: "branch", "snapshot-id": 1n },
    side: { type: "branch", "snapshot-id": 2n },
    old: { type: "tag", "snapshot-id": 1n },
    "2": { type: "tag", "snapshot-id": 1n },
    gone: { type: "tag", "snapshot-id": 9n },
  },
  "snapshot-log": [
    { "timestamp-ms": 1000, "snapshot-id": 1n },
    { "timestamp-ms": 2000, "snapshot-id": 2n },
    { "timestamp-ms": 3000, "snapshot-id": 1n },
  ],
};

function at(text: string): string {
  try {
    const {
      kind,
      snapshot: found,
      schemaId,
    } = resolvePoint({ metadata, table: "a.t", text, timeZone: "UTC" });
    return `${kind} ${found["snapshot-id"]} schema ${schemaId}`;
  } catch (error) {
    return isLakeError(error) ? error.code : String(error);
  }
}

test("a ref is read before an id, an id before a time", () => {
  expect(at("side")).toBe("branch 2 schema 1");
  expect(at("old")).toBe("tag 1 schema 0");
  expect(at("2")).toBe("tag 1 schema 0");
  expect(at("1")).toBe("snapshot 1 schema 0");
  expect(at("4")).toBe("iceberg/unknown-point");
  expect(at("gone")).toBe("iceberg/unknown-point");
  expect(at("constructor")).toBe("iceberg/unknown-point");
});

test("the current state by a branch has the table's schema, by anything else its own", () => {
  expect(at("main")).toBe("branch 1 schema 1");
  // A schema that is no longer in the metadata cannot be read with.
  expect(at("3")).toBe("snapshot 3 schema 1");
});

test("a time is what the log says was current then, the first moment included", () => {
  expect(at("1970-01-01 00:00:00.999")).toBe("iceberg/before-history");
  expect(at("1970-01-01 00:00:01")).toBe("time 1 schema 0");
  expect(at("1970-01-01 00:00:02.999")).toBe("time 2 schema 1");
  expect(at("1970-01-01 00:00:03")).toBe("time 1 schema 0");
  expect(at("2070-01-01")).toBe("time 1 schema 0");
});

test("a version is a snapshot id, nothing that could move", () => {
  const version = (text: string): unknown =>
    resolveVersion({ metadata, table: "a.t", text }).snapshot["snapshot-id"];
  expect(version("2")).toBe(2n);
  expect(() => version("side")).toThrow(/has no snapshot, tag or branch "side"/);
  expect(["12", "2026-01-01", "v12", "eom"].map(isIdOrTime)).toEqual([true, true, false, false]);
});

test("the metadata at a point is that of a table which never went on", () => {
  const point = resolvePoint({ metadata, table: "a.t", text: "side", timeZone: "UTC" });
  const then = metadataAt(metadata, point);
  expect([
    then["current-snapshot-id"],
    then["current-schema-id"],
    then.refs["main"]?.["snapshot-id"],
  ]).toEqual([2n, 1, 2n]);
});
