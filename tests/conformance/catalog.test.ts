import { rm } from "node:fs/promises";
import { afterAll, beforeAll, beforeEach, afterEach, expect, test } from "vitest";
import type { Catalog } from "../../engine/catalog/catalog.ts";
import { describeWith } from "../services/skip.ts";
import { catalogAdapters, scratchFolder, type CatalogAdapter, type CatalogConnection } from "./adapters.ts";
import { race } from "./processes.ts";
import { emptyTable, moveTable, moveTables, writeMetadata } from "./table-fixture.ts";

for (const adapter of catalogAdapters) {
  describeWith(adapter.unavailable(), `the catalog ${adapter.name}`, () => suite(adapter));
}

function suite(adapter: CatalogAdapter): void {
  let service: Awaited<ReturnType<CatalogAdapter["start"]>>;
  let folder: string;
  let connection: CatalogConnection;
  let catalog: Catalog;
  const t = { namespace: "silver", name: "events" };
  const u = { namespace: "silver", name: "users" };

  beforeAll(async () => {
    folder = await scratchFolder();
    service = await adapter.start();
  });
  afterAll(async () => {
    await service.stop();
    await rm(folder, { recursive: true });
  });
  beforeEach(async () => {
    connection = await service.fresh();
    catalog = await adapter.open(connection.options);
    await catalog.initialise();
    await catalog.createNamespace("silver");
  });
  afterEach(() => catalog.close());

  /** A new state of a table: metadata and the file that holds it. */
  async function state(name: string): Promise<{ metadata: ReturnType<typeof emptyTable>; to: string }> {
    const metadata = emptyTable(`file://${folder}/${name}`);
    return { metadata, to: await writeMetadata(metadata) };
  }
  async function created(identifier = t): Promise<string> {
    const first = await state(identifier.name);
    await moveTable(catalog, { identifier, from: null, ...first });
    return first.to;
  }
  const where = async (identifier = t): Promise<string | undefined> =>
    (await catalog.locate([identifier])).get(`${identifier.namespace}.${identifier.name}`);

  test("a created table is located where it was put, missing ones are left out", async () => {
    const location = await created();
    expect(await catalog.locate([t, u, { namespace: "nowhere", name: "events" }])).toEqual(
      new Map([["silver.events", location]]),
    );
  });

  test("initialise is safe to repeat and loses nothing", async () => {
    const location = await created();
    await Promise.all([catalog.initialise(), catalog.initialise()]);
    expect(await where()).toBe(location);
  });

  test("a move on the current base lands, one on a stale base is a conflict that says what was found", async () => {
    const first = await created();
    const second = await state("events");
    await moveTable(catalog, { identifier: t, from: first, ...second });
    const third = await state("events");
    await expect(moveTable(catalog, { identifier: t, from: first, ...third })).rejects.toMatchObject({
      code: "catalog/conflict",
      retryable: true,
      message: expect.stringContaining(second.to),
    });
    expect(await where()).toBe(second.to);
  });

  test("creating over an existing table is refused", async () => {
    const first = await created();
    const again = await state("events");
    await expect(moveTable(catalog, { identifier: t, from: null, ...again })).rejects.toMatchObject({
      code: "catalog/table-exists",
    });
    expect(await where()).toBe(first);
  });

  test("moving a table that was dropped is a conflict and does not bring it back", async () => {
    const first = await created();
    await catalog.drop(t);
    const next = await state("events");
    await expect(moveTable(catalog, { identifier: t, from: first, ...next })).rejects.toMatchObject({
      code: "catalog/conflict",
    });
    expect(await where()).toBeUndefined();
  });

  test("several tables move together, or none does", async () => {
    if (!catalog.capabilities.atomicMultiTable) return;
    const [first, other] = [await created(t), await created(u)];
    const [next, otherNext] = [await state("events"), await state("users")];
    await expect(
      moveTables(catalog, [
        { identifier: t, from: first, ...next },
        { identifier: u, from: "file:///stale", ...otherNext },
      ]),
    ).rejects.toMatchObject({ code: "catalog/conflict" });
    const created3 = await state("third");
    await expect(
      moveTables(catalog, [
        { identifier: { namespace: "silver", name: "a_third" }, from: null, ...created3 },
        { identifier: t, from: null, ...next },
      ]),
    ).rejects.toMatchObject({ code: "catalog/table-exists" });
    expect([await where(t), await where(u)]).toEqual([first, other]);
    expect(await catalog.list("silver")).toEqual([t, u]);
    await moveTables(catalog, [
      { identifier: u, from: other, ...otherNext },
      { identifier: t, from: first, ...next },
    ]);
    expect([await where(t), await where(u)]).toEqual([next.to, otherNext.to]);
  });

  test(
    "eight processes that move one table: every acknowledged move is in the chain",
    { timeout: 60_000 },
    async () => {
      const identifier = { namespace: "race", name: "hot" };
      await catalog.createNamespace("race");
      const first = await state("hot");
      await moveTable(catalog, { identifier, from: null, ...first });
      const reports = await raceOn(["hot"], 8, 10);
      expect(chainOf(first.to, await where(identifier), reports, "hot")).toBe(80);
      expect(reports.some(({ conflicts }) => conflicts > 0)).toBe(true);
    },
  );

  test(
    "processes that move two tables at once, named in opposite orders, never part them",
    { timeout: 60_000 },
    async () => {
      if (!catalog.capabilities.atomicMultiTable) return;
      await catalog.createNamespace("race");
      const [a, b] = [await state("a"), await state("b")];
      await moveTable(catalog, { identifier: { namespace: "race", name: "a" }, from: null, ...a });
      await moveTable(catalog, { identifier: { namespace: "race", name: "b" }, from: null, ...b });
      const reports = (await Promise.all([raceOn(["a", "b"], 2, 10), raceOn(["b", "a"], 2, 10)])).flat();
      expect(chainOf(a.to, await where({ namespace: "race", name: "a" }), reports, "a")).toBe(40);
      expect(chainOf(b.to, await where({ namespace: "race", name: "b" }), reports, "b")).toBe(40);
    },
  );

  interface Report {
    readonly acknowledged: readonly { readonly table: string; readonly from: string; readonly to: string }[];
    readonly conflicts: number;
  }
  async function raceOn(names: readonly string[], processes: number, count: number): Promise<Report[]> {
    const own = [JSON.stringify(connection), `file://${folder}`, String(count), ...names];
    return (await race(
      "./racing-writer.ts",
      Array.from({ length: processes }, () => own),
    )) as Report[];
  }
  /** The number of moves from the first location to the last; every acknowledged one must lie on the way. */
  function chainOf(
    first: string,
    last: string | undefined,
    reports: readonly Report[],
    table: string,
  ): number {
    const moves = reports.flatMap(({ acknowledged }) => acknowledged).filter((move) => move.table === table);
    const next = new Map(moves.map(({ from, to }) => [from, to]));
    expect(next.size).toBe(moves.length);
    let length = 0;
    let at = first;
    for (let to = next.get(at); to !== undefined; to = next.get(at)) {
      at = to;
      length += 1;
    }
    expect(at).toBe(last);
    expect(length).toBe(moves.length);
    return length;
  }

  test("rename keeps the location, refuses a taken name and a missing table", async () => {
    const [first, other] = [await created(t), await created(u)];
    await expect(catalog.rename(t, u)).rejects.toMatchObject({ code: "catalog/table-exists" });
    await catalog.createNamespace("gold");
    const moved = { namespace: "gold", name: "events" };
    await catalog.rename(t, moved);
    expect([await where(t), await where(moved), await where(u)]).toEqual([undefined, first, other]);
    await expect(catalog.rename(t, moved)).rejects.toMatchObject({ code: "catalog/table-not-found" });
  });

  test("drop removes the table only, and says when there is none", async () => {
    await created();
    await catalog.drop(t);
    expect(await catalog.list("silver")).toEqual([]);
    await expect(catalog.drop(t)).rejects.toMatchObject({ code: "catalog/table-not-found" });
  });

  test("namespaces keep their properties, are listed, and go only when empty", async () => {
    await catalog.createNamespace("gold", { owner: "data" });
    await catalog.createNamespace("gold", { owner: "other" });
    expect(await catalog.namespaceProperties("gold")).toMatchObject({ owner: "data" });
    expect(await catalog.namespaceProperties("none")).toBeNull();
    expect(await catalog.listNamespaces()).toEqual(expect.arrayContaining(["gold", "silver"]));
    await created();
    await expect(catalog.dropNamespace("silver")).rejects.toMatchObject({
      code: "catalog/namespace-not-empty",
    });
    await catalog.dropNamespace("gold");
    expect(await catalog.namespaceProperties("gold")).toBeNull();
    await expect(catalog.dropNamespace("gold")).rejects.toMatchObject({
      code: "catalog/namespace-not-found",
    });
  });

  test("names that other engines would have to quote are refused", async () => {
    const next = await state("odd");
    for (const name of [
      "",
      "A",
      "a b",
      "a.b",
      "a/b",
      "tübingen",
      "a'b",
      'a"b',
      "a;drop",
      "a\0b",
      "x".repeat(129),
    ]) {
      await expect(
        moveTable(catalog, { identifier: { namespace: "silver", name }, from: null, ...next }),
      ).rejects.toMatchObject({ code: "catalog/bad-name" });
      await expect(catalog.createNamespace(name)).rejects.toMatchObject({ code: "catalog/bad-name" });
    }
    expect(await catalog.list("silver")).toEqual([]);
  });

  test("ten thousand names are looked up in a moment, not one by one", async () => {
    const location = await created();
    const many = Array.from({ length: 10_500 }, (_, number) => ({ namespace: "silver", name: `t${number}` }));
    const begun = performance.now();
    expect(await catalog.locate([...many, t])).toEqual(new Map([["silver.events", location]]));
    // One by one it would take minutes; how long a moment is depends on what else the machine does.
    expect(performance.now() - begun).toBeLessThan(20_000);
  });
}
