import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { LakeError } from "../common/errors.ts";
import { loadProfile } from "./load-profile.ts";
import type { LoadProfileOptions } from "./load-profile.ts";
import { TemporaryProject } from "./temporary-project.ts";
import type { TargetProfile } from "./types.ts";

const profiles = `shop:
  target: dev
  outputs:
    dev:
      schema: shop
      warehouse: warehouse
    prod:
      schema: shop
      warehouse: s3://lake/warehouse/
      landing: s3://lake/landing
      threads: "{{env_var 'THREADS' default='3'}}"
      catalog:
        type: sql
        uri: postgresql://lake:{{env_var "PASSWORD"}}@host/lake
      compute: {memory_limit: 1GB, temp_directory: spill}
`;

async function load(text: string, options: Partial<LoadProfileOptions> = {}): Promise<TargetProfile> {
  using project = new TemporaryProject({ "profiles.yml": text });
  const profile = await loadProfile({
    root: project.root,
    profileName: "shop",
    env: { HOME: "/nowhere" },
    ...options,
  });
  return JSON.parse(JSON.stringify(profile).replaceAll(project.root, "/root")) as TargetProfile;
}

async function failure(text: string, options: Partial<LoadProfileOptions> = {}): Promise<LakeError> {
  try {
    await load(text, options);
  } catch (error) {
    if (error instanceof LakeError) return error;
    throw error;
  }
  throw new Error("no error");
}

test("the embedded default needs two lines, and relative paths start at the project", async () => {
  expect(await load(profiles)).toEqual({
    profile: "shop",
    name: "dev",
    schema: "shop",
    warehouse: "file:///root/warehouse",
    landing: "file:///root/landing-zone",
    catalog: { type: "sql", uri: "sqlite:////root/warehouse/catalog.db" },
    compute: { type: "duckdb" },
    storage: {},
    threads: 4,
  });
});

test("environment variables fill values in, and other schemes stay as written", async () => {
  const profile = await load(profiles, { targetName: "prod", env: { PASSWORD: "secret" } });
  expect(profile).toMatchObject({
    name: "prod",
    warehouse: "s3://lake/warehouse",
    landing: "s3://lake/landing",
    threads: 3,
    catalog: { uri: "postgresql://lake:secret@host/lake" },
    compute: { type: "duckdb", memory_limit: "1GB", temp_directory: "/root/spill" },
  });
});

test.for([
  ["sqlite:///lake.db", "sqlite:////root/lake.db"],
  ["sqlite:////data/lake.db", "sqlite:////data/lake.db"],
] as const)("the catalog %s is %s", async ([uri, expected]) => {
  const profile = await load(
    `shop: {outputs: {dev: {schema: a, warehouse: w, catalog: {type: sql, uri: "${uri}"}}}}`,
  );
  expect(profile.catalog["uri"]).toBe(expected);
});

test.for([
  [
    "a variable that is not set",
    profiles,
    { targetName: "prod" },
    "project/missing-env-var",
    14,
    'export PASSWORD=…, or write {{env_var "PASSWORD" default="…"}}',
  ],
  [
    "an unknown target",
    profiles,
    { targetName: "prdo" },
    "project/unknown-target",
    4,
    'did you mean "prod"?',
  ],
  [
    "an unknown profile",
    profiles,
    { profileName: "shpo" },
    "project/unknown-profile",
    1,
    'did you mean "shop"?',
  ],
  [
    "an unknown key",
    "shop: {outputs: {dev: {schema: a, warehose: w}}}",
    {},
    "project/several-errors",
    undefined,
    undefined,
  ],
  [
    "a schema that fits no catalog",
    "shop:\n  outputs:\n    dev:\n      schema: A-b\n      warehouse: w\n",
    {},
    "project/bad-value",
    4,
    undefined,
  ],
  [
    "threads that are no number",
    "shop:\n  outputs:\n    dev:\n      schema: a\n      warehouse: w\n      threads: x\n",
    {},
    "project/wrong-type",
    6,
    undefined,
  ],
] as const)("%s is one clear error", async ([, text, options, code, line, hint]) => {
  expect(await failure(text, options)).toMatchObject({
    code,
    hint,
    ...(line !== undefined && { at: { line } }),
  });
});

test("no error shows a value of the profile, which may be a password", async () => {
  for (const wrong of [
    "shop: {outputs: {dev: {schema: a, warehouse: w, catalog: hunter2}}}",
    "shop: {outputs: {dev: {schema: a, warehouse: w, threads: hunter2}}}",
    "shop: {outputs: {dev: {schema: a, warehouse: [hunter2]}}}",
    "shop: {outputs: {dev: {schema: a, warehouse: w, password: hunter2}}}",
    "shop: {outputs: {dev: hunter2}}",
    "shop: {outputs: {dev: {schema: a, warehouse: w, catalog: {uri: '{{hunter2}}'}}}}",
    "shop: {outputs: {dev: {schema: hunter2-x, warehouse: w}}}",
  ]) {
    const error = await failure(wrong);
    expect(`${JSON.stringify(error)} ${error.stack ?? ""}`).not.toContain("hunter2");
  }
});

test("profiles are looked for in --profiles-dir alone, else in the project, else in ~/.lake", async () => {
  const empty = mkdtempSync(path.join(os.tmpdir(), "lake-profile-"));
  try {
    using project = new TemporaryProject({ "home/.lake/profiles.yml": profiles });
    const env = { HOME: path.join(project.root, "home") };
    expect((await loadProfile({ root: project.root, profileName: "shop", env })).name).toBe("dev");
    await expect(
      loadProfile({ root: project.root, profileName: "shop", env, profilesDirectory: empty }),
    ).rejects.toMatchObject({ code: "project/profiles-not-found" });
  } finally {
    rmSync(empty, { recursive: true });
  }
});

const environments = `shop:
  outputs:
    prod: {schema: shop, warehouse: s3://lake/warehouse, threads: 3, storage: {region: eu-west-1}}
    pr_*:
      from: prod
      warehouse: s3://ci/{{target.name}}
    mine: {from: prod, schema: 'mine_{{env_var "WHO" default="x"}}', keep_base_days: 2}
    deep: {from: pr_7}
`;

test("an environment takes from below what it does not say, and is called as its target", async () => {
  const { parent, ...profile } = await load(environments, { targetName: "pr_42" });
  expect(profile).toMatchObject({
    name: "pr_42",
    schema: "pr_42",
    warehouse: "s3://ci/pr_42",
    landing: "file:///root/landing-zone",
    threads: 3,
    storage: { region: "eu-west-1" },
  });
  expect(parent).toMatchObject({ name: "prod", schema: "shop", keepBaseMs: 7 * 86_400_000 });
  expect(profile.catalog).toEqual(parent?.catalog);
  expect(profile.keepBaseMs).toBeUndefined();
});

test("only a target that others stand on keeps bases for them", async () => {
  expect((await load(environments, { targetName: "prod" })).keepBaseMs).toBe(7 * 86_400_000);
  expect((await load(environments, { targetName: "mine" })).keepBaseMs).toBe(2 * 86_400_000);
  expect((await load(profiles, { targetName: "dev" })).keepBaseMs).toBeUndefined();
});

test("environments stand on environments, also on those of a pattern", async () => {
  const profile = await load(environments, { targetName: "deep" });
  expect([profile.schema, profile.parent?.schema, profile.parent?.parent?.schema]).toEqual([
    "deep",
    "pr_7",
    "shop",
  ]);
});

const prod = "prod: {schema: shop, warehouse: w}";
test.for([
  ["its parent's schema", `{${prod}, pr: {from: prod, schema: shop}}`, "pr", /that of prod/],
  [
    "a target's name as schema",
    `{${prod}, dev: {schema: b, warehouse: w}, pr: {from: prod, schema: dev}}`,
    "pr",
    /called as another target/,
  ],
  ["a dividing schema", `{${prod}, pr: {from: prod, schema: a__b}}`, "pr", /two underscores/],
  ["a circle", `{${prod}, a: {from: b}, b: {from: a}}`, "a", /stands on itself: a on b on a/],
  ["a pattern without from", `{${prod}, "pr_*": {schema: x, warehouse: w}}`, "pr_1", /says no target/],
] as const)("%s is no environment", async ([, outputs, targetName, message]) => {
  const error = await failure(`shop: {outputs: ${outputs}}`, { targetName });
  expect(error).toMatchObject({
    code: "project/bad-environment",
    message: expect.stringMatching(message) as string,
  });
});

test("an environment over a target that does not exist says where it is asked for", async () => {
  const error = await failure(`shop:\n  outputs:\n    ${prod}\n    pr: {from: prdo}\n`, { targetName: "pr" });
  expect(error).toMatchObject({
    code: "project/unknown-target",
    hint: 'did you mean "prod"?',
    at: { line: 4 },
  });
});
