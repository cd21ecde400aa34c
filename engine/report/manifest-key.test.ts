import { readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { testProfile } from "../project/temporary-project.ts";
import { isCurrentManifest, manifestKey } from "./manifest-key.ts";
import { toManifest } from "./manifest.ts";
import { shopGraph } from "./test-fixtures.ts";
import { writeArtifact } from "./write-artifact.ts";

const base = { graph: shopGraph(), profile: testProfile, env: {}, lakeVersion: "0.1.0" };

test("a manifest is current for what it was made from and for nothing else, and only whole", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "lake-manifest-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const contentKey = manifestKey(base);
  const metadata = {
    generatedMs: 0,
    invocationId: "i",
    lakeVersion: "0.1.0",
    adapterType: "duckdb",
    schema: "shop",
  };
  const file = await writeArtifact(
    folder,
    "manifest.json",
    toManifest(base.graph, { ...metadata, contentKey }),
  );
  expect(isCurrentManifest(file, contentKey)).toBe(true);
  expect(isCurrentManifest(file, manifestKey({ ...base, lakeVersion: "0.2.0" }))).toBe(false);
  const text = readFileSync(file, "utf8");
  writeFileSync(file, text.slice(0, -40));
  expect(isCurrentManifest(file, contentKey)).toBe(false);
  await writeArtifact(folder, "manifest.json", toManifest(base.graph, metadata));
  expect(isCurrentManifest(file, contentKey)).toBe(false);
  expect(isCurrentManifest(path.join(folder, "none.json"), contentKey)).toBe(false);
});

test("files, variables, the target and allowed environment variables are part of the key, others are not", () => {
  const { graph } = base;
  const settings = { ...graph.project.settings, envVars: ["REGION"] };
  const allowed = { ...base, graph: { ...graph, project: { ...graph.project, settings } } };
  const project = { ...graph.project, contentHash: "other" };
  const vars = { ...graph.project, settings: { ...graph.project.settings, vars: { a: 9 } } };
  const keys = [
    manifestKey(base),
    manifestKey({ ...base, graph: { ...graph, project } }),
    manifestKey({ ...base, graph: { ...graph, project: vars } }),
    manifestKey({ ...base, profile: { ...testProfile, schema: "other" } }),
    manifestKey(allowed),
    manifestKey({ ...allowed, env: { REGION: "kr" } }),
  ];
  expect(new Set(keys).size).toBe(keys.length);
  expect(manifestKey({ ...base, env: { REGION: "kr" } })).toBe(keys[0]);
});
