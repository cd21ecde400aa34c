// `lake debug -t prod` on real servers: what it says when all is well, and with each piece broken what to fix.
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { startHttpFaultProxy, type Fault, type HttpFaultProxy } from "../services/http-fault-proxy.ts";
import { freePort } from "../services/free-port.ts";
import { lakehouseUnavailable, startLakehouse, type RunningLakehouse } from "../services/lakehouse.ts";
import { describeWith } from "../services/skip.ts";
import { startThriftSpy } from "../services/thrift-spy.ts";
import { startHiveMetastore } from "../services/hive-metastore.ts";
import { makeProject, type TestProject } from "./project.ts";

describeWith(lakehouseUnavailable(), "lake debug on S3 and Hive Metastore", () => {
  let lakehouse: RunningLakehouse;
  let s3: HttpFaultProxy;
  let project: TestProject | undefined;
  beforeAll(async () => {
    lakehouse = await startLakehouse();
    s3 = await startHttpFaultProxy(lakehouse.s3.endpoint);
  });
  afterAll(async () => {
    await s3?.close();
    await lakehouse?.stop();
  });
  afterEach(() => {
    s3.fail();
    project?.[Symbol.dispose]();
  });

  interface Broken {
    readonly storage?: Readonly<Record<string, unknown>>;
    readonly target?: Readonly<Record<string, unknown>>;
  }
  async function debug({ storage, target }: Broken = {}): Promise<{ code: number; text: string }> {
    project = makeProject({
      "profiles.yml": lakehouse.profiles({
        storage: { type: "s3", ...lakehouse.s3.storage, endpoint: s3.endpoint, retries: 0, ...storage },
        ...target,
      }),
    });
    const { code, stdout } = await project.cli("debug");
    return { code, text: stdout };
  }
  /** What it says and then what to do, in this order. */
  const failed = (...parts: readonly RegExp[]): { code: number; text: unknown } => ({
    code: 1,
    text: expect.stringMatching(new RegExp(parts.map(({ source }) => source).join("[^]*"))),
  });
  const refuse = (method: string, code = "AccessDenied"): Fault => ({
    method,
    times: 100,
    what: { answer: 403, code },
  });

  test("names every piece, and leaves nothing behind", async () => {
    const { code, text } = await debug();
    expect(text.replaceAll(/lake-[0-9a-f-]{36}|[0-9a-f]{32}|127\.0\.0\.1:\d+/g, "…")).toMatch(
      new RegExp(
        [
          "lake .*",
          "project .*",
          "target +prod of profile shop, schema lakehouse",
          "credentials *ok  keys of the target's `storage:`",
          "landing +ok  s3://…/bronze/landing-zone can be listed, and is empty",
          "warehouse +ok  s3://…/iceberg/warehouse/_lake can be listed, and is empty",
          "warehouse +ok  s3://…/iceberg/warehouse/_lake can be written and read back",
          "warehouse +ok  conditional write: one of two writers wins",
          "catalog +ok  hive, namespaces: default",
          "catalog +ok  metastore: Hive Metastore 4.0.0 at thrift://…, 1 databases",
          "catalog +ok  create a table: made and removed default.lake_probe_…",
          "catalog +ok  compare-and-set: a stale change is refused",
          "catalog +ok  lock: taken and given back",
          "catalog +ok  schema changes: all are accepted",
          "catalog +ok  abandoned locks: end after 300s",
          "database +ok  lakehouse is not there yet: the first build makes it",
          "engine +ok  duckdb .*",
        ].join("\\n"),
      ),
    );
    expect(code).toBe(0);
    expect(text).not.toContain("hint:");
  });

  test("wrong keys, keys that nobody knows, and none at all", async () => {
    expect(await debug({ storage: { secret_access_key: "wrong" } })).toEqual(
      failed(/credentials +ok/, /secret key does not fit/, /hint: check the keys/),
    );
    expect(await debug({ storage: { access_key_id: "nobody" } })).toEqual(
      failed(/access key is not known/, /hint: check the keys/),
    );
    const none = { access_key_id: "", secret_access_key: "", profile: "no-such-profile" };
    expect(await debug({ storage: none })).toEqual(
      failed(/credentials +failed/, /no credentials were found/, /hint: check the keys, the profile/),
    );
  });

  test("a bucket that is not there, and a server that is not there", async () => {
    const warehouse = "s3://no-such-bucket/warehouse";
    expect(await debug({ target: { warehouse } })).toEqual(
      failed(/warehouse +failed/, /the bucket does not exist/, /hint: make it, or correct the target/),
    );
    const endpoint = `http://127.0.0.1:${await freePort()}`;
    expect(await debug({ storage: { endpoint } })).toEqual(
      failed(/nothing listens at the endpoint/, /hint: check `endpoint`/),
    );
  });

  test("a bucket that may not be listed, read, or written", async () => {
    s3.fail({ ...refuse("GET"), url: "list-type=2" });
    expect(await debug()).toEqual(
      failed(/landing +failed/, /cannot list .*access denied/, /hint: .*s3:ListBucket/),
    );
    s3.fail({ ...refuse("GET"), url: ".probe-" });
    expect(await debug()).toEqual(failed(/cannot read .*access denied/, /hint: .*s3:GetObject/));
    s3.fail(refuse("PUT"));
    expect(await debug()).toEqual(
      failed(/warehouse +ok .* can be listed/, /cannot write .*access denied/, /hint: .*s3:PutObject/),
    );
  });

  test("a store that does not honour conditional writes", async () => {
    // The second of the two is told that it wrote.
    s3.fail({ method: "PUT", url: ".probe-", after: 1, times: 1, what: { answer: 200, code: "" } });
    expect(await debug()).toEqual(
      failed(/failed {2}conditional write: .* was written again/, /hint: .*If-None-Match/),
    );
  });

  const target = (uri: string): Broken => ({ target: { catalog: { type: "hive", uri } } });

  test("a metastore that is not there", async () => {
    expect(await debug(target(`thrift://127.0.0.1:${await freePort()}`))).toEqual(
      failed(/warehouse +ok/, /catalog +failed/, /ECONNREFUSED/, /hint: check that the metastore runs/),
    );
  });

  test("a metastore that does not compare, and one that does not lock", async () => {
    const thrift = await startThriftSpy(lakehouse.metastore.port);
    const through = target(`thrift://127.0.0.1:${thrift.port}`);
    try {
      // A word that the server does not know, as the right one is to older servers.
      thrift.replace("expected_parameter_key", "unexpected_parameter_k");
      expect(await debug(through)).toEqual(
        failed(/failed {2}compare-and-set: the metastore ignores it/, /hint: keep `lock: true`/),
      );
      thrift.replace("expected_parameter_key", "expected_parameter_key");
      thrift.replace("\0\0\0\u0004lock", "\0\0\0\u0004l0ck");
      expect(await debug(through)).toEqual(failed(/failed {2}lock: /, /hint: .*does not know this call/));
    } finally {
      await thrift.close();
    }
  });

  test("a metastore with Hive's own settings", async () => {
    const { warehouse } = lakehouse;
    const own = await startHiveMetastore({ warehouse, comparesColumnPositions: true, housekeeping: false });
    try {
      expect(await debug(target(own.uri))).toEqual(
        failed(
          /ok {2}schema changes: only new columns at the end/,
          /hint: .*metastore\.disallow\.incompatible\.col\.type\.changes=false/,
          /failed {2}abandoned locks: stay for ever/,
          /hint: .*metastore\.housekeeping\.threads\.on=true/,
        ),
      );
    } finally {
      await own.stop();
    }
  });
});
