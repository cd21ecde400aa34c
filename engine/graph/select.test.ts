import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { TemporaryProject } from "../project/temporary-project.ts";
import { buildGraph } from "./build-graph.ts";
import { selectNodes, selectNodesWithWarnings } from "./select.ts";
import { stateParts } from "./state-parts.ts";
import type { Graph, SelectionRequest } from "./types.ts";

// raw.x → stg_a → a → b → c, and stg_b → b; t_ab looks at a and b, board at c.
const files = {
  "lake.yml": "name: shop\nmodels: {shop: {silver: {+tags: [nightly]}}}\n",
  "models/bronze/stg_a.sql": `select * from {{source "raw" "x"}}`,
  "models/bronze/stg_b.sql": "select 1 as id",
  "models/silver/a.sql": `{{config materialized="table"}}select * from {{ref "stg_a"}}`,
  "models/silver/deep/b.sql": `{{config group="sales" access="public" tags="hourly" unique_key="id, line"}}select * from {{ref "a"}} join {{ref "stg_b"}} using (id)`,
  "models/gold/c.sql": `select * from {{ref "b"}} join {{ref "s"}} using (id)`,
  "seeds/s.csv": "id\n",
  "tests/data/t_ab.sql": `{{config severity="warn"}}select * from {{ref "a"}} join {{ref "b"}} using (id)`,
  "models/_m.yml": `version: 2
groups: [{name: sales, owner: {name: x}}]
sources: [{name: raw, tables: [{name: x, columns: [{name: id, data_type: bigint, tests: [not_null]}]}]}]
models:
  - name: a
    config: {meta: {owner: {team: core}, pii: true}}
    columns: [{name: id, tests: [unique, {relationships: {name: a_in_s, to: ref('s'), field: id}}]}]
  - name: c
    columns: [{name: id, tests: [not_null]}]
exposures: [{name: board, type: dashboard, tags: [weekly], depends_on: [ref('c')]}]
`,
};

let graph: Graph;
beforeAll(async () => {
  using project = new TemporaryProject(files);
  graph = buildGraph(await project.load());
});

const names: Readonly<Record<string, string>> = {
  unique_a_id: "t_unique_a",
  not_null_c_id: "t_not_null_c",
  source_not_null_raw_x_id: "t_not_null_x",
};

/** Names, sorted: order is another test's matter. */
function selected(request: SelectionRequest): string {
  const ids = selectNodes(graph, request);
  return ids
    .map((id) => graph.nodes.get(id)?.name as string)
    .map((name) => names[name] ?? name)
    .sort()
    .join(" ");
}
const all = "a a_in_s b board c s stg_a stg_b t_ab t_not_null_c t_not_null_x t_unique_a x";

describe("what --select means (tests left out)", () => {
  test.for([
    ["a", "a"],
    ["a+", "a b board c"],
    ["+a", "a stg_a x"],
    ["1+b", "a b stg_b"],
    ["2+b+1", "a b c stg_a stg_b"],
    ["+b+", "a b board c stg_a stg_b x"],
    ["0+b", "b"],
    ["@a", "a b board c s stg_a stg_b x"],
    ["@stg_b", "a b board c s stg_a stg_b x"],
    ["a s", "a s"],
    ["a c b", "a b c"],
    ["+c,a+", "a b c"],
    ["+b,stg_b+ s", "b s stg_b"],
    ["silver", "a b"],
    ["silver+", "a b board c"],
    ["silver.deep", "b"],
    ["shop.silver.a", "a"],
    ["silver.deep.b", "b"],
    ["deep", ""],
    ["silver.*", "a b"],
    ["silver.d*", "b"],
    ["stg_*", "stg_a stg_b"],
    ["stg_?", "stg_a stg_b"],
    ["stg_[!a]", "stg_b"],
    ["fqn:a", "a"],
    ["*", "a b c s stg_a stg_b"],
    ["tag:nightly", "a b"],
    ["tag:h*", "b"],
    ["tag:nightly,tag:hourly", "b"],
    ["tag:weekly", "board"],
    ["+tag:hourly,bronze", "stg_a stg_b"],
    ["path:models/silver", "a b"],
    ["path:models/silver/", "a b"],
    ["models/silver/a.sql", "a"],
    ["./models/silver/deep", "b"],
    ["path:models/*/stg_*.sql", "stg_a stg_b"],
    ["path:models/**/b.sql", "b"],
    ["path:models/silver/*.sql", "a"],
    ["file:b.sql", "b"],
    ["b.sql", "b"],
    ["s.csv", "s"],
    ["file:stg_*", "stg_a stg_b"],
    ["config.materialized:table", "a"],
    ["config.meta.owner.team:core", "a"],
    ["config.meta.owner:team", "a"],
    ["config.meta.pii:true", "a"],
    ["config.unique_key:line", "b"],
    ["config.tags:hourly", "b"],
    ["config.enabled:true", "a b c s stg_a stg_b x"],
    ["resource_type:seed", "s"],
    ["resource_type:source", "x"],
    ["source:raw", "x"],
    ["source:raw.x+1", "stg_a x"],
    ["source:shop.raw.x", "x"],
    ["source:*", "x"],
    ["exposure:board", "board"],
    ["+exposure:board,gold", "c"],
    ["package:this,silver", "a b"],
    ["package:shop,c", "c"],
    ["group:sales", "b"],
    ["access:public", "b"],
    ["access:protected", "a c stg_a stg_b"],
    ["unit_test:x", ""],
  ] as const)("%s is %s", ([select, expected]) => {
    expect(
      selected({
        select: [select],
        indirectSelection: "empty",
        resourceTypes: ["model", "seed", "source", "exposure"],
      }),
    ).toBe(expected);
  });

  test("without a selection everything is selected, in an order with parents first", () => {
    expect(selected({})).toBe(all);
    expect(selectNodes(graph, {})).toEqual(graph.order);
  });

  test("--select takes several arguments as it takes spaces", () => {
    const request = { indirectSelection: "empty" } as const;
    expect(selected({ ...request, select: ["a", "b  c"] })).toBe(selected({ ...request, select: ["a b c"] }));
  });
});

describe("which tests come along", () => {
  test.for([
    ["a", "eager", "a a_in_s t_ab t_unique_a"],
    ["a", "cautious", "a t_unique_a"],
    ["a", "buildable", "a t_unique_a"],
    ["a", "empty", "a"],
    ["a s", "cautious", "a a_in_s s t_unique_a"],
    ["b", "eager", "b t_ab"],
    ["b", "cautious", "b"],
    ["b", "buildable", "b t_ab"],
    ["a b", "cautious", "a b t_ab t_unique_a"],
    ["a b", "empty", "a b"],
    ["source:raw", "eager", "t_not_null_x x"],
    ["silver,+b", "cautious", "a b t_ab t_unique_a"],
    ["test_type:singular", "eager", "t_ab"],
    ["test_type:generic,a", "eager", "a_in_s t_unique_a"],
    ["test_name:not_null", "eager", "t_not_null_c t_not_null_x"],
    ["resource_type:test", "eager", "a_in_s t_ab t_not_null_c t_not_null_x t_unique_a"],
    ["config.severity:WARN", "eager", "t_ab"],
    ["config.materialized:test,b", "eager", "t_ab"],
  ] as const)("%s with %s is %s", ([select, indirectSelection, expected]) => {
    expect(selected({ select: [select], indirectSelection })).toBe(expected);
  });

  test.for([
    [undefined, "a+", "s stg_a stg_b t_not_null_x x"],
    ["a+", "b", "a a_in_s board c t_not_null_c t_unique_a"],
    ["a", "test_type:singular", "a a_in_s t_unique_a"],
    ["silver", "tag:hourly,silver", "a a_in_s t_unique_a"],
  ] as const)("--select %s --exclude %s is %s", ([select, exclude, expected]) => {
    expect(selected({ ...(select !== undefined && { select: [select] }), exclude: [exclude] })).toBe(
      expected,
    );
  });
});

describe("state, result and source_status", () => {
  const ids = (...found: string[]): string => found.sort().join(" ");

  test("state compares part by part", () => {
    const manifest = new Map(
      [...graph.nodes].map(([id, node]) => [id, stateParts(graph.project, node)] as const),
    );
    manifest.delete("model.shop.c");
    manifest.set("model.shop.a", {
      ...stateParts(graph.project, graph.nodes.get("model.shop.a") as never),
      body: "other",
    });
    manifest.set("model.shop.b", {
      ...stateParts(graph.project, graph.nodes.get("model.shop.b") as never),
      config: "other",
    });
    const pick = (select: string): string =>
      selected({ select: [select], state: { manifest }, indirectSelection: "empty" });
    expect(pick("state:new")).toBe("c");
    expect(pick("state:modified")).toBe(ids("a", "b", "c"));
    expect(pick("state:modified.body")).toBe("a");
    expect(pick("state:modified.configs")).toBe("b");
    expect(pick("state:modified.relation")).toBe("");
    manifest.set("model.shop.b", {
      ...stateParts(graph.project, graph.nodes.get("model.shop.b") as never),
      relation: "other",
    });
    expect([pick("state:modified.relation"), pick("state:modified.configs")]).toEqual(["b", ""]);
    expect(pick("state:modified+,gold")).toBe("c");
    expect(pick("state:unmodified,resource_type:model")).toBe("stg_a stg_b");
    expect(pick("state:old,silver")).toBe("a b");
  });

  test("result and source_status look at an earlier run", () => {
    const state = {
      results: new Map([
        ["model.shop.a", "error"],
        ["model.shop.b", "skipped"],
      ]),
      sources: new Map([["source.shop.raw.x", { status: "warn", maxLoadedAtMs: 1 }]]),
    };
    const pick = (select: string): string =>
      selected({ select: [select], state, indirectSelection: "empty" });
    expect(pick("result:error")).toBe("a");
    expect(pick("result:error+ result:skipped,b+")).toBe(
      ids("a", "b", "c", "board", "a_in_s", "t_ab", "t_unique_a", "t_not_null_c"),
    );
    expect(pick("1+result:error")).toBe("a stg_a");
    expect(pick("source_status:warn+1")).toBe("stg_a t_not_null_x x");
    expect(pick("source_status:pass")).toBe("");
  });

  test("a source is fresher that has newer data than then, or had none", () => {
    const then = (maxLoadedAtMs: number | null) =>
      new Map([["source.shop.raw.x", { status: "pass", maxLoadedAtMs }]]);
    const pick = (sources: ReturnType<typeof then>, currentSources?: ReturnType<typeof then>): string =>
      selected({
        select: ["source_status:fresher+1"],
        state: { sources, ...(currentSources !== undefined && { currentSources }) },
        indirectSelection: "empty",
      });
    const x = "stg_a t_not_null_x x";
    expect([pick(then(1), then(2)), pick(then(null), then(1)), pick(new Map(), then(1))]).toEqual([x, x, x]);
    expect([pick(then(2), then(2)), pick(then(2), then(null)), pick(then(2), new Map())]).toEqual([
      "",
      "",
      "",
    ]);
    expect(() => pick(then(1))).toThrow("needs the freshness of the sources now");
  });

  test.for(["state:modified", "result:error", "source_status:fresher"])(
    "%s without its input is an error that says how to give it",
    (select) => {
      expect(() => selectNodes(graph, { select: [select] })).toThrow(
        expect.objectContaining({ code: "graph/missing-state" }) as Error,
      );
    },
  );
});

describe("what cannot be meant", () => {
  test.for([
    ["@a+", "graph/bad-selector", undefined],
    ["+", "graph/bad-selector", undefined],
    ["a,", "graph/bad-selector", undefined],
    ["tags:x", "graph/unknown-method", 'did you mean "tag"?'],
    ["state:modifed", "graph/bad-selector", 'did you mean "modified"?'],
    ["resource_type:modle", "graph/bad-selector", 'did you mean "model"?'],
    ["source:a.b.c.d", "graph/bad-selector", undefined],
    ["config:x", "graph/bad-selector", undefined],
  ] as const)("%s is %s", ([select, code, hint]) => {
    expect(() => selectNodes(graph, { select: [select] })).toThrow(
      expect.objectContaining({ code, hint }) as Error,
    );
  });

  test.for([
    ["silvr+", 'the selection silvr+ matches nothing: did you mean "silver"?'],
    ["stg_aa", 'the selection stg_aa matches nothing: did you mean "stg_a"?'],
    ["tag:nighlty", 'the selection tag:nighlty matches nothing: did you mean "nightly"?'],
    ["source:rwa", 'the selection source:rwa matches nothing: did you mean "raw"?'],
    ["wholly_other", "the selection wholly_other matches nothing"],
  ] as const)("%s warns", ([select, warning]) => {
    expect(selectNodesWithWarnings(graph, { select: [select] })).toEqual({ ids: [], warnings: [warning] });
  });
});

describe("selectors.yml", () => {
  async function pick(yaml: string, name: string | undefined, more: SelectionRequest = {}): Promise<string> {
    using project = new TemporaryProject({ ...files, "selectors.yml": yaml });
    const own = buildGraph(await project.load());
    const ids = selectNodes(own, {
      indirectSelection: "empty",
      ...(name !== undefined && { selector: name }),
      ...more,
    });
    return ids
      .map((id) => own.nodes.get(id)?.name as string)
      .sort()
      .join(" ");
  }

  test.for([
    ["'silver'", "a b"],
    ["{method: tag, value: nightly}", "a b"],
    ["{tag: hourly}", "b"],
    ["{config.materialized: table}", "a"],
    ["{method: fqn, value: a, parents: true, parents_depth: 1}", "a stg_a"],
    ["{method: fqn, value: b, children: true, children_depth: 1}", "b c t_ab"],
    [
      "{method: fqn, value: a, childrens_parents: true, exclude: [{resource_type: test}]}",
      "a b board c s stg_a stg_b x",
    ],
    ["{union: [a, {tag: hourly}, 'source:raw']}", "a b x"],
    ["{intersection: [{tag: nightly}, {tag: hourly}]}", "b"],
    ["{union: [{tag: nightly}, exclude: [b]]}", "a"],
    ["{union: [{intersection: [silver, {tag: hourly}]}, s]}", "b s"],
    ["{method: tag, value: nightly, exclude: [{method: fqn, value: b}]}", "a"],
    ["{method: selector, value: other}", "c"],
    ["{union: [{method: selector, value: other}, a]}", "a c"],
    ["{method: fqn, value: a, indirect_selection: cautious}", "a unique_a_id"],
  ] as const)("%s is %s", async ([definition, expected]) => {
    const yaml = `selectors:\n  - name: one\n    definition: ${definition}\n  - name: other\n    definition: c\n`;
    expect(await pick(yaml, "one")).toBe(expected);
  });

  test("a default selector stands in when nothing is selected, and only then", async () => {
    const yaml = "selectors:\n  - {name: one, default: true, definition: c}\n";
    expect(await pick(yaml, undefined)).toBe("c");
    expect(await pick(yaml, undefined, { select: ["a"] })).toBe("a");
  });

  test.for([
    ["{union: a}", "graph/bad-yaml-selector"],
    ["{union: [a], intersection: [b]}", "graph/bad-yaml-selector"],
    ["{method: tag}", "graph/bad-yaml-selector"],
    ["{method: tag, value: x, parent: true}", "graph/bad-yaml-selector"],
    ["{method: selector, value: one}", "graph/selector-cycle"],
    ["{method: selector, value: tow}", "graph/unknown-selector"],
    ["{method: nothing, value: x}", "graph/unknown-method"],
  ] as const)("%s is %s", async ([definition, code]) => {
    await expect(pick(`selectors: [{name: one, definition: ${definition}}]`, "one")).rejects.toMatchObject({
      code,
    });
  });
});

test("set algebra holds: a union is its parts together, an intersection what they share, an exclusion the rest", () => {
  const word = fc.constantFrom(
    "a",
    "b+",
    "+b",
    "@a",
    "silver",
    "tag:nightly",
    "stg_*",
    "source:*",
    "1+c",
    "s",
    "path:models/gold",
  );
  const pick = (select: string[], exclude: string[] = []): Set<string> =>
    new Set(selectNodes(graph, { select, exclude, indirectSelection: "empty" }));
  fc.assert(
    fc.property(word, word, (one, other) => {
      const [first, second] = [pick([one]), pick([other])];
      expect(pick([`${one} ${other}`])).toEqual(
        new Set(graph.order.filter((id) => first.has(id) || second.has(id))),
      );
      expect(pick([`${one},${other}`])).toEqual(
        new Set(graph.order.filter((id) => first.has(id) && second.has(id))),
      );
      expect(pick([one], [other])).toEqual(
        new Set(graph.order.filter((id) => first.has(id) && !second.has(id))),
      );
    }),
  );
});
