// Whatever a run writes asks for the encryption of its target, and an assumed role is what signs: against a
// server that echoes both.
import { randomBytes } from "node:crypto";
import { HeadObjectCommand, ListObjectsV2Command, S3Client } from "@aws-sdk/client-s3";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { openS3Storage } from "../../engine/storage/s3/s3-storage.ts";
import { startHttpFaultProxy } from "../services/http-fault-proxy.ts";
import { motoUnavailable, startMoto, type RunningMoto } from "../services/moto.ts";
import { describeWith } from "../services/skip.ts";
import { makeProject, type TestProject } from "./project.ts";

const keys = { access_key_id: "testing", secret_access_key: "testing-secret" };
const keyId = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555";
const models = {
  "models/sources.yml": `sources:
  - name: landing
    tables:
      - name: events
        location: events
        on_bad_record: quarantine
        columns: [{name: id, data_type: bigint}]
`,
  "models/events.sql": `{{config materialized="incremental" strategy="append"}}
select id from {{source "landing" "events"}}
`,
  "models/total.sql": `{{config materialized="table"}} select count(*) as n from {{ref "events"}}`,
  "a.jsonl": '{"id":1}\nnot json\n{"id":2}\n',
};

describeWith(await motoUnavailable(), "encryption and roles", () => {
  let server: RunningMoto;
  let client: S3Client;
  let project: TestProject | undefined;
  let bucket = "";
  beforeAll(async () => {
    server = await startMoto();
    client = new S3Client({
      endpoint: server.endpoint,
      region: "us-east-1",
      forcePathStyle: true,
      credentials: { accessKeyId: "testing", secretAccessKey: "testing-secret" },
    });
  });
  afterAll(async () => {
    client.destroy();
    await server.stop();
  });
  beforeEach(async () => {
    bucket = `lake-${randomBytes(6).toString("hex")}`;
    await server.createBucket(bucket);
  });
  afterEach(() => project?.[Symbol.dispose]());

  /** Of every object in the bucket: what it is encrypted with. */
  async function encryptions(): Promise<Map<string, string>> {
    const { Contents: objects = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket }));
    const found = new Map<string, string>();
    for (const { Key } of objects) {
      const head = await client.send(new HeadObjectCommand({ Bucket: bucket, Key }));
      found.set(Key ?? "", [head.ServerSideEncryption, head.SSEKMSKeyId].filter(Boolean).join(" "));
    }
    return found;
  }

  test.each([
    ["SSE-S3", { sse: "s3" }, "AES256"],
    ["SSE-KMS", { sse: "kms", kms_key_id: keyId }, `aws:kms ${keyId}`],
  ])("%s is asked for on every object of a build", async (_, sse, expected) => {
    const output = {
      schema: "lakehouse",
      warehouse: `s3://${bucket}/warehouse`,
      landing: `s3://${bucket}/landing`,
      catalog: { type: "sql", uri: "sqlite:///lake.db" },
      storage: { endpoint: server.endpoint, ...keys, ...sse },
    };
    project = makeProject({
      ...models,
      "profiles.yml": JSON.stringify({ shop: { outputs: { dev: output } } }),
    });
    expect(await project.cli("land", "a.jsonl")).toMatchObject({ code: 0 });
    const { results } = await project.run({});
    expect(results.map(({ error }) => error).filter(Boolean)).toEqual([]);
    const found = await encryptions();
    for (const part of [
      "landing/events/a.jsonl",
      ".parquet",
      "-m0.avro",
      "/snap-",
      ".metadata.json",
      "quarantine",
      "/ledger/",
    ]) {
      expect([...found.keys()].filter((key) => key.includes(part)).length).toBeGreaterThan(0);
    }
    expect([...new Set(found.values())]).toEqual([expected]);
  });

  test("an upload in parts asks for it, too", async () => {
    const storage = openS3Storage({
      storage: { endpoint: server.endpoint, ...keys, sse: "kms", kms_key_id: keyId },
    });
    await storage.write(`s3://${bucket}/large`, randomBytes(20_000_000));
    await storage.writeIfAbsent(`s3://${bucket}/once`, randomBytes(10));
    expect([...(await encryptions()).values()]).toEqual([`aws:kms ${keyId}`, `aws:kms ${keyId}`]);
  });

  test("an assumed role signs the requests", async () => {
    const proxy = await startHttpFaultProxy(server.endpoint);
    try {
      const role = {
        role_arn: "arn:aws:iam::123456789012:role/lake",
        external_id: "prod",
        sts_endpoint: proxy.endpoint,
      };
      const storage = openS3Storage({ storage: { endpoint: proxy.endpoint, ...keys, ...role } });
      await storage.write(`s3://${bucket}/a`, randomBytes(10));
      await storage.read(`s3://${bucket}/a`);
      expect(proxy.seen[0]).toBe("POST /");
      expect(proxy.seen.filter((line) => line === "POST /").length).toBe(1);
      expect(proxy.signedBy.slice(1).every((key) => key.startsWith("ASIA"))).toBe(true);
      expect(proxy.signedBy.length).toBe(3);
    } finally {
      await proxy.close();
    }
  });
});
