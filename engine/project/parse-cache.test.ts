import { mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import path from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { TemporaryProject, testProfile } from "./temporary-project.ts";
import type { Model, Project } from "./types.ts";

const files = {
  "lake.yml": "name: shop\nvars: {a: 1}\nenv-vars: [REGION]\nmodels: {+tags: [t]}\n",
  "models/a.sql": `{{config materialized="table"}}select {{> one}} as id, {{var "a"}} as a, '{{env_var "REGION" default="x"}}' as r`,
  "models/b.sql": `select * from {{ref "a"}} {{#if incremental}}where id > (select max(id) from {{this}}){{/if}} union all select * from {{source "raw" "x"}}`,
  "models/_m.yml":
    "version: 2\nmodels:\n  - name: a\n    columns: [{name: id, tests: [unique]}]\n  - name: gone\nsources: [{name: raw, tables: [{name: x, columns: [{name: id, data_type: bigint}]}]}]\n",
  "seeds/s.csv": "id\n1\n",
  "tests/data/t.sql": `select * from {{ref "b"}} where id = {{> one}}`,
  "macros/one.sql": `1 {{log "hello"}}`,
  "selectors.yml": "selectors: [{name: n, definition: 'tag:t'}]\n",
};

function cacheFile(project: TemporaryProject): string {
  const folder = path.join(project.root, "cache");
  return path.join(folder, readdirSync(folder)[0] as string);
}

function load(project: TemporaryProject, more = {}): Promise<Project> {
  return project.load({ cacheDirectory: path.join(project.root, "cache"), ...more });
}

test("a cached project equals a parsed one, and so does one of which a single file changed", async () => {
  using project = new TemporaryProject(files);
  const first = await load(project);
  const before = readFileSync(cacheFile(project));
  expect(await load(project)).toEqual(first);
  expect(readFileSync(cacheFile(project))).toEqual(before);
  project.write({ "models/b.sql": `select * from {{ref "a"}}` });
  const changed = await load(project);
  expect(changed).toEqual(await project.load());
  expect((changed.nodes.get("model.shop.b") as Model).text).toBe(`select * from {{ref "a"}}`);
});

test("content counts and time does not: an old time stamp hides no change", async () => {
  using project = new TemporaryProject(files);
  await load(project);
  project.write({ "models/a.sql": "select 2 as id" });
  utimesSync(path.join(project.root, "models/a.sql"), 1, 1);
  expect(((await load(project)).nodes.get("model.shop.a") as Model).text).toBe("select 2 as id");
});

test.for([
  ["a var", { vars: { a: 9 } }],
  ["an allowed environment variable", { env: { REGION: "kr" } }],
  ["the engine", { engine: "spark" }],
  ["a value of the target", { profile: { ...testProfile, schema: "other" } }],
  ["a built-in macro", { builtinMacros: [{ name: "two", engine: null, file: "two.sql", text: "2" }] }],
] as const)("%s that changed makes the cache void", async ([, options]) => {
  using project = new TemporaryProject(files);
  await load(project);
  const before = readFileSync(cacheFile(project), "utf8");
  const changed = await load(project, options);
  expect(changed).toEqual(await project.load(options));
  expect(readFileSync(cacheFile(project), "utf8")).not.toBe(before);
});

test("a macro that changed is read by every model that uses it", async () => {
  using project = new TemporaryProject(files);
  await load(project);
  project.write({ "macros/one.sql": `(select 1 from {{ref "s"}})` });
  const { nodes } = await load(project);
  expect((nodes.get("model.shop.a") as Model).references.refs.map(({ name }) => name)).toEqual(["s"]);
});

test("a damaged cache is no error and changes nothing, wherever the damage is", async () => {
  using project = new TemporaryProject(files);
  const expected = await load(project);
  const whole = readFileSync(cacheFile(project));
  const damage = fc.record({ at: fc.nat(whole.length - 1), byte: fc.nat(255), cut: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(damage, async ({ at, byte, cut }) => {
      const damaged = Buffer.from(cut ? whole.subarray(0, at) : whole);
      if (!cut) damaged[at] = byte;
      writeFileSync(cacheFile(project), damaged);
      expect(await load(project)).toEqual(expected);
    }),
    { numRuns: 40 },
  );
});

test("a cache folder that cannot be written is no error", async () => {
  using project = new TemporaryProject(files);
  writeFileSync(path.join(project.root, "cache"), "a file where the folder should be");
  expect((await load(project)).nodes.size).toBeGreaterThan(0);
});

test("a project with errors leaves no cache behind", async () => {
  using project = new TemporaryProject({ ...files, "models/c.sql": "{{nothing}}" });
  mkdirSync(path.join(project.root, "cache"));
  await expect(load(project)).rejects.toThrow("nothing");
  await expect(load(project)).rejects.toThrow("nothing");
  expect(readdirSync(path.join(project.root, "cache"))).toEqual([]);
});
