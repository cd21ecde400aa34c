// What only catalogs in databases can meet: lost answers, locked files, views, wrong passwords.
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { Client } from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Catalog } from "../../engine/catalog/catalog.ts";
import { openSqlCatalog } from "../../engine/catalog/sql/sql-catalog.ts";
import { startCuttingProxy, type CuttingProxy } from "../services/cutting-proxy.ts";
import { freePort } from "../services/free-port.ts";
import { postgresUnavailable, startPostgres, type RunningPostgres } from "../services/postgres.ts";
import { describeWith } from "../services/skip.ts";
import { scratchFolder } from "./adapters.ts";
import { emptyTable, moveTable, moveTables } from "./table-fixture.ts";

const a = { namespace: "silver", name: "a" };
const b = { namespace: "silver", name: "b" };
const metadata = emptyTable("file:///warehouse/a");
/** As it goes over the wire: `BEGIN ISOLATION LEVEL READ COMMITTED` holds the word too. */
const commitMessage = "COMMIT\0";

describeWith(postgresUnavailable(), "an answer to COMMIT that is lost", () => {
  let server: RunningPostgres;
  let proxy: CuttingProxy;
  let catalog: Catalog;
  let direct: Catalog;
  let databases = 0;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    databases += 1;
    const uri = new URL(await server.createDatabase(`lake${databases}`));
    proxy = await startCuttingProxy(Number(uri.port));
    direct = await openSqlCatalog({ name: "lake", uri: uri.href });
    uri.port = String(proxy.port);
    catalog = await openSqlCatalog({ name: "lake", uri: uri.href });
    await direct.initialise();
    await moveTable(direct, { identifier: a, from: null, to: "a1", metadata });
  });
  afterEach(async () => {
    await catalog.close();
    await direct.close();
    await proxy.close();
  });
  const both = (): Promise<void> =>
    moveTables(catalog, [
      { identifier: a, from: "a1", to: "a2", metadata },
      { identifier: b, from: null, to: "b1", metadata },
    ]);
  const onlyNew = (): Promise<void> => moveTable(catalog, { identifier: b, from: null, to: "b1", metadata });
  const after = async (): Promise<unknown> => Object.fromEntries(await direct.locate([a, b]));

  test("is success where the commit had landed", async () => {
    proxy.cut({ word: commitMessage, deliver: "before", reconnect: true });
    await both();
    expect(await after()).toEqual({ "silver.a": "a2", "silver.b": "b1" });
  });

  test("is success where it lands only while we look again", async () => {
    for (const act of [both, onlyNew]) {
      proxy.cut({ word: commitMessage, deliver: { afterMs: 700 }, reconnect: true });
      await act();
      expect(await after()).toMatchObject({ "silver.b": "b1" });
      await direct.drop(b);
    }
  });

  test("is a failure that may be tried again where the server never got it, even if it holds the rows for a while", async () => {
    for (const act of [both, onlyNew]) {
      proxy.cut({ word: commitMessage, deliver: "never", lingerMs: 700, reconnect: true });
      await expect(act()).rejects.toMatchObject({ code: "catalog/unreachable", retryable: true });
      expect(await after()).toEqual({ "silver.a": "a1" });
    }
    await both();
    expect(await after()).toEqual({ "silver.a": "a2", "silver.b": "b1" });
  });

  test("is an unknown outcome where nobody can be asked", async () => {
    proxy.cut({ word: commitMessage, deliver: "before", reconnect: false });
    await expect(both()).rejects.toMatchObject({
      code: "catalog/unknown-outcome",
      retryable: false,
      message: expect.stringContaining("silver.a, silver.b"),
    });
  });

  test("before COMMIT is a failure with nothing done", async () => {
    proxy.cut({ word: "UPDATE", deliver: "before", reconnect: true });
    await expect(both()).rejects.toMatchObject({ code: "catalog/unreachable", retryable: true });
    expect(await after()).toEqual({ "silver.a": "a1" });
  });

  test("a view of the name is neither located, listed, moved nor dropped, and refuses a table", async () => {
    const uri = await server.createDatabase("views");
    const views = await openSqlCatalog({ name: "lake", uri });
    await views.initialise();
    const client = new Client({ connectionString: uri });
    await client.connect();
    await client.query("INSERT INTO iceberg_tables VALUES ('lake', 'silver', 'a', 'v1', NULL, 'VIEW')");
    await client.query("INSERT INTO iceberg_tables VALUES ('other', 'silver', 'b', 'o1', NULL, 'TABLE')");
    await client.end();
    expect((await views.locate([a, b])).size).toBe(0);
    expect(await views.list("silver")).toEqual([]);
    await expect(moveTable(views, { identifier: a, from: "v1", to: "v2", metadata })).rejects.toMatchObject({
      code: "catalog/conflict",
    });
    await expect(moveTable(views, { identifier: a, from: null, to: "t1", metadata })).rejects.toMatchObject({
      code: "catalog/table-exists",
    });
    await expect(views.drop(a)).rejects.toMatchObject({ code: "catalog/table-not-found" });
    await expect(views.dropNamespace("silver")).rejects.toMatchObject({
      code: "catalog/namespace-not-empty",
    });
    await moveTable(views, { identifier: b, from: null, to: "b1", metadata });
    await views.close();
  });

  test("twenty sessions that make the tables at once all succeed", async () => {
    const uri = await server.createDatabase("many");
    const many = await Promise.all(Array.from({ length: 20 }, () => openSqlCatalog({ name: "lake", uri })));
    await expect(Promise.all(many.map((one) => one.initialise()))).resolves.toHaveLength(20);
    await Promise.all(many.map((one) => one.close()));
  });

  test("a refused login names user and server, never the password", async () => {
    const uri = new URL(server.uri);
    uri.username = "nobody";
    uri.password = "s3cret/w@rd";
    const refused = await openSqlCatalog({ name: "lake", uri: uri.href });
    const error: unknown = await refused.locate([a]).catch((caught: unknown) => caught);
    await refused.close();
    expect(error).toMatchObject({ message: expect.stringContaining("postgresql://nobody:***@127.0.0.1") });
    expect(`${String(error)} ${JSON.stringify(error)} ${inspectAll(error)}`).not.toMatch(
      /s3cret|w%40rd|w@rd/,
    );
  });
});

function inspectAll(error: unknown): string {
  const own = error instanceof Error ? [error.message, error.stack, ...Object.values(error)].join(" ") : "";
  return error instanceof Error && error.cause !== undefined ? own + inspectAll(error.cause) : own;
}

test("a server that is not there is unreachable, and may be tried again", async () => {
  const catalog = await openSqlCatalog({
    name: "lake",
    uri: `postgresql://me:pw@127.0.0.1:${await freePort()}/db`,
  });
  await expect(catalog.locate([a])).rejects.toMatchObject({
    code: "catalog/unreachable",
    retryable: true,
    message: expect.stringContaining("ECONNREFUSED"),
  });
  await catalog.close();
});

describe("an SQLite file", () => {
  let folder: string;
  let file: string;
  let catalog: Catalog;
  beforeEach(async () => {
    folder = await scratchFolder();
    file = join(folder, "a b#?%20", "lake.db");
    catalog = await openSqlCatalog({ name: "lake", uri: `sqlite:///${file}` });
    await catalog.initialise();
    await moveTable(catalog, { identifier: a, from: null, to: "a1", metadata });
  });
  afterEach(async () => {
    await catalog.close();
    await rm(folder, { recursive: true });
  });

  test.each([
    ["writes", "BEGIN IMMEDIATE"],
    ["reads", "BEGIN"],
  ])("that another program %s for a while is waited for, without blocking the process", async (_, begin) => {
    const other = new Sqlite(file);
    other.exec(begin);
    other.prepare("SELECT * FROM iceberg_tables").all();
    let ticks = 0;
    const clock = setInterval(() => (ticks += 1), 10);
    setTimeout(() => other.exec("COMMIT"), 600);
    const begun = performance.now();
    await moveTable(catalog, { identifier: a, from: "a1", to: "a2", metadata });
    clearInterval(clock);
    expect(performance.now() - begun).toBeGreaterThan(500);
    expect(ticks).toBeGreaterThan(10);
    expect(
      other.prepare("SELECT metadata_location, previous_metadata_location FROM iceberg_tables").all(),
    ).toEqual([{ metadata_location: "a2", previous_metadata_location: "a1" }]);
    other.close();
  });

  test("keeps SQLite's own journal mode, so that the one file is the whole catalog", () => {
    const other = new Sqlite(file);
    expect(other.pragma("journal_mode", { simple: true })).toBe("delete");
    other.close();
  });

  test("without the catalog's tables reads as empty and is left as it is", async () => {
    const empty = join(folder, "empty.db");
    const reader = await openSqlCatalog({ name: "lake", uri: `sqlite:///${empty}` });
    expect(await reader.locate([a])).toEqual(new Map());
    expect(await reader.list("silver")).toEqual([]);
    expect(await reader.listNamespaces()).toEqual([]);
    expect(await reader.namespaceProperties("silver")).toBeNull();
    const other = new Sqlite(empty);
    expect(other.prepare("SELECT * FROM sqlite_master").all()).toEqual([]);
    other.close();
    await reader.initialise();
    await moveTable(reader, { identifier: a, from: null, to: "a1", metadata });
    await reader.close();
  });

  test("of schema V0, without iceberg_type, serves everything and is not migrated", async () => {
    const old = new Sqlite(join(folder, "v0.db"));
    old.exec(
      "CREATE TABLE iceberg_tables(catalog_name VARCHAR(255) NOT NULL,table_namespace VARCHAR(255) NOT NULL,table_name VARCHAR(255) NOT NULL,metadata_location VARCHAR(1000),previous_metadata_location VARCHAR(1000),PRIMARY KEY (catalog_name, table_namespace, table_name))",
    );
    const columns = old.pragma("table_info(iceberg_tables)");
    const v0 = await openSqlCatalog({ name: "lake", uri: `sqlite:///${join(folder, "v0.db")}` });
    await v0.initialise();
    await v0.createNamespace("silver");
    await moveTable(v0, { identifier: a, from: null, to: "a1", metadata });
    await moveTable(v0, { identifier: a, from: "a1", to: "a2", metadata });
    await expect(moveTable(v0, { identifier: a, from: "a1", to: "a3", metadata })).rejects.toMatchObject({
      code: "catalog/conflict",
    });
    expect(await v0.locate([a])).toEqual(new Map([["silver.a", "a2"]]));
    await v0.rename(a, b);
    expect(await v0.list("silver")).toEqual([b]);
    await v0.drop(b);
    await v0.close();
    expect(old.pragma("table_info(iceberg_tables)")).toEqual(columns);
    old.close();
  });

  test("a location longer than other engines can hold is refused", async () => {
    await expect(
      moveTable(catalog, { identifier: a, from: "a1", to: "x".repeat(1001), metadata }),
    ).rejects.toMatchObject({ code: "catalog/bad-location" });
  });

  test("that is no database says so", async () => {
    await writeFile(
      join(folder, "text.db"),
      "not a database, but long enough to look at its header".repeat(20),
    );
    const wrong = await openSqlCatalog({ name: "lake", uri: `sqlite:///${join(folder, "text.db")}` });
    await expect(wrong.locate([a])).rejects.toMatchObject({
      code: "catalog/failed",
      hint: expect.stringContaining("no SQLite database"),
    });
    await wrong.close();
  });
});
