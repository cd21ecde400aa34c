// One catalog, two implementations: what either registers, the other lists, loads and moves.
import { rm } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Catalog } from "../../engine/catalog/catalog.ts";
import { isLakeError } from "../../engine/common/errors.ts";
import { catalogAdapters, scratchFolder, type CatalogAdapter } from "../conformance/adapters.ts";
import { emptyTable, moveTable, writeMetadata } from "../conformance/table-fixture.ts";
import { describeWith } from "../services/skip.ts";
import { runPython, whyNoPyiceberg } from "./pyiceberg.ts";

const withoutPython = await whyNoPyiceberg();
for (const adapter of catalogAdapters.filter(({ name }) => name.startsWith("sql "))) {
  describeWith(withoutPython ?? adapter.unavailable(), `PyIceberg and ${adapter.name}`, () => suite(adapter));
}

const opening = `
import json, sys
from pyiceberg.catalog.sql import SqlCatalog
uri = sys.argv[1].replace("postgresql://", "postgresql+psycopg2://")
catalog = SqlCatalog("lake", uri=uri, warehouse=sys.argv[2])
`;

function suite(adapter: CatalogAdapter): void {
  let service: Awaited<ReturnType<CatalogAdapter["start"]>>;
  let folder: string;
  let catalog: Catalog;
  let uri: string;
  const python = (script: string, ...args: string[]): Promise<unknown> =>
    runPython(opening + script, [uri, `file://${folder}/py`, ...args]);

  beforeAll(async () => {
    folder = await scratchFolder();
    service = await adapter.start();
    const { options } = await service.fresh();
    uri = options["uri"] ?? "";
    catalog = await adapter.open(options);
  });
  afterAll(async () => {
    await catalog.close();
    await service.stop();
    await rm(folder, { recursive: true });
  });

  const identifier = { namespace: "silver", name: "events" };

  test("PyIceberg lists, loads and moves what lake registered, and each sees the other's move", async () => {
    await catalog.initialise();
    await catalog.createNamespace("silver", { owner: "lake" });
    const metadata = emptyTable(`file://${folder}/blank folder/events`);
    const first = await writeMetadata(metadata);
    await moveTable(catalog, { identifier, from: null, to: first, metadata });

    const seen = (await python(`
table = catalog.load_table("silver.events")
with table.transaction() as transaction:
    transaction.set_properties(moved_by="pyiceberg")
print(json.dumps({
  "namespaces": catalog.list_namespaces(), "tables": catalog.list_tables("silver"),
  "properties": dict(catalog.load_namespace_properties("silver")), "uuid": str(table.metadata.table_uuid),
  "location": table.metadata_location,
}))`)) as Record<string, unknown>;
    expect(seen).toMatchObject({
      namespaces: [["silver"]],
      tables: [["silver", "events"]],
      properties: { owner: "lake", exists: "true" },
      uuid: metadata["table-uuid"],
      location: expect.stringContaining("blank folder/events/metadata/00001-"),
    });
    expect(await catalog.locate([identifier])).toEqual(new Map([["silver.events", seen["location"]]]));

    // PyIceberg has moved the table: our old base must not stand any more, its new one must.
    const second = await writeMetadata(metadata);
    await expect(moveTable(catalog, { identifier, from: first, to: second, metadata })).rejects.toMatchObject(
      {
        code: "catalog/conflict",
      },
    );
    await moveTable(catalog, { identifier, from: String(seen["location"]), to: second, metadata });
    expect(await python(`print(json.dumps(catalog.load_table("silver.events").metadata_location))`)).toBe(
      second,
    );
  });

  test("lake lists, loads, moves, renames and drops what PyIceberg created", async () => {
    const created = (await python(`
import pyarrow
catalog.create_namespace("gold")
table = catalog.create_table("gold.daily", pyarrow.schema([("day", pyarrow.date32())]))
catalog.create_table("gold.Odd-Name", pyarrow.schema([("day", pyarrow.date32())]))
print(json.dumps(table.metadata_location))`)) as string;
    const daily = { namespace: "gold", name: "daily" };
    expect(await catalog.namespaceProperties("gold")).toEqual({ exists: "true" });
    expect((await catalog.list("gold")).map(({ name }) => name).sort()).toEqual(["Odd-Name", "daily"]);
    expect(await catalog.locate([daily])).toEqual(new Map([["gold.daily", created]]));

    const metadata = emptyTable(`file://${folder}/daily`);
    const next = await writeMetadata(metadata);
    await moveTable(catalog, { identifier: daily, from: created, to: next, metadata });
    await catalog.rename(daily, { namespace: "gold", name: "per_day" });
    await catalog.drop({ namespace: "gold", name: "Odd-Name" });
    const seen = await python(
      `print(json.dumps([catalog.list_tables("gold"), catalog.load_table("gold.per_day").metadata_location]))`,
    );
    expect(seen).toEqual([[["gold", "per_day"]], next]);
  });

  test("an old catalog without iceberg_type stays as it is, and both go on writing to it", async () => {
    const { options } = await service.fresh();
    const old = options["uri"] ?? "";
    const version0 = `
import json, sys
from sqlalchemy import create_engine, text
engine = create_engine(sys.argv[1].replace("postgresql://", "postgresql+psycopg2://"))
with engine.begin() as c:
    c.execute(text("CREATE TABLE iceberg_tables(catalog_name VARCHAR(255) NOT NULL,table_namespace VARCHAR(255) NOT NULL,table_name VARCHAR(255) NOT NULL,metadata_location VARCHAR(1000),previous_metadata_location VARCHAR(1000),PRIMARY KEY (catalog_name, table_namespace, table_name))"))
    c.execute(text("CREATE TABLE iceberg_namespace_properties(catalog_name VARCHAR(255) NOT NULL,namespace VARCHAR(255) NOT NULL,property_key VARCHAR(255),property_value VARCHAR(1000),PRIMARY KEY (catalog_name, namespace, property_key))"))
print("null")
`;
    const opened = await adapter.open(options);
    await runPython(version0, [old]);
    await opened.initialise();
    await opened.createNamespace("silver");
    const metadata = emptyTable(`file://${folder}/old`);
    const [first, second] = [await writeMetadata(metadata), await writeMetadata(metadata)];
    await moveTable(opened, { identifier, from: null, to: first, metadata });
    await moveTable(opened, { identifier, from: first, to: second, metadata });
    expect(await opened.list("silver")).toEqual([identifier]);
    await opened.close();
    const seen = await runPython(
      `${opening}
from sqlalchemy import inspect
print(json.dumps([catalog.load_table("silver.events").metadata_location, len(inspect(catalog.engine).get_columns("iceberg_tables"))]))`,
      [old, `file://${folder}/py`],
    );
    expect(seen).toEqual([second, 5]);
  });

  test("PyIceberg and lake that move one table at the same time lose no move", async () => {
    const hot = { namespace: "silver", name: "hot" };
    const metadata = emptyTable(`file://${folder}/hot`);
    const first = await writeMetadata(metadata);
    await moveTable(catalog, { identifier: hot, from: null, to: first, metadata });
    const theirs = python(`
from pyiceberg.exceptions import CommitFailedException
moves = []
while len(moves) < 20:
    table = catalog.load_table("silver.hot")
    try:
        with table.transaction() as transaction:
            transaction.set_properties(count=str(len(moves)))
        moves.append([table.metadata.metadata_log[-1].metadata_file, table.metadata_location])
    except CommitFailedException:
        pass
print(json.dumps(moves))`);
    const ours: [string, string][] = [];
    const running = { theirs: true };
    const end = theirs.finally(() => {
      running.theirs = false;
    });
    const refusals: unknown[] = [];
    while (running.theirs) {
      const from = (await catalog.locate([hot])).get("silver.hot") ?? "";
      const to = await writeMetadata(metadata);
      try {
        await moveTable(catalog, { identifier: hot, from, to, metadata });
        ours.push([from, to]);
      } catch (error) {
        refusals.push(error);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(refusals.filter((error) => !isLakeError(error, "catalog/conflict"))).toEqual([]);
    const moves = [...ours, ...((await end) as [string, string][])];
    const next = new Map(moves);
    expect(ours.length).toBeGreaterThan(0);
    expect(next.size).toBe(moves.length);
    let at = first;
    for (let to = next.get(at); to !== undefined; to = next.get(at)) {
      next.delete(at);
      at = to;
    }
    expect(next.size).toBe(0);
    expect((await catalog.locate([hot])).get("silver.hot")).toBe(at);
  });
}
