// `lake drop` and the way back: a dropped table is gone for readers, its files are not, and it comes back as it was.
import { readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { command } from "./command.ts";
import { eventsProject, goodLines, lines, quarantining } from "./events-project.ts";
import { tableOf, update } from "./foreign.ts";
import { environments, filesBelow, makeProject } from "./project.ts";
import type { Files, TestProject } from "./project.ts";

const landing = (name: string): string => `landing-zone/events/${name}`;

async function built(files: Files = eventsProject): Promise<TestProject> {
  const here = makeProject({ ...files, [landing("f1.jsonl")]: goodLines(2, 1) });
  expect((await here.run({})).success).toBe(true);
  return here;
}

async function ok(here: TestProject, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await command(here, ...args);
  expect([code, stderr]).toEqual([0, ""]);
  return stdout;
}

async function refused(here: TestProject, ...args: string[]): Promise<string> {
  const { code, stderr } = await command(here, ...args);
  expect(code).toBeGreaterThan(0);
  return /error\[([^\]]+)\]/.exec(stderr)?.[1] ?? stderr;
}

const ids = async (here: TestProject): Promise<unknown[]> =>
  (await here.query(`select id from {{ref "events"}} order by id`)).flat();
const folder = (here: TestProject): string => path.join(here.root, "warehouse/lakehouse.db/events");

describe("without purge", () => {
  test("a dropped table comes back as it was: rows, history, ledger; and nothing is taken in twice", async () => {
    using here = await built();
    const before = await here.withSession((session) => tableOf(session, "events"));
    const files = filesBelow(folder(here));
    expect(await ok(here, "drop", "events", "--dry-run")).toBe(
      "would drop lakehouse.events (2 rows); lake restore events brings it back\n",
    );
    expect(await ids(here)).toEqual([1, 2]);
    expect(await ok(here, "drop", "events")).toContain("dropped lakehouse.events (2 rows)");
    expect(Object.keys(await here.catalog())).toEqual(["lakehouse.daily"]);
    expect(filesBelow(folder(here))).toEqual(files);
    expect(await refused(here, "history", "events")).toBe("run/unknown-table");
    expect(await ok(here, "restore", "events")).toContain("lakehouse.events restored");
    const after = await here.withSession((session) => tableOf(session, "events"));
    expect(after).toEqual(before);
    expect((await here.run({})).of("events")?.status).toBe("reused");
    here.write({ [landing("f2.jsonl")]: goodLines(1, 3) });
    expect((await here.run({})).of("events")?.table?.landingFiles).toBe(1);
    expect(await ids(here)).toEqual([1, 2, 3]);
  });

  test("the table of rejected lines goes and comes back with it", async () => {
    using here = makeProject({
      ...quarantining,
      [landing("f1.jsonl")]: goodLines(1, 1) + lines({ id: "no number" }),
    });
    expect((await here.run({})).success).toBe(true);
    expect(await ok(here, "drop", "events")).toContain("and lakehouse.events_quarantine (1 row)");
    expect(Object.keys(await here.catalog())).toEqual(["lakehouse.daily"]);
    await ok(here, "restore", "events");
    expect(Object.keys(await here.catalog()).sort()).toEqual([
      "lakehouse.daily",
      "lakehouse.events",
      "lakehouse.events_quarantine",
    ]);
  });

  test("it is the state of the drop that comes back, not a metadata file of a commit that never happened", async () => {
    using here = await built();
    const { metadataLocation } = await here.withSession((session) => tableOf(session, "events"));
    await ok(here, "tag", "events", "later");
    const current = await here.withSession((session) => tableOf(session, "events"));
    // A writer that was killed between its metadata file and the pointer leaves one of the next number.
    const stray = current.metadataLocation.replace(/\d{5}-[^/]*$/, `00009-stray.metadata.json`);
    const local = (file: string): string => file.replace("file://", "");
    writeFileSync(local(stray), here.read(path.relative(here.root, local(metadataLocation))));
    await ok(here, "drop", "events");
    await ok(here, "restore", "events");
    expect((await here.withSession((session) => tableOf(session, "events"))).metadataLocation).toBe(
      current.metadataLocation,
    );
  });

  test("under another name it comes back, too, unless its folder is in use again", async () => {
    using here = await built();
    await ok(here, "drop", "events");
    await ok(here, "restore", "events", "--as", "lakehouse.events_before");
    expect(Object.keys(await here.catalog())).toContain("lakehouse.events_before");
    await ok(here, "drop", "lakehouse.events_before");
    expect((await here.run({})).success).toBe(true);
    expect(await refused(here, "restore", "events", "--as", "lakehouse.events_before")).toBe(
      "catalog/table-exists",
    );
    expect(await refused(here, "restore", "events")).toBe("catalog/table-exists");
  });

  test("where somebody else dropped it, the newest metadata counts; two that could be it are told apart by hand", async () => {
    using here = await built();
    await ok(here, "tag", "events", "one");
    const { metadataLocation } = await here.withSession((session) => tableOf(session, "events"));
    const forget = (): Promise<void> =>
      here.withSession(async (session) =>
        (await session.catalog()).drop({ namespace: "lakehouse", name: "events" }),
      );
    await forget();
    await ok(here, "restore", "events");
    expect((await here.withSession((session) => tableOf(session, "events"))).metadataLocation).toBe(
      metadataLocation,
    );
    await forget();
    const local = metadataLocation.replace("file://", "");
    const twin = local.replace(/(\d{5})-[^/]*$/, "$1-twin.metadata.json");
    writeFileSync(twin, here.read(path.relative(here.root, local)));
    expect(await refused(here, "restore", "events")).toBe("upkeep/which-metadata");
    await ok(here, "restore", "events", "--metadata", metadataLocation);
    expect(await ids(here)).toEqual([1, 2]);
  });

  test("files that are gone, a copied folder and a table that stands are refused", async () => {
    using here = await built();
    expect(await refused(here, "restore", "events")).toBe("catalog/table-exists");
    await ok(here, "drop", "events");
    const data = path.join(folder(here), "data");
    const file = filesBelow(data)[0] ?? "";
    renameSync(path.join(data, file), path.join(here.root, "aside.parquet"));
    expect(await refused(here, "restore", "events")).toBe("upkeep/files-gone");
    renameSync(path.join(here.root, "aside.parquet"), path.join(data, file));
    const metadata = path.join(folder(here), "metadata");
    const manifest = readdirSync(metadata).find((name) => name.endsWith("-m0.avro")) ?? "";
    renameSync(path.join(metadata, manifest), path.join(here.root, manifest));
    expect(await refused(here, "restore", "events", "--dry-run")).toMatch(/not-found|files-gone/);
    renameSync(path.join(here.root, manifest), path.join(metadata, manifest));
    expect(await ok(here, "restore", "events", "--dry-run")).toContain("would be restored");
    expect(Object.keys(await here.catalog())).toEqual(["lakehouse.daily"]);
    rmSync(path.join(here.root, "warehouse/_lake/dev/dropped"), { recursive: true });
    renameSync(folder(here), `${folder(here)}_moved`);
    expect(await refused(here, "restore", "lakehouse.events_moved")).toBe("upkeep/moved-metadata");
  });
});

describe("with purge", () => {
  test("what the table names goes, and nothing else; the next build starts anew", async () => {
    using here = await built();
    here.write({ "warehouse/lakehouse.db/events/data/of-somebody-else.parquet": "?" });
    here.write({ [landing("f2.jsonl")]: goodLines(1, 3) });
    expect((await here.run({ fullRefresh: true })).success).toBe(true);
    const daily = filesBelow(path.join(here.root, "warehouse/lakehouse.db/daily"));
    const dry = await ok(here, "drop", "events", "--purge", "--dry-run");
    expect(dry).toMatch(/^would drop lakehouse\.events \(3 rows, \d+ files of /);
    expect(await refused(here, "drop", "events", "--purge")).toBe("cli/needs-yes");
    await ok(here, "drop", "events", "--purge", "--yes");
    expect(filesBelow(folder(here))).toEqual(["data/of-somebody-else.parquet"]);
    expect(filesBelow(path.join(here.root, "warehouse/lakehouse.db/daily"))).toEqual(daily);
    expect(await refused(here, "restore", "events")).toBe("upkeep/no-backup");
    const again = await here.run({});
    expect(again.of("events")?.table?.landingFiles).toBe(2);
    expect(await ids(here)).toEqual([1, 2, 3]);
  });

  test("is refused where another table may share its files", async () => {
    using here = await built();
    await update(here, "events", [{ action: "set-properties", updates: { "gc.enabled": "false" } }]);
    expect(await refused(here, "drop", "events", "--purge", "--yes", "--force")).toBe("upkeep/purge-refused");
    await update(here, "events", [{ action: "remove-properties", removals: ["gc.enabled"] }]);
    await ok(here, "tag", "events", "lake_base_20260131");
    expect(await refused(here, "drop", "events", "--purge", "--yes")).toBe("upkeep/purge-refused");
    expect(await ids(here)).toEqual([1, 2]);
    await ok(here, "drop", "events", "--purge", "--yes", "--force");
    expect(filesBelow(folder(here))).toEqual([]);
  });
});

test("an environment drops nothing of the target that it stands on", async () => {
  using here = makeProject({
    ...eventsProject,
    "profiles.yml": environments,
    [landing("f1.jsonl")]: goodLines(1, 1),
  });
  expect((await here.run({})).success).toBe(true);
  expect(await refused(here, "drop", "lakehouse.events", "-t", "pr_1")).toBe("run/foreign-namespace");
});
