import { describe, expect, test } from "vitest";
import { isLakeError } from "../../common/errors.ts";
import { hiveCatalogOptions } from "./profile.ts";
import { parseMetastoreUris } from "./metastore-uri.ts";

test("a target's catalog becomes options", () => {
  const catalog = { type: "hive", uri: "thrift://a:9083,thrift://b", lock: false, call_timeout_seconds: 5 };
  expect(hiveCatalogOptions(catalog, "s3://bucket/warehouse")).toEqual({
    name: "lake",
    uris: ["thrift://a:9083,thrift://b"],
    warehouse: "s3://bucket/warehouse",
    lock: false,
    callTimeoutMs: 5000,
  });
});

test("everything wrong with it is said at once, with a suggestion for a misspelt key", () => {
  const wrong = { type: "hive", url: "thrift://a", lock: "yes", lock_timeout_seconds: 0 };
  let error: unknown;
  try {
    hiveCatalogOptions(wrong, "w");
  } catch (caught) {
    error = caught;
  }
  const errors = isLakeError(error) ? error.errors : [];
  expect(errors.map(({ code, message }) => [code, /^\w+/.exec(message)?.[0]])).toEqual([
    ["catalog/bad-option", "url"],
    ["catalog/bad-option", "lock_timeout_seconds"],
    ["catalog/bad-option", "uri"],
    ["catalog/bad-option", "lock"],
  ]);
  expect(errors[0]?.hint).toBe('did you mean "uri"?');
});

describe("addresses", () => {
  test("are hosts with or without a port, several in one text or in a list", () => {
    expect(parseMetastoreUris(["thrift://a:1, thrift://b/", "thrift://[::1]:9083"])).toEqual([
      { host: "a", port: 1 },
      { host: "b", port: 9083 },
      { host: "::1", port: 9083 },
    ]);
  });

  test.each([
    "",
    "thrift://",
    "http://a:9083",
    "a:9083",
    "thrift://a:0",
    "thrift://a:99999",
    "thrift://u:pw@a",
  ])("%j is refused, and shows no password", (uri) => {
    let error: unknown;
    try {
      parseMetastoreUris([uri]);
    } catch (caught) {
      error = caught;
    }
    expect(error).toMatchObject({ code: "catalog/bad-uri", message: expect.not.stringContaining("pw") });
  });
});
