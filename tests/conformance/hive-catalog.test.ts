// What only Hive Metastore can meet: lost answers, locks, a server that dies or falls silent, Hive's own objects.
import { createServer, type Server, type Socket } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Catalog, TableIdentifier } from "../../engine/catalog/catalog.ts";
import { hiveColumns } from "../../engine/catalog/hive/hive-types.ts";
import {
  openClient,
  openHiveCatalog,
  type HiveCatalogOptions,
} from "../../engine/catalog/hive/hive-catalog.ts";
import type { MetastoreClient } from "../../engine/catalog/hive/metastore-client.ts";
import { lockLevel, lockState, lockType, methods } from "../../engine/catalog/hive/metastore-types.ts";
import { probeHive } from "../../engine/catalog/hive/probe.ts";
import { lockTable } from "../../engine/catalog/hive/table-lock.ts";
import { isLakeError } from "../../engine/common/errors.ts";
import type { IcebergType, TableMetadata } from "../../engine/iceberg/types.ts";
import { startCuttingProxy, type CuttingProxy } from "../services/cutting-proxy.ts";
import { freePort } from "../services/free-port.ts";
import {
  hiveMetastoreUnavailable,
  startHiveMetastore,
  type RunningHiveMetastore,
} from "../services/hive-metastore.ts";
import { describeWith } from "../services/skip.ts";
import { startThriftSpy } from "../services/thrift-spy.ts";
import { emptyTable, moveTable } from "./table-fixture.ts";

const alter = "alter_table_with_environment_context";
/** A method's name with its length in front: `lock` is part of other names. */
const called = (method: string): string => `\0\0\0${String.fromCharCode(method.length)}${method}`;

function tableOf(...types: readonly IcebergType[]): TableMetadata {
  const fields = types.map((type, at) => ({ id: at + 1, name: `c${at}`, required: false, type }));
  const schemas = [{ type: "struct" as const, "schema-id": 0, fields }];
  return { ...emptyTable("s3://bucket/warehouse/silver.db/a"), schemas, "last-column-id": types.length };
}
const metadata = tableOf("long");

async function holdLock(client: MetastoreClient, identifier: TableIdentifier): Promise<bigint> {
  const component = [
    {
      type: lockType.exclusive,
      level: lockLevel.table,
      dbname: identifier.namespace,
      tablename: identifier.name,
      operationType: 6,
    },
  ];
  const rqst = { component, user: "spark", hostname: "worker-7", agentInfo: "Iceberg-theirs" };
  const answer = await client.call(methods.lock, { rqst });
  expect(answer.state).toBe(lockState.acquired);
  return answer.lockid ?? 0n;
}

describeWith(hiveMetastoreUnavailable(), "Hive Metastore", () => {
  let server: RunningHiveMetastore;
  let direct: Catalog;
  let client: MetastoreClient;
  let a: TableIdentifier;
  let b: TableIdentifier;
  let count = 0;
  const open = (own: Partial<HiveCatalogOptions> = {}): Promise<Catalog> =>
    openHiveCatalog({ name: "lake", uris: [server.uri], warehouse: "s3://bucket/warehouse", ...own });
  const where = async (identifier = a): Promise<string | undefined> =>
    (await direct.locate([identifier])).get(`${identifier.namespace}.${identifier.name}`);
  const locks = async (identifier = a): Promise<number> => {
    const rqst = { dbname: identifier.namespace, tablename: identifier.name };
    return (await client.call(methods.showLocks, { rqst })).locks?.length ?? 0;
  };

  beforeAll(async () => {
    server = await startHiveMetastore({ warehouse: "s3://bucket/warehouse" });
    direct = await open();
    client = openClient({ uris: [server.uri] });
    await direct.createNamespace("silver");
  });
  afterAll(async () => {
    await direct.close();
    await client.close();
    await server.stop();
  });
  beforeEach(async () => {
    count += 1;
    a = { namespace: "silver", name: `a${count}` };
    b = { namespace: "silver", name: `b${count}` };
    await moveTable(direct, { identifier: a, from: null, to: "a1", metadata });
  });

  describe("an answer that is lost", () => {
    let proxy: CuttingProxy;
    let catalog: Catalog;
    beforeEach(async () => {
      proxy = await startCuttingProxy(server.port);
      const uris = [`thrift://127.0.0.1:${proxy.port}`];
      catalog = await open({ uris, settleTimeoutMs: 4000 });
    });
    afterEach(async () => {
      await catalog.close();
      await proxy.close();
    });
    const move = (): Promise<void> => moveTable(catalog, { identifier: a, from: "a1", to: "a2", metadata });
    const create = (): Promise<void> => moveTable(catalog, { identifier: b, from: null, to: "b1", metadata });

    test.each([
      ["had landed", "before"],
      ["lands only while we look again", { afterMs: 700 }],
      ["never arrived, and is sent again", "never"],
    ] as const)("to a commit that %s is a commit", async (_, deliver) => {
      proxy.cut({ word: called(alter), deliver, reconnect: true });
      await move();
      proxy.cut({ word: called("create_table"), deliver, reconnect: true });
      await create();
      // What was under way must not land a second time, on top of others.
      await moveTable(direct, { identifier: a, from: "a2", to: "a3", metadata });
      await new Promise((resolve) => setTimeout(resolve, 1000));
      expect([await where(), await where(b), await locks()]).toEqual(["a3", "b1", 0]);
    });

    test("is an unknown outcome where nobody can be asked, and everything is left as it is", async () => {
      proxy.cut({ word: called(alter), deliver: "before", reconnect: false });
      await expect(move()).rejects.toMatchObject({
        code: "catalog/unknown-outcome",
        retryable: false,
        message: expect.stringContaining(a.name),
      });
    });

    test("is an unknown outcome where others have moved on meanwhile", async () => {
      proxy.cut({ word: called(alter), deliver: "never", reconnect: true });
      const moving = move();
      const unlocked = await open({ lock: false });
      await moveTable(unlocked, { identifier: a, from: "a1", to: "other", metadata }).catch(() => undefined);
      const outcome = await moving.then(
        () => "a commit",
        (error: unknown) => (isLakeError(error) ? error.code : error),
      );
      await unlocked.close();
      const at = await where();
      expect([
        ["a commit", "a2"],
        ["catalog/unknown-outcome", "other"],
        ["catalog/conflict", "other"],
      ]).toContainEqual([outcome, at]);
    });

    test("to a lock's request leaves no lock behind, and the commit does not wait for its own", async () => {
      for (const deliver of ["before", { afterMs: 300 }, "never"] as const) {
        const from = await where();
        const to = `${from}x`;
        proxy.cut({ word: called("lock"), deliver, reconnect: true });
        const begun = performance.now();
        await moveTable(catalog, { identifier: a, from: from ?? "", to, metadata });
        expect(performance.now() - begun).toBeLessThan(10_000);
        expect(await where()).toBe(to);
        // One that arrives after the commit stays for the next to find: it is let in before that begins.
        if (typeof deliver !== "string") await new Promise((resolve) => setTimeout(resolve, 600));
        expect(await locks()).toBeLessThanOrEqual(typeof deliver === "string" ? 0 : 1);
      }
    });

    test.each(["get_table_req", "check_lock", "unlock", "heartbeat"])(
      "to %s costs nothing",
      async (method) => {
        proxy.cut({ word: called(method), deliver: "before", reconnect: true });
        await move();
        expect([await where(), await locks()]).toEqual(["a2", 0]);
      },
    );

    test("to a drop or a rename is a drop or a rename", async () => {
      proxy.cut({ word: called(alter), deliver: "before", reconnect: true });
      await catalog.rename(a, b);
      expect([await where(a), await where(b)]).toEqual([undefined, "a1"]);
      proxy.cut({ word: called("drop_table"), deliver: "before", reconnect: true });
      await catalog.drop(b);
      expect(await where(b)).toBeUndefined();
    });
  });

  describe("a server", () => {
    test("that is killed again and again has every commit that it acknowledged, and none twice", async () => {
      const catalog = await open({ callTimeoutMs: 5000, settleTimeoutMs: 20_000 });
      const outcomes: string[] = [];
      let at = "a1";
      for (let round = 0; round < 3; round += 1) {
        const chaos = new Promise<void>((resolve, reject) => {
          setTimeout(() => void server.restart().then(resolve, reject), 100 + Math.random() * 300);
        });
        const running = { chaos: true };
        const end = chaos.finally(() => {
          running.chaos = false;
        });
        for (let step = 0; running.chaos; step += 1) {
          const to = `r${round}s${step}`;
          const outcome = await moveTable(catalog, { identifier: a, from: at, to, metadata }).then(
            () => "done",
            (error: unknown) => (isLakeError(error) ? error.code : String(error)),
          );
          outcomes.push(outcome);
          if (outcome === "done") at = to;
          else if (outcome !== "catalog/unreachable") break;
        }
        await end;
        const now = await where();
        if (outcomes.at(-1) === "catalog/unknown-outcome") at = now ?? "";
        expect(now).toBe(at);
      }
      // Each round at least one: a slow machine is killed before it gets further.
      expect(outcomes.filter((outcome) => outcome === "done").length).toBeGreaterThanOrEqual(3);
      expect(outcomes.filter((one) => !/^(done|catalog\/(unreachable|unknown-outcome))$/.test(one))).toEqual(
        [],
      );
      await catalog.close();
    });

    test("that is down is unreachable, may be tried again, and nothing was done", async () => {
      const down = `thrift://127.0.0.1:${await freePort()}`;
      const catalog = await open({ uris: [down], settleTimeoutMs: 1000 });
      for (const act of [
        () => catalog.locate([a]),
        () => moveTable(catalog, { identifier: b, from: null, to: "b1", metadata }),
        () => moveTable(catalog, { identifier: a, from: "a1", to: "a2", metadata }),
      ]) {
        await expect(act()).rejects.toMatchObject({
          code: "catalog/unreachable",
          retryable: true,
          message: expect.stringContaining("ECONNREFUSED"),
        });
      }
      await catalog.close();
    });

    test("that is down is passed over for the next one", async () => {
      const down = `thrift://127.0.0.1:${await freePort()}`;
      const catalog = await open({ uris: [`${down},${server.uri}`] });
      await moveTable(catalog, { identifier: a, from: "a1", to: "a2", metadata });
      expect(await where()).toBe("a2");
      await catalog.close();
    });

    test("that takes the call and says nothing cannot hold us", async () => {
      // On a busy machine a server that is well takes a while, too.
      const catalog = await open({ callTimeoutMs: 3000, settleTimeoutMs: 1000 });
      await catalog.locate([a]);
      server.pause();
      const begun = performance.now();
      const refused = {
        code: "catalog/unreachable",
        message: expect.stringContaining("no answer within 3000 ms"),
      };
      await expect(catalog.locate([a])).rejects.toMatchObject(refused);
      await expect(
        moveTable(catalog, { identifier: b, from: null, to: "b1", metadata }),
      ).rejects.toMatchObject({
        code: "catalog/unknown-outcome",
      });
      expect(performance.now() - begun).toBeLessThan(60_000);
      server.resume();
      await catalog.close();
    });

    test.each([
      [
        "speaks HTTP",
        (socket: Socket) => void socket.write("HTTP/1.1 400 Bad Request\r\n\r\n"),
        "binary protocol",
      ],
      ["hangs up", (socket: Socket) => void socket.end(), "closed the connection"],
      [
        "breaks off",
        (socket: Socket) => void socket.end(Buffer.from("8001000200", "hex")),
        "closed the connection",
      ],
    ])("that %s is an error at once", async (_, answer, message) => {
      const other: Server = createServer((socket) => {
        socket.on("error", () => undefined);
        socket.once("data", () => answer(socket));
      });
      const port = await new Promise<number>((resolve) => {
        other.listen(0, "127.0.0.1", () => resolve((other.address() as { port: number }).port));
      });
      const catalog = await open({ uris: [`thrift://127.0.0.1:${port}`] });
      await expect(catalog.locate([a])).rejects.toMatchObject({
        code: "catalog/unreachable",
        message: expect.stringContaining(message),
      });
      await catalog.close();
      await new Promise((resolve) => other.close(resolve));
    });

    test("is called four times for a commit, twice without the lock, once to create, once to look up", async () => {
      const spy = await startThriftSpy(server.port);
      const uris = [`thrift://127.0.0.1:${spy.port}`];
      const [locking, comparing] = [await open({ uris }), await open({ uris, lock: false })];
      await moveTable(locking, { identifier: a, from: "a1", to: "a2", metadata });
      expect(spy.calls()).toEqual(["lock", "get_table_req", alter, "unlock"]);
      await moveTable(comparing, { identifier: a, from: "a2", to: "a3", metadata });
      expect(spy.calls()).toEqual(["get_table_req", alter]);
      await moveTable(locking, { identifier: b, from: null, to: "b1", metadata });
      expect(spy.calls()).toEqual(["create_table"]);
      await locking.locate([a, b]);
      expect(spy.calls()).toEqual(["get_table_objects_by_name_req"]);
      await Promise.all([locking.close(), comparing.close()]);
      await spy.close();
    });
  });

  describe("a lock that somebody else holds", () => {
    test("is waited for, and then named with its holder; nothing of ours stays", async () => {
      const lockid = await holdLock(client, a);
      const impatient = await open({ lockTimeoutMs: 600 });
      await expect(
        moveTable(impatient, { identifier: a, from: "a1", to: "a2", metadata }),
      ).rejects.toMatchObject({
        code: "catalog/locked",
        retryable: true,
        message: expect.stringMatching(/spark@worker-7 \(Iceberg-theirs\) since \d{4}-\d\d-\d\dT/),
        hint: expect.stringContaining(`lock ${lockid}`),
      });
      expect([await where(), await locks()]).toEqual(["a1", 1]);
      const patient = open({ lockTimeoutMs: 30_000 });
      const moved = moveTable(await patient, { identifier: a, from: "a1", to: "a2", metadata });
      setTimeout(() => void client.call(methods.unlock, { rqst: { lockid } }), 400);
      await moved;
      expect([await where(), await locks()]).toEqual(["a2", 0]);
      await impatient.close();
      await (await patient).close();
    });

    test("is not waited for once the table has moved", async () => {
      const lockid = await holdLock(client, a);
      const comparing = await open({ lock: false });
      const begun = performance.now();
      const moving = moveTable(direct, { identifier: a, from: "a1", to: "a2", metadata });
      await moveTable(comparing, { identifier: a, from: "a1", to: "other", metadata });
      await expect(moving).rejects.toMatchObject({ code: "catalog/conflict" });
      expect(performance.now() - begun).toBeLessThan(5000);
      await client.call(methods.unlock, { rqst: { lockid } });
      await comparing.close();
    });

    test("does not matter where neither the catalog nor the table wants locks", async () => {
      const lockid = await holdLock(client, a);
      const comparing = await open({ lock: false });
      await moveTable(comparing, { identifier: a, from: "a1", to: "a2", metadata });
      const own = { ...metadata, properties: { "engine.hive.lock-enabled": "false" } };
      await moveTable(direct, { identifier: a, from: "a2", to: "a3", metadata: own });
      expect(await where()).toBe("a3");
      await client.call(methods.unlock, { rqst: { lockid } });
      await comparing.close();
    });
  });

  test("a commit on a state that is gone never lands, even at the same moment and without locks", async () => {
    const comparing = await open({ lock: false });
    const outcomes = await Promise.allSettled(
      ["x", "y", "z"].flatMap((to) => [
        moveTable(comparing, { identifier: a, from: "a1", to: `${to}1`, metadata }),
        open({ lock: false }).then(async (own) => {
          await moveTable(own, { identifier: a, from: "a1", to: `${to}2`, metadata }).finally(() =>
            own.close(),
          );
        }),
      ]),
    );
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    const reasons = outcomes.flatMap((one) => (one.status === "rejected" ? [one.reason as unknown] : []));
    expect(reasons.filter((reason) => !isLakeError(reason, "catalog/conflict"))).toEqual([]);
    await comparing.close();
  });

  test("views and Hive's own tables of the name are neither located, listed, moved, renamed nor dropped", async () => {
    const tbl = {
      tableName: b.name,
      dbName: "silver",
      owner: "hive",
      tableType: "EXTERNAL_TABLE",
      partitionKeys: [],
      parameters: { EXTERNAL: "TRUE" },
      sd: {
        cols: hiveColumns(metadata.schemas[0]!),
        location: "s3://bucket/warehouse/silver.db/plain",
        inputFormat: "org.apache.hadoop.mapred.TextInputFormat",
        outputFormat: "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
        serdeInfo: { serializationLib: "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe" },
      },
    };
    const view = {
      ...tbl,
      tableName: `v${count}`,
      tableType: "VIRTUAL_VIEW",
      viewOriginalText: "select 1",
      viewExpandedText: "select 1",
      parameters: { table_type: "iceberg-view", metadata_location: "v1" },
    };
    await client.call(methods.createTable, { tbl });
    await client.call(methods.createTable, { tbl: view });
    for (const identifier of [b, { namespace: "silver", name: view.tableName }]) {
      expect(await where(identifier)).toBeUndefined();
      expect(await direct.list("silver")).not.toContainEqual(identifier);
      await expect(moveTable(direct, { identifier, from: "v1", to: "v2", metadata })).rejects.toMatchObject({
        code: "catalog/conflict",
      });
      await expect(moveTable(direct, { identifier, from: null, to: "v2", metadata })).rejects.toMatchObject({
        code: "catalog/table-exists",
      });
      const missing = { code: "catalog/table-not-found" };
      await expect(direct.drop(identifier)).rejects.toMatchObject(missing);
      await expect(direct.rename(identifier, { namespace: "silver", name: "free" })).rejects.toMatchObject(
        missing,
      );
    }
  });

  test("names are Hive's: without case; a missing namespace is named", async () => {
    const shouted = { namespace: "SILVER", name: a.name.toUpperCase() };
    expect(await direct.locate([shouted])).toEqual(new Map([[`SILVER.${shouted.name}`, "a1"]]));
    const nowhere = { namespace: "nowhere", name: "t" };
    const missing = { code: "catalog/namespace-not-found", message: expect.stringContaining("nowhere") };
    await expect(
      moveTable(direct, { identifier: nowhere, from: null, to: "t1", metadata }),
    ).rejects.toMatchObject(missing);
    await expect(direct.rename(a, nowhere)).rejects.toMatchObject(missing);
    expect(await direct.list("nowhere")).toEqual([]);
  });

  test("a namespace lies under the warehouse, and what Hive has fields for is not a parameter", async () => {
    await direct.createNamespace("gold", { comment: "for people", team: "data" });
    expect(await direct.namespaceProperties("gold")).toMatchObject({
      location: "s3://bucket/warehouse/gold.db",
      comment: "for people",
      team: "data",
      "hive.metastore.database.owner-type": "USER",
    });
    await direct.dropNamespace("gold");
  });

  test("megabytes of properties in any alphabet go there and back", async () => {
    const long = { ...metadata, properties: { long: "ü€😀".repeat(100_000), "": "empty key" } };
    await moveTable(direct, { identifier: a, from: "a1", to: "a2", metadata: long });
    const { table } = await client.call(methods.getTable, { req: { dbName: "silver", tblName: a.name } });
    expect(table?.parameters?.["long"]).toBe(long.properties.long);
  });

  test("a probe says that everything is there, and leaves nothing", async () => {
    const findings = await probeHive({ uris: [server.uri], warehouse: "s3://bucket/warehouse" });
    expect(findings.filter(({ ok }) => !ok)).toEqual([]);
    expect(findings.map(({ piece, detail }) => `${piece}: ${detail}`)).toEqual([
      expect.stringMatching(/^metastore: Hive Metastore 4\.0\.0 at thrift:/),
      expect.stringMatching(/^create a table: made and removed default\.lake_probe_/),
      "compare-and-set: a stale change is refused",
      "lock: taken and given back",
      "schema changes: all are accepted",
      "abandoned locks: end after 300s",
    ]);
    expect(
      (await client.call(methods.getAllTables, { dbName: "default" })).filter((name) =>
        name.startsWith("lake_probe"),
      ),
    ).toEqual([]);
  });

  test("columns may be dropped, reordered and put in front where the server does not compare them", async () => {
    await moveTable(direct, {
      identifier: b,
      from: null,
      to: "b1",
      metadata: tableOf("long", "string", "date"),
    });
    const base = tableOf("long", "string", "date");
    const turned = tableOf(
      { type: "list", "element-id": 9, element: "int", "element-required": false },
      "date",
      "long",
    );
    await direct.checkSchemaChange?.({ identifier: b, base, schema: turned.schemas[0]! });
    await moveTable(direct, { identifier: b, from: "b1", to: "b2", metadata: turned });
    expect(await where(b)).toBe("b2");
  });
});

describeWith(hiveMetastoreUnavailable(), "a Hive Metastore with Hive's own settings", () => {
  let server: RunningHiveMetastore;
  let catalog: Catalog;
  let client: MetastoreClient;
  const a = { namespace: "silver", name: "a" };
  beforeAll(async () => {
    server = await startHiveMetastore({
      warehouse: "s3://bucket/warehouse",
      comparesColumnPositions: true,
      transactionTimeoutSeconds: 3,
    });
    catalog = await openHiveCatalog({ name: "lake", uris: [server.uri], warehouse: server.warehouse });
    client = openClient({ uris: [server.uri] });
    await catalog.createNamespace("silver");
  });
  afterAll(async () => {
    await catalog.close();
    await client.close();
    await server.stop();
  });

  const list: IcebergType = { type: "list", "element-id": 9, element: "int", "element-required": false };
  const types: readonly IcebergType[] = [
    "boolean", "int", "long", "float", "double", "decimal(9, 2)", "date", "time", "timestamp", "timestamptz",
    "string", "uuid", "binary", list,
  ]; // prettier-ignore

  test("what is refused is known beforehand, for every pair of types", async () => {
    for (const from of types) {
      const base = tableOf(from, "string");
      await moveTable(catalog, { identifier: a, from: null, to: "m0", metadata: base });
      let at = "m0";
      for (const type of types) {
        const next = tableOf(type, "string");
        const foretold = await catalog
          .checkSchemaChange?.({ identifier: a, base, schema: next.schemas[0]! })
          .then(
            () => null,
            (error: unknown) => error,
          );
        const to = `${at}x`;
        const refusal = await moveTable(catalog, { identifier: a, from: at, to, metadata: next }).then(
          () => null,
          (error: unknown) => error,
        );
        const codes = [foretold, refusal].map((error) => (isLakeError(error) ? error.code : error));
        expect([from, type, codes[1]]).toEqual([from, type, codes[0]]);
        expect([null, "catalog/hive-columns"]).toContain(codes[1]);
        if (refusal !== null) continue;
        // Back to where the next pair begins.
        await catalog.drop(a);
        at = `${to}y`;
        await moveTable(catalog, { identifier: a, from: null, to: at, metadata: base });
      }
      await catalog.drop(a);
    }
  });

  test("a table for Hive's engine may change as it likes", async () => {
    const forHive = (...own: readonly IcebergType[]): TableMetadata => ({
      ...tableOf(...own),
      properties: { "engine.hive.enabled": "true" },
    });
    const [base, next] = [forHive("long", "string"), forHive("string", "boolean")];
    await moveTable(catalog, { identifier: a, from: null, to: "m1", metadata: base });
    await catalog.checkSchemaChange?.({ identifier: a, base, schema: next.schemas[0]! });
    await moveTable(catalog, { identifier: a, from: "m1", to: "m2", metadata: next });
    expect((await catalog.locate([a])).get("silver.a")).toBe("m2");
    await catalog.drop(a);
  });

  test("a probe names both settings", async () => {
    const findings = await probeHive({ uris: [server.uri], warehouse: server.warehouse });
    expect(findings.map(({ detail }) => detail)).toEqual(
      expect.arrayContaining([expect.stringContaining("only new columns at the end"), "end after 3s"]),
    );
  });

  test("a lock lives as long as its heart beats, and no longer", async () => {
    const request = { client, identifier: a, stillWanted: async () => undefined };
    const beating = await lockTable({ ...request, times: { lockTimeoutMs: 1000, heartbeatMs: 500 } });
    await new Promise((resolve) => setTimeout(resolve, 6000));
    expect(await beating.isHeld()).toBe(true);
    await expect(
      lockTable({ ...request, times: { lockTimeoutMs: 300, heartbeatMs: 500 } }),
    ).rejects.toMatchObject({ code: "catalog/locked" });
    await beating.release();
    // Abandoned by its writer, it ends by itself, and who waits for it gets it.
    const abandoned = await holdLock(client, a);
    const next = await lockTable({ ...request, times: { lockTimeoutMs: 60_000, heartbeatMs: 500 } });
    await expect(
      client.call(methods.heartbeat, { ids: { lockid: abandoned, txnid: 0n } }),
    ).rejects.toMatchObject({
      kind: "NoSuchLockException",
    });
    await next.release();
    expect(await next.isHeld()).toBe(true);
  });

  test("a lock that was lost stops the commit before anything is changed", async () => {
    const times = { lockTimeoutMs: 1000, heartbeatMs: 200 };
    const lock = await lockTable({ client, identifier: a, times, stillWanted: async () => undefined });
    const rqst = { dbname: a.namespace, tablename: a.name };
    for (const { lockid = 0n } of (await client.call(methods.showLocks, { rqst })).locks ?? []) {
      await client.call(methods.unlock, { rqst: { lockid } });
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(await lock.isHeld()).toBe(false);
    await lock.release();
  });
});
