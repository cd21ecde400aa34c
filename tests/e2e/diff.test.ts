// `lake diff`: what an environment's tables hold that production's do not, without reading what both share.
import { writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { TableDiff } from "../../engine/run/tables/diff-tables.ts";
import { eventsProject, goodLines } from "./events-project.ts";
import { environments, filesBelow, makeProject } from "./project.ts";
import type { TestProject } from "./project.ts";

const kinds = (last: string): string => `{{config materialized="table" unique_key="id"}}
select * from (values (1, 'a', 1.5), (2, 'b', null), (3, 'c', 3.0)${last}) as t(id, kind, price)
`;
const project = { ...eventsProject, "profiles.yml": environments, "models/kinds.sql": kinds("") };

async function diff(here: TestProject, ...more: string[]): Promise<readonly TableDiff[]> {
  const { code, stdout, stderr } = await here.cli("diff", "-t", "pr_1", "--output", "json", ...more);
  expect([code, stderr]).toEqual([0, ""]);
  return JSON.parse(stdout) as TableDiff[];
}

test("rows by key, columns with counts and examples, the schema; in text and as Markdown that data cannot break", async () => {
  using here = makeProject({ ...project, "landing-zone/events/f1.jsonl": goodLines(3) });
  expect((await here.run({ target: "prod" })).success).toBe(true);
  here.write({
    "models/kinds.sql": `{{config materialized="table" unique_key="id"}}
select * from (values (2, 'b|<b>', 2.5, 1), (3, 'c', 3.0, 1), (4, 'd', null, 1)) as t(id, kind, price, extra)
`,
  });
  expect((await here.run({ target: "pr_1", select: ["kinds"] })).success).toBe(true);
  const found = await diff(here);
  expect(found.find(({ node }) => node === "kinds")).toMatchObject({
    status: "changed",
    schema: { added: ["extra"], removed: [], changed: [] },
    key: ["id"],
    rows: { added: 1, removed: 1, changed: 1 },
    columns: [
      { name: "kind", rows: 1, examples: [["2", "b", "b|<b>"]] },
      { name: "price", rows: 1, examples: [["2", null, "2.5"]] },
    ],
    examples: { added: ["4"], removed: ["1"] },
  });
  // What the environment has none of its own of is production's.
  expect(found.find(({ node }) => node === "events")).toMatchObject({ status: "same", files: { read: 0 } });
  const text = await here.cli("diff", "-t", "pr_1");
  expect(text.stdout).toMatch(/kinds +1 +1 +1 +2 \(0 shared\) +\+extra/);
  expect(text.stdout).toMatch(/kinds: price differs in 1 row \(id 2: null → 2\.5\)/);
  const markdown = await here.cli("diff", "-t", "pr_1", "--output", "markdown");
  expect(markdown.stdout).toContain("| `kinds` | 1 | 1 | 1 |");
  expect(markdown.stdout).toContain("b&#124;&#60;b&#62;");
});

test("a file that both tables have is not read, and without a key rows are compared as wholes", async () => {
  using here = makeProject({ ...project, "landing-zone/events/f1.jsonl": goodLines(3) });
  expect((await here.run({ target: "prod" })).success).toBe(true);
  here.write({ "landing-zone/events/f2.jsonl": goodLines(2, 4) });
  expect((await here.run({ target: "pr_1", select: ["events"] })).success).toBe(true);
  // Nobody can read it any more.
  const [shared = ""] = filesBelow(`${here.root}/warehouse/lakehouse.db/events/data`);
  writeFileSync(`${here.root}/warehouse/lakehouse.db/events/data/${shared}`, "no parquet");
  expect(await diff(here, "-s", "events")).toMatchObject([
    { status: "changed", key: [], rows: { added: 2, removed: 0, changed: 0 }, files: { read: 1, shared: 1 } },
  ]);
  expect(await diff(here, "-s", "events", "--key", "id")).toMatchObject([
    { key: ["id"], rows: { added: 2 }, examples: { added: ["4", "5"] }, files: { read: 1, shared: 1 } },
  ]);
  const wrong = await here.cli("diff", "-t", "pr_1", "-s", "events", "--key", "nothing");
  expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringMatching(/cannot be compared by nothing/)]);
});
