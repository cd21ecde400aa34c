import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { BindRequest, BindResult, Column, Compute } from "../../compute/compute.ts";
import { buildGraph } from "../../graph/build-graph.ts";
import { TemporaryProject, testProfile } from "../../project/temporary-project.ts";
import { adapters } from "../../wire.ts";
import { bindRemembered } from "./bind-cache.ts";
import { createSession } from "../session.ts";

let project: TemporaryProject;
beforeEach(() => {
  project = new TemporaryProject({});
});
afterEach(() => project[Symbol.dispose]());

interface Bound {
  readonly results: readonly BindResult[];
  /** Names of the statements that the engine had to bind. */
  readonly asked: readonly string[];
}

/** A command of its own each time, with the real engine; what it is asked for is written down. */
async function bind(models: Record<string, string>, columns: readonly Column[] = events): Promise<Bound> {
  const asked: string[] = [];
  const session = createSession({
    graph: buildGraph(await project.load()),
    profile: { ...testProfile, warehouse: path.join(project.root, "warehouse"), landing: project.root },
    adapters: {
      ...adapters,
      async compute(...parameters): Promise<Compute> {
        const compute = await adapters.compute(...parameters);
        return {
          ...compute,
          bind(requests, inputs) {
            asked.push(...requests.filter((request) => request.columns === undefined).map(({ id }) => id));
            return compute.bind(requests, inputs);
          },
        };
      },
    },
  });
  const requests = Object.entries(models).map(([id, sql]): BindRequest => ({ id, name: `n.${id}`, sql }));
  try {
    const results = await bindRemembered(session, requests, [{ kind: "empty", name: "raw.events", columns }]);
    return { results, asked };
  } finally {
    await session.close();
  }
}

const events: readonly Column[] = [
  { name: "id", type: "BIGINT" },
  { name: "day", type: "DATE" },
];
const models = {
  a: `select id from "raw.events"`,
  b: `select * from "raw.events"`,
  c: `select max(day) as day from "n.b"`,
  d: `select 1 as one`,
};

function columnsOf({ results }: Bound): unknown[] {
  return results.map((result) => ("columns" in result ? result.columns : result.error.code));
}

function cacheFile(): string {
  const folder = path.join(project.root, "target/cache");
  return path.join(folder, readdirSync(folder).find((name) => name.startsWith("bound-")) ?? "none");
}

test("what is as it was is not bound again, and gives the same columns", async () => {
  const first = await bind(models);
  expect(first.asked).toEqual(["a", "b", "c", "d"]);
  const before = readFileSync(cacheFile());
  const second = await bind(models);
  expect(second.asked).toEqual([]);
  expect(columnsOf(second)).toEqual(columnsOf(first));
  expect(readFileSync(cacheFile())).toEqual(before);
  expect((await bind({ ...models, a: `select id as key from "raw.events"` })).asked).toEqual(["a"]);
});

test("other columns of an input bind all that read it, through others too, and show what broke", async () => {
  await bind(models);
  const changed = await bind(models, [{ name: "id", type: "VARCHAR" }]);
  expect(changed.asked).toEqual(["a", "b", "c"]);
  expect(columnsOf(changed)).toEqual([
    [{ name: "id", type: "VARCHAR" }],
    [{ name: "id", type: "VARCHAR" }],
    "compute/bind",
    [{ name: "one", type: "INTEGER" }],
  ]);
});

test("an input that is gone, or comes only later, is an error whatever is remembered", async () => {
  await bind(models);
  const { c, d } = models;
  expect(columnsOf(await bind({ c, d }))).toEqual([
    "compute/unknown-relation",
    [{ name: "one", type: "INTEGER" }],
  ]);
  const { b } = models;
  expect(columnsOf(await bind({ c, b }))[0]).toBe("compute/unknown-relation");
});

test("errors are never remembered", async () => {
  const broken = { ...models, b: `select idd from "raw.events"` };
  const expected = ["compute/bind", "compute/input-failed"];
  expect(columnsOf(await bind(broken)).slice(1, 3)).toEqual(expected);
  const again = await bind(broken);
  expect(columnsOf(again).slice(1, 3)).toEqual(expected);
  expect(again.asked).toEqual(["b", "c"]);
});

test("another time zone, and a file that is not whole, are as good as no memory", async () => {
  await bind(models);
  project.write({ "lake.yml": "name: shop\ntimezone: Asia/Seoul\n" });
  expect((await bind(models)).asked.length).toBe(4);
  expect((await bind(models)).asked.length).toBe(0);
  const text = readFileSync(cacheFile(), "utf8");
  writeFileSync(cacheFile(), text.replace("BIGINT", "DOUBLE"));
  expect((await bind(models)).asked.length).toBe(4);
  writeFileSync(cacheFile(), text.slice(0, -20));
  expect((await bind(models)).asked.length).toBe(4);
});
