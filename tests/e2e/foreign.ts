// Another engine on the same table: commits that know nothing of `lake`.
import { randomUUID } from "node:crypto";
import { statSync } from "node:fs";
import { DuckDBInstance } from "@duckdb/node-api";
import type { CatalogTable } from "../../engine/catalog/catalog.ts";
import {
  applyUpdates,
  currentSchema,
  defaultSpec,
  newMetadataLocation,
  serialiseTableMetadata,
} from "../../engine/iceberg/metadata.ts";
import { loadTable, publishChanges, stageChange } from "../../engine/iceberg/transaction.ts";
import type { ChangeOperation } from "../../engine/iceberg/change.ts";
import { planScan } from "../../engine/iceberg/scan.ts";
import { readManifestList, writeManifestList } from "../../engine/iceberg/manifest-list.ts";
import { writeManifest } from "../../engine/iceberg/manifest.ts";
import { newSnapshotId } from "../../engine/iceberg/snapshot.ts";
import type { TableUpdate } from "../../engine/iceberg/types.ts";
import { scanRelation } from "../../engine/run/relations.ts";
import type { Session } from "../../engine/run/session.ts";
import type { TestProject } from "./project.ts";

export async function tableOf(
  session: Session,
  name: string,
  namespace = "lakehouse",
): Promise<CatalogTable> {
  const [catalog, storage] = await Promise.all([session.catalog(), session.storage()]);
  const table = await loadTable({ catalog, storage, identifier: { namespace, name } });
  if (table === null) throw new Error(`no table ${name}`);
  return table;
}

export function snapshotIds(here: TestProject, name: string): Promise<readonly bigint[]> {
  return here.withSession(async (session) =>
    (await tableOf(session, name)).metadata.snapshots.map((snapshot) => snapshot["snapshot-id"]),
  );
}

/** Writes the metadata that follows from the updates and moves the pointer. */
export function update(here: TestProject, name: string, updates: readonly TableUpdate[]): Promise<void> {
  return here.withSession(async (session) => {
    const table = await tableOf(session, name);
    const [catalog, storage] = await Promise.all([session.catalog(), session.storage()]);
    const context = { nowMs: Date.now(), previousMetadataLocation: table.metadataLocation };
    const newMetadata = applyUpdates(table.metadata, updates, context);
    const location = newMetadataLocation(newMetadata, table.metadataLocation);
    await storage.write(location, serialiseTableMetadata(newMetadata));
    await catalog.commit([
      {
        identifier: table.identifier,
        baseMetadataLocation: table.metadataLocation,
        newMetadataLocation: location,
        newMetadata,
        baseMetadata: table.metadata,
      },
    ]);
  });
}

export function rollBack(here: TestProject, name: string, snapshotId: bigint): Promise<void> {
  return update(here, name, [
    { action: "set-snapshot-ref", "ref-name": "main", type: "branch", "snapshot-id": snapshotId },
  ]);
}

/** `orphan`: the new snapshot has no parent, as after CREATE OR REPLACE TABLE. */
export async function append(
  here: TestProject,
  name: string,
  sql: string,
  { orphan = false } = {},
): Promise<void> {
  if (!orphan) return write(here, name, sql, () => Promise.resolve({ kind: "append" }));
  await update(here, name, [{ action: "remove-snapshot-ref", "ref-name": "main" }]);
  return write(here, name, sql, () => Promise.resolve({ kind: "append" }));
}

/** Deletes what the tables' metadata does not name, in every table's location: other engines' orphan removal. */
export function removeUnknownFiles(here: TestProject): Promise<void> {
  return here.withSession(async (session) => {
    const storage = await session.storage();
    const known = new Set<string>();
    const unknown: string[] = [];
    for (const name of ["events", "daily"]) {
      const { metadata, metadataLocation } = await tableOf(session, name);
      known.add(metadataLocation);
      for (const entry of metadata["metadata-log"]) known.add(entry["metadata-file"]);
      for (const snapshot of metadata.snapshots) {
        known.add(snapshot["manifest-list"] as string);
        for (const manifest of await readManifestList({ storage, snapshot })) known.add(manifest.path);
        for (const { file } of await planScan({ storage, metadata, snapshotId: snapshot["snapshot-id"] }))
          known.add(file.path);
      }
      for await (const { path } of storage.list(metadata.location)) if (!known.has(path)) unknown.push(path);
    }
    await storage.delete(unknown);
  });
}

/** Copy-on-write of the whole table: rows that stay are written again. */
export function deleteWhere(here: TestProject, name: string, condition: string): Promise<void> {
  const sql = `select * from "compacted" where (${condition}) is not true`;
  return write(here, name, sql, async (session, { metadata }) => {
    const tasks = await planScan({ storage: await session.storage(), metadata });
    return { kind: "overwrite", removePaths: new Set(tasks.map(({ file }) => file.path)) };
  });
}

/** Merge-on-read: a position delete file beside the data files, which stay. Of an unpartitioned table. */
export async function deletePositions(here: TestProject, name: string, condition: string): Promise<void> {
  const places = await here.withSession(async (session) => {
    const { metadata } = await tableOf(session, name);
    const tasks = await planScan({ storage: await session.storage(), metadata });
    return { location: metadata.location, paths: tasks.map(({ file }) => file.path) };
  });
  const path = `${places.location}/data/delete-${randomUUID()}.parquet`;
  const recordCount = await writePositions(places.paths, path, condition);
  if (recordCount === 0n) return;
  const sizeBytes = BigInt(statSync(plainPath(path)).size);
  const { metadata } = await here.withSession((session) => tableOf(session, name));
  const snapshotId = newSnapshotId(metadata);
  const sequenceNumber = metadata["last-sequence-number"] + 1n;
  const head = metadata.snapshots.find((one) => one["snapshot-id"] === metadata["current-snapshot-id"]);
  if (head === undefined) throw new Error(`${name} has no rows`);
  const manifestPath = `${places.location}/metadata/${randomUUID()}-m0.avro`;
  const listPath = `${places.location}/metadata/snap-${snapshotId}.avro`;
  const { bytes, manifest } = writeManifest({
    path: manifestPath,
    schema: currentSchema(metadata),
    spec: defaultSpec(metadata),
    formatVersion: 2,
    content: "deletes",
    snapshotId,
    sequenceNumber,
    entries: [
      {
        status: "added",
        snapshotId,
        sequenceNumber: null,
        fileSequenceNumber: null,
        file: {
          content: "position-deletes",
          path,
          format: "PARQUET",
          specId: 0,
          partition: [],
          recordCount,
          sizeBytes,
        },
      },
    ],
  });
  await here.withSession(async (session) => {
    const storage = await session.storage();
    const manifests = [manifest, ...(await readManifestList({ storage, snapshot: head }))];
    const parentSnapshotId = head["snapshot-id"];
    const list = writeManifestList({
      formatVersion: 2,
      snapshotId,
      parentSnapshotId,
      sequenceNumber,
      manifests,
    });
    await storage.write(manifestPath, bytes);
    await storage.write(listPath, list.bytes);
  });
  await update(here, name, [
    {
      action: "add-snapshot",
      snapshot: {
        "snapshot-id": snapshotId,
        "parent-snapshot-id": head["snapshot-id"],
        "sequence-number": sequenceNumber,
        "timestamp-ms": Date.now(),
        summary: { operation: "delete" },
        "manifest-list": listPath,
        "schema-id": metadata["current-schema-id"],
      },
    },
    { action: "set-snapshot-ref", "ref-name": "main", type: "branch", "snapshot-id": snapshotId },
  ]);
}

function plainPath(path: string): string {
  return path.replace(/^file:\/\//, "");
}

async function writePositions(paths: readonly string[], to: string, condition: string): Promise<bigint> {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  try {
    const files = paths.map((path) => `'${plainPath(path)}'`).join(", ");
    const found =
      `select 'file://' || filename as file_path, file_row_number as pos from ` +
      `read_parquet([${files}], filename = true, file_row_number = true) where ${condition}`;
    const reader = await connection.runAndReadAll(
      `copy (${found}) to '${plainPath(to)}' (format parquet, field_ids {file_path: 2147483546, pos: 2147483545})`,
    );
    return reader.getRows()[0]?.[0] as bigint;
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** All rows in one new file: compaction, which changes no row. */
export function compact(here: TestProject, name: string): Promise<void> {
  return write(here, name, `select * from "compacted"`, async (session, { metadata }) => {
    const tasks = await planScan({ storage: await session.storage(), metadata });
    return {
      kind: "rewrite",
      removePaths: new Set(tasks.map(({ file }) => file.path)),
      dataSequenceNumber: metadata["last-sequence-number"],
    };
  });
}

type Without<T> = T extends unknown ? Omit<T, "add"> : never;

function write(
  here: TestProject,
  name: string,
  sql: string,
  operation: (
    session: Session,
    table: CatalogTable,
  ) => Promise<Without<Exclude<ChangeOperation, { kind: "none" }>>>,
): Promise<void> {
  return here.withSession(async (session) => {
    const base = await tableOf(session, name);
    const [catalog, storage, compute] = await Promise.all([
      session.catalog(),
      session.storage(),
      session.compute(),
    ]);
    const schema = currentSchema(base.metadata);
    const spec = defaultSpec(base.metadata);
    const commitId = randomUUID();
    const { files } = await compute.write({
      id: "foreign",
      sql,
      relations: [await scanRelation(session, "compacted", base.metadata, null)],
      schema,
      spec,
      dataLocation: `${base.metadata.location}/data`,
      properties: {},
      writeId: commitId,
    });
    const staged = await stageChange({
      storage,
      nowMs: Date.now(),
      request: {
        identifier: base.identifier,
        base,
        location: base.metadata.location,
        schema,
        spec,
        properties: {},
        operation: { ...(await operation(session, base)), add: files },
        summary: {},
        commitId,
        formatVersion: 2,
      },
    });
    await publishChanges({ catalog, storage, staged: [staged], nowMs: Date.now() });
  });
}
