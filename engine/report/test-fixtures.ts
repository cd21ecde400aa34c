// A small project and its runs, for the tests of the reports.
import { LakeError } from "../common/errors.ts";
import type { Graph } from "../graph/types.ts";
import type { DataTest, Model, NodeConfig, ProjectNode } from "../project/types.ts";
import type { NodeResult, RunResult } from "../run/types.ts";

const config: NodeConfig = {
  enabled: true,
  materialized: "table",
  tags: ["gold"],
  meta: {},
  partitionBy: ["day(at)"],
  strategy: "append",
};
const references = {
  refs: [],
  sources: [],
  configs: [],
  changes: [],
  vars: [],
  envVars: [],
  macros: ["json_fields"],
  usesThis: false,
  usesIncremental: false,
  usesTarget: false,
};

function model(name: string): Model {
  return {
    resourceType: "model",
    uniqueId: `model.shop.${name}`,
    name,
    fqn: ["shop", "gold", name],
    path: `models/gold/${name}.sql`,
    config,
    checksum: "c0ffee",
    text: "select 1 as one",
    references,
    columns: [{ name: "one", dataType: "integer" }],
    constraints: [],
  };
}

const notNull: DataTest = {
  resourceType: "test",
  uniqueId: "test.shop.not_null_orders_one.abc123",
  name: "not_null_orders_one",
  fqn: ["shop", "gold", "not_null_orders_one"],
  path: "models/gold/_gold.yml",
  checksum: "c0ffee",
  testType: "generic",
  testName: "not_null",
  columnName: "one",
  arguments: {},
  attachedTo: "model.shop.orders",
  references,
  testConfig: {
    enabled: true,
    severity: "error",
    warnIf: "!= 0",
    errorIf: "!= 0",
    storeFailures: false,
    tags: [],
    meta: {},
  },
  at: { file: "models/gold/_gold.yml", line: 9 },
};

export function shopGraph(): Graph {
  const all: ProjectNode[] = [model("orders"), model("revenue"), notNull];
  const nodes = new Map(all.map((node) => [node.uniqueId, node]));
  return {
    project: {
      root: "/shop",
      settings: {
        name: "shop",
        profile: "shop",
        modelPaths: ["models"],
        seedPaths: [],
        snapshotPaths: [],
        testPaths: [],
        macroPaths: [],
        targetPath: "target",
        timezone: "UTC",
        vars: {},
        declaredVars: {},
        envVars: [],
      },
      nodes,
      macros: new Map([
        ["json_fields", [{ name: "json_fields", engine: null, file: "macros/json_fields.sql", text: "" }]],
      ]),
      groups: new Map(),
      selectors: [],
      contentHash: "c0ffee",
    },
    nodes,
    parents: new Map([
      ["model.shop.orders", []],
      ["model.shop.revenue", ["model.shop.orders"]],
      [notNull.uniqueId, ["model.shop.orders"]],
    ]),
    children: new Map([
      ["model.shop.orders", ["model.shop.revenue", notNull.uniqueId]],
      ["model.shop.revenue", []],
      [notNull.uniqueId, []],
    ]),
    order: [...nodes.keys()],
  };
}

export function tableResult(name: string, parts: Partial<NodeResult> = {}): NodeResult {
  return {
    uniqueId: `model.shop.${name}`,
    resourceType: "model",
    status: "success",
    message: "created with 1,000,001 rows",
    startedMs: 0,
    elapsedMs: 4200,
    table: {
      identifier: { namespace: "shop", name },
      snapshotId: 4_810_234_567_890_123_456n,
      rowsAdded: 1_000_001n,
      rowsTotal: 1_000_001n,
      filesAdded: 744,
      filesTotal: 744,
      bytesTotal: 46_900_000n,
      partitions: 744,
      landingFiles: 11,
      rejectedRows: 0,
    },
    ...parts,
  };
}

export function testResult(parts: Partial<NodeResult> = {}): NodeResult {
  return {
    uniqueId: notNull.uniqueId,
    resourceType: "test",
    status: "pass",
    message: "",
    failures: 0,
    startedMs: 4200,
    elapsedMs: 120,
    ...parts,
  };
}

export function runResult(results: readonly NodeResult[], parts: Partial<RunResult> = {}): RunResult {
  return {
    runId: "run-1",
    command: "build",
    target: "dev",
    startedMs: 0,
    elapsedMs: 6200,
    results,
    published: true,
    staged: false,
    success: true,
    ...parts,
  };
}

export function unknownColumn(): LakeError {
  return new LakeError("cli/usage", "there is no column evnt_name", {
    at: { file: "models/gold/orders.sql", line: 3, column: 5 },
    hint: "did you mean event_name?",
  });
}
