import { beforeAll, describe, expect, test } from "vitest";
import { TemporaryProject } from "../project/temporary-project.ts";
import { buildGraph } from "./build-graph.ts";
import { selectNodes } from "./select.ts";
import type { Graph } from "./types.ts";

const unitTest = (name: string, model: string, rest = ""): string =>
  `  - {name: ${name}, model: ${model}, expect: {rows: []}${rest}}\n`;
const files = {
  "models/silver/a.sql": "select 1 as id",
  "models/silver/b.sql": `select * from {{ref "a"}}`,
  "models/off.sql": `{{config enabled=false}}select 1 as id`,
  "models/silver/_m.yml": `version: 2
models: [{name: a, columns: [{name: id, tests: [{unique: {name: unique_id}}]}]}]
unit_tests:
${unitTest("of_a", "a", ", config: {tags: [quick], meta: {owner: me}}")}${unitTest("of_b", "b", ", given: [{input: ref('a'), rows: []}]")}${unitTest("of_off", "off")}${unitTest("asleep", "a", ", config: {enabled: false}")}`,
};

let graph: Graph;
beforeAll(async () => {
  using project = new TemporaryProject(files);
  graph = buildGraph(await project.load());
});

test("a unit test is a child of its model alone: its given rows stand for the inputs", () => {
  expect(graph.parents.get("unit_test.shop.b.of_b")).toEqual(["model.shop.b"]);
  expect(graph.children.get("model.shop.a")).toEqual([
    "model.shop.b",
    "test.shop.unique_id." +
      (graph.order
        .find((id) => id.includes("unique_id"))
        ?.split(".")
        .at(-1) ?? ""),
    "unit_test.shop.a.of_a",
  ]);
});

test("a disabled one, and one of a disabled model, is left out", () => {
  expect([...graph.nodes.keys()].filter((id) => id.startsWith("unit_test."))).toEqual([
    "unit_test.shop.a.of_a",
    "unit_test.shop.b.of_b",
  ]);
});

describe("selection", () => {
  test.for([
    ["unit_test:of_a", "of_a"],
    ["unit_test:of_*", "of_a of_b"],
    ["unit_test:shop.of_b", "of_b"],
    ["+unit_test:of_b", "a b of_a of_b unique_id"],
    ["test_type:unit", "of_a of_b"],
    ["test_type:data", "unique_id"],
    ["test_type:generic", "unique_id"],
    ["test_name:of_a", "of_a"],
    ["resource_type:unit_test", "of_a of_b"],
    ["resource_type:test", "unique_id"],
    ["tag:quick", "of_a"],
    ["config.meta.owner:me", "of_a"],
    ["of_a", "of_a"],
    ["a", "a of_a unique_id"],
    ["silver", "a b of_a of_b unique_id"],
    ["a,test_type:unit", "of_a"],
  ] as const)("%s takes %s", ([select, expected]) => {
    const ids = selectNodes(graph, { select: [select] });
    const names = ids.map((id) => graph.nodes.get(id)?.name as string);
    expect(names.sort().join(" ")).toBe(expected);
  });

  test("--indirect-selection empty leaves them at home", () => {
    expect(selectNodes(graph, { select: ["a"], indirectSelection: "empty" })).toEqual(["model.shop.a"]);
  });
});
