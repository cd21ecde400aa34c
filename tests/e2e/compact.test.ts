// Compaction: the same rows in fewer files, beside other writers, and nothing downstream is rebuilt.
import { expect, test } from "vitest";
import { readManifest } from "../../engine/iceberg/manifest.ts";
import { manifestsOf } from "../../engine/iceberg/reachable-files.ts";
import { planScan } from "../../engine/iceberg/scan.ts";
import { compact } from "../../engine/upkeep/compact.ts";
import { eventsProject, goodLines } from "./events-project.ts";
import { append, tableOf } from "./foreign.ts";
import { makeProject } from "./project.ts";
import type { TestProject } from "./project.ts";

const landing = (name: string): string => `landing-zone/events/${name}`;
const liveFiles = (here: TestProject, name: string): Promise<string[]> =>
  here.withSession(async (session) => {
    const { metadata } = await tableOf(session, name);
    const tasks = await planScan({ storage: await session.storage(), metadata });
    return tasks.map(({ file }) => file.path);
  });
const rowsOf = (here: TestProject): Promise<unknown[][]> =>
  here.query(`select * exclude (happened) from {{ref "events"}} order by all`);
const foreignRow = `select 99::bigint as id, 'x' as kind, now() as happened, null::varchar as page, 1::bigint as recipe_id, 'x' as data_source`;

/** Six appends: six files of a row or two each. */
async function sixFiles(config = ""): Promise<TestProject> {
  const here = makeProject({
    ...eventsProject,
    "models/events.sql": `{{config materialized="incremental" strategy="append"${config}}}\nselect * from {{ref "stg"}}\n`,
  });
  for (let file = 1; file <= 6; file++) {
    here.write({ [landing(`f${file}.jsonl`)]: goodLines(2, file * 2 - 1) });
    expect((await here.run({})).success).toBe(true);
  }
  return here;
}

test("small files become one, the rows stay, and neither the ledger nor readers notice", async () => {
  using here = await sixFiles();
  const before = await rowsOf(here);
  expect(await liveFiles(here, "events")).toHaveLength(6);
  const dry = await here.cli("compact", "--dry-run");
  expect(dry.stdout).toMatch(/lakehouse\.events +6 +1 [^]*6 files would be rewritten/);
  expect(await liveFiles(here, "events")).toHaveLength(6);
  expect((await here.cli("compact")).stdout).toMatch(/lakehouse\.events +6 +1 [^]*6 files rewritten/);
  expect(await liveFiles(here, "events")).toHaveLength(1);
  expect(await rowsOf(here)).toEqual(before);
  expect((await here.cli("compact")).stdout).toBe("nothing is worth compacting\n");
  const again = await here.run({});
  expect([again.of("events")?.status, again.of("daily")?.status]).toEqual(["reused", "reused"]);
  here.write({ [landing("f7.jsonl")]: goodLines(1, 50) });
  expect((await here.run({})).success).toBe(true);
  expect(await rowsOf(here)).toHaveLength(before.length + 1);
});

test("partitions are kept apart, and those with few files are left alone", async () => {
  using here = await sixFiles(` partition_by="bucket(2, id)"`);
  const before = await rowsOf(here);
  // Five files in one partition, four in the other.
  expect(await liveFiles(here, "events")).toHaveLength(9);
  await here.cli("compact");
  expect(await liveFiles(here, "events")).toHaveLength(5);
  await here.cli("compact", "--min-input-files", "2");
  expect(await liveFiles(here, "events")).toHaveLength(2);
  expect(await rowsOf(here)).toEqual(before);
});

test("files that are too large are split, once, in partitions too", async () => {
  const properties = (bytes: number): string =>
    `models: [{name: wide, config: {properties: {write.target-file-size-bytes: "${bytes}"}}}]\n`;
  using here = makeProject({
    "models/wide.sql": `{{config materialized="table" partition_by="k"}}
select i as id, md5(i::varchar) as text, i % 2 as k from range(200000) as t(i)
`,
    "models/wide.yml": properties(100_000_000),
  });
  expect((await here.run({})).success).toBe(true);
  expect(await liveFiles(here, "wide")).toHaveLength(2);
  here.write({ "models/wide.yml": properties(500_000) });
  expect((await here.run({})).success).toBe(true);
  expect((await here.cli("compact")).stdout).toContain("2 files rewritten");
  expect((await liveFiles(here, "wide")).length).toBeGreaterThan(6);
  expect((await here.cli("compact")).stdout).toBe("nothing is worth compacting\n");
  expect(await here.query(`select count(*), count(distinct id), sum(k) from {{ref "wide"}}`)).toEqual([
    [200_000, 200_000, 100_000],
  ]);
});

test("an append that comes meanwhile is kept, and the compaction goes through on top of it", async () => {
  using here = await sixFiles();
  await here.withSession(async (session) => {
    // The other writer commits after the files were read and before the compaction commits.
    const compute = await session.compute();
    const write = compute.write.bind(compute);
    compute.write = async (request) => {
      const result = await write(request);
      await append(here, "events", foreignRow);
      return result;
    };
    const identifier = { namespace: "lakehouse", name: "events" };
    expect(await compact({ session, identifier, dryRun: false })).toMatchObject({ commits: 1 });
  });
  expect(await liveFiles(here, "events")).toHaveLength(2);
  expect(await here.query(`select count(*) from {{ref "events"}}`)).toEqual([[13]]);
});

test("a ledger that was rebuilt is still the table's after a compaction: no file is taken in twice", async () => {
  using here = await sixFiles();
  const file = (await here.query(`select max(data_source) from {{ref "events"}}`))[0]?.[0] as string;
  const seventh = file.replace("f6.jsonl", "f7.jsonl");
  here.write({ [landing("f7.jsonl")]: goodLines(1, 99) });
  // Another engine took the file in; only the rebuilt ledger knows.
  await append(here, "events", foreignRow.replace("'x' as data_source", `'${seventh}' as data_source`));
  expect((await here.cli("ledger", "rebuild", "events")).code).toBe(0);
  expect((await here.run({})).of("events")?.status).toBe("reused");
  expect((await here.cli("compact", "-s", "events")).stdout).toContain("7 files rewritten");
  expect((await here.run({})).of("events")?.status).toBe("reused");
  expect(await here.query(`select count(*) from {{ref "events"}}`)).toEqual([[13]]);
});

test("two compactions at once: one wins, no row is doubled or lost", async () => {
  using here = await sixFiles();
  const before = await rowsOf(here);
  const both = await Promise.all([here.cli("compact"), here.cli("compact")]);
  expect(both.map(({ code }) => code)).toEqual([0, 0]);
  expect(await rowsOf(here)).toEqual(before);
  expect(await liveFiles(here, "events")).toHaveLength(1);
});

test("manifests become few in the order of partitions; every entry keeps its snapshot and sequence number", async () => {
  using here = await sixFiles(` partition_by="bucket(2, id)"`);
  const entries = (): Promise<{ manifests: number; files: string[]; partitions: unknown[] }> =>
    here.withSession(async (session) => {
      const [storage, { metadata }] = await Promise.all([session.storage(), tableOf(session, "events")]);
      const head = metadata.snapshots.filter((one) => one["snapshot-id"] === metadata["current-snapshot-id"]);
      const manifests = [...(await manifestsOf(storage, head)).values()];
      const read = manifests.map((manifest) => readManifest({ storage, manifest, metadata }));
      const all = (await Promise.all(read)).flat();
      return {
        manifests: manifests.length,
        files: all
          .map((one) => `${one.file.path} ${one.snapshotId} ${one.sequenceNumber} ${one.fileSequenceNumber}`)
          .toSorted(),
        partitions: all.map(({ file }) => file.partition[0]),
      };
    });
  const [before, rows] = [await entries(), await rowsOf(here)];
  expect(before.manifests).toBe(6);
  expect((await here.cli("rewrite-manifests")).stdout).toMatch(/lakehouse\.events +6 +1 +0/);
  const after = await entries();
  expect(after).toMatchObject({ manifests: 1, files: before.files });
  expect(after.partitions).toEqual(after.partitions.toSorted((a, b) => Number(a) - Number(b)));
  expect(await rowsOf(here)).toEqual(rows);
  expect((await here.cli("rewrite-manifests")).stdout).toBe("no manifest is worth rewriting\n");
  expect((await here.run({})).of("daily")?.status).toBe("reused");
});

test("maintain does what the policy says, table by table, and says when nothing is left to do", async () => {
  using here = await sixFiles();
  here.write({
    "lake.yml": `${here.read("lake.yml")}models:
  shop:
    +maintain: {expire_snapshots: 0s, remove_orphan_files: false}
    daily: {+maintain: {compact: false, rewrite_manifests: false, expire_snapshots: false}}
`,
  });
  const before = await rowsOf(here);
  const dry = JSON.parse((await here.cli("maintain", "--dry-run", "--output", "json")).stdout);
  expect(dry).toMatchObject([
    { table: { name: "events" }, compact: { filesBefore: 6, filesAfter: 1 }, orphans: null },
    { table: { name: "daily" }, compact: null, manifests: null, expire: null, orphans: { files: 0 } },
  ]);
  expect((await here.cli("maintain")).stdout).toMatch(
    /lakehouse\.events +6 +1 [^]*1 of 2 tables put in shape/,
  );
  expect(here.files("warehouse/lakehouse.db/events/data")).toHaveLength(1);
  expect(await rowsOf(here)).toEqual(before);
  expect((await here.cli("maintain")).stdout).toBe("2 tables in shape, nothing to do\n");
  // Also with the snapshot gone that readers recorded, nothing is built again.
  const again = await here.run({});
  expect([again.of("events")?.status, again.of("daily")?.status]).toEqual(["reused", "reused"]);
  here.write({ [landing("f7.jsonl")]: goodLines(1, 50) });
  expect((await here.run({})).success).toBe(true);
});
