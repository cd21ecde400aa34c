// Backups: a copy that stands on its own, cheap after the first, and back again with all that the table knows.
import { readdirSync, rmSync, truncateSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { eventsProject, goodLines } from "./events-project.ts";
import { tableOf } from "./foreign.ts";
import { makeProject } from "./project.ts";
import type { TestProject } from "./project.ts";

const landing = (name: string): string => `landing-zone/events/${name}`;

async function built(): Promise<TestProject> {
  const here = makeProject({ ...eventsProject, [landing("f1.jsonl")]: goodLines(2, 1) });
  expect((await here.run({})).success).toBe(true);
  return here;
}

/** Takes the table out of the catalog; its files stay. */
const dropFromCatalog = (here: TestProject, name: string): Promise<void> =>
  here.withSession(async (session) => (await session.catalog()).drop({ namespace: "lakehouse", name }));

interface Report {
  readonly backup: string;
  readonly copiedFiles: number;
  readonly presentFiles: number;
}
const backup = async (here: TestProject, ...args: string[]): Promise<Report> => {
  const { code, stdout, stderr } = await here.cli("backup", "-s", "events", ...args, "--output", "json");
  expect([code, stderr]).toEqual([0, ""]);
  return (JSON.parse(stdout) as Report[])[0] as Report;
};

test("each backup after the first copies what is new; one comes back with rows, ledger and fingerprint", async () => {
  using here = await built();
  const first = await backup(here, "--to", "backups");
  expect(first).toMatchObject({ copiedFiles: 1, presentFiles: 0 });
  expect(first.backup).toMatch(/backups\/lakehouse\.events_backup_\d{8}_\d{6}$/);
  here.write({ [landing("f2.jsonl")]: goodLines(2, 3) });
  expect((await here.run({})).success).toBe(true);
  // Names carry seconds.
  await new Promise((resolve) => setTimeout(resolve, 1100));
  expect(await backup(here, "--to", "backups")).toMatchObject({ copiedFiles: 1, presentFiles: 1 });

  // The original and all its files are lost.
  await dropFromCatalog(here, "events");
  rmSync(path.join(here.root, "warehouse/lakehouse.db/events"), { recursive: true });
  rmSync(path.join(here.root, "warehouse/_lake/dev/ledger"), { recursive: true });
  const restored = await here.cli("restore", "events", "--from", first.backup);
  expect([restored.code, restored.stdout]).toEqual([0, expect.stringContaining("restored from")]);
  expect(await here.query(`select count(*) from {{ref "events"}}`)).toEqual([[2]]);
  // The ledger came back with it: the second file is new to the table, the first is not.
  const again = await here.run({});
  expect(again.of("events")?.message).toContain("2 rows");
  expect(await here.query(`select id from {{ref "events"}} order by 1`)).toEqual([[1], [2], [3], [4]]);
  // Nothing of it stands on the backup.
  rmSync(path.join(here.root, "backups"), { recursive: true });
  expect(await here.query(`select count(*) from {{ref "events"}}`)).toEqual([[4]]);
});

test("without a folder the backup is a table of the catalog, which can be asked and restored from", async () => {
  using here = await built();
  const { backup: name } = await backup(here);
  expect(name).toMatch(/^lakehouse\.events_backup_\d{8}_\d{6}$/);
  const rows = await here.withSession(async (session) => {
    const { metadata } = await tableOf(session, name.split(".")[1] ?? "");
    return metadata.snapshots[0]?.summary["total-records"];
  });
  expect(rows).toBe("2");
  const refused = await here.cli("restore", "events", "--from", name);
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringMatching(/already exists[^]*--as/)]);
  const copied = await here.cli("restore", "events", "--from", name, "--as", "lakehouse.events_before");
  expect(copied.code).toBe(0);
});

test("a dropped table comes back from its own folder, unless a file of it is gone", async () => {
  using here = await built();
  const before = await here.query(`select * exclude (happened) from {{ref "events"}} order by all`);
  await dropFromCatalog(here, "events");
  expect((await here.cli("restore", "events", "--dry-run")).stdout).toContain("would be restored");
  expect((await here.cli("restore", "events")).stdout).toMatch(/lakehouse\.events restored from .*: 2 rows/);
  expect(await here.query(`select * exclude (happened) from {{ref "events"}} order by all`)).toEqual(before);
  expect((await here.run({})).of("events")?.status).toBe("reused");

  await dropFromCatalog(here, "events");
  const data = path.join(here.root, "warehouse/lakehouse.db/events/data");
  for (const file of readdirSync(data)) rmSync(path.join(data, file));
  const refused = await here.cli("restore", "events");
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringMatching(/are gone \(1 in all/)]);
  expect(await here.catalog()).not.toHaveProperty("lakehouse.events");
  expect((await here.cli("restore", "lakehouse.nothing")).stderr).toContain("there is no table metadata at");
});

test("a file that is cut short is not copied as if it were whole", async () => {
  using here = await built();
  const data = path.join(here.root, "warehouse/lakehouse.db/events/data");
  for (const file of readdirSync(data)) truncateSync(path.join(data, file), 100);
  const { code, stderr } = await here.cli("backup", "-s", "events", "--to", "backups");
  expect([code, stderr]).toEqual([1, expect.stringMatching(/has 100 bytes, expected \d+/)]);
  expect(here.files("backups").filter((file) => file.endsWith(".metadata.json"))).toEqual([]);
});
