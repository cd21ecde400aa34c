// Keys of a target stand in no output, artifact, log, compiled statement, table or ledger, whatever a command came to.
import { randomUUID } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startHttpFaultProxy, type HttpFaultProxy } from "../services/http-fault-proxy.ts";
import { lakehouseUnavailable, startLakehouse, type RunningLakehouse } from "../services/lakehouse.ts";
import { describeWith } from "../services/skip.ts";
import { makeProject } from "./project.ts";

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
  "models/schema.yml": `models:
  - name: events
    columns: [{name: id, data_tests: [not_null]}]
`,
  "a.jsonl": '{"id":1}\nnot json\n{"id":2}\n',
  "b.jsonl": '{"id":3}\n',
};

describeWith(lakehouseUnavailable(), "keys", () => {
  let lakehouse: RunningLakehouse;
  let s3: HttpFaultProxy;
  beforeAll(async () => {
    lakehouse = await startLakehouse();
    s3 = await startHttpFaultProxy(lakehouse.s3.endpoint);
  });
  afterAll(async () => {
    await s3?.close();
    await lakehouse?.stop();
  });

  test("stand nowhere, after what succeeds and after what fails", async () => {
    const token = `token-${randomUUID()}`;
    const storage = { type: "s3", ...lakehouse.s3.storage, endpoint: s3.endpoint, retries: 0 };
    using project = makeProject({ ...models, "profiles.yml": lakehouse.profiles({ storage }) });
    const outputs: string[] = [];
    const codes: number[] = [];
    const lake = async (...args: string[]): Promise<void> => {
      const { code, stdout, stderr } = await project.cli(...args);
      codes.push(code);
      outputs.push(stdout, stderr);
    };
    await lake("land", "a.jsonl");
    await lake("build", "--log-format", "json");
    await lake("debug");
    await lake("query", 'select * from {{ref "total"}}');
    await lake("land", "b.jsonl");
    // The server's refusal repeats who asked and how it was signed.
    for (const method of ["PUT", "GET", "HEAD"]) {
      s3.fail({ method, times: 1000, what: { answer: 403, code: "SignatureDoesNotMatch" } });
      await lake("build", "--debug");
    }
    s3.fail();
    const wrong = { ...storage, secret_access_key: "hunter2-hunter2", session_token: token };
    project.write({ "profiles.yml": lakehouse.profiles({ storage: wrong }) });
    await lake("build", "--debug");
    await lake("debug");
    project.write({
      "profiles.yml": lakehouse.profiles({ storage: { ...wrong, secret_acces_key: "hunter3" } }),
    });
    await lake("build");
    expect(codes.slice(0, 5)).toEqual([0, 0, 0, 0, 0]);
    expect(codes.slice(5).every((code) => code > 0)).toBe(true);

    const secrets = [lakehouse.s3.accessKeyId, lakehouse.s3.secretAccessKey, "hunter2", "hunter3", token];
    // `***` stands where the server's answer repeated a signature.
    const found = (text: string): string[] => [
      ...secrets.filter((secret) => text.includes(secret)),
      ...(/Signature=[0-9a-f]/.exec(text) ?? []),
    ];
    expect(outputs.flatMap(found)).toEqual([]);
    const artifacts = filesBelow(path.join(project.root, "target"));
    const objects = filesBelow(lakehouse.s3.folder(lakehouse.bucket));
    expect(artifacts.length).toBeGreaterThan(3);
    expect(objects.length).toBeGreaterThan(8);
    for (const file of [...artifacts, ...objects]) {
      expect({ file, found: found(readFileSync(file, "latin1")) }).toEqual({ file, found: [] });
    }
  });
});

function filesBelow(folder: string): string[] {
  return (readdirSync(folder, { recursive: true }) as string[])
    .map((name) => path.join(folder, name))
    .filter((file) => statSync(file).isFile());
}
