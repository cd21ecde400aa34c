// What a model says of its table in `properties`, kept to by lake itself: looked for in the files.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { describe, expect, test } from "vitest";
import { readManifest } from "../../engine/iceberg/manifest.ts";
import { manifestsOf } from "../../engine/iceberg/reachable-files.ts";
import { planScan } from "../../engine/iceberg/scan.ts";
import type { DataFile, TableMetadata } from "../../engine/iceberg/types.ts";
import { tableOf } from "./foreign.ts";
import { makeProject, type TestProject } from "./project.ts";

const model = (properties: Readonly<Record<string, string>>): Record<string, string> => ({
  "models/events.sql": `{{config materialized="table"}}
select i as id, 'user ' || (i % 1000) as who, i / 7 as amount, {a: i, b: 'x'} as pair from range(20000) as t(i)
`,
  "models/events.yml": `models: [{name: events, config: {properties: ${JSON.stringify(properties)}}}]\n`,
});

async function built(properties: Readonly<Record<string, string>>): Promise<TestProject> {
  const here = makeProject(model(properties));
  expect((await here.run({})).results.flatMap(({ error }) => error ?? [])).toEqual([]);
  return here;
}

const stateOf = (
  here: TestProject,
): Promise<{ location: string; metadata: TableMetadata; files: readonly DataFile[] }> =>
  here.withSession(async (session) => {
    const { metadata, metadataLocation } = await tableOf(session, "events");
    const tasks = await planScan({ storage: await session.storage(), metadata });
    return { location: metadataLocation, metadata, files: tasks.map(({ file }) => file) };
  });

async function inFile(file: DataFile, columns: string): Promise<unknown[]> {
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();
  try {
    const sql = `select distinct ${columns} from parquet_metadata('${file.path.replace("file://", "")}') order by all`;
    return (await connection.runAndReadAll(sql)).getRowsJson();
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

test.each([
  ["zstd", "ZSTD"],
  ["snappy", "SNAPPY"],
  ["gzip", "GZIP"],
  ["lz4", "LZ4_RAW"],
  ["brotli", "BROTLI"],
  ["uncompressed", "UNCOMPRESSED"],
])("write.parquet.compression-codec: %s", async (codec, name) => {
  using here = await built({ "write.parquet.compression-codec": codec });
  const { files } = await stateOf(here);
  expect(await inFile(files[0]!, "compression")).toEqual([[name]]);
  expect(await here.query(`select count(*), sum(id) from {{ref "events"}}`)).toEqual([[20_000, 199_990_000]]);
});

test("row groups by rows and by bytes", async () => {
  for (const [name, value, least] of [
    ["write.parquet.row-group-limit", "4096", 4],
    ["write.parquet.row-group-size-bytes", "100000", 4],
  ] as const) {
    using here = await built({ [name]: value });
    const { files } = await stateOf(here);
    expect((await inFile(files[0]!, "row_group_id")).length).toBeGreaterThan(least);
  }
});

test("metrics: none, counts, cut off, whole; by column before the default", async () => {
  using here = await built({
    "write.metadata.metrics.default": "none",
    "write.metadata.metrics.column.id": "counts",
    "write.metadata.metrics.column.who": "truncate(3)",
    "write.metadata.metrics.column.pair.b": "full",
  });
  // A scan leaves out of memory what it does not need; the manifest has it all.
  const file = await here.withSession(async (session) => {
    const [storage, { metadata }] = [await session.storage(), await tableOf(session, "events")];
    const [manifest] = (await manifestsOf(storage, metadata.snapshots)).values();
    return (await readManifest({ storage, manifest: manifest!, metadata }))[0]!.file;
  });
  const text = (id: number, bounds?: ReadonlyMap<number, Uint8Array>): string | undefined =>
    bounds?.has(id) ? Buffer.from(bounds.get(id)!).toString() : undefined;
  expect([...file.valueCounts!.keys()].sort((a, b) => a - b)).toEqual([1, 2, 6]);
  expect([2, 6].map((id) => text(id, file.lowerBounds))).toEqual(["use", "x"]);
  expect([2, 6].map((id) => text(id, file.upperBounds))).toEqual(["usf", "x"]);
  expect(file.lowerBounds?.has(1)).toBe(false);
});

test("data and metadata elsewhere, compressed metadata", async () => {
  using here = makeProject({});
  const elsewhere = (name: string): string => `file://${here.root}/warehouse/elsewhere/${name}`;
  here.write(
    model({
      "write.data.path": elsewhere("data"),
      "write.metadata.path": elsewhere("metadata"),
      "write.metadata.compression-codec": "gzip",
    }),
  );
  expect((await here.run({})).results.flatMap(({ error }) => error ?? [])).toEqual([]);
  const { location, files, metadata } = await stateOf(here);
  expect(location).toMatch(/\/elsewhere\/metadata\/00000-.*\.gz\.metadata\.json$/);
  expect(files[0]!.path).toContain(elsewhere("data/"));
  expect(metadata.snapshots[0]!["manifest-list"]!.startsWith(elsewhere("metadata/"))).toBe(true);
  expect(await here.query(`select count(*) from {{ref "events"}}`)).toEqual([[20_000]]);
});

test("data outside the warehouse of this machine is refused before anything is made there", async () => {
  using here = makeProject({});
  const outside = join(here.root, "elsewhere/data");
  here.write(model({ "write.data.path": `file://${outside}` }));
  const { success, of } = await here.run({});
  expect([success, of("events")?.error?.message]).toEqual([
    false,
    expect.stringMatching(/write\.data\.path is .*; expected a folder inside the warehouse/),
  ]);
  expect(existsSync(outside)).toBe(false);
});

describe("old metadata files", () => {
  const metadataFiles = (here: TestProject): string[] =>
    here.files("warehouse/lakehouse.db/events/metadata").filter((file) => file.endsWith(".metadata.json"));
  /** A new state by a run, and by a command that writes no data. */
  const change = async (here: TestProject, count: number): Promise<void> => {
    for (let turn = 0; turn < count; turn++) {
      expect((await here.run({ fullRefresh: true })).success).toBe(true);
      expect((await here.cli("tag", "events", `t${turn}`)).code).toBe(0);
    }
  };

  test("stay as long as the log names them; where the table asks for it they go with the commit", async () => {
    for (const [enabled, left] of [
      ["true", 3],
      ["false", 7],
    ] as const) {
      using here = await built({
        "write.metadata.previous-versions-max": "2",
        "write.metadata.delete-after-commit.enabled": enabled,
      });
      await change(here, 3);
      expect(metadataFiles(here)).toHaveLength(left);
      const { metadata } = await stateOf(here);
      expect(metadata["metadata-log"]).toHaveLength(2);
      for (const { "metadata-file": file } of metadata["metadata-log"])
        expect(existsSync(file.replace("file://", ""))).toBe(true);
      expect(await here.query(`select count(*) from {{ref "events" at="t0"}}`)).toEqual([[20_000]]);
    }
  });

  test("are not deleted where they lie outside the table, or another table needs its files", async () => {
    using here = await built({ "write.metadata.previous-versions-max": "1" });
    const outside = join(here.root, "warehouse/outside.metadata.json");
    here.write({ "warehouse/outside.metadata.json": "{}" });
    const { deleteOldMetadata } = await import("../../engine/iceberg/old-metadata.ts");
    await here.withSession(async (session) => {
      const { metadata, metadataLocation, identifier } = await tableOf(session, "events");
      const log = (paths: readonly string[], properties: Record<string, string>): TableMetadata => ({
        ...metadata,
        properties: {
          ...metadata.properties,
          "write.metadata.delete-after-commit.enabled": "true",
          ...properties,
        },
        "metadata-log": paths.map((path) => ({ "metadata-file": path, "timestamp-ms": 1 })),
      });
      const commit = (properties: Record<string, string>) => ({
        identifier,
        baseMetadataLocation: metadataLocation,
        newMetadataLocation: metadataLocation,
        baseMetadata: log([`file://${outside}`, metadataLocation], {}),
        newMetadata: log([], properties),
      });
      await deleteOldMetadata(await session.storage(), [commit({ "gc.enabled": "false" })]);
      expect(existsSync(metadataLocation.replace("file://", ""))).toBe(true);
      await deleteOldMetadata(await session.storage(), [commit({})]);
      expect(existsSync(metadataLocation.replace("file://", ""))).toBe(false);
    });
    expect(existsSync(outside)).toBe(true);
  });
});

test("what lake cannot keep to is refused at its line; what is nearly a name it knows is told", async () => {
  using here = makeProject({
    ...model({}),
    "models/events.yml": `models:
  - name: events
    config:
      properties:
        write.format.default: orc
        write.metadata.metrics.column.who: truncate(0)
        write.target-file-size-byte: 1000
        write.object-storage.enabled: true
`,
  });
  const { code, stderr } = await here.cli("parse");
  expect(code).toBe(1);
  expect(stderr).toMatch(/write\.format\.default cannot be orc \(expected parquet\)[^]*events\.yml:5/);
  expect(stderr).toMatch(
    /cannot be truncate\(0\) \(expected none, counts, full or truncate\(16\)\)[^]*events\.yml:6/,
  );
  here.write({
    "models/events.yml": here
      .read("models/events.yml")
      .replace("orc", "parquet")
      .replace("truncate(0)", "full"),
  });
  const odd = await here.cli("parse");
  expect([odd.code, odd.stderr + odd.stdout]).toEqual([
    0,
    expect.stringContaining('did you mean "write.target-file-size-bytes"?'),
  ]);
});
