import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Catalog } from "../catalog/catalog.ts";
import { openSqlCatalog } from "../catalog/sql/sql-catalog.ts";
import { openLocalStorage } from "../storage/local/local-storage.ts";
import { commitUpdates, loadTable, publishChanges, stageChange } from "./transaction.ts";

const storage = openLocalStorage();
const identifier = { namespace: "db", name: "t" };
let root = "";
let catalog: Catalog;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "lake-updates-"));
  catalog = await openSqlCatalog({ name: "lake", uri: `sqlite:///${root}/catalog.db` });
  await catalog.initialise();
  await catalog.createNamespace("db");
  const staged = await stageChange({
    storage,
    nowMs: 1_000,
    request: {
      identifier,
      base: null,
      location: `${root}/db.db/t`,
      schema: {
        type: "struct",
        "schema-id": 0,
        fields: [{ id: 1, name: "id", required: false, type: "long" }],
      },
      spec: { "spec-id": 0, fields: [] },
      properties: {},
      operation: { kind: "append", add: [] },
      summary: {},
      commitId: "c1",
      formatVersion: 2,
    },
  });
  await publishChanges({ catalog, storage, staged: [staged], nowMs: 1_000 });
});
afterEach(async () => {
  await catalog.close();
  await rm(root, { recursive: true, force: true });
});

const set = (key: string): Promise<unknown> =>
  commitUpdates({
    catalog,
    storage,
    identifier,
    nowMs: 2_000,
    make: () => [{ action: "set-properties", updates: { [key]: "1" } }],
  });

test("many at once all get through, each on the state that the others left", async () => {
  await Promise.all(["a", "b", "c", "d"].map(set));
  const table = await loadTable({ catalog, storage, identifier });
  expect(table?.metadata.properties).toMatchObject({ a: "1", b: "1", c: "1", d: "1" });
  // No metadata file of a lost race stays behind.
  const files = (await readdir(`${root}/db.db/t/metadata`)).filter((name) => name.endsWith(".metadata.json"));
  expect(files).toHaveLength(5);
});

test("nothing to do moves nothing, and a missing table is named", async () => {
  const before = await loadTable({ catalog, storage, identifier });
  const after = await commitUpdates({ catalog, storage, identifier, nowMs: 2_000, make: () => null });
  expect(after.metadataLocation).toBe(before?.metadataLocation);
  const missing = { namespace: "db", name: "gone" };
  await expect(
    commitUpdates({ catalog, storage, identifier: missing, nowMs: 1, make: () => null }),
  ).rejects.toMatchObject({ code: "catalog/table-not-found" });
});
