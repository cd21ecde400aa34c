// Config and contract changes become changes of the table's schema and layout, without a row being written.
import { describe, expect, test } from "vitest";
import { planScan } from "../../engine/iceberg/scan.ts";
import type { TableMetadata } from "../../engine/iceberg/types.ts";
import { currentSchema, defaultSpec } from "../../engine/iceberg/metadata.ts";
import { command } from "./command.ts";
import { append, tableOf } from "./foreign.ts";
import { makeProject } from "./project.ts";
import type { Files, TestProject } from "./project.ts";

const appending = 'materialized="incremental" strategy="append"';
const model = (select: string, config = appending): string => `{{config ${config}}}\nselect ${select}\n`;
const columns = (...entries: readonly string[]): string =>
  `version: 2\nmodels:\n  - name: t\n    columns:\n${entries.map((entry) => `      - {${entry}}\n`).join("")}`;

async function built(files: Files): Promise<TestProject> {
  const here = makeProject({
    "models/other.sql": '{{config materialized="table"}}\nselect count(*) as n from {{ref "t"}}\n',
    ...files,
  });
  const result = await here.run({});
  expect(result.results.map(({ message, status }) => (status === "error" ? message : ""))).not.toContain(
    expect.stringMatching(/./),
  );
  expect(result.success).toBe(true);
  return here;
}

const metadataOf = (here: TestProject): Promise<TableMetadata> =>
  here.withSession(async (session) => (await tableOf(session, "t")).metadata);
const fileNames = (here: TestProject): Promise<string[]> =>
  here.withSession(async (session) => {
    const { metadata } = await tableOf(session, "t");
    return (await planScan({ storage: await session.storage(), metadata })).map(({ file }) => file.path);
  });

/** Changes the project; the build changes the table without writing a row, and leaves what reads it alone. */
async function evolves(here: TestProject, files: Files): Promise<string> {
  const before = await metadataOf(here);
  const data = await fileNames(here);
  here.write(files);
  const result = await here.run({});
  expect(result.of("t")?.status).toBe("success");
  const after = await metadataOf(here);
  expect(after["current-snapshot-id"]).toBe(before["current-snapshot-id"]);
  expect(await fileNames(here)).toEqual(data);
  expect((await here.run({})).of("t")?.status).toBe("reused");
  return result.of("t")?.message ?? "";
}

describe("without new rows", () => {
  test("descriptions become comments, and nothing downstream is built again", async () => {
    using here = await built({ "models/t.sql": model("1 as id, 'a' as name", 'materialized="table"') });
    here.write({ "models/t.yml": columns("name: id, description: the key", "name: name") });
    const result = await here.run({});
    expect(result.of("t")?.message).toBe("evolved: column id has another comment");
    expect(result.of("other")?.status).toBe("reused");
    expect(currentSchema(await metadataOf(here)).fields.map(({ doc }) => doc)).toEqual([
      "the key",
      undefined,
    ]);
    expect(
      await evolves(here, { "models/t.yml": columns("name: id, description: key", "name: name") }),
    ).toContain("comment");
    expect((await here.run({})).of("other")?.status).toBe("reused");
  });

  test("partition_by and sorted_by hold for new files, older ones are read as they are", async () => {
    using here = await built({ "models/t.sql": model("1 as id, 'a' as name") });
    const message = await evolves(here, {
      "models/t.sql": model("1 as id, 'a' as name", `${appending} partition_by="name" sorted_by="id desc"`),
    });
    expect(message).toBe(
      "evolved: partitioned by name instead of nothing; sorted by id desc instead of nothing",
    );
    await evolves(here, {
      "models/t.sql": model("1 as id, 'a' as name", `${appending} partition_by="bucket(4, id)"`),
    });
    expect((await here.run({ noReuse: true })).success).toBe(true);
    const metadata = await metadataOf(here);
    expect(metadata["partition-specs"]).toHaveLength(3);
    const specs = await here.withSession(async (session) =>
      (await planScan({ storage: await session.storage(), metadata })).map(({ file }) => file.specId),
    );
    expect(new Set(specs)).toEqual(new Set([0, 2]));
    expect(await here.query(`select id, name, count(*)::integer from {{ref "t"}} group by all`)).toEqual([
      [1, "a", 2],
    ]);
    // Back to an earlier layout is that layout, not another one.
    await evolves(here, {
      "models/t.sql": model("1 as id, 'a' as name", `${appending} partition_by="name"`),
    });
    expect((await metadataOf(here))["default-spec-id"]).toBe(1);
  });

  test("table properties and the format version are set; a version never goes back", async () => {
    using here = await built({ "models/t.sql": model("1 as id") });
    const codec = `version: 2\nmodels: [{name: t, config: {properties: {"write.parquet.compression-codec": gzip}}}]\n`;
    expect(await evolves(here, { "models/t.yml": codec })).toBe(
      "evolved: property write.parquet.compression-codec is gzip instead of zstd",
    );
    expect(await evolves(here, { "models/t.sql": model("1 as id", `${appending} format_version=3`) })).toBe(
      "evolved: format version 3 instead of 2",
    );
    expect((await here.run({ noReuse: true })).success).toBe(true);
    const { "format-version": version, "next-row-id": nextRowId } = await metadataOf(here);
    expect([version, nextRowId]).toEqual([3, 2n]);
    expect(await here.query(`select count(*)::integer from {{ref "t"}}`)).toEqual([[2]]);
    here.write({ "models/t.sql": model("1 as id", `${appending} format_version=2`) });
    expect((await here.run({})).of("t")?.error?.code).toBe("run/format-version-back");
  });

  test("not_null of a contract makes a column required where no row is null, and optional again", async () => {
    const contract = (constraint: string): string =>
      `version: 2\nmodels: [{name: t, config: {contract: {enforced: true}}, columns: [{name: id${constraint}}, {name: name}]}]\n`;
    const notNull = ", constraints: [{type: not_null}]";
    const select = "1 as id, case when false then 'a' end as name";
    using here = await built({ "models/t.sql": model(select), "models/t.yml": contract("") });
    expect(await evolves(here, { "models/t.yml": contract(notNull) })).toBe(
      "evolved: column id may no longer be null",
    );
    expect((await here.run({ noReuse: true })).success).toBe(true);
    expect(currentSchema(await metadataOf(here)).fields.map(({ required }) => required)).toEqual([
      true,
      false,
    ]);
    here.write({ "models/t.yml": contract("").replace("{name: name}", `{name: name${notNull}}`) });
    const plan = await command(here, "plan");
    expect([plan.code, plan.stdout]).toEqual([
      1,
      expect.stringMatching(
        /refused: column name cannot become required: .* may have nulls there\n +hint: leave not_null/,
      ),
    ]);
    expect((await here.run({})).of("t")?.error?.code).toBe("run/cannot-require");
    expect(await evolves(here, { "models/t.yml": contract("") })).toBe("evolved: column id may be null");
    // Rows that would break it are refused when they are written.
    here.write({
      "models/t.yml": contract(notNull),
      "models/t.sql": model("nullif(1, 1) as id, 'b' as name"),
    });
    expect((await here.run({})).of("t")?.error?.code).toBe("iceberg/null-in-required");
  });

  test("an ingesting model evolves although no file is new", async () => {
    using here = makeProject({
      "models/sources.yml": `version: 2
sources:
  - name: landing
    tables:
      - name: events
        location: events
        columns: [{name: id, data_type: bigint}]
`,
      "landing-zone/events/f1.jsonl": '{"id": 1}\n',
      "models/t.sql": model('id from {{source "landing" "events"}}'),
    });
    expect((await here.run({})).success).toBe(true);
    const message = await evolves(here, {
      "models/t.sql": model(
        'id as event_id, 7 as weight from {{source "landing" "events"}}',
        `${appending} on_schema_change="append_new_columns"`,
      ),
      "models/t.yml": columns("name: event_id, was: id", "name: weight"),
    });
    expect(message).toMatch(/^evolved: column id becomes event_id; column weight \(int\) is new/);
    here.write({ "landing-zone/events/f2.jsonl": '{"id": 2}\n' });
    expect((await here.run({})).of("t")?.table?.landingFiles).toBe(1);
    expect(await here.query(`select event_id, weight from {{ref "t"}} order by 1`)).toEqual([
      [1, null],
      [2, 7],
    ]);
  });
});

describe("with new rows", () => {
  test("a renamed column keeps its values, in {{this}} too, whatever on_schema_change says", async () => {
    for (const onChange of ["ignore", "fail", "append_new_columns", "sync_all_columns"]) {
      const config = `${appending} on_schema_change="${onChange}"`;
      using here = await built({ "models/t.sql": model("1 as id, 'a' as label", config) });
      here.write({
        "models/t.sql": `{{config ${config}}}
select {{#if incremental}}(select max(id) + 1 from {{this}} where name = 'a')::integer{{else}}0{{/if}} as id, 'b' as name
`,
        "models/t.yml": columns("name: id", "name: name, was: [title, label]"),
      });
      const result = await here.run({ select: ["t"] });
      expect([onChange, result.of("t")?.error?.message]).toEqual([onChange, undefined]);
      expect(await here.query(`select id, name from {{ref "t"}} order by id`)).toEqual([
        [1, "a"],
        [2, "b"],
      ]);
      const schema = currentSchema(await metadataOf(here));
      expect(schema.fields.map(({ id, name }) => [id, name])).toEqual([
        [1, "id"],
        [2, "name"],
      ]);
    }
  });

  test("so do rows that merge rewrites, and fields inside a column", async () => {
    const config = 'materialized="incremental" strategy="merge" unique_key="key"';
    const rows = (name: string, text: string): string =>
      `* from (values (1, {'street': '${text}'}), (${text.length}, {'street': 'x'})) as rows(${name}, address)`;
    using here = await built({
      "models/t.sql": model(rows("id", "old"), config.replace('"key"', '"id"')),
    });
    here.write({
      "models/t.sql": model("1 as key, {'road': 'new'} as address", config),
      "models/t.yml": columns(
        "name: key, was: id",
        "name: address",
        "name: address.road, was: street, description: name and number",
      ),
    });
    const result = await here.run({ select: ["t"] });
    expect(result.of("t")?.error?.message).toBeUndefined();
    expect(await here.query(`select key, address.road from {{ref "t"}} order by key`)).toEqual([
      [1, "new"],
      [3, "x"],
    ]);
    const { fields } = currentSchema(await metadataOf(here));
    expect(fields[1]?.type).toMatchObject({ fields: [{ id: 3, name: "road", doc: "name and number" }] });
  });

  test("a rebuilt table keeps the id of a renamed column", async () => {
    using here = await built({ "models/t.sql": model("1 as id, 'a' as label", 'materialized="table"') });
    here.write({
      "models/t.sql": model("'b' as name, 1 as id", 'materialized="table"'),
      "models/t.yml": columns("name: name, was: label"),
    });
    expect((await here.run({})).success).toBe(true);
    expect(currentSchema(await metadataOf(here)).fields.map(({ id, name }) => [id, name])).toEqual([
      [2, "name"],
      [1, "id"],
    ]);
  });

  test("a partition follows its renamed column", async () => {
    const config = `${appending} partition_by="label"`;
    using here = await built({ "models/t.sql": model("1 as id, 'a' as label", config) });
    here.write({
      "models/t.sql": model("2 as id, 'b' as name", config.replace("label", "name")),
      "models/t.yml": columns("name: name, was: label"),
    });
    expect((await here.run({ select: ["t"] })).success).toBe(true);
    const metadata = await metadataOf(here);
    expect(metadata["partition-specs"]).toHaveLength(1);
    expect(defaultSpec(metadata).fields).toMatchObject([{ name: "label", "source-id": 2 }]);
    expect(await here.query(`select id from {{ref "t"}} where name = 'b'`)).toEqual([[2]]);
    expect(await here.query(`select id from {{ref "t"}} where name = 'a'`)).toEqual([[1]]);
  });

  test("removal under several specs writes manifests for each", async () => {
    const merging = 'materialized="incremental" strategy="delete+insert" unique_key="id"';
    const rows = "* from (values (1, 'a'), (2, 'b'), (3, 'a')) as rows(id, name)";
    using here = await built({ "models/t.sql": model(rows, merging) });
    here.write({
      "models/t.sql": model(
        "* from (values (2, 'c'), (4, 'd')) as rows(id, name)",
        `${merging} partition_by="name"`,
      ),
    });
    expect((await here.run({ select: ["t"] })).success).toBe(true);
    here.write({
      "models/t.sql": model(
        "* from (values (3, 'e'), (4, 'f')) as rows(id, name)",
        `${merging} partition_by="bucket(2, id)"`,
      ),
    });
    expect((await here.run({ select: ["t"] })).success).toBe(true);
    expect(await here.query(`select id, name from {{ref "t"}} order by id`)).toEqual([
      [1, "a"],
      [2, "c"],
      [3, "e"],
      [4, "f"],
    ]);
    expect((await here.run({ fullRefresh: true })).success).toBe(true);
    expect(await here.query(`select id, name from {{ref "t"}} order by id`)).toEqual([
      [3, "e"],
      [4, "f"],
    ]);
  });
});

describe("lake plan", () => {
  test("shows each step, and what it means for the files that are there", async () => {
    using here = await built({ "models/t.sql": model("1 as id, 'a' as label, 2 as gone") });
    here.write({
      "models/t.sql": model(
        "1::bigint as id, 'a' as name, 3.5 as price",
        `${appending} on_schema_change="sync_all_columns" partition_by="name"`,
      ),
      "models/t.yml": columns("name: name, was: label, description: what it is called"),
    });
    const before = await here.catalog();
    const { stdout, code } = await command(here, "plan", "-s", "t");
    expect(code).toBe(0);
    expect(stdout).toContain(`lakehouse.t
  column id becomes long from int (metadata only)
  column label becomes name (metadata only)
  column name has another comment (metadata only)
  column price (decimal(2, 1)) is new, and null in the rows that are there (metadata only)
  column gone (int) goes (metadata only: its values stay in the files)
  partitioned by name instead of nothing (new files follow; the others keep their layout until they are rewritten: lake compact, or --full-refresh)
`);
    expect(await here.catalog()).toEqual(before);
    const json = JSON.parse((await command(here, "plan", "-s", "t", "--output", "json")).stdout) as {
      steps: { evolution: { kind: string; files: string }[] }[];
    };
    expect(json.steps[0]?.evolution.map(({ kind, files }) => `${kind}: ${files}`)).toContain(
      "partition: keep their layout",
    );
    const whole = await command(here, "plan", "-s", "t", "--full-refresh");
    expect(whole.stdout).toContain("partitioned by name instead of nothing (with the rewrite)");
  });

  test("refuses narrowing and other types, with the reason and the way out", async () => {
    using here = await built({ "models/t.sql": model("1::bigint as id, 'a' as name, 1.5::double as x") });
    here.write({
      "models/t.sql": model(
        "'one' as id, 1 as name, 1 as x",
        `${appending} on_schema_change="sync_all_columns"`,
      ),
    });
    const { stdout, code } = await command(here, "plan", "-s", "t");
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /refused: .*2 errors|refused: column id is long in the table and cannot become string/,
    );
    const result = await here.run({ select: ["t"] });
    expect(result.success).toBe(false);
    // With a rewrite it can be.
    expect((await here.run({ select: ["t"], fullRefresh: true })).success).toBe(true);
  });

  test("binds nothing where nothing is to be seen", async () => {
    using here = await built({ "models/t.sql": model("1 as id") });
    here.write({
      "models/other.sql": '{{config materialized="table"}}\nselect count(*) as n from {{ref "t"}}\n\n',
    });
    expect((await command(here, "plan")).stdout).toMatch(/0 tables would change/);
  });
});

test("a table of others that is taken over loses no column when it evolves", async () => {
  using here = await built({ "models/t.sql": model("1 as id", 'materialized="table"') });
  await append(here, "t", "select 2 as id");
  here.write({ "models/t.yml": columns("name: id, description: the key") });
  expect((await here.run({})).success).toBe(true);
  expect(await here.query(`select id from {{ref "t"}}`)).toEqual([[1]]);
});
