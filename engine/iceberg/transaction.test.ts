import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Catalog, CatalogTable, TableCommit, TableIdentifier } from "../catalog/catalog.ts";
import { lakeError } from "../common/errors.ts";
import { openLocalStorage } from "../storage/local/local-storage.ts";
import type { ChangeRequest, StagedChange } from "./change.ts";
import { readManifestList } from "./manifest-list.ts";
import { readManifest } from "./manifest.ts";
import { abandonChange, loadTable, publishChanges, restageAppend, stageChange } from "./transaction.ts";
import type { DataFile, ManifestEntry, ManifestFile, PartitionSpec, Schema, TableMetadata } from "./types.ts";

const storage = openLocalStorage();
const schema: Schema = {
  type: "struct",
  "schema-id": 0,
  fields: [
    { id: 1, name: "id", required: false, type: "long" },
    { id: 2, name: "day", required: false, type: "date" },
  ],
};
const wider: Schema = {
  ...schema,
  fields: [...schema.fields, { id: 3, name: "note", required: false, type: "string" }],
};
const spec: PartitionSpec = {
  "spec-id": 0,
  fields: [{ name: "day", transform: "identity", "source-id": 2, "field-id": 1000 }],
};
const identifier: TableIdentifier = { namespace: "db", name: "t" };

let root = "";
let catalog: MapCatalog;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "lake-transaction-"));
  catalog = new MapCatalog(true);
});
afterEach(() => rm(root, { recursive: true, force: true }));

/** Pointers in a map, moved by compare-and-set as the seam asks; outcomes of a commit can be lost on the way. */
class MapCatalog implements Pick<Catalog, "capabilities" | "locate" | "commit"> {
  readonly capabilities: { readonly atomicMultiTable: boolean };
  readonly locations = new Map<string, string>();
  loseAnswer: "before" | "after" | null = null;

  constructor(atomicMultiTable: boolean) {
    this.capabilities = { atomicMultiTable };
  }

  async locate(identifiers: readonly TableIdentifier[]): Promise<Map<string, string>> {
    const names = identifiers.map((one) => `${one.namespace}.${one.name}`);
    return new Map(
      names.flatMap((name) => (this.locations.has(name) ? [[name, this.locations.get(name) as string]] : [])),
    );
  }

  async commit(commits: readonly TableCommit[]): Promise<void> {
    const tables = commits.map((one) => `${one.identifier.namespace}.${one.identifier.name}`);
    if (this.loseAnswer === "before") throw lakeError("catalog/unknown-outcome", { tables });
    for (const [index, commit] of commits.entries()) {
      const found = this.locations.get(tables[index] as string) ?? null;
      if (found !== commit.baseMetadataLocation) {
        const expected = String(commit.baseMetadataLocation);
        throw lakeError("catalog/conflict", {
          table: tables[index] as string,
          expected,
          found: String(found),
        });
      }
    }
    for (const [index, commit] of commits.entries())
      this.locations.set(tables[index] as string, commit.newMetadataLocation);
    if (this.loseAnswer === "after") throw lakeError("catalog/unknown-outcome", { tables });
  }
}

const asCatalog = (): Catalog => catalog as unknown as Catalog;
const load = (name = "t"): Promise<CatalogTable | null> =>
  loadTable({ catalog: asCatalog(), storage, identifier: { ...identifier, name } });

async function file(name: string, day: number | null, records = 10n, table = "t"): Promise<DataFile> {
  const path = `${root}/${table}/data/${name}.parquet`;
  await storage.write(path, new TextEncoder().encode(name));
  return {
    content: "data",
    path,
    format: "PARQUET",
    specId: 0,
    partition: [day],
    recordCount: records,
    sizeBytes: 100n,
    lowerBounds: new Map([[1, Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0)]]),
  };
}

async function stage(
  change: Partial<ChangeRequest> & Pick<ChangeRequest, "operation" | "commitId">,
): Promise<StagedChange> {
  const name = change.identifier?.name ?? "t";
  const request: ChangeRequest = {
    identifier,
    base: change.base === undefined ? await load(name) : change.base,
    location: `${root}/${name}`,
    schema,
    spec,
    properties: {},
    summary: {},
    formatVersion: 2,
    ...change,
  };
  return stageChange({ storage, nowMs: Date.now(), request });
}

const publish = (...staged: StagedChange[]): Promise<CatalogTable[]> =>
  publishChanges({ catalog: asCatalog(), storage, staged, nowMs: Date.now() });

async function append(commitId: string, ...files: DataFile[]): Promise<TableMetadata> {
  const [table] = await publish(await stage({ commitId, operation: { kind: "append", add: files } }));
  return (table as CatalogTable).metadata;
}

async function contents(
  metadata: TableMetadata,
): Promise<{ readonly manifests: ManifestFile[]; readonly entries: ManifestEntry[] }> {
  const id = metadata["current-snapshot-id"];
  const snapshot = metadata.snapshots.find((one) => one["snapshot-id"] === id);
  if (snapshot === undefined) return { manifests: [], entries: [] };
  const manifests = await readManifestList({ storage, snapshot });
  const entries = await Promise.all(
    manifests.map((manifest) => readManifest({ storage, manifest, metadata })),
  );
  return { manifests, entries: entries.flat() };
}

const shown = (entry: ManifestEntry): string =>
  `${entry.status} ${entry.file.path.slice(entry.file.path.lastIndexOf("/") + 1, -8)} ${entry.sequenceNumber}/${entry.fileSequenceNumber}`;

describe("staging", () => {
  test("shows nothing to anybody, and publishing everything at once", async () => {
    const staged = await stage({ commitId: "c1", operation: { kind: "append", add: [await file("a", 1)] } });
    expect(await load()).toBeNull();
    expect((await contents(staged.preview)).entries.map(shown)).toEqual(["added a 1/1"]);
    const [table] = await publish(staged);
    expect(await load()).toEqual(table);
    expect(table?.metadataLocation).toMatch(/\/t\/metadata\/00000-.*\.metadata\.json$/);
    expect(table?.metadata.properties).toEqual({ "write.parquet.compression-codec": "zstd" });
  });

  test("an append carries the older manifests over as they are", async () => {
    const first = await contents(await append("c1", await file("a", 1)));
    const metadata = await append("c2", await file("b", 2), await file("c", null));
    const second = await contents(metadata);
    expect(second.manifests[1]).toEqual(first.manifests[0]);
    expect(second.entries.map(shown)).toEqual(["added b 2/2", "added c 2/2", "added a 1/1"]);
    expect(metadata.snapshots[1]).toMatchObject({ "sequence-number": 2n, "schema-id": 0 });
    expect(metadata.snapshots[1]?.["parent-snapshot-id"]).toBe(metadata.snapshots[0]?.["snapshot-id"]);
    expect(metadata.snapshots[1]?.summary).toEqual({
      operation: "append",
      "lake.commit-id": "c2",
      "added-data-files": "2",
      "added-records": "20",
      "added-files-size": "200",
      "changed-partition-count": "2",
      "total-data-files": "3",
      "total-delete-files": "0",
      "total-records": "30",
      "total-files-size": "300",
      "total-position-deletes": "0",
      "total-equality-deletes": "0",
    });
  });

  test("an append of no file still makes a snapshot: the ledger moves with it", async () => {
    const staged = await stage({
      commitId: "c1",
      operation: { kind: "append", add: [] },
      summary: { "lake.ledger": "s1" },
    });
    const [table] = await publish(staged);
    expect(table?.metadata.snapshots[0]?.summary).toMatchObject({
      "lake.ledger": "s1",
      "total-records": "0",
    });
    expect((await contents(table?.metadata as TableMetadata)).manifests).toEqual([]);
  });

  test("an overwrite deletes what it names and keeps the rest with its numbers", async () => {
    await append("c1", await file("a", 1), await file("b", 2));
    await append("c2", await file("c", 3));
    const operation = {
      kind: "overwrite",
      add: [await file("d", 2)],
      removePaths: new Set([`${root}/t/data/b.parquet`]),
    } as const;
    const [table] = await publish(await stage({ commitId: "c3", operation }));
    const { entries, manifests } = await contents(table?.metadata as TableMetadata);
    expect(entries.map(shown)).toEqual(["added d 3/3", "added c 2/2", "existing a 1/1", "deleted b 1/1"]);
    expect(entries[3]?.snapshotId).toBe(table?.metadata["current-snapshot-id"]);
    expect(entries[2]?.snapshotId).toBe(table?.metadata.snapshots[0]?.["snapshot-id"]);
    expect(manifests[2]).toMatchObject({ sequenceNumber: 3n, minSequenceNumber: 1n, existingFilesCount: 1 });
    expect(table?.metadata.snapshots[2]?.summary).toMatchObject({
      operation: "overwrite",
      "deleted-data-files": "1",
      "removed-files-size": "100",
      "total-data-files": "3",
    });
    // The next rewrite of that manifest forgets the deleted file.
    const again = { kind: "overwrite", add: [], removePaths: new Set([`${root}/t/data/a.parquet`]) } as const;
    const [later] = await publish(await stage({ commitId: "c4", operation: again }));
    const after = (await contents(later?.metadata as TableMetadata)).entries.map(shown);
    expect(after.toSorted()).toEqual(["added c 2/2", "added d 3/3", "deleted a 1/1"]);
    expect(later?.metadata.snapshots[3]?.summary.operation).toBe("delete");
  });

  test("an overwrite of a file that is not there is refused", async () => {
    await append("c1", await file("a", 1));
    const operation = { kind: "overwrite", add: [], removePaths: new Set(["/nowhere.parquet"]) } as const;
    await expect(stage({ commitId: "c2", operation })).rejects.toMatchObject({
      code: "iceberg/missing-data-file",
    });
  });

  test("replacing all keeps the history, and is an append where nothing was", async () => {
    const [first] = await publish(
      await stage({ commitId: "c1", operation: { kind: "replace-all", add: [await file("a", 1)] } }),
    );
    expect(first?.metadata.snapshots[0]?.summary.operation).toBe("append");
    await append("c2", await file("b", 1));
    const [table] = await publish(
      await stage({ commitId: "c3", operation: { kind: "replace-all", add: [await file("c", 1)] } }),
    );
    const { entries } = await contents(table?.metadata as TableMetadata);
    expect(entries.map(shown)).toEqual(["added c 3/3", "deleted b 2/2", "deleted a 1/1"]);
    expect(table?.metadata.snapshots.at(-1)?.summary).toMatchObject({
      operation: "overwrite",
      "total-records": "10",
      "total-data-files": "1",
    });
    expect(table?.metadata.snapshots).toHaveLength(3);
  });

  test("small manifests are merged once there are enough of them", async () => {
    const properties = { "commit.manifest.min-count-to-merge": "3" };
    for (const name of ["a", "b", "c", "d"]) {
      await publish(
        await stage({
          commitId: name,
          properties,
          operation: { kind: "append", add: [await file(name, 1)] },
        }),
      );
    }
    const metadata = (await load())?.metadata as TableMetadata;
    const { entries, manifests } = await contents(metadata);
    expect(manifests.map((one) => [one.addedFilesCount, one.existingFilesCount])).toEqual([
      [1, 0],
      [1, 2],
    ]);
    expect(entries.map(shown)).toEqual(["added d 4/4", "added c 3/3", "existing b 2/2", "existing a 1/1"]);
    expect(manifests[1]).toMatchObject({ minSequenceNumber: 1n, sequenceNumber: 3n });
  });

  test("a schema or spec is added only where it differs", async () => {
    await append("c1", await file("a", 1));
    const same = await stage({
      commitId: "c2",
      operation: { kind: "append", add: [] },
      schema: { ...schema, "schema-id": 9 },
    });
    expect(same.updates.map((update) => update.action)).toEqual(["add-snapshot", "set-snapshot-ref"]);
    const [table] = await publish(
      await stage({
        commitId: "c3",
        operation: { kind: "append", add: [] },
        schema: wider,
        spec: { "spec-id": 1, fields: [] },
      }),
    );
    expect(table?.metadata).toMatchObject({
      "current-schema-id": 1,
      "last-column-id": 3,
      "default-spec-id": 1,
      "last-partition-id": 1000,
    });
    const [back] = await publish(await stage({ commitId: "c4", operation: { kind: "none" } }));
    expect(back?.metadata).toMatchObject({
      "current-schema-id": 0,
      "default-spec-id": 0,
      "last-column-id": 3,
    });
    expect(back?.metadata.snapshots).toHaveLength(2);
  });

  test("refuses files of another partition spec and a path given twice", async () => {
    const one = await file("a", 1);
    const other = { ...one, specId: 7 };
    await expect(stage({ commitId: "c", operation: { kind: "append", add: [other] } })).rejects.toMatchObject(
      { code: "iceberg/bad-update" },
    );
    await expect(stage({ commitId: "c", operation: { kind: "append", add: [one, one] } })).rejects.toThrow(
      "added twice",
    );
  });
});

describe("publishing", () => {
  test("twice is publishing once", async () => {
    const staged = await stage({ commitId: "c1", operation: { kind: "append", add: [await file("a", 1)] } });
    const [first] = await publish(staged);
    await append("c2", await file("b", 1));
    const [again] = await publish(staged);
    expect(again?.metadata.snapshots).toHaveLength(2);
    expect(first?.metadata.snapshots).toHaveLength(1);
  });

  test("of two changes on one base lets one through and leaves no file of the other's metadata", async () => {
    await append("c1", await file("a", 1));
    const [left, right] = [
      await stage({ commitId: "left", operation: { kind: "append", add: [await file("l", 1)] } }),
      await stage({ commitId: "right", operation: { kind: "append", add: [await file("r", 1)] } }),
    ];
    await publish(left);
    await expect(publish(right)).rejects.toMatchObject({ code: "catalog/conflict", retryable: true });
    const json = (await readdir(`${root}/t/metadata`)).filter((name) => name.endsWith(".json"));
    expect(json).toHaveLength(2);
  });

  test("creating over a table that appeared meanwhile is a conflict", async () => {
    const late = await stage({ commitId: "late", base: null, operation: { kind: "append", add: [] } });
    await append("c1", await file("a", 1));
    await expect(publish(late)).rejects.toMatchObject({ code: "catalog/conflict" });
  });

  test("of several tables moves all or none", async () => {
    const other = { ...identifier, name: "u" };
    await append("c1", await file("a", 1));
    const staged = [
      await stage({
        commitId: "u",
        identifier: other,
        operation: { kind: "append", add: [await file("x", 1, 1n, "u")] },
      }),
      await stage({ commitId: "t", operation: { kind: "append", add: [await file("b", 1)] } }),
    ];
    await append("c2", await file("c", 1));
    await expect(publish(...staged)).rejects.toMatchObject({ code: "catalog/conflict" });
    expect(await load("u")).toBeNull();
    expect((await readdir(`${root}/u/metadata`)).filter((name) => name.endsWith(".json"))).toEqual([]);
  });

  test("an answer lost after the commit counts as published, one lost before it deletes nothing", async () => {
    const staged = await stage({ commitId: "c1", operation: { kind: "append", add: [await file("a", 1)] } });
    catalog.loseAnswer = "before";
    await expect(publish(staged)).rejects.toMatchObject({ code: "catalog/unknown-outcome" });
    expect((await readdir(`${root}/t/metadata`)).filter((name) => name.endsWith(".json"))).toHaveLength(1);
    catalog.loseAnswer = "after";
    const [table] = await publish(staged);
    expect(table?.metadata.snapshots).toHaveLength(1);
  });

  test("takes the publish time, not that of staging, and never one before the table's", async () => {
    await append("c1", await file("a", 1));
    const staged = await stage({ commitId: "c2", operation: { kind: "append", add: [await file("b", 1)] } });
    const later = Date.now() + 5000;
    const [table] = await publishChanges({ catalog: asCatalog(), storage, staged: [staged], nowMs: later });
    expect(table?.metadata).toMatchObject({ "last-updated-ms": later });
    expect(table?.metadata["snapshot-log"].at(-1)?.["timestamp-ms"]).toBe(later);
    await append("c3", await file("c", 1));
    expect((await load())?.metadata["last-updated-ms"]).toBe(later);
  });

  test("of old staged work checks first that its files still exist", async () => {
    const staged = await stage({ commitId: "c1", operation: { kind: "append", add: [await file("a", 1)] } });
    await storage.delete([`${root}/t/data/a.parquet`]);
    const request = { catalog: asCatalog(), storage, staged: [staged], nowMs: Date.now(), verifyAfterMs: 0 };
    await expect(publishChanges(request)).rejects.toMatchObject({ code: "iceberg/staged-file-gone" });
    expect(await load()).toBeNull();
  });
});

describe("applying an append again", () => {
  test("puts it on top of another writer's append, with the same data files", async () => {
    await append("c1", await file("a", 1));
    const staged = await stage({
      commitId: "mine",
      operation: { kind: "append", add: [await file("m", 1)] },
    });
    await append("theirs", await file("t", 1));
    const current = (await load()) as CatalogTable;
    const again = await restageAppend({ storage, staged, current, nowMs: Date.now() });
    expect(again.snapshotId).not.toBe(staged.snapshotId);
    const [table] = await publish(again);
    expect((await contents(table?.metadata as TableMetadata)).entries.map(shown)).toEqual([
      "added m 3/3",
      "added t 2/2",
      "added a 1/1",
    ]);
  });

  test("a property that names the new snapshot names the one that is published", async () => {
    await append("c1", await file("a", 1));
    const staged = await stage({
      commitId: "mine",
      operation: { kind: "append", add: [await file("m", 1)] },
      snapshotIdProperty: "named",
    });
    expect(staged.preview.properties["named"]).toBe(String(staged.snapshotId));
    await append("theirs", await file("t", 1));
    const current = (await load()) as CatalogTable;
    const [table] = await publish(await restageAppend({ storage, staged, current, nowMs: Date.now() }));
    expect(table?.metadata.properties["named"]).toBe(String(table?.metadata["current-snapshot-id"]));
  });

  test("is refused when the ledger was corrected without a snapshot", async () => {
    await append("c1", await file("a", 1));
    const operation = { kind: "append", add: [await file("m", 1)] } as const;
    const staged = await stage({ commitId: "mine", operation });
    const properties = { "lake.ledger": "rebuilt" };
    await publish(await stage({ commitId: "p", properties, operation: { kind: "none" } }));
    const current = (await load()) as CatalogTable;
    await expect(restageAppend({ storage, staged, current, nowMs: Date.now() })).rejects.toMatchObject({
      code: "iceberg/cannot-restage",
      message: expect.stringContaining("ledger") as unknown,
    });
  });

  test("is refused when the ledger, the schema or anything but appends moved", async () => {
    await append("c1", await file("a", 1));
    const staged = await stage({
      commitId: "mine",
      operation: { kind: "append", add: [await file("m", 1)] },
    });
    const refused = async (): Promise<unknown> => {
      const current = (await load()) as CatalogTable;
      return restageAppend({ storage, staged, current, nowMs: Date.now() }).catch((error: unknown) => error);
    };
    const before = new Map(catalog.locations);
    await publish(
      await stage({ commitId: "l", summary: { "lake.ledger": "x" }, operation: { kind: "append", add: [] } }),
    );
    expect(await refused()).toMatchObject({
      code: "iceberg/cannot-restage",
      message: expect.stringContaining("ledger") as unknown,
    });
    for (const [name, location] of before) catalog.locations.set(name, location);
    await publish(await stage({ commitId: "s", schema: wider, operation: { kind: "none" } }));
    expect(await refused()).toMatchObject({ message: expect.stringContaining("schema") as unknown });
    for (const [name, location] of before) catalog.locations.set(name, location);
    await publish(
      await stage({ commitId: "r", operation: { kind: "replace-all", add: [await file("z", 1)] } }),
    );
    expect(await refused()).toMatchObject({
      message: expect.stringContaining("concurrent overwrite") as unknown,
    });
  });
});

describe("abandoning", () => {
  test("deletes what was written for it and nothing that another change holds", async () => {
    const metadata = await append("c1", await file("a", 1));
    const shared = `${root}/elsewhere/s.parquet`;
    await storage.write(shared, Uint8Array.of(1));
    const add = [await file("b", 1), { ...(await file("c", 1)), path: shared }];
    const staged = await stage({ commitId: "c2", operation: { kind: "append", add } });
    await abandonChange({ storage, staged, current: await load() });
    expect(await storage.stat(`${root}/t/data/b.parquet`)).toBeNull();
    expect(await storage.stat(shared)).not.toBeNull();
    expect((await contents(metadata)).entries.map(shown)).toEqual(["added a 1/1"]);
  });

  test("is refused for a change that is published", async () => {
    const staged = await stage({ commitId: "c1", operation: { kind: "append", add: [await file("a", 1)] } });
    await publish(staged);
    await expect(abandonChange({ storage, staged, current: await load() })).rejects.toMatchObject({
      code: "iceberg/already-published",
    });
    expect(await storage.stat(`${root}/t/data/a.parquet`)).not.toBeNull();
  });
});
