// `lake history`, `lake rollback`, `lake tag` and `lake branch`: states of a table, seen, named and gone back to.
import { rmSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { rollbackTable } from "../../engine/run/tables/rollback-table.ts";
import type { RollbackRequest, RollbackResult } from "../../engine/run/tables/rollback-table.ts";
import { tableHistory } from "../../engine/run/tables/table-history.ts";
import { command } from "./command.ts";
import { eventsProject, goodLines, lines, quarantining } from "./events-project.ts";
import { append, snapshotIds, tableOf, update } from "./foreign.ts";
import { makeProject } from "./project.ts";
import type { Files, TestProject } from "./project.ts";

const landing = (name: string): string => `landing-zone/events/${name}`;
const foreignRow = `select 99::bigint as id, 'foreign' as kind, null::timestamptz as happened, null::varchar as page, null::bigint as recipe_id, 'elsewhere' as data_source`;

/** One run for each batch, one file each: as many snapshots of `events`. */
async function runs(batches: readonly string[], files: Files = eventsProject): Promise<TestProject> {
  const here = makeProject(files);
  for (const [index, text] of batches.entries()) {
    here.write({ [landing(`f${index + 1}.jsonl`)]: text });
    expect((await here.run({})).success).toBe(true);
  }
  return here;
}

const threeRuns = (): Promise<TestProject> => runs([goodLines(2, 1), goodLines(3, 3), goodLines(1, 6)]);

function rollback(
  here: TestProject,
  request: Partial<RollbackRequest> & { to: string },
): Promise<RollbackResult> {
  return here.withSession((session) => rollbackTable(session, { table: "events", ...request }));
}

async function ids(here: TestProject, name = "events"): Promise<unknown[]> {
  return (await here.query(`select id from {{ref "${name}"}} order by id`)).flat();
}

async function idAt(here: TestProject, index: number): Promise<string> {
  return String((await snapshotIds(here, "events"))[index]);
}

describe("rollback", () => {
  test("goes to a snapshot, and the next build takes in exactly what is missing", async () => {
    using here = await threeRuns();
    const result = await rollback(here, { to: await idAt(here, 0) });
    expect(result).toMatchObject({
      moved: true,
      landingFilesReleased: 2,
      quarantineMoved: false,
      warnings: [],
    });
    expect(await ids(here)).toEqual([1, 2]);
    const again = await here.run({});
    expect(again.of("events")?.table?.landingFiles).toBe(2);
    expect(await ids(here)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(await here.query(`select sum(n)::integer from {{ref "daily"}}`)).toEqual([[6]]);
    expect((await here.run({})).of("events")?.status).toBe("reused");
  });

  test("to a tag and to a time mean the state that they name", async () => {
    using here = await threeRuns();
    expect((await command(here, "tag", "events", "audited", "--at", await idAt(here, 1))).code).toBe(0);
    await rollback(here, { to: "audited" });
    expect(await ids(here)).toEqual([1, 2, 3, 4, 5]);
    const { log } = await here.withSession((session) => tableHistory(session, "events"));
    await rollback(here, { to: new Date(log[0]?.["timestamp-ms"] ?? 0).toISOString() });
    expect(await ids(here)).toEqual([1, 2]);
  });

  test("a dry run says the same and changes nothing", async () => {
    using here = await threeRuns();
    const before = await here.catalog();
    const result = await rollback(here, { to: await idAt(here, 0), dryRun: true });
    expect(result).toMatchObject({ moved: true, landingFilesReleased: 2, dryRun: true });
    expect(await here.catalog()).toEqual(before);
  });

  test("a state that the newest was not made from needs to be asked for", async () => {
    using here = await threeRuns();
    const third = await idAt(here, 2);
    await rollback(here, { to: await idAt(here, 0) });
    await expect(rollback(here, { to: third })).rejects.toMatchObject({ code: "run/not-an-ancestor" });
    expect(await ids(here)).toEqual([1, 2]);
    await rollback(here, { to: third, allowAside: true });
    expect(await ids(here)).toEqual([1, 2, 3, 4, 5, 6]);
    // The ledger came back with it: nothing is taken in twice.
    expect((await here.run({})).of("events")?.status).toBe("reused");
  });

  test("a time is looked up in the moves of the table: what was rolled back then is not slipped past", async () => {
    using here = await threeRuns();
    const moved = (await here.withSession((session) => tableHistory(session, "events"))).log;
    await rollback(here, { to: await idAt(here, 0) });
    const time = new Date(moved[1]?.["timestamp-ms"] ?? 0).toISOString();
    await expect(rollback(here, { to: time })).rejects.toMatchObject({ code: "run/not-an-ancestor" });
  });

  test("the log of moves and the refs are what iceberg-java makes of them", async () => {
    using here = await threeRuns();
    const before = await here.withSession((session) => tableOf(session, "events"));
    await rollback(here, { to: await idAt(here, 1) });
    const { metadata, metadataLocation } = await here.withSession((session) => tableOf(session, "events"));
    const second = metadata.snapshots[1]?.["snapshot-id"];
    expect(metadata["current-snapshot-id"]).toBe(second);
    expect(metadata.refs["main"]).toEqual({ type: "branch", "snapshot-id": second });
    // No snapshot is made or lost; the log gets the time of the move, not of the snapshot.
    expect(metadata.snapshots).toEqual(before.metadata.snapshots);
    expect(metadata["snapshot-log"]).toEqual([
      ...before.metadata["snapshot-log"],
      { "snapshot-id": second, "timestamp-ms": metadata["last-updated-ms"] },
    ]);
    expect(metadata["last-updated-ms"]).toBeGreaterThan(before.metadata["last-updated-ms"]);
    expect(metadata["metadata-log"].at(-1)?.["metadata-file"]).toBe(before.metadataLocation);
    expect(metadata["last-sequence-number"]).toBe(before.metadata["last-sequence-number"]);
    expect(metadataLocation).not.toBe(before.metadataLocation);
  });

  test("after expiry, too, the ledger is proven: the property names an ancestor of where it went", async () => {
    using here = await threeRuns();
    await append(here, "events", foreignRow);
    await rollback(here, { to: await idAt(here, 1) });
    await append(here, "events", foreignRow);
    // Our snapshots expire; only the foreign append and its parents' names are left.
    const line = (await snapshotIds(here, "events")).slice(0, 4);
    await update(here, "events", [{ action: "remove-snapshots", "snapshot-ids": line }]);
    expect((await here.run({})).of("events")?.table?.landingFiles).toBe(1);
    expect(await ids(here)).toEqual([1, 2, 3, 4, 5, 6, 99]);
  });

  test("a ledger that was corrected at that state comes back corrected", async () => {
    using here = await runs([goodLines(2, 1)]);
    here.write({ [landing("f1.jsonl")]: goodLines(3, 1) });
    expect((await command(here, "ledger", "accept", "events", "f1.jsonl")).code).toBe(0);
    here.write({ [landing("f2.jsonl")]: goodLines(1, 4) });
    expect((await here.run({})).success).toBe(true);
    await rollback(here, { to: await idAt(here, 0) });
    // What was accepted stays accepted, and only the second file is new.
    expect((await here.run({})).of("events")?.table?.landingFiles).toBe(1);
    expect(await ids(here)).toEqual([1, 2, 4]);
  });

  test("quarantined lines go back with the model, and come again once", async () => {
    const bad = lines({ id: "no number" });
    using here = await runs([goodLines(1, 1) + bad, goodLines(1, 2) + bad, goodLines(1, 3)], quarantining);
    const rejected = `select count(*)::integer from {{source "q" "events_quarantine"}}`;
    here.write({
      "models/q.yml": `version: 2
sources:
  - name: q
    tables:
      - {name: events_quarantine, type: iceberg, identifier: lakehouse.events_quarantine}
`,
    });
    expect(await here.query(rejected)).toEqual([[2]]);
    expect(await rollback(here, { to: await idAt(here, 0) })).toMatchObject({ quarantineMoved: true });
    expect(await here.query(rejected)).toEqual([[1]]);
    expect((await here.run({})).success).toBe(true);
    expect(await here.query(rejected)).toEqual([[2]]);
    expect(await ids(here)).toEqual([1, 2, 3]);
  });

  test("a table whose quarantine began later goes back to one without lines", async () => {
    const bad = lines({ id: "no number" });
    using here = await runs([goodLines(1, 1), goodLines(1, 2) + bad], quarantining);
    await rollback(here, { to: await idAt(here, 0) });
    const total = await here.withSession(async (session) => {
      const { metadata } = await tableOf(session, "events_quarantine");
      return metadata.snapshots.at(-1)?.summary["total-records"];
    });
    expect(total).toBe("0");
    expect(await rollback(here, { to: await idAt(here, 0) })).toMatchObject({
      moved: false,
      quarantineMoved: false,
    });
  });

  test("a state whose ledger cannot be read is gone to with a warning, and the build refuses to guess", async () => {
    using here = await threeRuns();
    const { metadata } = await here.withSession((session) => tableOf(session, "events"));
    const first = metadata.snapshots[0]?.summary["lake.ledger"] ?? "";
    rmSync(first.replace("file://", ""));
    const result = await rollback(here, { to: await idAt(here, 0) });
    expect(result.warnings.join()).toMatch(/cannot be proven there/);
    await expect(here.run({})).rejects.toMatchObject({ code: "run/ledger-unreadable" });
  });

  test("another engine's append on top is not undone unseen", async () => {
    using here = await threeRuns();
    const first = await idAt(here, 0);
    const attempt = here.withSession(async (session) => {
      // Between the look at the table and the commit.
      const storage = await session.storage();
      let raced = false;
      const write = storage.writeIfAbsent.bind(storage);
      storage.writeIfAbsent = async (file, bytes) => {
        if (!raced && file.endsWith(".metadata.json")) {
          raced = true;
          await append(here, "events", foreignRow);
        }
        return write(file, bytes);
      };
      return rollbackTable(session, { table: "events", to: first });
    });
    await expect(attempt).rejects.toMatchObject({ code: "run/moved-meanwhile" });
    expect(await ids(here)).toEqual([1, 2, 3, 4, 5, 6, 99]);
  });

  test("what does not exist is named", async () => {
    using here = await threeRuns();
    const codes = async (...args: string[]): Promise<string> => (await command(here, ...args)).stderr;
    expect(await codes("rollback", "event", "--to", "1")).toContain('did you mean "events"?');
    expect(await codes("rollback", "stg", "--to", "1")).toContain("stg is a view: it has no table");
    expect(await codes("rollback", "events", "--to", "1")).toContain("iceberg/unknown-point");
    expect(await codes("rollback", "events", "--to", "2001-01-01")).toContain("iceberg/before-history");
    expect(await codes("rollback", "lakehouse.evnts", "--to", "1")).toContain("lakehouse.events");
  });
});

describe("history", () => {
  test("shows what was done, by which run of which model, and by whom", async () => {
    using here = await threeRuns();
    const before = await here.run({ command: "run", select: ["daily"], noReuse: true });
    await append(here, "events", foreignRow);
    await command(here, "tag", "events", "audited", "--at", await idAt(here, 1), "--max-ref-age", "30d");
    await rollback(here, { to: await idAt(here, 2) });
    const { stdout, code } = await command(here, "history", "events", "--output", "json");
    expect(code).toBe(0);
    const history = JSON.parse(stdout) as { snapshots: Record<string, unknown>[]; refs: object };
    expect(
      history.snapshots.map((entry) => [entry["state"], entry["operation"], entry["rowsAdded"]]),
    ).toEqual([
      ["aside", "append", 1],
      ["current", "append", 1],
      ["ancestor", "append", 3],
      ["ancestor", "append", 2],
    ]);
    const { runId, fingerprint, who, refs, rowsTotal, filesAdded, node } = history.snapshots[2] ?? {};
    expect({ refs, rowsTotal, filesAdded, node }).toEqual({
      refs: ["audited"],
      rowsTotal: 5,
      filesAdded: 1,
      node: "model.shop.events",
    });
    expect(runId).toMatch(/^[0-9a-f-]{36}$/);
    expect(fingerprint).toMatch(/^[0-9a-f]{64}$/);
    expect(who).toEqual(expect.stringMatching(/./));
    expect(history.snapshots[0]?.["runId"]).toBeNull();
    expect(history.refs).toMatchObject({ audited: { type: "tag", "max-ref-age-ms": 2_592_000_000 } });
    const daily = await here.withSession((session) => tableHistory(session, "lakehouse.daily"));
    expect(daily.snapshots[0]).toMatchObject({
      runId: before.runId,
      operation: "overwrite",
      rowsRemoved: 1n,
    });
    const text = (await command(here, "history", "events", "--limit", "2")).stdout;
    expect(text).toContain("(rolled back)");
    expect(text).toContain("(2 older; --limit shows more)");
    expect(text).toContain("tag audited at");
    expect(text).toContain("(kept 30 days)");
  });
});

describe("tags and branches", () => {
  const refs = (here: TestProject): Promise<object> =>
    here.withSession(async (session) => (await tableOf(session, "events")).metadata.refs);

  test("are made, moved, kept as asked, and removed", async () => {
    using here = await threeRuns();
    const [first, second, third] = await snapshotIds(here, "events");
    const ok = async (...args: string[]): Promise<string> => {
      const { code, stdout, stderr } = await command(here, ...args);
      expect(stderr).toBe("");
      expect(code).toBe(0);
      return stdout;
    };
    await ok(
      "branch",
      "events",
      "trial",
      "--max-ref-age",
      "7d",
      "--min-snapshots-to-keep",
      "3",
      "--max-snapshot-age",
      "12h",
    );
    const trial = {
      type: "branch",
      "max-ref-age-ms": 604_800_000,
      "min-snapshots-to-keep": 3,
      "max-snapshot-age-ms": 43_200_000,
    };
    expect(await refs(here)).toMatchObject({ trial: { ...trial, "snapshot-id": third } });
    expect(await ok("branch", "events", "trial")).toContain("already");
    // Moving keeps the retention, as iceberg-java's replaceBranch does.
    await ok("branch", "events", "trial", "--replace", "--at", String(first));
    expect(await refs(here)).toMatchObject({ trial: { ...trial, "snapshot-id": first } });
    await ok("tag", "events", "audited", "--at", "trial");
    await ok("tag", "events", "audited", "--replace", "--at", String(second), "--dry-run");
    expect(await refs(here)).toMatchObject({ audited: { type: "tag", "snapshot-id": first } });
    await ok("branch", "events", "trial", "--delete");
    await ok("tag", "events", "audited", "--delete", "--dry-run");
    expect(Object.keys(await refs(here)).sort()).toEqual(["audited", "main"]);
    await ok("tag", "events", "audited", "--delete");
    expect(Object.keys(await refs(here))).toEqual(["main"]);
    expect(await ids(here)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test("are refused where a name would mean two things, or another state would be forgotten", async () => {
    using here = await threeRuns();
    const first = await idAt(here, 0);
    const refused = async (...args: string[]): Promise<string> => {
      const { code, stderr } = await command(here, ...args);
      expect(code).toBe(1);
      return /error\[([^\]]+)\]/.exec(stderr)?.[1] ?? stderr;
    };
    for (const name of ["main", "2026-01-31", "12345", " x"]) {
      expect(await refused("tag", "events", name)).toBe("run/bad-ref-name");
    }
    await command(here, "tag", "events", "audited", "--at", first);
    expect(await refused("tag", "events", "audited")).toBe("run/ref-exists");
    expect(await refused("branch", "events", "audited", "--replace")).toBe("run/ref-exists");
    expect(await refused("branch", "events", "audited", "--delete")).toBe("run/unknown-table-ref");
    expect(await refused("tag", "events", "gone", "--delete")).toBe("run/unknown-table-ref");
    expect(await refused("branch", "events", "main", "--delete")).toBe("run/bad-ref-name");
    await command(here, "tag", "events", "lake_base_20260131");
    expect(await refused("tag", "events", "lake_base_20260131", "--delete")).toBe("run/clone-base");
    expect((await command(here, "tag", "events", "lake_base_20260131", "--delete", "--force")).code).toBe(0);
  });
});
