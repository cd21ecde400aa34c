// PyIceberg writes to lake's tables, in each way it can, and lake reads the result and goes on.
import { afterAll, beforeAll, expect, test } from "vitest";
import { queryProject } from "../../engine/run/query-project.ts";
import { makeProject } from "../e2e/project.ts";
import type { RunOutcome, TestProject } from "../e2e/project.ts";
import { describeWith } from "../services/skip.ts";
import { ask, catalogUri } from "./ask.ts";
import { canonicalColumns, canonicalRows, schemaOf, tableOf } from "./canonical.ts";
import { runPython, whyNoPyiceberg } from "./pyiceberg.ts";

const files = {
  "models/sources.yml": `version: 2
sources:
  - name: landing
    tables:
      - name: events
        location: events
        columns:
          - {name: id, data_type: integer}
          - {name: kind, data_type: varchar}
          - {name: happened, data_type: timestamptz}
  - name: elsewhere
    schema: foreign_data
    tables:
      - {name: made_by_python, type: iceberg}
`,
  "models/events.sql": `{{config materialized="incremental" strategy="append" partition_by="day(happened)"}}
select
  id, kind, happened,
  (id * 1.5)::float as amount,
  id::decimal(9, 2) as price,
  {city: 'Seoul ' || id, zip: id} as place,
  [{k: kind, v: id}] as tags,
  _file as data_source
from {{source "landing" "events"}}
`,
  "models/kinds.sql": `{{config materialized="table" partition_by="bucket(4, kind)"}}
select kind, count(*) as n, sum(id) as ids from {{ref "events"}} group by all
`,
};
const events = "lakehouse.events";
const kinds = "lakehouse.kinds";

/** Ten events of a landing file: two days before 1970's end and after it, three kinds. */
function landingFile(number: number): Record<string, string> {
  const lines = Array.from({ length: 10 }, (_, index) => {
    const happened = `${index % 2 === 0 ? "1969-12-31" : "2025-07-01"}T2${index % 3}:00:00Z`;
    return JSON.stringify({ id: number * 10 + index, kind: ["view", "like", "search"][index % 3], happened });
  });
  return { [`landing-zone/events/batch_${number}.jsonl`]: `${lines.join("\n")}\n` };
}

const opening = `
import json, sys, datetime as dt
import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.expressions import *
from pyiceberg.transforms import *
from pyiceberg.types import *
catalog = SqlCatalog("lake", uri=sys.argv[1], warehouse="file://" + sys.argv[2])
def load(name): return catalog.load_table(name)
def some(table, ids, **values):
    """Rows of an Arrow table in the table's schema: the ids, and what is given; the rest null."""
    schema = table.schema().as_arrow()
    at = dt.datetime(2025, 7, 3, 1, tzinfo=dt.timezone.utc)
    rows = [{"id": id_, "kind": "foreign", "happened": at, **values} for id_ in ids]
    return pa.Table.from_pylist([{key: row[key] for key in schema.names if key in row} for row in rows], schema=schema)
`;

describeWith(await whyNoPyiceberg(), "after PyIceberg wrote", () => {
  let project: TestProject;
  const python = (script: string): Promise<unknown> =>
    runPython(`${opening}\n${script}\nprint(json.dumps(globals().get("result")))`, [
      catalogUri(project),
      `${project.root}/foreign`,
    ]);
  const fresh = async (): Promise<void> => {
    project = makeProject({ ...files, ...landingFile(0) });
    await build();
  };
  const build = async (): Promise<RunOutcome> => {
    const outcome = await project.run({});
    const failed = outcome.results.filter(({ status }) => status === "error" || status === "fail");
    expect(failed.map(({ uniqueId, message }) => [uniqueId, message])).toEqual([]);
    return outcome;
  };
  /** The rows, which must be one and the same for PyIceberg and for lake. */
  const agreed = async (table: string, from = `{{ref "${table.split(".")[1]}"}}`): Promise<string[]> => {
    const [read] = await ask(catalogUri(project), [{ ask: "rows", table }]);
    return project.withSession(async (session) => {
      const schema = schemaOf(await tableOf(session, table));
      const { rows } = await queryProject(session, {
        sql: `select ${canonicalColumns(schema)} from ${from}`,
      });
      const ours = canonicalRows(schema, rows);
      expect(ours).toEqual(canonicalRows(schema, read.rows));
      return ours;
    });
  };
  const ids = async (): Promise<unknown[]> =>
    (await project.query(`select id from {{ref "events"}} order by id`)).map(([id]) => id);
  /** What lake wrote among others' snapshots is as it would be without them. */
  const wellFormed = async (...tables: string[]): Promise<void> => {
    const reports = await ask(
      catalogUri(project),
      tables.map((table) => ({ ask: "audit", table, shared: true }) as const),
    );
    expect(reports.flatMap(({ problems }) => problems)).toEqual([]);
  };
  const range = (from: number, to: number): number[] =>
    Array.from({ length: to - from }, (_, index) => from + index);

  beforeAll(() => fresh());
  afterAll(() => project[Symbol.dispose]());
  const start = async (): Promise<void> => {
    project[Symbol.dispose]();
    await fresh();
  };

  test("an append: its rows stay, the next file comes in once, and what is built on them is built again", async () => {
    await python(`
table = load("${events}")
table.append(some(table, [900, 901], place={"city": "Busan", "zip": None}, tags=[{"k": "a", "v": None}]))`);
    expect(await agreed(events)).toHaveLength(12);
    const unchanged = await build();
    expect(unchanged.of("events")?.status).not.toBe("success");
    expect(await project.query(`select n from {{ref "kinds"}} where kind = 'foreign'`)).toEqual([[2]]);
    project.write(landingFile(1));
    await build();
    expect(await ids()).toEqual([...range(0, 20), 900, 901]);
    await agreed(events);
    await agreed(kinds);
    await build();
    expect(await ids()).toEqual([...range(0, 20), 900, 901]);
    await wellFormed(events, kinds);
  });

  test("a delete and an overwrite by filter: copies on write", async () => {
    await start();
    await python(`
table = load("${events}")
table.delete("id < 3 or kind = 'search'")
table.overwrite(some(table, [903, 904]), overwrite_filter=EqualTo("id", 4))`);
    const left = range(0, 10).filter((id) => id >= 3 && id % 3 !== 2 && id !== 4);
    expect(await ids()).toEqual([...left, 903, 904]);
    await agreed(events);
    project.write(landingFile(1));
    await build();
    expect(await ids()).toEqual([...left, ...range(10, 20), 903, 904]);
    await agreed(events);
    await agreed(kinds);
    await wellFormed(events, kinds);
  });

  test("a rollback takes the ledger back with the rows: the file comes in again, once", async () => {
    await start();
    project.write(landingFile(1));
    await build();
    expect(await ids()).toEqual(range(0, 20));
    await python(`
table = load("${events}")
table.manage_snapshots().rollback_to_snapshot(table.history()[0].snapshot_id).commit()`);
    expect(await ids()).toEqual(range(0, 10));
    await agreed(events);
    await build();
    expect(await ids()).toEqual(range(0, 20));
    await agreed(events);
  });

  test("expired snapshots, beneath foreign ones: the ledger is still proven, no file comes in twice", async () => {
    await start();
    project.write(landingFile(1));
    await build();
    await python(`
table = load("${events}")
table.append(some(table, [900]))
table.append(some(table, [901]))
table = load("${events}")
old = [snapshot.snapshot_id for snapshot in table.snapshots()[:-1]]
table.maintenance.expire_snapshots().by_ids(old).commit()
result = len(load("${events}").snapshots())`);
    expect(await ids()).toEqual([...range(0, 20), 900, 901]);
    expect((await build()).of("events")?.status).not.toBe("success");
    project.write(landingFile(2));
    await build();
    expect(await ids()).toEqual([...range(0, 30), 900, 901]);
    await agreed(events);
    await wellFormed(events);
  });

  test("columns added, renamed, dropped, widened and moved, at depth too", async () => {
    await start();
    await python(`
table = load("${events}")
with table.update_schema() as update:
    update.add_column("note", StringType(), doc="added by PyIceberg")
    update.add_column(("place", "country"), StringType())
    update.rename_column("place.city", "town")
    update.rename_column("tags.k", "key")
    update.rename_column("kind", "sort")
    update.delete_column("data_source")
    update.update_column("id", LongType())
    update.update_column("amount", DoubleType())
    update.update_column("price", DecimalType(12, 2))
    update.move_first("happened")
table = load("${events}")
table.append(some(table, [2**40], note="new", sort="b", amount=0.1, place={"town": "Busan", "zip": 1, "country": "KR"}, tags=[{"key": "x", "v": 2}]))`);
    expect(await agreed(events)).toHaveLength(11);
    const towns = await project.query(
      `select place.town, tags[1].key, sort, note from {{ref "events"}} where id in (3, ${2 ** 40}) order by id`,
    );
    expect(towns).toEqual([
      ["Seoul 3", "view", "view", null],
      ["Busan", "x", "b", "new"],
    ]);
  });

  test("lake appends to a table whose columns PyIceberg added, dropped and widened", async () => {
    await start();
    await python(`
with load("${events}").update_schema() as update:
    update.add_column("note", StringType())
    update.delete_column("data_source")
    update.update_column("id", LongType())
    update.update_column("price", DecimalType(12, 2))
    update.move_first("happened")`);
    project.write(landingFile(1));
    await build();
    expect(await ids()).toEqual(range(0, 20));
    const rows = await agreed(events);
    expect(rows).toHaveLength(20);
    const [described] = await ask(catalogUri(project), [{ ask: "describe", table: events }]);
    expect(described.fields.map(([, name, type]) => `${name} ${type}`)).toEqual(
      [
        "happened timestamptz",
        "id long",
        "kind string",
        "amount float",
        "price decimal(12, 2)",
        "place struct<12: city: optional string, 13: zip: optional int>",
        "tags list<struct<15: k: optional string, 16: v: optional int>>",
        "note string",
      ].map((text) => expect.stringContaining(text.split("<")[0]!)),
    );
  });

  test("a changed partition spec: files of both are read, and lake goes on", async () => {
    await start();
    await python(`
with load("${events}").update_spec() as update:
    update.remove_field("happened_day")
    update.add_field("id", BucketTransform(4), "id_bucket")
    update.add_identity("kind")
table = load("${events}")
table.append(some(table, [900, 901, 902, None]))`);
    expect(await agreed(events)).toHaveLength(14);
    expect(
      await project.query(`select id from {{ref "events"}} where id = 901 and kind = 'foreign'`),
    ).toEqual([[901]]);
    project.write(landingFile(1));
    await build();
    expect(await agreed(events)).toHaveLength(24);
    expect(
      await project.query(`select count(*) from {{ref "events"}} where happened < '1970-01-01 00:00:00+00'`),
    ).toEqual([[10]]);
    const [later] = await ask(catalogUri(project), [{ ask: "rows", table: events, filter: "id = 13" }]);
    expect(later.rows).toHaveLength(1);
    await wellFormed(events);
    await python(`
table = load("${events}")
table.append(some(table, [950]))
table.delete("id = 13 or id = 900")`);
    expect(await agreed(events)).toHaveLength(23);
  });

  test("a table model that another engine wrote is built again, and says why", async () => {
    await start();
    const before = await agreed(kinds);
    await python(`
table = load("${kinds}")
table.append(pa.Table.from_pylist([{"kind": "wrong", "n": 1, "ids": 1}], schema=table.schema().as_arrow()))`);
    expect(await agreed(kinds)).toHaveLength(before.length + 1);
    const { events: said } = await build();
    const reasons = said.flatMap((event) =>
      event.kind === "node-started" ? [`${event.uniqueId}: ${event.reason}`] : [],
    );
    expect(reasons).toEqual(["model.shop.kinds: another engine wrote the table"]);
    expect(await agreed(kinds)).toEqual(before);
    await wellFormed(kinds);
  });

  test("a table model whose columns and partitions another engine changed becomes itself again", async () => {
    await start();
    const before = await agreed(kinds);
    await python(`
with load("${kinds}").update_schema() as update:
    update.add_column("note", StringType())
    update.rename_column("n", "number")
    update.move_first("ids")
with load("${kinds}").update_spec() as update:
    update.remove_field("kind_bucket")
    update.add_identity("number")
table = load("${kinds}")
table.append(pa.Table.from_pylist([{"kind": "wrong", "number": 1, "ids": 1, "note": "x"}], schema=table.schema().as_arrow()))`);
    expect(await agreed(kinds)).toHaveLength(before.length + 1);
    await build();
    expect(await agreed(kinds)).toEqual(before);
    const [described] = await ask(catalogUri(project), [{ ask: "describe", table: kinds }]);
    expect(described.fields.map(([, name]) => name)).toEqual(["kind", "n", "ids"]);
    expect(described.spec).toEqual([["kind_bucket", "bucket[4]"]]);
    await wellFormed(kinds);
    expect((await build()).of("kinds")?.status).not.toBe("success");
  });

  test("a property, a tag, a branch and a write to it change no row and build nothing", async () => {
    await start();
    const before = await agreed(kinds);
    await python(`
table = load("${kinds}")
head = table.current_snapshot().snapshot_id
table.manage_snapshots().create_tag(head, "kept").create_branch(head, "try").commit()
with table.transaction() as transaction:
    transaction.set_properties(owner="somebody")
table = load("${kinds}")
table.append(pa.Table.from_pylist([{"kind": "tried", "n": 1, "ids": 1}], schema=table.schema().as_arrow()), branch="try")`);
    expect(await agreed(kinds)).toEqual(before);
    const { events: said } = await build();
    expect(said.filter(({ kind }) => kind === "node-started")).toEqual([]);
    project.write(landingFile(1));
    await build();
    const refs = await python(`
table = load("${kinds}")
result = [sorted(table.refs()), table.properties["owner"], table.scan(snapshot_id=table.refs()["try"].snapshot_id).count()]`);
    expect(refs).toEqual([["kept", "main", "try"], "somebody", before.length + 1]);
  });

  test("a table that PyIceberg made is a source, through its changes of schema, spec and rows", async () => {
    await start();
    await python(`
catalog.create_namespace("foreign_data")
schema = pa.schema([
    pa.field("id", pa.int32(), nullable=False), pa.field("name", pa.large_string()), pa.field("price", pa.decimal128(20, 3)),
    pa.field("at", pa.timestamp("us", tz="UTC")), pa.field("local", pa.timestamp("us")), pa.field("day", pa.date32()),
    pa.field("raw", pa.binary()), pa.field("ok", pa.bool_()), pa.field("score", pa.float32()),
    pa.field("place", pa.struct([pa.field("city", pa.string()), pa.field("geo", pa.struct([pa.field("x", pa.float64())]))])),
    pa.field("tags", pa.list_(pa.string())), pa.field("counts", pa.map_(pa.string(), pa.int64())),
])
table = catalog.create_table("foreign_data.made_by_python", schema)
def row(id_):
    return {"id": id_, "name": None if id_ % 3 == 0 else f"name {id_}", "price": None, "at": dt.datetime(1969, 1, 1, tzinfo=dt.timezone.utc) + dt.timedelta(hours=id_ * 9000),
        "local": dt.datetime(1900, 1, 1), "day": dt.date(2025, 7, id_ % 28 + 1), "raw": bytes([id_ % 256]), "ok": id_ % 2 == 0, "score": float("nan") if id_ == 5 else id_ / 3,
        "place": {"city": f"city {id_}", "geo": {"x": id_ / 7}}, "tags": [] if id_ % 4 == 0 else ["a", None], "counts": [("k", id_)]}
table.append(pa.Table.from_pylist([row(i) for i in range(40)], schema=schema))
with table.update_spec() as update:
    update.add_field("at", MonthTransform(), "at_month")
    update.add_field("name", TruncateTransform(6), "name_start")
table.append(pa.Table.from_pylist([row(i) for i in range(40, 60)], schema=schema))
with table.update_schema() as update:
    update.rename_column("place.city", "town")
    update.rename_column("name", "title")
    update.delete_column("ok")
    update.add_column("ok", IntegerType())
    update.update_column("id", LongType())
table.delete("id >= 10 and id < 15")`);
    const rows = await agreed("foreign_data.made_by_python", `{{source "elsewhere" "made_by_python"}}`);
    expect(rows).toHaveLength(55);
    const filtered = `select count(*) from {{source "elsewhere" "made_by_python"}} where title like 'name 4%' and "at" > '2000-01-01'`;
    const [theirs] = await ask(catalogUri(project), [
      {
        ask: "rows",
        table: "foreign_data.made_by_python",
        filter: "title like 'name 4%' and at > '2000-01-01T00:00:00+00:00'",
      },
    ]);
    expect(await project.query(filtered)).toEqual([[theirs.rows.length]]);
    project.write({
      "models/copied.sql": `{{config materialized="table"}}\nselect *, place.town as town from {{source "elsewhere" "made_by_python"}}`,
    });
    await build();
    expect(await agreed("lakehouse.copied")).toHaveLength(55);
    expect((await build()).of("copied")?.status).not.toBe("success");
    await python(`load("foreign_data.made_by_python").delete("id < 5")`);
    await build();
    expect(await agreed("lakehouse.copied")).toHaveLength(50);
  });

  test("files that PyIceberg added as they were, without field ids, are read by their names", async () => {
    await start();
    await python(`
import os, pyarrow.parquet as pq
catalog.create_namespace("foreign_data")
schema = pa.schema([pa.field("id", pa.int64()), pa.field("title", pa.string()), pa.field("place", pa.struct([pa.field("city", pa.string()), pa.field("zip", pa.int32())]))])
table = catalog.create_table("foreign_data.made_by_python", schema)
table.append(pa.Table.from_pylist([{"id": 1, "title": "own", "place": {"city": "Seoul", "zip": 7}}], schema=schema))
added = table.location() + "/data/added by hand.parquet"
plain = pa.schema([schema.field("place"), schema.field("title"), schema.field("id")])
pq.write_table(pa.Table.from_pylist([{"id": 2, "title": "added", "place": {"city": "Busan", "zip": 8}}, {"id": 3}], schema=plain), added.removeprefix("file://"))
table.add_files([added])
with table.update_schema() as update:
    update.rename_column("title", "name")
    update.rename_column("place.city", "town")`);
    const rows = await agreed("foreign_data.made_by_python", `{{source "elsewhere" "made_by_python"}}`);
    expect(rows).toEqual(
      [
        ["1", "own", ["Seoul", "7"]],
        ["2", "added", ["Busan", "8"]],
        ["3", null, null],
      ].map((row) => JSON.stringify(row)),
    );
  });
});
