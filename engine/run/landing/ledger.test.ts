// Rule 15: what the table property says of the ledger is believed only for a proven ancestor of the head.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import { serialiseTableMetadata } from "../../iceberg/metadata.ts";
import type { Snapshot, TableMetadata } from "../../iceberg/types.ts";
import { openLocalStorage } from "../../storage/local/local-storage.ts";
import { findLedger, ledgerProperties } from "./ledger.ts";

const folder = mkdtempSync(path.join(tmpdir(), "lake-ledger-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const storage = openLocalStorage();

function snapshot(id: bigint, parent?: bigint): Snapshot {
  return {
    "snapshot-id": id,
    ...(parent !== undefined && { "parent-snapshot-id": parent }),
    "sequence-number": id,
    "timestamp-ms": Number(id),
    summary: { operation: "append" },
    "manifest-list": `file://${folder}/snap-${id}.avro`,
    "schema-id": 0,
  };
}

/** Ours was snapshot 2; 3 and 4 are another engine's. */
function metadataWith(snapshots: readonly Snapshot[], log: readonly string[] = []): TableMetadata {
  const head = snapshots.at(-1)!["snapshot-id"];
  return {
    "format-version": 2,
    "table-uuid": "f79c3e09-677c-4bbd-a479-3f349cb785e7",
    location: `file://${folder}`,
    "last-sequence-number": 4n,
    "last-updated-ms": 10,
    "last-column-id": 1,
    "current-schema-id": 0,
    schemas: [
      { type: "struct", "schema-id": 0, fields: [{ id: 1, name: "id", required: false, type: "int" }] },
    ],
    "default-spec-id": 0,
    "partition-specs": [{ "spec-id": 0, fields: [] }],
    "last-partition-id": 999,
    "default-sort-order-id": 0,
    "sort-orders": [{ "order-id": 0, fields: [] }],
    properties: { [ledgerProperties.ledger]: "the ledger", [ledgerProperties.snapshot]: "2" },
    "current-snapshot-id": head,
    refs: { main: { "snapshot-id": head, type: "branch" } },
    snapshots,
    statistics: [],
    "partition-statistics": [],
    "snapshot-log": [{ "timestamp-ms": Number(head), "snapshot-id": head }],
    "metadata-log": log.map((file) => ({ "metadata-file": `file://${folder}/${file}`, "timestamp-ms": 5 })),
  };
}

async function found(
  metadata: TableMetadata,
  older: Readonly<Record<string, TableMetadata>>,
): Promise<string | null> {
  for (const [name, content] of Object.entries(older)) {
    writeFileSync(path.join(folder, name), serialiseTableMetadata(content));
  }
  return findLedger(storage, metadata, "n.t");
}

const ours = (id: bigint, pointer: string, parent?: bigint): Snapshot => ({
  ...snapshot(id, parent),
  summary: { operation: "append", "lake.ledger": pointer },
});

test("a snapshot's own pointer is believed before the property, which may be newer than a rollback", async () => {
  const rolledBack = metadataWith([ours(1n, "the first"), snapshot(3n, 1n)]);
  expect(await found(rolledBack, {})).toBe("the first");
});

test("a ledger that was rebuilt for a snapshot stands before the one that the snapshot names", async () => {
  expect(await found(metadataWith([ours(1n, "the first"), ours(2n, "a lost one", 1n)]), {})).toBe(
    "the ledger",
  );
  const later = metadataWith([ours(1n, "the first"), ours(2n, "a lost one", 1n), ours(3n, "the next", 2n)]);
  expect(await found(later, {})).toBe("the next");
});

const chain = [snapshot(1n), snapshot(2n, 1n), snapshot(3n, 2n), snapshot(4n, 3n)];

test("an expired parent that the head still names is proven by an older metadata file", async () => {
  const now = metadataWith([snapshot(4n, 3n)], ["a.metadata.json", "b.metadata.json"]);
  const older = {
    "a.metadata.json": metadataWith(chain.slice(0, 3)),
    "b.metadata.json": metadataWith(chain),
  };
  expect(await found(now, older)).toBe("the ledger");
});

test("so is one that the expiring engine took out of the head, as PyIceberg does", async () => {
  const now = metadataWith([snapshot(4n)], ["a.metadata.json", "b.metadata.json"]);
  const older = {
    "a.metadata.json": metadataWith(chain.slice(0, 3)),
    "b.metadata.json": metadataWith(chain),
  };
  expect(await found(now, older)).toBe("the ledger");
});

test("a head that never had a parent, as after CREATE OR REPLACE, proves nothing", async () => {
  const now = metadataWith([snapshot(4n)], ["a.metadata.json"]);
  await expect(found(now, { "a.metadata.json": metadataWith(chain.slice(0, 3)) })).rejects.toMatchObject({
    code: "run/ledger-missing",
  });
});

test("a head on a branch of history without the named snapshot proves nothing", async () => {
  const now = metadataWith([snapshot(4n)], ["a.metadata.json"]);
  const rolledBack = metadataWith([snapshot(1n), snapshot(2n, 1n), snapshot(3n, 1n), snapshot(4n, 3n)]);
  await expect(found(now, { "a.metadata.json": rolledBack })).rejects.toMatchObject({
    code: "run/ledger-missing",
  });
});
