import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { toManifest } from "./manifest.ts";
import { toRunResults } from "./run-results.ts";
import { runResult, shopGraph, tableResult, testResult, unknownColumn } from "./test-fixtures.ts";
import { writeArtifact } from "./write-artifact.ts";

const metadata = { generatedMs: 0, invocationId: "run-1", lakeVersion: "0.1.0" };

test("the manifest has dbt's keys: nodes with depends_on, and the maps of parents and children", () => {
  const manifest = toManifest(shopGraph(), { ...metadata, adapterType: "duckdb", schema: "shop_tables" });
  expect(manifest).toMatchObject({
    metadata: { generated_at: "1970-01-01T00:00:00.000Z", project_name: "shop", adapter_type: "duckdb" },
    nodes: {
      "model.shop.revenue": {
        resource_type: "model",
        original_file_path: "models/gold/revenue.sql",
        fqn: ["shop", "gold", "revenue"],
        checksum: { name: "sha256", checksum: "c0ffee" },
        path: "gold/revenue.sql",
        schema: "shop_tables",
        relation_name: "shop_tables.revenue",
        config: { materialized: "table", partition_by: ["day(at)"], incremental_strategy: "append" },
        columns: { one: { data_type: "integer" } },
        depends_on: { nodes: ["model.shop.orders"], macros: ["macro.shop.json_fields"] },
      },
      "test.shop.not_null_orders_one.abc123": {
        test_metadata: { name: "not_null" },
        attached_node: "model.shop.orders",
      },
    },
    parent_map: { "model.shop.revenue": ["model.shop.orders"] },
  });
});

test("run results carry status, timing and row counts, with snapshot ids unrounded", () => {
  const failed = tableResult("revenue", { status: "error", message: "failed", error: unknownColumn() });
  const results = toRunResults(runResult([tableResult("orders"), testResult(), failed]), {
    ...metadata,
    args: {},
  });
  expect(results).toMatchObject({
    elapsed_time: 6.2,
    args: { which: "build", target: "dev" },
    results: [
      {
        unique_id: "model.shop.orders",
        status: "success",
        execution_time: 4.2,
        timing: [
          {
            name: "execute",
            started_at: "1970-01-01T00:00:00.000Z",
            completed_at: "1970-01-01T00:00:04.200Z",
          },
        ],
        relation_name: "shop.orders",
        adapter_response: { rows_affected: 1_000_001n, snapshot_id: "4810234567890123456" },
      },
      { status: "pass", failures: 0 },
      { status: "error", adapter_response: { error: { code: "cli/usage", at: { line: 3 } } } },
    ],
  });
});

test("an artifact is written whole and leaves nothing beside it", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "lake-artifact-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await writeArtifact(folder, "a.json", { rows: 5n });
  await writeArtifact(folder, "a.json", { rows: 2n ** 63n - 1n });
  expect(await readdir(folder)).toEqual(["a.json"]);
  expect(await readFile(path.join(folder, "a.json"), "utf8")).toBe('{"rows":"9223372036854775807"}\n');
});
