// Expiry and orphan removal: what somebody may still need is never deleted, what nobody needs goes.
import { rmSync, utimesSync, writeFileSync } from "node:fs";
import path from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { commitUpdates } from "../../engine/iceberg/transaction.ts";
import { reachableFiles } from "../../engine/iceberg/reachable-files.ts";
import { pathKey } from "../../engine/iceberg/path-key.ts";
import { planScan } from "../../engine/iceberg/scan.ts";
import { readManifestList } from "../../engine/iceberg/manifest-list.ts";
import { expireSnapshots } from "../../engine/upkeep/expire-snapshots.ts";
import { removeOrphanFiles } from "../../engine/upkeep/remove-orphan-files.ts";
import { eventsProject, goodLines } from "./events-project.ts";
import { append, rollBack, snapshotIds, tableOf, update } from "./foreign.ts";
import { makeProject } from "./project.ts";
import type { TestProject } from "./project.ts";

const dayMs = 86_400_000;
const daily = { namespace: "lakehouse", name: "daily" };
const events = { namespace: "lakehouse", name: "events" };
const landing = (name: string): string => `landing-zone/events/${name}`;
const dataFiles = (here: TestProject, name: string): string[] =>
  here.files(`warehouse/lakehouse.db/${name}/data`).filter((file) => file.endsWith(".parquet"));

/** Three files landed and built one after another: three snapshots of each table. */
async function threeRuns(): Promise<TestProject> {
  const here = makeProject({ ...eventsProject, [landing("f1.jsonl")]: goodLines(2, 1) });
  for (const run of [1, 2, 3]) {
    here.write({ [landing(`f${run}.jsonl`)]: goodLines(2, run * 2 - 1) });
    expect((await here.run({})).success).toBe(true);
  }
  return here;
}

const expire = (
  here: TestProject,
  name: string,
  options: { maxAgeMs?: number; minSnapshots?: number } = {},
) =>
  here.withSession((session) =>
    expireSnapshots({
      session,
      identifier: { namespace: "lakehouse", name },
      policy: { maxAgeMs: -1, ...options },
      dryRun: false,
    }),
  );

function age(here: TestProject, file: string, days: number): void {
  const seconds = Date.now() / 1000 - days * 86_400;
  utimesSync(path.join(here.root, file), seconds, seconds);
}

/** Every file that the table needs is there, and how many others lie in its folder. */
async function filesOf(here: TestProject, name: string): Promise<{ missing: string[]; others: string[] }> {
  return here.withSession(async (session) => {
    const table = await tableOf(session, name);
    const needed = await reachableFiles(await session.storage(), table.metadata, table.metadataLocation);
    const folder = pathKey(table.metadata.location);
    const found = new Set(here.files(path.relative(here.root, folder)).map((file) => `${folder}/${file}`));
    return {
      missing: [...needed].filter((file) => !found.has(file)),
      others: [...found].filter((file) => !needed.has(pathKey(file))),
    };
  });
}

test("old snapshots go with the files that only they needed, and the rows stay", async () => {
  using here = await threeRuns();
  expect(dataFiles(here, "daily")).toHaveLength(3);
  const { code, stdout } = await here.cli("expire-snapshots", "--older-than", "0s", "--dry-run");
  expect([code, stdout]).toEqual([
    0,
    expect.stringMatching(/lakehouse\.daily +2 +2 +\d+\n[^]*4 snapshots would be forgotten/),
  ]);
  expect(dataFiles(here, "daily")).toHaveLength(3);
  expect((await here.cli("expire-snapshots", "--older-than", "0s")).stdout).toContain("forgotten");
  expect(await snapshotIds(here, "daily")).toHaveLength(1);
  expect(dataFiles(here, "daily")).toHaveLength(1);
  expect(await here.query(`select n from {{ref "daily"}}`)).toEqual([[6]]);
  // An append-only table keeps all its data files and loses the old lists.
  expect(await here.query(`select count(*) from {{ref "events"}}`)).toEqual([[6]]);
  for (const name of ["daily", "events"]) {
    expect(await filesOf(here, name)).toEqual({ missing: [], others: [] });
  }
  expect((await here.run({})).of("events")?.status).toBe("reused");
});

test("young snapshots, the newest ones asked for, tags and branches stay", async () => {
  using here = await threeRuns();
  expect((await expire(here, "daily", { maxAgeMs: dayMs })).snapshots).toEqual([]);
  expect((await expire(here, "daily", { minSnapshots: 2 })).snapshots).toHaveLength(1);
  const [second] = await snapshotIds(here, "daily");
  await update(here, "daily", [
    { action: "set-snapshot-ref", "ref-name": "release", type: "tag", "snapshot-id": second as bigint },
  ]);
  expect((await expire(here, "daily")).snapshots).toEqual([]);
  expect((await filesOf(here, "daily")).missing).toEqual([]);
  // A tag with an age of its own goes when it is reached, and its snapshot with it.
  await update(here, "daily", [
    {
      action: "set-snapshot-ref",
      "ref-name": "release",
      type: "tag",
      "snapshot-id": second as bigint,
      "max-ref-age-ms": 1,
    },
  ]);
  expect(await expire(here, "daily")).toMatchObject({ snapshots: [second], refs: ["release"] });
  expect(dataFiles(here, "daily")).toHaveLength(1);
});

test("what proves which landing files the table holds is never forgotten", async () => {
  using here = await threeRuns();
  for (let row = 0; row < 3; row++) {
    await append(
      here,
      "events",
      `select 99::bigint as id, 'x' as kind, now() as happened, null::varchar as page, 1::bigint as recipe_id, 'x' as data_source`,
    );
  }
  await expire(here, "events");
  // Ours and the three foreign ones above it: without the chain the ledger could not be proven.
  expect(await snapshotIds(here, "events")).toHaveLength(4);
  here.write({ [landing("f4.jsonl")]: goodLines(1, 7) });
  expect((await here.run({ select: ["events"] })).success).toBe(true);
  expect(await here.query(`select count(*) from {{ref "events"}}`)).toEqual([[10]]);
});

test("after a rollback the abandoned snapshots stay while they are young, then go", async () => {
  using here = await threeRuns();
  const [first] = await snapshotIds(here, "daily");
  await rollBack(here, "daily", first as bigint);
  expect((await expire(here, "daily", { maxAgeMs: dayMs })).snapshots).toEqual([]);
  expect((await expire(here, "daily")).snapshots).toHaveLength(2);
  expect(await here.query(`select n from {{ref "daily"}}`)).toEqual([[2]]);
  expect(await filesOf(here, "daily")).toEqual({ missing: [], others: [] });
});

test("a clone's files are not the clone's to delete", async () => {
  using here = await threeRuns();
  await update(here, "daily", [{ action: "set-properties", updates: { "gc.enabled": "false" } }]);
  await expect(expire(here, "daily")).rejects.toMatchObject({ code: "iceberg/gc-disabled" });
  const orphans = here.withSession((session) =>
    removeOrphanFiles({ session, identifier: daily, olderThanMs: 3 * dayMs, dryRun: false }),
  );
  await expect(orphans).rejects.toMatchObject({ code: "iceberg/gc-disabled" });
  expect(dataFiles(here, "daily")).toHaveLength(3);
});

test("a manifest that cannot be read stops the deleting, not only its own part of it", async () => {
  using here = await threeRuns();
  const manifest = await here.withSession(async (session) => {
    const { metadata } = await tableOf(session, "daily");
    const head = metadata.snapshots.at(-1);
    if (head === undefined) throw new Error("no snapshot");
    const [first] = await readManifestList({ storage: await session.storage(), snapshot: head });
    return pathKey(first?.path ?? "");
  });
  const before = dataFiles(here, "daily");
  writeFileSync(manifest, "damaged");
  await expect(expire(here, "daily")).rejects.toMatchObject({ code: "iceberg/bad-avro" });
  expect(dataFiles(here, "daily")).toEqual(before);
});

test("old files that belong to nothing go; young ones, staged ones and all that a snapshot needs stay", async () => {
  using here = await threeRuns();
  const folder = "warehouse/lakehouse.db/daily";
  here.write({
    [`${folder}/data/left-behind.parquet`]: "x",
    [`${folder}/metadata/left-behind.avro`]: "x",
    [`${folder}/data/young.parquet`]: "x",
    // A failing test leaves the run's tables staged.
    "tests/data/never.sql": `select * from {{ref "daily"}}\n`,
    [landing("f4.jsonl")]: goodLines(1, 9),
  });
  expect((await here.run({})).success).toBe(false);
  const staged = dataFiles(here, "daily").length;
  for (const name of ["daily", "events"])
    for (const file of here.files(`warehouse/lakehouse.db/${name}`))
      if (!file.includes("young")) age(here, `warehouse/lakehouse.db/${name}/${file}`, 4);
  const dry = await here.cli("remove-orphan-files", "--dry-run", "--output", "json");
  expect(JSON.parse(dry.stdout)).toEqual([
    expect.objectContaining({ files: 0 }),
    expect.objectContaining({ files: 2, sizeBytes: 2 }),
  ]);
  expect(dataFiles(here, "daily")).toHaveLength(staged);
  const { code, stdout } = await here.cli("remove-orphan-files");
  expect([code, stdout]).toEqual([
    0,
    expect.stringMatching(/lakehouse\.daily +2 +2 bytes[^]*2 orphan files deleted/),
  ]);
  expect(dataFiles(here, "daily").filter((file) => file.includes("left"))).toEqual([]);
  expect(dataFiles(here, "daily")).toHaveLength(staged - 1);
  // What was staged can still be looked at.
  const runId = here
    .files("warehouse/_lake/dev/runs")
    .find((file) => file.endsWith(".json"))
    ?.split(/[/.]/)[0];
  expect((await here.cli("show", "daily", "--run", runId ?? "")).code).toBe(0);
});

test("a younger age than a day is refused, and so is a folder that two tables share", async () => {
  using here = await threeRuns();
  const refused = await here.cli("remove-orphan-files", "--older-than", "2h");
  expect([refused.code, refused.stdout + refused.stderr]).toEqual([
    1,
    expect.stringContaining("at least 24 hours"),
  ]);
  expect((await here.cli("remove-orphan-files", "--older-than", "soon")).stderr).toMatch(
    /"soon" is no duration; expected such as 3d/,
  );
  await here.withSession(async (session) => {
    const { metadata } = await tableOf(session, "daily");
    const location = path.dirname(metadata.location);
    await commitUpdates({
      catalog: await session.catalog(),
      storage: await session.storage(),
      identifier: events,
      nowMs: Date.now(),
      make: () => [{ action: "set-location", location }],
    });
    const clean = removeOrphanFiles({ session, identifier: events, olderThanMs: 3 * dayMs, dryRun: false });
    await expect(clean).rejects.toMatchObject({ code: "upkeep/nested-tables" });
  });
});

test("spellings of one place are one: a table whose metadata says s3a, file: or doubled slashes keeps its files", () => {
  expect(pathKey("s3a://bucket/a//b.parquet")).toBe(pathKey("s3://bucket/a/b.parquet"));
  expect(pathKey("file:///a/b")).toBe(pathKey("/a/b"));
  expect(pathKey("file:/a/b")).toBe(pathKey("/a/b"));
  expect(pathKey("s3://Bucket/a")).not.toBe(pathKey("s3://bucket/a"));
  expect(pathKey("s3://bucket/A")).not.toBe(pathKey("s3://bucket/a"));
});

type Step =
  | { readonly kind: "build" | "foreign" | "rollback" | "expire" }
  | { readonly kind: "tag"; readonly index: number };

test("whatever happens to a table, expiry leaves every remaining snapshot whole and nothing else behind", async () => {
  const step: fc.Arbitrary<Step> = fc.oneof(
    fc.constantFrom<Step>({ kind: "build" }, { kind: "foreign" }, { kind: "rollback" }, { kind: "expire" }),
    fc.record({ kind: fc.constant("tag" as const), index: fc.nat(5) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 8 }), async (steps) => {
      using here = makeProject({
        "models/daily.sql": `{{config materialized="table"}}\nselect {{var "n" default=0}} as n`,
      });
      await here.run({ vars: { n: 0 } });
      for (const [index, one] of [...steps, { kind: "expire" } as const].entries()) {
        const ids = await snapshotIds(here, "daily");
        const id = ids[("index" in one ? one.index : index) % ids.length] as bigint;
        if (one.kind === "build") await here.run({ vars: { n: index + 1 } });
        if (one.kind === "foreign") await append(here, "daily", "select 7 as n");
        if (one.kind === "rollback") await rollBack(here, "daily", id);
        if (one.kind === "tag")
          await update(here, "daily", [
            { action: "set-snapshot-ref", "ref-name": `t${index}`, type: "tag", "snapshot-id": id },
          ]);
        if (one.kind !== "expire") continue;
        await expire(here, "daily");
        const { missing } = await filesOf(here, "daily");
        // Metadata files of the log go in other ways; all else that is needed is there.
        expect(missing.filter((file) => !file.endsWith(".metadata.json"))).toEqual([]);
        await here.withSession(async (session) => {
          const { metadata } = await tableOf(session, "daily");
          for (const snapshot of metadata.snapshots)
            await planScan({
              storage: await session.storage(),
              metadata,
              snapshotId: snapshot["snapshot-id"],
            });
        });
      }
      expect((await filesOf(here, "daily")).others).toEqual([]);
    }),
    { numRuns: 15 },
  );
});

test("a table that is not there is named", async () => {
  using here = await threeRuns();
  rmSync(path.join(here.root, "lake.db"));
  expect((await here.cli("expire-snapshots")).stdout).toBe("no snapshot is old enough to be forgotten\n");
});
