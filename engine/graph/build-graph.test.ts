import fc from "fast-check";
import { expect, test } from "vitest";
import { LakeError } from "../common/errors.ts";
import { TemporaryProject } from "../project/temporary-project.ts";
import { buildGraph } from "./build-graph.ts";
import { topologicalOrder } from "./topological-order.ts";
import type { Graph } from "./types.ts";

async function graphOf(files: Readonly<Record<string, string>>): Promise<Graph> {
  using project = new TemporaryProject(files);
  return buildGraph(await project.load());
}

async function errorsOf(files: Readonly<Record<string, string>>): Promise<string[]> {
  try {
    await graphOf(files);
  } catch (error) {
    if (!(error instanceof LakeError)) throw error;
    const all = error.errors.length > 0 ? error.errors : [error];
    return all.map(
      ({ message, at, hint }) =>
        `${at?.file}:${at?.line} ${message}${hint === undefined ? "" : ` | ${hint}`}`,
    );
  }
  return [];
}

const short = (id: string): string => id.replace(".shop.", ".").replace(/\.[0-9a-f]{10}$/, "");

test("edges go from what is read to what reads it, tests being children of all they look at", async () => {
  const graph = await graphOf({
    "models/b.sql": `select * from {{ref "a"}} join {{ref "s"}} using (id)`,
    "models/a.sql": `select * from {{source "raw" "x"}}`,
    "seeds/s.csv": "id\n",
    "models/_m.yml": `version: 2
sources: [{name: raw, tables: [{name: x}]}]
models: [{name: b, columns: [{name: id, tests: [{relationships: {to: ref('s'), field: id}}]}]}]
exposures: [{name: board, type: dashboard, depends_on: [ref('b')]}]
`,
  });
  expect(graph.order.map(short)).toEqual([
    "seed.s",
    "source.raw.x",
    "model.a",
    "model.b",
    "exposure.board",
    "test.relationships_b_id__id__ref_s_",
  ]);
  expect(graph.parents.get("model.shop.b")).toEqual(["model.shop.a", "seed.shop.s"]);
  expect(graph.children.get("seed.shop.s")?.map(short)).toEqual([
    "model.b",
    "test.relationships_b_id__id__ref_s_",
  ]);
  expect(graph.parents.get("source.shop.raw.x")).toEqual([]);
});

test("what is missing is named with its place and what was probably meant, all at once", async () => {
  expect(
    await errorsOf({
      "models/orders.sql": "select 1",
      "models/a.sql": `select 1\nfrom {{ref "order"}}`,
      "models/b.sql": `select * from {{source "raw" "event"}}`,
      "models/c.sql": `select * from {{ref "events"}}`,
      "models/_m.yml": "sources: [{name: raw, tables: [{name: events}]}]",
    }),
  ).toEqual([
    'models/a.sql:2 model a refers to order, which is no model or seed of the project | did you mean "orders"?',
    'models/b.sql:1 model b reads the source raw.event, which is not declared | did you mean "raw.events"?',
    'models/c.sql:1 model c refers to events, which is no model or seed of the project | it is a source: {{source "raw" "events"}}',
  ]);
});

test("a circle is shown name by name, with its files", async () => {
  expect(
    await errorsOf({
      "models/z.sql": `select * from {{ref "a"}}`,
      "models/a.sql": `select * from {{ref "b"}}`,
      "models/x/b.sql": `select * from {{ref "c"}}`,
      "models/c.sql": `select 1\nunion all select * from {{ref "a"}}`,
    }),
  ).toEqual([
    "models/a.sql:1 the models depend on each other in a circle: a → b → c → a | remove one of the references: a is models/a.sql, b is models/x/b.sql, c is models/c.sql",
  ]);
  expect(await errorsOf({ "models/a.sql": `select * from {{ref "a"}}` })).toEqual([
    "models/a.sql:1 the models depend on each other in a circle: a → a | remove one of the references: a is models/a.sql",
  ]);
});

test("disabled nodes go with their tests; a model that still reads one is an error", async () => {
  const files = {
    "models/a.sql": "{{config enabled=false}}select 1 as id",
    "models/b.sql": "select 1 as id",
    "models/_m.yml":
      "models:\n  - {name: a, columns: [{name: id, tests: [unique]}]}\n  - {name: b, columns: [{name: id, tests: [{relationships: {to: ref('a'), field: id}}]}]}\n",
  };
  expect((await graphOf(files)).order).toEqual(["model.shop.b"]);
  expect(await errorsOf({ ...files, "models/c.sql": `select * from {{ref "a"}}` })).toEqual([
    "models/c.sql:1 model c refers to a, which is disabled (models/a.sql) | enable it, or disable what refers to it",
  ]);
});

test("a private model is read by its own group and its tests only", async () => {
  const files = {
    "models/a.sql": `{{config group="sales" access="private"}}select 1 as id`,
    "models/b.sql": `{{config group="sales"}}select * from {{ref "a"}}`,
    "models/_m.yml":
      "groups: [{name: sales, owner: {name: x}}]\nmodels: [{name: a, columns: [{name: id, tests: [unique]}]}]\n",
  };
  expect((await graphOf(files)).order.length).toBe(3);
  expect(await errorsOf({ ...files, "models/c.sql": `select * from {{ref "a"}}` })).toEqual([
    "models/c.sql:1 model c refers to a, which is private to the group sales | put c into the group sales, or give a the access protected",
  ]);
});

test("any graph without a circle gets one order, parents first, whatever order its nodes come in", () => {
  const edges = fc.array(fc.tuple(fc.nat(30), fc.nat(30)), { maxLength: 80 });
  fc.assert(
    fc.property(edges, fc.infiniteStream(fc.nat()), (pairs, shuffle) => {
      const nodes = Array.from({ length: 31 }, (_, index) => `n${index}`);
      const parents = new Map<string, string[]>(nodes.map((id) => [id, []]));
      const children = new Map<string, string[]>(nodes.map((id) => [id, []]));
      for (const [a, b] of pairs) {
        if (a === b || parents.get(`n${Math.max(a, b)}`)?.includes(`n${Math.min(a, b)}`) === true) continue;
        parents.get(`n${Math.max(a, b)}`)?.push(`n${Math.min(a, b)}`);
        children.get(`n${Math.min(a, b)}`)?.push(`n${Math.max(a, b)}`);
      }
      const { order, cycle } = topologicalOrder({ nodes, parents, children });
      expect(cycle).toBeNull();
      for (const [id, found] of parents)
        for (const parent of found) expect(order.indexOf(parent)).toBeLessThan(order.indexOf(id));
      const keys = new Map(nodes.map((id) => [id, shuffle.next().value]));
      const shuffled = [...nodes].sort((a, b) => (keys.get(a) as number) - (keys.get(b) as number));
      expect(topologicalOrder({ nodes: shuffled, parents, children }).order).toEqual(order);
    }),
    { numRuns: 50 },
  );
});
