// `state:modified`: what the files say against what another target published, whatever the targets' values are.
import { rmSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import type { CliContext } from "../../engine/cli/context.ts";
import type { SelectionOptions } from "../../engine/cli/options.ts";
import { sessionSelection } from "../../engine/cli/selection.ts";
import { selectNodes } from "../../engine/graph/select.ts";
import { eventsProject, goodLines } from "./events-project.ts";
import { environments, makeProject } from "./project.ts";
import type { Files, TestProject } from "./project.ts";

const daily = `-- one row for each kind
{{config materialized="table" tags="gold" alias=(concat "daily_" (var "suffix"))}}
select kind, count(*) as n, {{> rounded column="1.0"}} as r, '{{target.name}}' as made_on, {{var "limit"}} as top
from {{ref "events"}}
group by kind
`;
const project: Files = {
  ...eventsProject,
  "lake.yml": "name: shop\nprofile: shop\nvars: {limit: 10, suffix: a}\n",
  "profiles.yml": environments,
  "models/daily.sql": daily,
  "macros/rounded.sql": "round({{column}})\n",
  "models/properties.yml": `models:
  - name: daily
    columns: [{name: kind, data_type: varchar, data_tests: [not_null]}]
seeds: [{name: names}]
exposures:
  - {name: board, type: dashboard, owner: {name: x}, depends_on: [ref('daily')]}
`,
  "seeds/names.csv": "kind,label\nview,View\n",
  "tests/data/few.sql": `select * from {{ref "daily"}} where n > 100 -- none\n`,
  "landing-zone/events/f1.jsonl": goodLines(3),
};

async function production(files: Files = project): Promise<TestProject> {
  const here = makeProject(files);
  expect((await here.run({ target: "prod" })).success).toBe(true);
  return here;
}

/** Names of what the selection takes, as the command line would ask for it. */
async function selected(
  here: TestProject,
  select: string,
  options: SelectionOptions = {},
): Promise<string[]> {
  return here.withSession(async (session) => {
    const context = { cwd: here.root, env: {} } as CliContext;
    const given = { select: [select], projectDir: here.root, ...options };
    const request = await sessionSelection(context, given, session);
    return selectNodes(session.graph, request).map((id) => {
      const node = session.graph.nodes.get(id);
      return node?.resourceType === "source" ? `${node.sourceName}.${node.name}` : (node?.name ?? "");
    });
  }, "pr_1");
}

const models = { resourceType: ["model"] };
const plain = { indirectSelection: "empty" } as const;

test("nothing is modified by layout, comments, another folder, a target's values or --vars", async () => {
  using prod = await production();
  const warehouse = path.join(prod.root, "warehouse");
  // The same project as somebody else has it: elsewhere, written differently, with other variables.
  using here = makeProject({
    ...project,
    "profiles.yml": environments
      .replaceAll("warehouse: warehouse", `warehouse: ${warehouse}`)
      .replaceAll("sqlite:///lake.db", `sqlite:///${prod.root}/lake.db`),
    "lake.yml": "# settings\nname:   shop\nprofile: shop\n\nvars:\n  suffix: a\n  limit: 10\n",
    "models/daily.sql": daily
      .replace("-- one row for each kind", "{{!-- another --}}\n/* comment */ {{! and one more }}")
      .replace("select kind, count(*) as n,", "select\n    kind,\r\n    count( * ) as n, -- how many\n   ")
      .replace('{{ref "events"}}', '{{ ref "events" }}')
      .replace("group by kind\n", "group by kind;\n"),
    "macros/rounded.sql": "-- rounds\nround( {{ column }} )\n",
    "models/properties.yml": `# properties
version: 2
exposures:
  - name: board
    type: dashboard
    owner: {name: x}
    depends_on:
      - ref('daily')
models:
  - name: daily
    columns:
      - name: kind
        data_type: varchar
        data_tests:
          - not_null
seeds:
  - name: names
`,
    "tests/data/few.sql": `select *\nfrom {{ref "daily"}}\nwhere n > 100`,
  });
  expect(await selected(here, "state:modified")).toEqual([]);
  expect(await selected(here, "state:new")).toEqual([]);
  const vars = ["--vars", "{limit: 99, suffix: b}"];
  const { code, stdout } = await here.cli("ls", "-t", "pr_1", "-s", "state:modified", ...vars);
  expect([code, stdout]).toEqual([0, ""]);
  expect((await selected(here, "state:unmodified")).length).toBeGreaterThan(6);
});

const edits: readonly (readonly [
  string,
  Record<string, string | ((text: string) => string)>,
  string,
  string[],
])[] = [
  ["a model's SQL", { "models/daily.sql": (text) => text.replace("count(*)", "sum(1)") }, "body", ["daily"]],
  ["a variable's value in lake.yml", { "lake.yml": (text) => text.replace("10", "20") }, "body", ["daily"]],
  [
    "a config",
    { "models/daily.yml": "models: [{name: daily, config: {meta: {owner: me}}}]" },
    "config",
    ["daily"],
  ],
  [
    "a folder's config",
    { "lake.yml": (text) => `${text}models: {+tags: [new]}\n` },
    "config",
    ["daily", "events", "stg"],
  ],
  ["a macro", { "macros/rounded.sql": () => "trunc({{column}})\n" }, "macro", ["daily"]],
  ["a seed", { "seeds/names.csv": (text) => `${text}like,Like\n` }, "body", ["names"]],
  [
    "a source's columns",
    {
      "models/sources.yml": (text) =>
        text.replace("{name: kind, data_type: varchar}", "{name: kind, data_type: json}"),
    },
    "body",
    ["landing.events"],
  ],
];
test.each(edits)("%s is seen, as what it is, and only that", async (_what, edit, part, expected) => {
  using here = await production();
  for (const [name, change] of Object.entries(edit)) {
    if (name === "models/daily.yml")
      here.write({
        "models/properties.yml": here.read("models/properties.yml").replace(/models:[^]*?seeds/, "seeds"),
      });
    here.write({ [name]: typeof change === "string" ? change : change(here.read(name)) });
  }
  expect((await selected(here, "state:modified", plain)).sort()).toEqual(expected);
  for (const other of ["body", "config", "contract", "macro"])
    expect((await selected(here, `state:modified.${other}`, plain)).sort()).toEqual(
      other === part ? expected : [],
    );
});

test("a contract is a part of its own; what depends on a change comes with +", async () => {
  const contract = "    config: {contract: {enforced: true}}\n";
  const typed = `models:
  - name: daily
${contract}    columns: [{name: kind, data_type: varchar}, {name: n, data_type: bigint}]
`;
  using here = await production({
    ...project,
    "models/daily.sql": `{{config materialized="table"}}\nselect kind, count(*) as n from {{ref "events"}} group by 1\n`,
    "models/top.sql": `{{config materialized="table"}}\nselect max(n) as n from {{ref "daily"}}\n`,
    "models/properties.yml": typed,
  });
  here.write({
    "models/properties.yml": typed.replace(
      "name: n, data_type: bigint",
      "name: n, data_type: bigint, constraints: [{type: not_null}]",
    ),
  });
  expect(await selected(here, "state:modified.contract", plain)).toEqual(["daily"]);
  expect(await selected(here, "state:modified.contract+", models)).toEqual(["daily", "top"]);
});

test("a run of a part publishes that part: the rest stays modified until it is run, too", async () => {
  using here = await production();
  here.write({
    "models/daily.sql": daily.replace("count(*)", "sum(1)"),
    "models/events.sql": String(project["models/events.sql"]).replace("select *", "select *, 1 as extra"),
    "models/more.sql": `{{config materialized="table"}}\nselect 1 as a\n`,
  });
  expect((await selected(here, "state:modified", models)).sort()).toEqual(["daily", "events", "more"]);
  expect(await selected(here, "state:new", models)).toEqual(["more"]);
  expect((await here.run({ target: "prod", select: ["more"] })).success).toBe(true);
  expect((await selected(here, "state:modified", models)).sort()).toEqual(["daily", "events"]);
  // A quick look at no rows publishes nothing.
  expect((await here.run({ target: "pr_1", select: ["daily"], empty: true })).success).toBe(true);
  expect((await here.run({ target: "prod", select: ["daily"] })).success).toBe(true);
  expect(await selected(here, "state:modified", models)).toEqual(["events"]);
  rmSync(path.join(here.root, "models/more.sql"));
  expect((await here.run({ target: "prod" })).success).toBe(true);
  expect(await selected(here, "state:modified")).toEqual([]);
});

test("a failed run publishes no state", async () => {
  using here = await production();
  here.write({
    "models/daily.sql": daily.replace("count(*)", "sum(1)"),
    "tests/data/few.sql": `select * from {{ref "daily"}}\n`,
  });
  expect((await here.run({ target: "prod" })).success).toBe(false);
  expect((await selected(here, "state:modified", models)).sort()).toEqual(["daily"]);
});

test("builds, plans and other commands compare with the target below, too; --state names another one", async () => {
  using here = await production();
  here.write({ "models/daily.sql": daily.replace("count(*)", "sum(1)") });
  const plan = await here.cli("plan", "-t", "pr_1", "-s", "state:modified+", "--resource-type", "model");
  expect(plan.stdout).toMatch(/^daily +create +pr_1\.daily_a +code changed/m);
  const build = await here.cli("build", "-t", "pr_1", "-s", "state:modified+");
  expect([build.code, build.stderr]).toEqual([0, ""]);
  expect(Object.keys(await here.catalog()).filter((name) => name.startsWith("pr_1."))).toEqual([
    "pr_1.daily_a",
  ]);
  // The environment has published what it built; what it did not build is not its own.
  expect(await selected(here, "state:modified", { state: "pr_1", ...models })).toEqual(["stg", "events"]);
  // Artifacts of a run, as dbt has them.
  expect((await here.cli("parse", "-t", "prod")).code).toBe(0);
  expect(await selected(here, "state:modified", { state: "target" })).toEqual([]);
});

test("without anything to compare with it says what to do", async () => {
  using here = makeProject(project);
  const ls = await here.cli("ls", "-t", "pr_1", "-s", "state:modified");
  expect([ls.code, ls.stderr]).toEqual([
    1,
    expect.stringMatching(/no run has published a manifest on prod[^]*hint: run `lake build -t prod` once/),
  ]);
  const wrong = await here.cli("ls", "-s", "state:modified", "--state", "prdo");
  expect([wrong.code, wrong.stderr]).toEqual([
    2,
    expect.stringMatching(/hint: give the target\/ folder .* or the name of a target/),
  ]);
});
