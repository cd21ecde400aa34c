import { expect, test } from "vitest";
import { LakeError } from "../../common/errors.ts";
import { readS3Options } from "./s3-options.ts";

function failure(block: Record<string, unknown>): LakeError {
  try {
    readS3Options(block);
  } catch (error) {
    if (error instanceof LakeError) return error;
    throw error;
  }
  throw new Error("no error");
}

test("nothing is needed: the SDK's own chain, Amazon's servers", () => {
  expect(readS3Options({})).toEqual({
    pathStyle: false,
    requestTimeoutMs: 60_000,
    connectTimeoutMs: 5000,
    retries: 5,
  });
});

test("everything can be said", () => {
  const block = {
    region: "ap-northeast-2",
    endpoint: "http://127.0.0.1:9000",
    path_style: "false",
    profile: "prod",
    role_arn: "arn:aws:iam::123456789012:role/lake",
    external_id: 123456,
    access_key_id: "AKIA1",
    secret_access_key: "s",
    sse: "kms",
    kms_key_id: "k",
    request_timeout: "1.5s",
    connect_timeout: 2,
    retries: "0",
  };
  expect(readS3Options(block)).toEqual({
    region: "ap-northeast-2",
    endpoint: "http://127.0.0.1:9000",
    pathStyle: false,
    profile: "prod",
    role: { arn: "arn:aws:iam::123456789012:role/lake", sessionName: "lake", externalId: "123456" },
    keys: { accessKeyId: "AKIA1", secretAccessKey: "s" },
    encryption: { kind: "kms", keyId: "k" },
    requestTimeoutMs: 1500,
    connectTimeoutMs: 2000,
    retries: 0,
  });
  expect(readS3Options({ endpoint: "http://h:1" }).pathStyle).toBe(true);
});

test.each([
  ["an unknown key", { regoin: "hunter2" }, 'did you mean "region"?'],
  ["half a pair of keys", { access_key_id: "hunter2" }, undefined],
  ["a session token alone", { session_token: "hunter2" }, undefined],
  ["a key in the endpoint", { endpoint: "http://hunter2:x@host" }, undefined],
  ["another encryption", { sse: "hunter2" }, undefined],
  ["a KMS key without KMS", { sse: "s3", kms_key_id: "hunter2" }, undefined],
  ["no role", { role_arn: "hunter2" }, undefined],
  ["an id without a role", { external_id: "hunter2" }, undefined],
  ["a time that is none", { request_timeout: "hunter2" }, undefined],
  ["no time at all", { request_timeout: 0 }, undefined],
  ["too many retries", { retries: 21 }, undefined],
  ["a list", { region: ["hunter2"] }, undefined],
])("%s is refused by its key, its value is not shown", (_, block, hint) => {
  const error = failure(block);
  expect(error).toMatchObject({ code: "storage/bad-option", hint });
  expect(error.message).toContain(
    Object.keys(block)
      .at(-1)
      ?.replace("access_key_id", "secret_access_key")
      .replace("session_token", "access_key_id"),
  );
  expect(`${error.stack ?? ""} ${JSON.stringify(error)}`).not.toContain("hunter2");
});
