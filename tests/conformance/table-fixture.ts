// The smallest real table that a catalog can point at.
import { randomUUID } from "node:crypto";
import type { Catalog, TableIdentifier } from "../../engine/catalog/catalog.ts";
import { printJson } from "../../engine/common/json.ts";
import type { TableMetadata } from "../../engine/iceberg/types.ts";
import { openLocalStorage } from "../../engine/storage/local/local-storage.ts";

export function emptyTable(location: string): TableMetadata {
  return {
    "format-version": 2,
    "table-uuid": randomUUID(),
    location,
    "last-sequence-number": 0n,
    "last-updated-ms": 1_700_000_000_000,
    "last-column-id": 1,
    "current-schema-id": 0,
    schemas: [
      { type: "struct", "schema-id": 0, fields: [{ id: 1, name: "id", required: false, type: "long" }] },
    ],
    "default-spec-id": 0,
    "partition-specs": [{ "spec-id": 0, fields: [] }],
    "last-partition-id": 999,
    "default-sort-order-id": 0,
    "sort-orders": [{ "order-id": 0, fields: [] }],
    properties: {},
    "current-snapshot-id": null,
    refs: {},
    snapshots: [],
    statistics: [],
    "partition-statistics": [],
    "snapshot-log": [],
    "metadata-log": [],
  };
}

/** Writes a metadata file and gives its location. */
export async function writeMetadata(metadata: TableMetadata): Promise<string> {
  const path = `${metadata.location}/metadata/00000-${randomUUID()}.metadata.json`;
  const text = printJson({ ...metadata, "current-snapshot-id": -1 });
  await openLocalStorage().write(path, new TextEncoder().encode(text));
  return path;
}

/** One pointer move; the tests of a catalog care for names and locations. */
export async function moveTable(catalog: Catalog, move: Move): Promise<void> {
  await moveTables(catalog, [move]);
}

export interface Move {
  readonly identifier: TableIdentifier;
  readonly from: string | null;
  readonly to: string;
  readonly metadata: TableMetadata;
}

export async function moveTables(catalog: Catalog, moves: readonly Move[]): Promise<void> {
  await catalog.commit(
    moves.map(({ identifier, from, to, metadata }) => ({
      identifier,
      baseMetadataLocation: from,
      newMetadataLocation: to,
      newMetadata: metadata,
      baseMetadata: from === null ? null : metadata,
    })),
  );
}
